"""A live camera: one thread always drains it into a box for one frame, so that the newest frame wins.

A stream that is read more slowly than it comes falls behind without end; this way the delay stays at one frame. When
the camera is lost, the thread opens it again, with growing pauses, until it is back or the source is closed.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import cv2

from edge.errors import SourceError
from edge.pace import Pace
from edge.records import Frame, Image
from edge.source_state import Cause, ClosedByWith, SourceState, turn

log = logging.getLogger(__name__)

DEFAULT_SIZE = (1280, 720)
"""Width and height to ask a camera at this machine for, where none is given."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_STEADY = 10.0
"""Seconds of pictures after which the pauses start anew: a camera that gives two and hangs up, again and again, would
otherwise be opened every second, with two lines in the log each time."""
_CLOSE_SECONDS = 2.0
_MOST_HUNG = 3
"""Threads that may be left behind, stuck in a driver, before the program ends, to be started anew by systemd."""
_MOST_HELD = 3
"""Times its patience that one of them may hold a device that only one program can have, before that happens, too."""


class CameraError(SourceError):
    """The camera gives no pictures (any more).

    `cause` is for the status and anybody; `advice` is for the owner's log, and never holds a password.
    """

    def __init__(self, cause: Cause, advice: str = "") -> None:
        super().__init__(f"{cause}; {advice}" if advice else cause)
        self.cause = cause


class Capture(Protocol):
    """An open camera, used by one thread."""

    @property
    def small(self) -> Image | None:
        """The picture read last once more, smaller, where the camera itself makes two; else None."""

    def read(self, wanted: Callable[[], bool]) -> Image | None:
        """Wait for the next picture; BGR, or None if it is not `wanted` then, which spares its decoding.

        Raises CameraError.
        """

    def release(self) -> None:
        """Let go of the device."""


