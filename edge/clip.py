"""Recordings as sources: a video file, a picture, or a folder of pictures in the order of their names.

The time of a frame is its position in the recording: what the video says, or a picture's number divided by the frames a
second. Its UTC is the file's (the first picture's) time of last change plus that position: right for most recorders'
files, a guess for copied ones.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from edge.capture import keep_quiet
from edge.errors import SourceError
from edge.frame_pool import FramePool
from edge.pace import Pace
from edge.records import Frame, Image
from edge.source_state import Cause, ClosedByWith, SourceState, turn, waiting

log = logging.getLogger(__name__)

PICTURES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".avif", ".tif", ".tiff", ".jp2"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
)
"""What `read_picture` decodes. A phone's .heic is none of them: OpenCV knows it only as a clip, by FFmpeg."""
FOLDER_FPS = 5.0
_DEFAULT_FPS = 25.0
"""For a video that does not tell its own."""
_LONGEST_GAP = 3600.0
"""Seconds between two frames of a video; what tells of more is damaged."""


class Clip(ClosedByWith):
    """The source around `read`, which yields each round's (position in seconds, name, picture).

    With `realtime` the frames come at the speed of the recording, else as fast as they are taken. With `loop` it starts
    over at its end, and time goes on. `length` is a round's, in seconds.
    """

    def __init__(
        self,
        recording: "Recording",
        *,
        rotate: int = 0,
        loop: bool = False,
        realtime: bool = False,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.live = realtime
        self.description = recording.description
        self._recording = recording
        self._rotate, self._loop = rotate, loop
        self._now, self._sleep = now, sleep
        self._frames = 0
        self._since = datetime.now(UTC)
        self._cause: Cause = ""

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """(name, reason) of what could not be read so far."""
        return tuple(self._recording.skipped)

    def __iter__(self) -> Iterator[Frame | None]:
        """The frames; None now and then while the next one is waited for, so that nobody waits in vain for a word."""
        origin, start = self._now(), 0.0
        while not self._cause:
            before = self._frames
            for position, name, image in self._recording.read():
                if self._cause:
                    return
                moment = start + position
                if self.live:
                    origin -= max(0.0, moment - (self._now() - origin) - self._recording.longest_pause)
                    yield from waiting(origin + moment, self._now, self._sleep, lambda: bool(self._cause))
                    if self._cause:
                        return
                utc = self._recording.utc_at(position) + timedelta(seconds=start)
                yield Frame(turn(image, self._rotate), moment, utc, self._frames, name)
                self._frames += 1
            start += self._recording.length
            if not self._loop or self._frames == before:
                self._end("ended")

    def rest(self, fps: float) -> None:
        """From now on give at most so many frames a second of what is played at its own speed."""
        if self.live:
            self._recording.pace.rest(fps)

    def _end(self, cause: Cause) -> None:
        if not self._cause:
            self._cause, self._since = cause, datetime.now(UTC)

    def state(self) -> SourceState:
        """Online until the last frame was handed out."""
        return SourceState(not self._cause, self._since, self._cause, self._frames, 0)

    def close(self) -> None:
        """End the iteration at its next step."""
        self._end("closed")


class Recording:
    """What `Clip` plays; `skipped` fills while it is read."""

    longest_pause = math.inf
    """Seconds between two frames that are waited for at the recording's own speed; what is more is left out."""

    def __init__(self, description: str, taken: datetime, fps: float = 0.0) -> None:
        self.description = description
        self.taken = taken
        self.length = 0.0
        self.pace = Pace(fps)
        """Which frames are taken, where leaving some out spares their decoding."""
        self.skipped: list[tuple[str, str]] = []

    def read(self) -> Iterator[tuple[float, str, Image]]:
        """One round: position in seconds, name, picture (BGR)."""
        raise NotImplementedError

    def utc_at(self, position: float) -> datetime:
        """When the frame at this second of the first round was taken."""
        return self.taken + timedelta(seconds=position)

    def _skip(self, name: str, reason: str) -> None:
        if (name, reason) not in self.skipped:
            log.warning("%s: %s", name, reason)
            self.skipped.append((name, reason))


class Pictures(Recording):
    """Pictures as a clip of `fps` a second; one that cannot be read leaves a gap."""

    def __init__(self, paths: Sequence[Path], description: str, fps: float = 0.0) -> None:
        super().__init__(description, datetime.fromtimestamp(paths[0].stat().st_mtime, UTC))
        self._paths = paths
        self._fps = fps or FOLDER_FPS
        self.length = len(paths) / self._fps

    def read(self) -> Iterator[tuple[float, str, Image]]:
        """One round; a broken picture is named in a warning and in `skipped`."""
        for index, path in enumerate(self._paths):
            try:
                image = read_picture(path)
            except SourceError as error:
                self._skip(path.name, str(error))
            else:
                yield index / self._fps, path.name, image


class Video(Recording):
    """A video file; `fps` limits the frames a second that are taken from it, 0 takes all."""

    longest_pause = 10.0  # a camera that records only while something moves leaves gaps

    def __init__(self, path: Path, fps: float = 0.0) -> None:
        super().__init__(path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC), fps)
        self._path = path
        capture = self._open()
        native, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        capture.release()
        if not 0 < native < 1000:
            log.warning("%s does not tell its frames a second; taken as %g", path.name, _DEFAULT_FPS)
            native = _DEFAULT_FPS
        self._fps = float(native)
        self._expected = int(count) if math.isfinite(count) and count > 0 else 0
        self.length = self._expected / self._fps

    def _open(self) -> cv2.VideoCapture:
        keep_quiet()
        # absolute, as FFmpeg would take gate:7.mp4 for an address
        capture = cv2.VideoCapture(str(self._path.absolute()), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise SourceError(
                f"{self._path}: no video in it that can be decoded (cut off, damaged, or not a video); "
                f"wanted a video file, or a picture ({', '.join(PICTURES)})"
            )
        return capture

    def read(self) -> Iterator[tuple[float, str, Image]]:
        """One round; a video that ends early gives what it has, and a warning."""
        capture, pool = self._open(), FramePool()
        index, position = 0, -1 / self._fps
        self.pace.restart()
        try:
            while capture.grab():
                position = self._next(position, capture.get(cv2.CAP_PROP_POS_MSEC))
                index += 1
                if not self.pace.wants(position):
                    continue
                frame = pool.fill(capture.retrieve)
                if frame is None:
                    self._skip(f"{self._path.name} frame {index}", "cannot be decoded")
                    continue
                self.pace.took(position)
                yield position, self._path.name, frame
                del frame  # else two frames would be held while the third is filled
        finally:
            capture.release()
        self.length = position + 1 / self._fps
        # headers that only estimate the number of frames are a little off, and do not know of gaps
        if round(self.length * self._fps) < self._expected - max(2, self._expected // 50):
            self._skip(self._path.name, f"ends after {index} of {self._expected} frames; cut off or damaged")
        if index == 0:
            raise SourceError(f"{self._path}: not one frame of it can be decoded")

    def _next(self, last: float, told: float) -> float:
        """Seconds of the frame after the one at `last`, from the milliseconds that the file tells of it.

        Some containers tell none, or begin anew: there it follows by the frames a second, as time never goes back.
        """
        position = round(told / 1000, 6)
        return position if last < position < last + _LONGEST_GAP else last + 1 / self._fps


def read_picture(path: Path) -> Image:
    """The picture, BGR, turned as its EXIF says; SourceError where it is damaged or cut off."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}") from None
    if data.startswith(b"\xff\xd8") and not _has_end(data):
        raise SourceError("a JPEG that is cut off")  # OpenCV would fill the rest with grey
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:
        image = None
    if image is None:
        raise SourceError("not a picture that can be decoded" if data else "an empty file")
    return np.asarray(image, np.uint8)


def _has_end(jpeg: bytes) -> bool:
    """Whether the end marker follows the picture's data; an EXIF thumbnail before it has one of its own."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:  # over the segments, to the start of scan
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg.find(b"\xff\xd9", at) >= 0


def list_folder(folder: Path) -> list[Path]:
    """What is in the folder, in no order; SourceError if it cannot be read."""
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder}: cannot be read: {error.strerror}") from None
