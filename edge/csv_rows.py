"""One pass → one line of CSV: the columns, in order. docs/csv.md explains each."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime

from edge.records import PlateEvent

SCHEMA = 1
"""Goes up when a column changes its meaning; new columns only ever join at the end."""


def _text(value: str | None) -> str:
    """On one line, and no formula: a spreadsheet would run a cell that begins with = + - or @."""
    line = "".join(character if character.isprintable() else " " for character in value or "")
    return f"'{line}" if line.lstrip().startswith(("=", "+", "-", "@")) else line


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_COLUMNS: dict[str, Callable[[PlateEvent], str]] = {
    "schema": lambda _event: str(SCHEMA),
    "event_id": lambda event: _text(event.event_id),
    "track": lambda event: str(event.track),
    "camera": lambda event: _text(event.camera),
    "status": lambda event: event.status,
    "reason": lambda event: _text(event.reason),
    "plate": lambda event: _text(event.plate),
    "plate_raw": lambda event: _text(event.plate_raw),
    "second": lambda event: _text(event.second),
    "margin": lambda event: f"{event.margin:.4f}",
    "confidence": lambda event: f"{event.confidence:.4f}",
    "readings": lambda event: str(event.readings),
    "votes": lambda event: str(event.votes),
    "agreement": lambda event: f"{event.agreement:.4f}",
    "first_seen_utc": lambda event: _utc(event.first_utc),
    "last_seen_utc": lambda event: _utc(event.last_utc),
    "best_utc": lambda event: _utc(event.best_utc),
    "local_time": lambda event: event.first_utc.astimezone().isoformat(timespec="milliseconds"),
    "plate_w_px": lambda event: f"{event.box.width:.1f}",
    "plate_h_px": lambda event: f"{event.box.height:.1f}",
    "sharpness": lambda event: f"{event.sharpness:.1f}",
    "detection": lambda event: f"{event.box.confidence:.4f}",
    "x": lambda event: str(round(event.box.x1)),
    "y": lambda event: str(round(event.box.y1)),
    "w": lambda event: str(round(event.box.x2) - round(event.box.x1)),
    "h": lambda event: str(round(event.box.y2) - round(event.box.y1)),
}
COLUMNS = tuple(_COLUMNS)


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


HEADER = _line(list(COLUMNS))
"""The file's first line, with its end."""


def row(event: PlateEvent) -> bytes:
    """The event's line, with its end: RFC 4180 in UTF-8, and never a line break inside."""
    return _line([value(event) for value in _COLUMNS.values()])
