"""Recordings as sources: a video file, a picture, or a folder of pictures in the order of their names.

The time of a frame is its position in the recording: what the video says, or a picture's number divided by the frames a
second. Its UTC is the file's (the first picture's) time of last change plus that position: right for most recorders'
files, a guess for copied ones.
"""

import logging
import math
import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from edge import MOST_PIXELS
from edge.capture import keep_quiet, silent
from edge.errors import SourceError
from edge.frame_pool import FramePool
from edge.interlaced import is_refused, looks_unwritten
from edge.pace import Pace
from edge.picture_kind import HEAD, NO_HEIC, find_fault, has_more, is_heic, told_size
from edge.records import Frame, Image
from edge.source_state import Cause, ClosedByWith, SourceState, turn, waiting

log = logging.getLogger(__name__)
"""For what is skipped, which `gatereader read` silences: it is among the results."""
_notes = logging.getLogger("edge.clip_notes")
"""For what is told nowhere else."""

PICTURES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".avif", ".tif", ".tiff", ".jp2"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
)
"""What `read_picture` decodes."""
FOLDER_FPS = 5.0
_DEFAULT_FPS = 25.0
"""For a video that does not tell its own."""
_LONGEST_GAP = 3600.0
"""Seconds between two frames of a video; what tells of more is damaged."""
_PTS = 71
"""OpenCV's name for it is not where OpenCV is older: a frame's own time, in frames at the video's frames a second."""
_LONGEST_LOOK = 20.0
"""Seconds that the look at a video which may be interlaced may take."""


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


class PictureSequence(Recording):
    """Pictures as a clip of `fps` a second; one that cannot be read leaves a gap."""

    def __init__(self, paths: Sequence[Path], description: str, fps: float = 0.0) -> None:
        super().__init__(description, _changed(paths[0]))
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
        super().__init__(path.name, _changed(path), fps)
        self._path = path
        head = _head(path)
        if is_heic(head):
            raise SourceError(f"{path}: {NO_HEIC}")
        self._counted = _counts_frames(head)
        capture = self._open()
        native, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._check_beginning(capture)
        capture.release()
        self._told = set[str]()
        if not 0 < native < 1000:
            self._tell(f"does not tell its frames a second; taken as {_DEFAULT_FPS:g}")
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

    def _check_beginning(self, capture: cv2.VideoCapture) -> None:
        """SourceError if the first frames say that none can be decoded, or converted."""
        if not capture.grab():
            raise SourceError(self._undecodable(capture))
        pool = FramePool()
        first = pool.fill(capture.retrieve)
        second = pool.fill(capture.retrieve) if capture.grab() else None
        if first is None:
            return
        if looks_unwritten(first, second) and is_refused(str(self._path.absolute()), _LONGEST_LOOK):
            name = shlex.quote(str(self._path))
            raise SourceError(
                f"{self._path}: interlaced, which this OpenCV cannot convert: ffmpeg -i {name} -vf yadif out.mp4"
            )

    def _undecodable(self, capture: cv2.VideoCapture) -> str:
        code = round(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(8, "little", signed=True)[:4]
        if code == b"AV01":
            return f"{self._path}: AV1 cannot be decoded here; convert it to H.264"
        name = code.decode("ascii", "replace").rstrip("\0 ")
        return f"{self._path}: not one frame of it can be decoded ({name}): damaged, or to be converted to H.264 first"

    def read(self) -> Iterator[tuple[float, str, Image]]:
        """One round; a video that ends early gives what it has, and a warning."""
        capture, pool = self._open(), FramePool()
        index, position, first, timed = 0, -1 / self._fps, 0.0, False
        self.pace.restart()
        try:
            while capture.grab():
                told = capture.get(cv2.CAP_PROP_POS_MSEC)
                if index == 0:
                    first = capture.get(_PTS)
                timed |= told > 0
                position = self._next(position, told)
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
            if index == 0:
                raise SourceError(self._undecodable(capture))
        finally:
            capture.release()
        self.length = position + 1 / self._fps
        if index > 1 and not timed:
            self._tell(f"does not tell when its frames were taken; played at {self._fps:g} a second")
        self._check_end(index, first)

    def _check_end(self, frames: int, first: float) -> None:
        """Tell of a video that has fewer frames than it says, none of which fills a gap; its first has that time."""
        expected = self._expected
        if not self._counted and 0 < first < expected:
            expected -= round(first)  # it counts from zero, where it does not begin
        # headers that only estimate the number of frames are a little off, and do not know of gaps
        if max(frames, round(self.length * self._fps)) >= expected - max(2, expected // 50):
            return
        if self._counted:
            self._skip(self._path.name, f"ends after {frames} of {expected} frames; cut off or damaged")
        else:
            told = f"its pictures end after {self.length:.1f} of {expected / self._fps:.1f} s"
            self._tell(f"may end early: {told}, unless only its sound, or its last picture, lasts so long")

    def _tell(self, text: str) -> None:
        """Warn of what is no reason to call the recording incomplete; once, however often it is played."""
        if text not in self._told:
            self._told.add(text)
            _notes.warning("%s %s", self._path.name, text)

    def _next(self, last: float, told: float) -> float:
        """Seconds of the frame after the one at `last`, from the milliseconds that the file tells of it.

        Some containers tell none, or begin anew: there it follows by the frames a second, as time never goes back.
        """
        position = round(told / 1000, 6)
        return position if last < position < last + _LONGEST_GAP else last + 1 / self._fps


def _counts_frames(head: bytes) -> bool:
    """Whether a video that begins so, as MP4, QuickTime and AVI do, holds the number of its frames.

    For all others FFmpeg multiplies what is said of the length, that of the sound included, by the frames a second.
    """
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip") or head[:4] == b"RIFF"


def read_picture(path: Path) -> Image:
    """The picture, BGR, turned as its EXIF says; SourceError where it is damaged or cut off.

    Of an animation, or pages, it is the first, and a warning says so.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}") from None
    if fault := find_fault(data):
        raise SourceError(fault)
    try:
        with silent():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        width, height = told_size(data)
        most = os.environ.get(MOST_PIXELS, "")
        if most.isdecimal() and width * height > int(most):
            raise SourceError(f"{width}×{height} pixels are more than {MOST_PIXELS} = {most} allows")
        raise SourceError("not a picture that can be decoded")
    if has_more(data):
        _notes.warning("%s holds more than one picture; only the first is looked at", path)
    return np.asarray(image, np.uint8)


def _head(path: Path) -> bytes:
    """The first bytes of the file; SourceError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None


def _changed(path: Path) -> datetime:
    """When the file was last changed; SourceError if that cannot be told."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None


def list_folder(folder: Path) -> list[Path]:
    """What is in the folder, in no order; SourceError if it cannot be read."""
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder}: cannot be read: {error.strerror}") from None
