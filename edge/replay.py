"""A recording through the whole pipeline, as fast as it goes: the same passes as at the gate, without waiting.

With something to compare with (an earlier replay, the truth, another configuration) it tells what differs.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from edge.clip import Clip
from edge.compare import Difference, compare, examine, summary
from edge.config import Config
from edge.errors import ConfigError, SourceError
from edge.event_values import event_line
from edge.gaps import GapPipeline
from edge.motion import open_detector
from edge.passes import SESSION_FIRST, SESSION_LAST, Pass, pass_of, read_passes
from edge.privacy import Privacy
from edge.reader import PlateReader
from edge.recorded import (
    Session,
    TimedPictures,
    find_frames,
    find_sessions,
    is_recording,
    seconds_values,
    timed_frame,
)
from edge.records import Frame, PlateEvent
from edge.redaction import hide_credentials
from edge.source import Source, open_source

WORSE = 3
"""Exit status of a comparison in which something is worse; 1 stays for what failed."""
_ROUNDED = 0.001
"""Seconds by which sums of times may differ."""


class Replayed(NamedTuple):
    """A final event, and the session of a recorded folder that it is of."""

    event: PlateEvent
    session: Session | None


@dataclass(frozen=True, slots=True)
class Reference:
    """What a replay is compared with: stored passes or another configuration, and the truth."""

    against: Path | None = None
    """An earlier `replay --json` output, or a recorded folder."""
    versus: Config | None = None
    """What the recording is replayed with a second time."""
    truth: Path | None = None
    """What plates there were."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences, and what the two runs are called."""

    found: tuple[Difference, ...]
    before: str
    after: str
    skipped: bool
    """Whether part of the recording could not be read; the log says which."""

    @property
    def exit_status(self) -> int:
        """0 nothing is worse, 1 the recording is damaged, 3 something is worse."""
        return 1 if self.skipped else WORSE if any(one.worse for one in self.found) else 0


def open_recording(config: Config, clip: str, fps: float | None = None, timed: bool = False) -> Source:
    """The source of `clip`, as fast as it goes; `fps` pictures a second if it is a folder, at most of a video.

    `timed`: the times of a folder's frames are in their names, as they always are in a recorded one.
    """
    signed_out = replace(config.source, user="", password_file="", password_env="")  # they are the camera's
    settings = replace(signed_out, source=clip, realtime=False, loop=False)
    if fps is not None:
        settings = replace(settings, fps=fps)
    if not timed or is_recording(Path(clip)):
        return open_source(settings)
    if not Path(clip).is_dir():
        shown = hide_credentials(clip)
        raise SourceError(f"{shown}: not a folder; --timed is for a folder of frames named NAME_tSECONDS.jpg")
    return Clip(TimedPictures(Path(clip), fps or 0.0), rotate=settings.rotate)


def replay(config: Config, source: Iterable[Frame | None]) -> Iterator[Replayed]:
    """The final events of a recording, in the order in which its passes end; known plates are marked, none veiled."""
    privacy = Privacy(replace(config.privacy, unknown="keep"), config.csv.path)
    detector = open_detector(config.detector, config.region, config.motion)
    pipeline, sessions = GapPipeline(detector, PlateReader(config.reader), config), _Sessions()

    def finals(events: tuple[PlateEvent, ...]) -> Iterator[Replayed]:
        for event in events:
            if event.kind == "final":
                yield Replayed(privacy.veil(event), sessions.at(event.first_seen))

    for frame in source:
        if frame is not None:
            yield from finals(pipeline.process(frame, sessions.take(frame)))
    yield from finals(pipeline.finish())


class _Sessions:
    """The sessions of a recorded folder, as its frames come; none where times are not those in the names."""

    def __init__(self) -> None:
        self._found: list[Session] = []
        self._timed = True

    def take(self, frame: Frame) -> str:
        """The name of the frame's session; empty where there is none."""
        named = timed_frame(Path(frame.name)) if self._timed else None
        if named is None:
            return ""
        if not self._found or self._found[-1].name != named.session:
            self._found.append(Session(named.session, frame.time - named.seconds, named.seconds))
        elif abs(self._found[-1].start + named.seconds - frame.time) > _ROUNDED:  # so many a second, without --timed
            self._timed = False
            self._found.clear()
            return ""
        return named.session

    def at(self, time: float) -> Session | None:
        """The session at this second of the replay."""
        return next((one for one in reversed(self._found) if one.start + one.first <= time + _ROUNDED), None)


