"""Erases a plate from the frames that `gatereader run --record` kept (`recording.py`), for `gatereader log erase`.

What leads to the frames is noted beside them: `events.jsonl`, what became of each pass, and `sights.jsonl`, when which
plate was in view.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NamedTuple

from edge.alphabet import plain
from edge.errors import OutputError
from edge.log_rows import TEXTS, is_of
from edge.recorded import AROUND, EVENTS, SIGHTS, own_frame
from edge.recorded_lines import keep_lines, line_of, read_lines
from edge.review import may_be


def passes_of(folder: Path, plate: str) -> set[str]:
    """The `event_id`s of the recorded passes that are of `plate`, as rows are; OutputError if they cannot be read."""
    wanted = plain(plate)
    try:
        passes = [values for name in (EVENTS, SIGHTS) for values in read_lines(folder / name)]
    except OSError as error:
        raise OutputError(f"cannot read recorded passes in {folder}: {error.strerror}") from None
    return {
        _event_id(values) for values in passes if any(is_of(plain(str(values.get(key) or "")), wanted) for key in TEXTS)
    } - {""}


def erase(folder: Path, plate: str, passes: AbstractSet[str] = frozenset(), *, trial: bool = False) -> int:
    """Removes the recorded frames around each pass that may be of `plate` or is one of these (`event_id`s), for as long
    as its plate stayed in view, and what is noted of the passes.

    Passes that were never decided (the program was killed, or has not got that far) go too, whosever they are. Returns
    how many passes; OutputError if a file cannot be removed. Other cars on those frames go with them. `trial` only
    counts.
    """
    wanted = plain(plate)

    def meant(values: Mapping[str, Any]) -> bool:
        return _event_id(values) in passes or any(may_be(str(values.get(key) or ""), wanted) for key in TEXTS)

    return _erase(folder, meant, undecided=True, trial=trial)


def erase_passes(folder: Path, passes: AbstractSet[str]) -> int:
    """As `erase`, but only these passes."""
    return _erase(folder, lambda values: _event_id(values) in passes, undecided=False, trial=False)


def _event_id(values: Mapping[str, Any]) -> str:
    return str(values.get("event_id") or "")


class _Track(NamedTuple):
    """A pass by what its events and its sights have in common."""

    session: str
    number: int | None


def _track(values: Mapping[str, Any]) -> _Track:
    return _Track(values["session"], values.get("track"))


def _erase(folder: Path, meant: Callable[[Mapping[str, Any]], bool], *, undecided: bool, trial: bool) -> int:
    try:
        events, sights = read_lines(folder / EVENTS), read_lines(folder / SIGHTS)
        gone = [values for values in events if meant(values)]
        decided = {_track(values) for values in (*events, *sights) if "plate" in values}
        tracks = {_track(values) for values in (*gone, *filter(meant, sights))}
        if undecided:
            tracks |= {_track(values) for values in sights} - decided
        gone_sights = [values for values in sights if _track(values) in tracks]
        count = len(gone) + len({_track(values) for values in gone_sights} - {_track(values) for values in gone})
        if trial:
            return count
        _remove_frames(folder, [*map(_span, gone), *_spans(gone_sights)])
        for name, noted in ((EVENTS, gone), (SIGHTS, gone_sights)):
            _forget(folder, name, noted)
    except OSError as error:
        raise OutputError(f"cannot erase recorded frames in {folder}: {error.strerror}") from None
    return count


def _forget(folder: Path, name: str, noted: Sequence[Mapping[str, Any]]) -> None:
    """What was noted meanwhile stays, for so do its frames."""
    gone = set(map(line_of, noted))
    if gone:
        keep_lines(folder, name, lambda values: line_of(values) not in gone)


class _Span(NamedTuple):
    session: str
    first: float
    last: float


def _span(values: Mapping[str, Any]) -> _Span:
    return _Span(values["session"], values["first_seen"], values["last_seen"])


def _spans(sights: Sequence[Mapping[str, Any]]) -> list[_Span]:
    """From the first to the last sight of each track: in between, the detector may have lost it for a while."""
    spans: dict[_Track, _Span] = {}
    for values in sights:
        session, first, last = _span(values)
        known = spans.get(_track(values), _Span(session, first, last))
        spans[_track(values)] = _Span(session, min(known.first, first), max(known.last, last))
    return list(spans.values())


def _remove_frames(folder: Path, spans: Sequence[_Span]) -> None:
    """Those of these spans, and of a while before and after."""
    for path in folder.iterdir() if spans else ():
        frame = own_frame(path)
        if frame is not None and any(
            frame.session == session and first - AROUND <= frame.seconds <= last + AROUND
            for session, first, last in spans
        ):
            path.unlink(missing_ok=True)
