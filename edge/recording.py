"""Records the frames around passes, so that they can be replayed through another model: `gatereader run --record DIR`.

One JPEG a frame with its session and its time in the name (`recorded.py`), and `events.jsonl` with what became of the
passes, as `gatereader replay --json` writes it. `sights.jsonl` says which plate is on the frames, for an erasure: also
before its pass is decided, and for as long as it stays in view after that. Off unless a folder is named; under a cap,
the oldest frames go first. What others put into the folder stays and does not count.
"""

import json
import logging
import math
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from edge.ages import Ages, check_days
from edge.clock import Now, utc_now
from edge.errors import ConfigError
from edge.jpeg import encode_jpeg
from edge.log_rows import TEXTS
from edge.pace import Pace
from edge.recorded import AROUND, EVENTS, MARKER, SIGHTS, own_frame, seconds_values, session_stamp
from edge.recorded_lines import PROGRAM, append_lines, check_names, keep_lines, line_of
from edge.records import Frame, FrameResult, PlateEvent, TrackedPlate
from edge.whole_file import PARTIAL, lacking_bytes, make_folder, require_free, write_whole

log = logging.getLogger(__name__)

_WAITING = 16
"""Frames kept in memory, at most, for what comes before a pass."""
_WAITING_BYTES = 50_000_000
"""And bytes of them: 16 frames of a 4K camera would be 400 MB, and with all else more than the service may have."""
_RETRY_EVERY = 10.0
"""Seconds from one try to begin to the next, where the disk does not take it."""
_SIGHT_EVERY = 1.0
"""Seconds of recorded frames from one noted sight of a plate to the next; far less than `AROUND`."""
_REMEMBERED = 128
"""Passes whose sights are told with all their texts; more than the tracker knows of, but for signs of long ago."""


