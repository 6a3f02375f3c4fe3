"""Records the frames around passes, so that they can be replayed through another model: `gatereader run --record DIR`.

One JPEG a frame with its session and its time in the name (`recorded.py`), and `events.jsonl` with what became of the
passes, as `gatereader replay --json` writes it. Off unless a folder is named; under a cap, the oldest frames go first.
"""

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge.errors import ConfigError, OutputError
from edge.jpeg import encode_jpeg
from edge.recorded import EVENTS, MARKER, next_due, seconds_values, session_stamp, timed_frame
from edge.records import Frame, FrameResult, PlateEvent
from edge.review import may_be
from edge.whole_file import write_whole

log = logging.getLogger(__name__)

_WAITING = 16
"""Frames kept in memory, at most, for what comes before a pass."""
_AROUND = 5.0
"""Seconds before and after a pass in which its plate may be on a recorded frame."""
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Frames kept for `gatereader replay`: whole pictures, with everybody who is on them."""

    folder: str = ""
    """Where to write them; empty records nothing."""
    frames: Literal["passes", "all"] = "passes"
    """Which: "passes" from shortly before a plate is found until shortly after its pass is decided; "all" every frame,
    which also shows what the detector misses."""
    before: float = 1.0
    """Seconds before a plate is found (16 frames at most)."""
    after: float = 2.0
    """Seconds after its pass is decided, or it was last seen."""
    fps: float = 0.0
    """Frames a second, at most; 0 records each frame that was looked at."""
    quality: int = 90
    """JPEG quality, 50 to 100."""
    max_megabytes: float = 2000.0
    """Megabytes that the folder may take; the oldest frames go first."""
    max_days: float = 14.0
    """Days after which a frame is removed."""

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


class Recorder:
    """Call it with each result. `error` says why nothing is recorded at the moment (empty: all is well).

    `facts` goes into `recording.json`. `now` is the wall clock, in seconds, for the age of files.
    """

    def __init__(
        self, settings: RecordingSettings, facts: Mapping[str, Any] | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self.error = ""
        self._settings, self._facts, self._now = settings, dict(facts or {}), now
        self._folder = Path(settings.folder)
        self._files: deque[tuple[Path, int, float]] = deque()
        self._size = 0
        self._session = ""
        self._start = 0.0
        self._before: deque[Frame] = deque(maxlen=_WAITING)
        self._until = float("-inf")
        self._due = float("-inf")
        self._last_index: int | None = None

    def __call__(self, result: FrameResult) -> None:
        """Records the frame if it belongs to a pass, and the final events."""
        try:
            if not self._session:
                self._begin(result.frame)
            self._take(result)
            for event in result.events:
                if event.kind == "final":
                    self._note(event)
        except OSError as error:
            self._report(error)

    def _begin(self, frame: Frame) -> None:
        """Looks at what is there, and opens a session that no other run of the program had."""
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        found = [frame_.path for path in self._folder.iterdir() if (frame_ := timed_frame(path)) is not None]
        stats = sorted(((path, path.stat()) for path in found), key=lambda one: (one[1].st_mtime, one[0].name))
        self._files = deque((path, stat.st_size, stat.st_mtime) for path, stat in stats)
        self._size = sum(size for _, size, _ in self._files)
        self._make_room(0)
        taken = {frame_.session for path, _, _ in self._files if (frame_ := timed_frame(path)) is not None}
        _keep_events(self._folder, lambda values: values.get("session") in taken)
        write_whole(self._folder / MARKER, (json.dumps(self._facts, ensure_ascii=False) + "\n").encode())
        session, number = session_stamp(frame.utc), 1
        while session in taken:
            number += 1
            session = f"{session_stamp(frame.utc)}-{number}"
        self._session, self._start = session, frame.time

    def _take(self, result: FrameResult) -> None:
        frame, settings = result.frame, self._settings
        if frame.index == self._last_index:
            return  # events that came without a frame bring the last one again
        self._last_index = frame.index
        busy = any(track.state in ("reading", "preview") for track in result.tracks)
        if busy or settings.frames == "all" or any(event.kind == "final" for event in result.events):
            self._until = frame.time + settings.after
        if settings.fps:
            if frame.time < self._due - 1e-6:
                return
            self._due = next_due(self._due, frame.time, settings.fps)
        self._before.append(frame)
        while self._before and self._before[0].time < frame.time - settings.before:
            self._before.popleft()
        if frame.time > self._until:
            return
        while self._before:
            self._write(self._before[0])
            self._before.popleft()
        if self.error:
            log.warning("frames are recorded again in %s", self._folder)
            self.error = ""

    def _write(self, frame: Frame) -> None:
        data = encode_jpeg(frame.image, self._settings.quality)
        self._make_room(len(data))
        path = self._folder / f"{self._session}_t{frame.time - self._start:011.3f}.jpg"
        write_whole(path, data)
        self._files.append((path, len(data), self._now()))
        self._size += len(data)

    def _make_room(self, size: int) -> None:
        oldest = self._now() - _DAY * self._settings.max_days
        while self._files and (self._size + size > 1e6 * self._settings.max_megabytes or self._files[0][2] < oldest):
            path, freed, _ = self._files[0]
            path.unlink(missing_ok=True)
            self._files.popleft()
            self._size -= freed

    def _note(self, event: PlateEvent) -> None:
        line = json.dumps({"session": self._session, **seconds_values(event, self._start)}, ensure_ascii=False)
        with (self._folder / EVENTS).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _report(self, error: OSError) -> None:
        cause = f"{self._folder}: {error.strerror or error}"
        if cause != self.error:
            log.error("cannot record frames in %s; passes are recognised as before", cause)
        self.error = cause


def erase(folder: Path, plate: str) -> int:
    """Removes the recorded frames around each pass that may be of `plate`, and the passes themselves.

    Returns how many passes; OutputError if a file cannot be removed. Other cars on those frames go with them.
    """
    wanted = "".join(character for character in plate.upper() if character.isalnum())

    def meant(values: Mapping[str, Any]) -> bool:
        return any(may_be(str(values.get(key) or ""), wanted) for key in ("plate", "plate_raw", "second"))

    try:
        passes = [values for values in _read_events(folder) if meant(values)]
        spans = [
            (values["session"], values["first_seen"] - _AROUND, values["last_seen"] + _AROUND) for values in passes
        ]
        for path in folder.iterdir() if spans else ():
            frame = timed_frame(path)
            if frame is not None and any(
                frame.session == session and first <= frame.seconds <= last for session, first, last in spans
            ):
                path.unlink(missing_ok=True)
        _keep_events(folder, lambda values: not meant(values))
    except OSError as error:
        raise OutputError(f"cannot erase recorded frames in {folder}: {error.strerror}") from None
    return len(passes)


def _read_events(folder: Path) -> list[dict[str, Any]]:
    """The recorded passes; half a line, left by a power cut, is none."""
    values = []
    if (folder / EVENTS).is_file():
        for line in (folder / EVENTS).read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                one = json.loads(line)
            except ValueError:
                continue
            if isinstance(one, dict) and {"session", "first_seen", "last_seen"} <= one.keys():
                values.append(one)
    return values


def _keep_events(folder: Path, stays: Callable[[Mapping[str, Any]], bool]) -> None:
    """Rewrites the recorded passes without those that do not stay."""
    if (folder / EVENTS).is_file():
        kept = [json.dumps(values, ensure_ascii=False) + "\n" for values in _read_events(folder) if stays(values)]
        write_whole(folder / EVENTS, "".join(kept).encode(), durable=True)