class LiveCamera(ClosedByWith):
    """The source around a camera that `open_capture` opens; what it raises as CameraError is tried again.

    `patience` is how long, in seconds, one call of the driver may take before its thread counts as hung and is left
    behind for a new one. `fps` limits the frames handed out; 0 takes all. `rotate` turns them clockwise.
    `longest_silence` is for who waits for a picture: so many seconds without one are no fault yet.
    """

    live = True
    skipped: tuple[tuple[str, str], ...] = ()

    def __init__(
        self,
        open_capture: Callable[[], Capture],
        description: str,
        *,
        fps: float = 0.0,
        rotate: int = 0,
        patience: float = 20.0,
        longest_silence: float = 0.0,
        wait: float = 0.5,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.description = description
        self.longest_silence = longest_silence
        self.trouble = ""
        """Why no pictures come, with advice for the owner and without a password; empty while they do."""
        self._open = open_capture
        self._pace, self._rotate, self._patience, self._wait = Pace(fps), rotate, patience, wait
        self._now = now
        self._closing = threading.Event()
        self._pause = pause or self._closing.wait
        self._changed = threading.Condition()
        self._box: Frame | None = None
        self._state = SourceState(False, datetime.now(UTC), "connecting", 0, 0)
        self._time = float("-inf")
        self._online_at = self._time
        self._told_size, self._told_at = (0, 0), self._time
        self._busy_since: float | None = None
        self._left_since: float | None = None
        self._threads: list[threading.Thread] = []
        self._start()

    def _start(self) -> None:
        """A new thread; one that was there before notices that it is no longer the current one."""
        self._busy_since = None
        thread = threading.Thread(target=self._drain, name=f"camera {self.description}", daemon=True)
        self._threads = [*(old for old in self._threads if old.is_alive()), thread]
        thread.start()

    def _is_current(self) -> bool:
        return threading.current_thread() is self._threads[-1] and not self._closing.is_set()

    def _drain(self) -> None:
        """The thread: open, read, and again."""
        pause = _FIRST_PAUSE
        while self._is_current():
            try:
                before = self._state.frames
                self._read_until_lost()
            except CameraError as error:
                if self._is_current():
                    self._set_offline(error.cause, str(error))
            if not self._is_current():
                return  # left behind: what is marked busy now is another thread
            self._busy_since = None
            if self._state.frames > before and self._time - self._online_at >= _STEADY:
                pause = _FIRST_PAUSE
            self._pause(min(pause, _LONGEST_PAUSE) * random.uniform(0.75, 1.0))
            pause *= 2

    def _read_until_lost(self) -> None:
        self._busy_since = self._now()
        capture = self._open()
        try:
            while self._is_current():
                self._busy_since = self._now()
                try:
                    image = capture.read(self._is_wanted)
                except cv2.error as error:
                    raise CameraError("no picture", str(error).strip().splitlines()[-1]) from None
                self._put(image, capture.small)
        finally:
            capture.release()

    def _is_wanted(self) -> bool:
        """Asked as soon as a picture is there, before it is decoded."""
        with self._changed:
            if not self._is_current():
                return False
            self._time = max(self._now(), self._time)
            return self._pace.wants(self._time) or not self._state.online

    def _put(self, image: Image | None, small: Image | None) -> None:
        with self._changed:
            if not self._is_current():
                return
            state, self._left_since = self._state, None
            if image is None:
                self._state = replace(state, frames=state.frames + 1)
                return
            self._tell_size(image.shape[1], image.shape[0])
            if not state.online:
                self._online_at = self._time
                self.trouble = ""
            since = state.since if state.online else datetime.now(UTC)
            late = self._box is not None
            self._state = SourceState(True, since, "", state.frames + 1, state.dropped + late)
            self._pace.took(self._time)
            self._box = Frame(image, self._time, datetime.now(UTC), state.frames, self.description, small)
            self._changed.notify_all()

    def _tell_size(self, width: int, height: int) -> None:
        """Whenever the camera comes; and when its size changes, but not for each frame where two take turns."""
        if not self._state.online:
            log.info("%s: pictures of %d×%d", self.description, width, height)
        elif (width, height) == self._told_size or self._time - self._told_at < _STEADY:
            return
        else:
            log.warning(
                "%s: its pictures are %d×%d now, no more %d×%d", self.description, width, height, *self._told_size
            )
        self._told_size, self._told_at = (width, height), self._time

    def rest(self, fps: float) -> None:
        """From now on hand out at most so many frames a second; 0 ends that, with the very next one."""
        with self._changed:
            self._pace.rest(fps)

    def _set_offline(self, cause: Cause, message: str) -> None:
        with self._changed:
            state = self._state
            self.trouble = message
            if state.online or state.cause != cause:
                log.warning("%s: %s; trying again until it is there", self.description, message)
            since = datetime.now(UTC) if state.online else state.since
            self._state = SourceState(False, since, cause, state.frames, state.dropped)

    def _check_thread(self) -> None:
        """A driver that never comes back must not end the service's day; a thread that died must not go unnoticed."""
        if not self._threads[-1].is_alive():
            raise SourceError(f"{self.description}: its thread ended by an error of ours; the traceback is above")
        busy, now = self._busy_since, self._now()
        if busy is None or now - busy < self._patience:
            self._check_left_behind(now)
            return
        self._set_offline("timeout", f"the driver has not answered for {self._patience:.0f} s")
        if sum(thread.is_alive() for thread in self._threads) > _MOST_HUNG:
            raise SourceError(
                f"{self.description}: the driver hung {_MOST_HUNG + 1} times; only a new start of the "
                "program gets over that (systemd makes one)"
            )
        self._left_since = now
        self._start()

    def _check_left_behind(self, now: float) -> None:
        """Who hangs may hold the device: each new opening then fails at once, and never hangs four times."""
        left = self._left_since
        if left is None or now - left < _MOST_HELD * self._patience:
            return
        if any(thread.is_alive() for thread in self._threads[:-1]):
            raise SourceError(
                f"{self.description}: the driver has hung for {now - left + self._patience:.0f} s, and no picture has "
                "come since; only a new start of the program gets over that (systemd makes one)"
            )

    def _take(self) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._box is not None or self._closing.is_set(), self._wait)
            frame, self._box = self._box, None
        return frame

    def __iter__(self) -> Iterator[Frame | None]:
        while not self._closing.is_set():
            frame = self._take()
            if self._closing.is_set():
                return
            if frame is None:
                self._check_thread()
                yield None
            else:
                small = None if frame.small is None else turn(frame.small, self._rotate)
                yield replace(frame, image=turn(frame.image, self._rotate), small=small)

    def state(self) -> SourceState:
        """How the camera is now."""
        return self._state

    def close(self) -> None:
        """Let go of the camera; a thread that is stuck in the driver is left behind, it ends with the program."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        thread = self._threads[-1]
        if thread is not threading.current_thread():
            thread.join(_CLOSE_SECONDS)