class _Waiting(NamedTuple):
    """A frame that is recorded if a pass follows."""

    frame: Frame
    tracks: tuple[TrackedPlate, ...]


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Frames kept for `gatereader replay`: whole pictures, with everybody who is on them."""

    folder: str = ""
    """Where to write them; empty records nothing."""
    frames: Literal["passes", "all"] = "passes"
    """Which: "passes" from shortly before a plate is found until shortly after its pass is decided; "all" every frame,
    which also shows what the detector misses."""
    before: float = 1.0
    """Seconds before a plate is found (16 frames and 50 MB at most: 16 frames of 1280×720, 2 of 4K, the present one
    among them)."""
    after: float = 2.0
    """Seconds after its pass is decided, or it was last seen."""
    fps: float = 0.0
    """Frames a second, at most; 0 records each frame that was looked at."""
    quality: int = 90
    """JPEG quality, 50 to 100."""
    max_megabytes: float = 2000.0
    """Megabytes that the folder may take; the oldest frames go first."""
    max_days: float = 14.0
    """Days after which a frame is removed, within the hour."""
    min_free_megabytes: float = 300.0
    """Megabytes of the disk to leave free: the oldest frames go, and then no more are taken, so that rows, and the
    pictures of passes, find room."""

    def __post_init__(self) -> None:
        if not 50 <= self.quality <= 100:
            raise ConfigError(f"quality = {self.quality}: wanted 50 to 100")
        for name, value in (("before", self.before), ("after", self.after)):
            if not 0 <= value <= 60:
                raise ConfigError(f"{name} = {value}: wanted 0 to 60 seconds")
        if not 0 <= self.fps <= 240:
            raise ConfigError(f"fps = {self.fps}: wanted 0 to 240")
        for name, value in (("max_megabytes", self.max_megabytes), ("max_days", self.max_days)):
            if not value > 0:
                raise ConfigError(f'{name} = {value}: wanted more than 0; folder = "" records nothing')
        check_days("max_days", self.max_days, "more than 0")
        if self.min_free_megabytes < 0:
            raise ConfigError(f"min_free_megabytes = {self.min_free_megabytes}: wanted 0 or more")


class Recorder:
    """Call it with each result. `error` says why nothing is recorded at the moment (empty: all is well).

    `facts` goes into `recording.json`. `now` is the wall clock, for the age of files.
    """

    def __init__(self, settings: RecordingSettings, facts: Mapping[str, Any] | None = None, now: Now = utc_now) -> None:
        self.error = ""
        self._settings, self._facts, self._now = settings, dict(facts or {}), now
        self._folder = Path(settings.folder)
        self._ages = Ages(settings.max_days, now)
        self._files: deque[tuple[Path, int, datetime]] = deque()
        self._size = 0
        self._session = ""
        self._start = 0.0
        self._before: deque[_Waiting] = deque(maxlen=_WAITING)
        self._sighted: dict[int, float] = {}
        """When the plates in view were last noted, by the number of their track."""
        self._finals: dict[int, dict[str, str]] = {}
        """What the passes decided last say, by the number of their track."""
        self._until = float("-inf")
        self._pace = Pace(settings.fps)
        self._retry_at = float("-inf")
        self._last_index: int | None = None

    def __call__(self, result: FrameResult) -> None:
        """Records the frame if it belongs to a pass, and the final events."""
        try:
            if self._session and not (self._folder / MARKER).is_file():
                self._session = ""  # somebody removed the folder, or all that was in it
            if not self._session:
                if result.frame.time < self._retry_at:
                    return  # a folder of many frames is not looked through with each frame that comes
                self._retry_at = result.frame.time + _RETRY_EVERY
                self._begin(result.frame)
            finals = [event for event in result.events if event.kind == "final"]
            for event in finals:
                self._remember(event)
            self._take(result)
            for event in finals:
                self._note(event)
        except OSError as error:
            self._report(error)

    def tidy(self) -> None:
        """Removes the frames that have become too old, and the passes of which no frame is left."""
        try:
            if self._folder.is_dir():
                if not self._session:
                    self._look()
                self._remove_old()
        except OSError as error:
            self._report(error)

    def _begin(self, frame: Frame) -> None:
        """Looks at what is there, and opens a session that no other run of the program had."""
        make_folder(self._folder, 0o750)
        self._look()
        taken = self._remove_old()
        facts = {"program": PROGRAM, **self._facts}
        # durable, as what a power cut leaves of it would be taken for another program's
        write_whole(self._folder / MARKER, (json.dumps(facts, ensure_ascii=False) + "\n").encode(), durable=True)
        first = self._before[0].frame if self._before else frame
        session, number = session_stamp(first.utc), 1
        while session in taken:
            number += 1
            session = f"{session_stamp(first.utc)}-{number}"
        self._session, self._start = session, first.time
        self._sighted.clear()

    def _look(self) -> None:
        """What lies in the folder already, oldest first; unfinished files are removed.

        OSError if a recording would write over another program's file.
        """
        check_names(self._folder)
        for half in self._folder.glob(f".*{PARTIAL}"):
            name = half.name[1 : -len(PARTIAL)]
            if name in (MARKER, EVENTS, SIGHTS) or own_frame(Path(name)):
                half.unlink(missing_ok=True)
        stats = [(path, path.stat()) for path in self._folder.iterdir() if own_frame(path)]
        newest = max((_changed(stat) for _, stat in stats), default=None)
        self._ages = Ages(self._settings.max_days, self._now, newest)
        stats.sort(key=lambda one: (self._ages.born(one[0], _changed(one[1])), one[0].name))
        self._files = deque((path, stat.st_size, _changed(stat)) for path, stat in stats)
        self._size = sum(size for _, size, _ in self._files)

    def _remove_old(self) -> set[str]:
        """Removes old frames, and the passes before the first one left of their session; returns the sessions left."""
        self._make_room(0)
        first: dict[str, float] = {}
        for path, _, _ in self._files:
            if (frame := own_frame(path)) is not None:
                first[frame.session] = min(frame.seconds, first.get(frame.session, frame.seconds))

        def stays(values: Mapping[str, Any]) -> bool:
            return bool(values["last_seen"] + AROUND >= first.get(values["session"], math.inf))

        for name in (EVENTS, SIGHTS):
            keep_lines(self._folder, name, stays)
        return set(first)

    def _take(self, result: FrameResult) -> None:
        frame, settings = result.frame, self._settings
        if frame.index == self._last_index:
            return  # events that came without a frame bring the last one again
        self._last_index = frame.index
        busy = any(not track.decided for track in result.tracks)
        if busy or settings.frames == "all" or any(event.kind == "final" for event in result.events):
            self._until = frame.time + settings.after
        if not self._pace.wants(frame.time):
            return
        self._pace.took(frame.time)
        self._before.append(_Waiting(frame, result.tracks))
        while self._before[0].frame.time < frame.time - settings.before or (
            len(self._before) > 1 and sum(each.frame.image.nbytes for each in self._before) > _WAITING_BYTES
        ):
            self._before.popleft()
        if frame.time > self._until:
            return
        while self._before:
            self._write(*self._before[0])
            self._before.popleft()
        if self.error:
            log.warning("frames are recorded again in %s", self._folder)
            self.error = ""

    def _write(self, frame: Frame, tracks: Sequence[TrackedPlate]) -> None:
        data = encode_jpeg(frame.image, self._settings.quality)
        self._make_room(len(data))
        self._note_sights(frame.time, tracks)  # first: a frame that nothing leads to could not be erased
        path = self._folder / f"{self._session}_t{frame.time - self._start:011.3f}.jpg"
        write_whole(path, data)
        self._files.append((path, len(data), self._now()))
        self._size += len(data)

    def _make_room(self, size: int) -> None:
        """Removes the oldest until `size` bytes more fit; OSError (ENOSPC) if the disk is full of other things."""
        oldest, settings = self._ages.oldest(), self._settings
        while self._files:
            path, freed, told = self._files[0]
            too_old = oldest is not None and self._ages.born(path, told) < oldest
            lacking = lacking_bytes(self._folder, settings.min_free_megabytes, size)
            if self._size + size <= 1e6 * settings.max_megabytes and lacking <= 0 and not too_old:
                return
            path.unlink(missing_ok=True)
            self._files.popleft()
            self._size -= freed
        if size:
            require_free(self._folder, settings.min_free_megabytes, size, "recording.min_free_megabytes")

    def _note_sights(self, moment: float, tracks: Sequence[TrackedPlate]) -> None:
        """Which plates are in view, those that were not noted a moment ago; without a text until they are decided."""
        self._sighted = {track: at for track, at in self._sighted.items() if moment < at + _SIGHT_EVERY}
        seconds = round(moment - self._start, 3)
        seen = {"session": self._session, "first_seen": seconds, "last_seen": seconds}
        new = [track for track in tracks if track.track not in self._sighted]
        lines = [line_of({**seen, "track": track.track, **self._told(track)}) for track in new]
        if lines:
            append_lines(self._folder / SIGHTS, *lines)
            self._sighted |= {track.track: moment for track in new}

    def _told(self, track: TrackedPlate) -> dict[str, str]:
        if track.track in self._finals:
            return self._finals[track.track]
        return {"plate": track.text} if track.decided else {}

    def _remember(self, event: PlateEvent) -> None:
        self._finals[event.track] = {key: getattr(event, key) for key in ("event_id", *TEXTS)}
        if len(self._finals) > _REMEMBERED:
            del self._finals[next(iter(self._finals))]

    def _note(self, event: PlateEvent) -> None:
        append_lines(self._folder / EVENTS, line_of({"session": self._session, **seconds_values(event, self._start)}))

    def _report(self, error: OSError) -> None:
        cause = f"{self._folder}: {error.strerror or error}"
        if cause != self.error:
            log.error("cannot record frames in %s; passes are recognised as before", cause)
        self.error = cause


def _changed(stat: os.stat_result) -> datetime:
    return datetime.fromtimestamp(stat.st_mtime, UTC)
