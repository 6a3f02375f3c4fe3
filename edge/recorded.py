"""Folders of frames with their times in their names, `SESSION_tSECONDS.jpg`: `20261120T140301Z_t0000012.345.jpg`.

`gatereader run --record` writes such folders (`recording.py`) with a `recording.json` in it, by which they are known.
Their frames replay at the times at which they came, and not so many a second. A session is one run of the service, or
one ride of a car; its seconds begin anew.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from edge.clip import PICTURES, Recording, list_folder, read_picture
from edge.errors import SourceError
from edge.event_values import event_values
from edge.records import Image, PlateEvent

MARKER = "recording.json"
EVENTS = "events.jsonl"
SIGHTS = "sights.jsonl"
"""When which plate was on the frames."""
AROUND = 5.0
"""Seconds before and after a pass, or a sight of it, in which its plate may be on a recorded frame."""
APART = 3600.0
"""Seconds between two sessions in a replay: more than any pass lasts or is remembered."""
_NAME = re.compile(r"(?P<session>.+)_t(?P<seconds>\d+(\.\d+)?)")
_OURS = re.compile(r"\d{8}T\d{6}Z(-\d+)?_t\d+\.\d{3}\.jpg")
_STAMP = "%Y%m%dT%H%M%SZ"


class TimedFrame(NamedTuple):
    """A picture, the session that it belongs to and its time there."""

    session: str
    seconds: float
    path: Path


class Session(NamedTuple):
    """A session as it is replayed."""

    name: str
    start: float
    """The second of the replay at which its second 0 lies."""
    first: float
    """The second of its own at which its first frame lies."""


def is_recording(folder: Path) -> bool:
    """Whether `gatereader run --record` wrote the folder."""
    return (folder / MARKER).is_file()


def session_stamp(utc: datetime) -> str:
    """The name of a session that begins at this moment."""
    return utc.astimezone(UTC).strftime(_STAMP)


def timed_frame(path: Path) -> TimedFrame | None:
    """What the name says; None for another name."""
    found = _NAME.fullmatch(path.stem)
    if found is None or path.suffix.lower() not in PICTURES or path.name.startswith("."):
        return None
    return TimedFrame(found["session"], float(found["seconds"]), path)


def own_frame(path: Path) -> TimedFrame | None:
    """What the name says if it is as `recording.py` writes it; None for others', which are not ours to delete."""
    return timed_frame(path) if _OURS.fullmatch(path.name) else None


def find_frames(folder: Path) -> list[TimedFrame]:
    """The frames in the order in which they came; SourceError if there are none."""
    frames = sorted(frame for path in list_folder(folder) if (frame := timed_frame(path)) is not None)
    if not frames:
        raise SourceError(f"{folder}: no frames with times in their names; wanted NAME_tSECONDS.jpg")
    return frames


def session_starts(frames: Sequence[TimedFrame]) -> dict[str, float]:
    """Session → the second of the replay at which its second 0 lies. The first session's lies at 0."""
    starts: dict[str, float] = {}
    end = 0.0
    for frame in frames:
        if frame.session not in starts:
            starts[frame.session] = end + APART - frame.seconds if starts else 0.0
        end = starts[frame.session] + frame.seconds
    return starts


def find_sessions(frames: Sequence[TimedFrame]) -> dict[str, Session]:
    """Name → session, in the order in which they came."""
    firsts = {frame.session: frame.seconds for frame in reversed(frames)}
    return {name: Session(name, start, firsts[name]) for name, start in session_starts(frames).items()}


class TimedPictures(Recording):
    """Frames at the times in their names; `fps` limits how many a second are taken, 0 takes all."""

    longest_pause = 10.0  # between two passes may lie a night

    def __init__(self, folder: Path, fps: float = 0.0) -> None:
        self._frames = find_frames(folder)
        super().__init__(str(folder), datetime.fromtimestamp(self._frames[0].path.stat().st_mtime, UTC), fps)
        self.starts = session_starts(self._frames)
        last = self._frames[-1]
        self.length = self.starts[last.session] + last.seconds + 1.0
        self._begun = [(start, _begin(name)) for name, start in reversed(self.starts.items())]

    def utc_at(self, position: float) -> datetime:
        """The moment at which the frame was taken, if its session's name says when that began."""
        for start, begun in self._begun:
            if position >= start and begun is not None:
                return begun + timedelta(seconds=position - start)
        return super().utc_at(position)

    def read(self) -> Iterator[tuple[float, str, Image]]:
        """One round; a broken picture is named in a warning and in `skipped`."""
        self.pace.restart()
        for frame in self._frames:
            position = self.starts[frame.session] + frame.seconds
            if not self.pace.wants(position):
                continue
            try:
                image = read_picture(frame.path)
            except SourceError as error:
                self._skip(frame.path.name, str(error))
                continue
            self.pace.took(position)
            yield position, frame.path.name, image


def _begin(session: str) -> datetime | None:
    try:
        return datetime.strptime(session[:16], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def seconds_values(event: PlateEvent, start: float = 0.0) -> dict[str, Any]:
    """An event as JSON values with `first_seen`, `last_seen` and `best_seen` in seconds since frame time `start`.

    The moments themselves are in `first_utc`, `last_utc` and `best_utc`.
    """
    values = event_values(event)
    for name in ("first", "last", "best"):
        values[f"{name}_utc"] = values[f"{name}_seen"]
        values[f"{name}_seen"] = round(getattr(event, f"{name}_seen") - start, 3)
    return values