def compare_replays(
    config: Config, clip: str, reference: Reference, fps: float | None = None, timed: bool = False
) -> Comparison:
    """Replays the recording, twice if there is another configuration, and compares.

    ConfigError for a source that has no end; SourceError for a recording or a file that cannot be read.
    """
    folder = Path(clip)
    known = folder.is_dir() and (timed or is_recording(folder))
    sessions = find_sessions(find_frames(folder)) if known else {}
    stored = None if reference.against is None else read_passes(reference.against, sessions)
    truth = None if reference.truth is None else read_passes(reference.truth, sessions).passes
    if stored is not None and stored.is_truth and truth is None:
        truth, stored = stored.passes, None
    first, skipped = _run(config, clip, fps, timed)
    if reference.versus is not None:
        second, more_skipped = _run(reference.versus, clip, fps, timed)
        found = compare(first, second, truth)
        return Comparison(tuple(found), "this configuration", "the other", skipped or more_skipped)
    if stored is not None:
        return Comparison(tuple(compare(stored.passes, first, truth)), str(reference.against), "now", skipped)
    return Comparison(tuple(examine(first, truth or ())), "", "now", skipped)


def _run(config: Config, clip: str, fps: float | None, timed: bool) -> tuple[list[Pass], bool]:
    """All passes, and whether something of the recording was skipped."""
    with open_recording(config, clip, fps, timed) as source:
        if not isinstance(source, Clip):
            raise ConfigError(f"{clip}: has no end; only a clip or a folder of frames can be compared")
        return [pass_of(one.event) for one in replay(config, source)], bool(source.skipped)


def event_text(replayed: Replayed) -> str:
    """One event for people, with its first and last sight in the recording."""
    event = replayed.event
    return f"{event.first_seen:7.2f} to {event.last_seen:7.2f} s  {event_line(event)}"


def event_json(replayed: Replayed) -> str:
    """One event as JSON on one line; `first_seen`, `last_seen` and `best_seen` are seconds in the recording.

    Those of a recorded folder change when its oldest session is gone; those in its session stay.
    """
    event, session = replayed
    values = seconds_values(event)
    if session is not None:
        values["session"] = session.name
        values[SESSION_FIRST] = round(event.first_seen - session.start, 3)
        values[SESSION_LAST] = round(event.last_seen - session.start, 3)
    return json.dumps(values, ensure_ascii=False)


def comparison_json(comparison: Comparison) -> Iterator[str]:
    """One JSON object a pass, each on one line, and at last one with the `summary`."""
    for one in comparison.found:
        yield json.dumps(one.values(), ensure_ascii=False)
    worse = sum(one.worse for one in comparison.found)
    total = {"summary": summary(comparison.found), "passes": len(comparison.found), "worse": worse}
    yield json.dumps(total, ensure_ascii=False)


def comparison_text(comparison: Comparison) -> Iterator[str]:
    """The differences as a table; what is worse has a `!` before it."""
    found = comparison.found
    told = any(one.truth is not None for one in found)
    rows = [("", "seconds", *([comparison.before] if comparison.before else []), comparison.after)]
    rows[0] += ("truth",) if told else ()
    for one in found:
        mark = f"{'!' if one.worse else ' '} {one.verdict}"
        row: tuple[str, ...] = (mark, f"{one.first:.1f}")
        row += (_cell(one.before),) if comparison.before else ()
        row += (_cell(one.after),)
        row += ((one.truth.plate if one.truth else "-"),) if told else ()
        rows.append(row)
    yield from _table(rows)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in summary(found).items())
    worse = sum(one.worse for one in found)
    better = "not right" if not comparison.before else "worse"
    yield f"{len(found)} passes: {counts or 'none'}; {worse or 'none'} {better}"


def _cell(one: Pass | None) -> str:
    if one is None:
        return "-"
    reason = f" ({one.reason})" if one.reason else ""
    return f"{one.plate or one.raw or '-'} {one.status} {one.confidence:.2f}{reason}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
