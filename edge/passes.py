"""Passes as a comparison knows them, and the files that hold them: an earlier replay's events, or the truth.

docs/replay.md describes the files.
"""

import csv
import io
import json
import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edge.alphabet import plain
from edge.errors import SourceError
from edge.recorded import EVENTS
from edge.records import PlateEvent

_PLATE = ("plate", "text")
_FIRST = ("first_seen", "first", "start")
_LAST = ("last_seen", "last", "end")
_SIGHT = ("t_seconds", "seconds", "time")
_SESSION = ("session", "ride")


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass, or what is true of one; `first` and `last` sight are seconds in the recording."""

    plate: str
    first: float
    last: float
    status: str = "accepted"
    reason: str | None = None
    confidence: float = 1.0
    raw: str = ""
    """The most confident single reading."""

    @property
    def accepted(self) -> bool:
        """Whether the plate was given as sure."""
        return self.status == "accepted"

    def values(self) -> dict[str, Any]:
        """As JSON tells it, in the words of `replay --json`."""
        return {
            "plate": self.plate,
            "status": self.status,
            "reason": self.reason,
            "confidence": round(self.confidence, 4),
            "first_seen": round(self.first, 3),
            "last_seen": round(self.last, 3),
        }


class Stored(NamedTuple):
    """The passes of a file; `is_truth` if it says what plates there were, and not what a program made of them."""

    passes: tuple[Pass, ...]
    is_truth: bool


class _Row(NamedTuple):
    where: str
    values: Mapping[str, Any]


def pass_of(event: PlateEvent) -> Pass:
    """An event as a comparison knows it."""
    times = event.first_seen, event.last_seen
    return Pass(event.plate, *times, event.status, event.reason, event.confidence, event.plate_raw)


def read_passes(path: Path, starts: Mapping[str, float] | None = None) -> Stored:
    """The passes of a file of JSON lines or CSV, or of a recorded folder; SourceError says where it is wrong.

    `starts` says at which second of the replay each session of a recorded folder begins; a pass of another session is
    left out.
    """
    if path.is_dir():
        path /= EVENTS
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{path}: not a text in UTF-8; wanted `replay --json` output, or a CSV file") from None
    if not text.strip():  # what `replay --json` prints where nothing passes
        return Stored((), is_truth=False)
    rows, names = _json_rows(path, text) if text.lstrip().startswith("{") else _csv_rows(path, text)
    rows = [row for row in rows if row.values.get("kind") != "preview"]
    is_truth = "status" not in names
    if is_truth and not _named(names, _FIRST):
        return Stored(_from_sights(rows, starts or {}), is_truth)
    found = (_from_span(row, starts or {}) for row in rows)
    return Stored(tuple(one for one in found if one is not None), is_truth)


def _json_rows(path: Path, text: str) -> tuple[list[_Row], set[str]]:
    """The rows, and the keys that any of them has."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise SourceError(f"{path}:{number}: not a JSON object; wanted one pass a line, as `replay --json` prints")
        rows.append(_Row(f"{path}:{number}", values))
    return rows, {key for row in rows for key in row.values}


def _csv_rows(path: Path, text: str) -> tuple[list[_Row], set[str]]:
    """The rows, and the header's columns; there may be no more than a header."""
    reader = csv.DictReader(io.StringIO(text))
    columns = set(reader.fieldnames or ())
    if not _named(columns, _PLATE):
        raise SourceError(f"{path}:1: no plate or text among the columns; docs/replay.md says what a pass needs")
    rows = [
        _Row(f"{path}:{reader.line_num}", {key: value or "" for key, value in values.items() if key})
        for values in reader
    ]
    return rows, columns


def _from_span(row: _Row, starts: Mapping[str, float]) -> Pass | None:
    start = _start(row, starts)
    if start is None:
        return None
    values = row.values
    plate = _text(row, _PLATE)
    first, last = start + _seconds(row, _FIRST), start + _seconds(row, _LAST)
    if last < first:
        raise SourceError(f"{row.where}: the last sight is before the first")
    if "status" not in values:
        return Pass(plate, first, last)
    confidence = values.get("confidence")
    sure = float(confidence) if isinstance(confidence, int | float) else 0.0
    reason = str(values["reason"]) if values.get("reason") else None
    return Pass(plate, first, last, str(values["status"]), reason, sure, str(values.get("plate_raw") or ""))


def _from_sights(rows: list[_Row], starts: Mapping[str, float]) -> tuple[Pass, ...]:
    """A row for each sight of a plate, with its `track`: a pass is from the first to the last of a session's track."""
    passes: dict[tuple[str, str], Pass] = {}
    for row in rows:
        start = _start(row, starts)
        if start is None:
            continue
        plate, moment = _text(row, _PLATE), start + _seconds(row, _SIGHT)
        session = _named(row.values, _SESSION)
        track = str(row.values[session]) if session else "", str(row.values.get("track") or row.where)
        known = passes.get(track, Pass(plate, moment, moment))
        passes[track] = Pass(plate, min(known.first, moment), max(known.last, moment))
    return tuple(one for one in passes.values() if one.plate)


def _start(row: _Row, starts: Mapping[str, float]) -> float | None:
    session = _named(row.values, _SESSION)
    if session is None or not starts:
        return 0.0
    return starts.get(str(row.values[session]))


def _named(values: Container[str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in values), None)


def _text(row: _Row, names: tuple[str, ...]) -> str:
    return plain(str(_value(row, names) or ""))


def _seconds(row: _Row, names: tuple[str, ...]) -> float:
    value = _value(row, names)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise SourceError(f"{row.where}: {_named(row.values, names)} = {value!r}; wanted seconds in the recording")
    return number


def _value(row: _Row, names: tuple[str, ...]) -> Any:
    name = _named(row.values, names)
    if name is None:
        raise SourceError(f"{row.where}: no {' or '.join(names)}; docs/replay.md says what a pass needs")
    return row.values[name]
