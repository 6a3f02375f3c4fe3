"""One pass → one line of CSV: the columns, in order. docs/csv.md explains each."""

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

from edge.chain import utc_text
from edge.entry import Entry, relative
from edge.records import PlateEvent

SCHEMA = 1
"""Goes up when a column changes its meaning; new columns only ever join at the end, before the two of the chain."""


def safe_text(value: str | None) -> str:
    """On one line, and no formula: a spreadsheet would run a cell that begins with = + - or @."""
    line = "".join(character if character.isprintable() else " " for character in value or "")
    return f"'{line}" if line.lstrip().startswith(("=", "+", "-", "@")) else line


_COLUMNS: dict[str, Callable[[PlateEvent], str]] = {
    "schema": lambda _event: str(SCHEMA),
    "event_id": lambda event: safe_text(event.event_id),
    "track": lambda event: str(event.track),
    "camera": lambda event: safe_text(event.camera),
    "status": lambda event: event.status,
    "reason": lambda event: safe_text(event.reason),
    "plate": lambda event: safe_text(event.plate),
    "plate_raw": lambda event: safe_text(event.plate_raw),
    "second": lambda event: safe_text(event.second),
    "margin": lambda event: f"{event.margin:.4f}",
    "confidence": lambda event: f"{event.confidence:.4f}",
    "readings": lambda event: str(event.readings),
    "votes": lambda event: str(event.votes),
    "agreement": lambda event: f"{event.agreement:.4f}",
    "first_seen_utc": lambda event: utc_text(event.first_utc),
    "last_seen_utc": lambda event: utc_text(event.last_utc),
    "best_utc": lambda event: utc_text(event.best_utc),
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
_SYNCED = {True: "yes", False: "no", None: "unknown"}
_RECORDING: dict[str, Callable[[Entry, Path], str]] = {
    "unruled": lambda entry, _folder: safe_text(entry.event.unruled),
    "format": lambda entry, _folder: safe_text(entry.event.format),
    "clock_synced": lambda entry, _folder: _SYNCED[entry.clock_synced],
    "recorded_utc": lambda entry, _folder: utc_text(entry.recorded),
    "crop": lambda entry, folder: safe_text(relative(entry.crop, folder)),
    "frame": lambda entry, folder: safe_text(relative(entry.frame, folder)),
    "salt": lambda entry, _folder: entry.salt,
    "moved": lambda entry, _folder: "yes" if entry.event.moved else "no",
    "direction": lambda entry, _folder: entry.event.direction or "",
}
COLUMNS = (*_COLUMNS, *_RECORDING, "prev_hash", "hash")


def csv_line(cells: Iterable[str]) -> bytes:
    """The cells as RFC 4180 has them in UTF-8, with the end of the line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


HEADER = csv_line(COLUMNS)
"""The file's first line, with its end."""


def csv_body(entry: Entry, folder: Path) -> bytes:
    """The line without the columns of the chain and without its end, never a line break inside.

    Pictures are named as they are found from `folder`, that of the file.
    """
    passed = [value(entry.event) for value in _COLUMNS.values()]
    recorded = [value(entry, folder) for value in _RECORDING.values()]
    return csv_line([*passed, *recorded]).removesuffix(b"\r\n")
