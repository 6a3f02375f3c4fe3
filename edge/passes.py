"""Passes as a comparison knows them, and the files that hold them: an earlier replay's events, or the truth.

docs/replay.md describes the files.
"""

import csv
import io
import json
import logging
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from edge.alphabet import plain
from edge.errors import SourceError
from edge.recorded import EVENTS, Session
from edge.records import PlateEvent

log = logging.getLogger(__name__)

SESSION_FIRST = "session_first_seen"
"""What `replay --json` tells beside `first_seen`, which begins anew when the recording's oldest session is gone."""
SESSION_LAST = "session_last_seen"
_PLATE = ("plate", "text")
_FIRST = ("first_seen", "first", "start")
_LAST = ("last_seen", "last", "end")
_SIGHT = ("t_seconds", "seconds", "time")
_SESSION = ("session", "ride")
_ROUNDED = 0.001
"""Seconds to which times are told."""


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

    @property
    def session(self) -> str | None:
        """The session that it names."""
        name = _named(self.values, _SESSION)
        return None if name is None else str(self.values[name])


class _Told(NamedTuple):
    """A pass as a file tells it: in a session, its times are seconds of that."""

    where: str
    session: str | None
    seen: Pass


def pass_of(event: PlateEvent) -> Pass:
    """An event as a comparison knows it."""
    times = event.first_seen, event.last_seen
    return Pass(event.plate, *times, event.status, event.reason, event.confidence, event.plate_raw)


def read_passes(path: Path, sessions: Mapping[str, Session] | None = None) -> Stored:
    """The passes of a file of JSON lines or CSV, or of a recorded folder; SourceError says where it is wrong.

    `sessions` are those of the recorded folder that they are compared with. A pass of another session, or from before
    the first frame that is left of its own, is left out, and the log says so; SourceError if all are.
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
    if is_truth and not _named(names, (SESSION_FIRST, *_FIRST)):
        told = _from_sights(rows)
    else:
        told = [_from_span(row, in_session=bool(sessions)) for row in rows]
    return Stored(tuple(_placed(told, sessions) if sessions else (one.seen for one in told)), is_truth)


def _placed(told: Sequence[_Told], sessions: Mapping[str, Session]) -> Iterable[Pass]:
    """The passes in seconds of the replay, without those that it cannot have."""
    placed, left_out = list[Pass](), list[_Told]()
    for one in told:
        if one.session is None:
            placed.append(one.seen)
            continue
        session = sessions.get(one.session)
        if session is None or one.seen.last < session.first - _ROUNDED:
            left_out.append(one)
        else:
            first, last = session.start + one.seen.first, session.start + one.seen.last
            placed.append(replace(one.seen, first=first, last=last))
    if left_out:
        where, name, _ = left_out[0]
        lacking = f"{where}: this recording has no session {name!r}, or no frames of that time any more"
        if not placed:
            raise SourceError(
                f"{lacking}, nor any for the other passes; wanted sessions such as {next(iter(sessions))}"
            )
        log.warning("%s; %d of %d passes are left out", lacking, len(left_out), len(told))
    return placed


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


def _from_span(row: _Row, *, in_session: bool) -> _Told:
    """A row for each pass; `in_session` prefers the seconds in its session."""
    values = row.values
    plate = _text(row, _PLATE)
    first = _seconds(row, (SESSION_FIRST, *_FIRST) if in_session else _FIRST)
    last = _seconds(row, (SESSION_LAST, *_LAST) if in_session else _LAST)
    if last < first:
        raise SourceError(f"{row.where}: the last sight is before the first")
    seen = Pass(plate, first, last)
    if "status" in values:
        sure = _number(row, "confidence", "0 to 1") if values.get("confidence") not in (None, "") else 0.0
        reason = str(values["reason"]) if values.get("reason") else None
        raw = str(values.get("plate_raw") or "")
        seen = Pass(plate, first, last, str(values["status"]), reason, sure, raw)
    return _Told(row.where, row.session, seen)


def _from_sights(rows: Iterable[_Row]) -> list[_Told]:
    """A row for each sight of a plate, with its `track`: a pass is from the first to the last of a session's track."""
    passes: dict[tuple[str | None, str], _Told] = {}
    for row in rows:
        plate, moment = _text(row, _PLATE), _seconds(row, _SIGHT)
        track = row.session, str(row.values.get("track") or row.where)
        where, _, known = passes.get(track, _Told(row.where, row.session, Pass(plate, moment, moment)))
        passes[track] = _Told(where, row.session, Pass(plate, min(known.first, moment), max(known.last, moment)))
    return [one for one in passes.values() if one.seen.plate]


def _named(values: Container[str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in values), None)


def _text(row: _Row, names: tuple[str, ...]) -> str:
    return plain(str(row.values[_name(row, names)] or ""))


def _seconds(row: _Row, names: tuple[str, ...]) -> float:
    return _number(row, _name(row, names), "seconds in the recording")


def _number(row: _Row, name: str, wanted: str) -> float:
    value = row.values[name]
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise SourceError(f"{row.where}: {name} = {value!r}; wanted {wanted}")
    return number


def _name(row: _Row, names: tuple[str, ...]) -> str:
    name = _named(row.values, names)
    if name is None:
        raise SourceError(f"{row.where}: no {' or '.join(names)}; docs/replay.md says what a pass needs")
    return name
