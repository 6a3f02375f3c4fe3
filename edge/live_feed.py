"""What the processing loop hands to the live page's thread: the newest picture and the last events.

There is one slot for the picture. A viewer takes the newest one whenever it can take one at all, so a slow viewer sees
fewer pictures, never old ones, and holds up neither the others nor the loop.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import cv2

from edge.event_values import event_values
from edge.overlay import draw
from edge.records import FrameResult, PlateEvent

EVENTS_KEPT = 50
"""Passes that the page can list."""


class PictureFeed:
    """Draws and encodes the newest result, once for all viewers, while somebody watches, at most `max_fps` a second.

    `offer` may be called from any thread; everything else belongs to the server's event loop.
    """

    def __init__(self, width: int, quality: int, max_fps: float) -> None:
        self.viewers = 0
        self.closing = False
        self._width, self._quality, self._interval = width, quality, 1 / max_fps
        self._newest: FrameResult | None = None
        self._encoded: FrameResult | None = None
        self._jpeg = b""
        self._number = 0
        self._encoded_at = float("-inf")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._offered = asyncio.Event()
        self._fresh = asyncio.Event()

    @property
    def newest(self) -> FrameResult | None:
        """The result offered last."""
        return self._newest

    def offer(self, result: FrameResult) -> None:
        """Makes this the newest result. Costs the caller one assignment, and 20 µs more while somebody watches."""
        self._newest = result
        if self.viewers and self._loop is not None and not self.closing:
            try:
                self._loop.call_soon_threadsafe(self._offered.set)
            except RuntimeError:  # the loop closed between the two lines
                self.closing = True

    async def pump(self) -> None:
        """Turns offered results into pictures until the feed closes."""
        self._loop = asyncio.get_running_loop()
        while not self.closing:
            await self._offered.wait()
            self._offered.clear()
            if self.viewers:
                self.snapshot()
                await asyncio.sleep(max(0.0, self._encoded_at + self._interval - time.monotonic()))

    def snapshot(self) -> bytes:
        """The newest picture as JPEG, not made more often than `max_fps`; empty before the first frame."""
        newest, now = self._newest, time.monotonic()
        if newest is not None and newest is not self._encoded and now - self._encoded_at >= 0.9 * self._interval:
            # on the event loop's own thread: 5 ms here and there cost less than one more thread and its hand-over
            ok, jpeg = cv2.imencode(".jpg", draw(newest, self._width), [cv2.IMWRITE_JPEG_QUALITY, self._quality])
            if ok:
                self._jpeg, self._encoded, self._encoded_at = jpeg.tobytes(), newest, now
                self._number += 1
                self._wake()
        return self._jpeg

    async def newer_than(self, number: int, patience: float) -> tuple[int, bytes]:
        """Waits up to `patience` seconds for a picture newer than `number`; the last one, if none came."""
        try:
            async with asyncio.timeout(patience):
                while self._number <= number and not self.closing:
                    await self._fresh.wait()
        except TimeoutError:
            pass
        return self._number, self._jpeg

    def close(self) -> None:
        """Sends every viewer home."""
        self.closing = True
        self._offered.set()
        self._wake()

    def _wake(self) -> None:
        fresh, self._fresh = self._fresh, asyncio.Event()
        fresh.set()


class _Told(NamedTuple):
    event: PlateEvent
    at: float
    """By the monotonic clock, when it was told."""


class EventBoard:
    """The last events, newest first; a pass's preview stands there until its final event takes its place.

    All methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[int, _Told] = {}
        self._run = secrets.token_hex(4)
        self._changes = 0

    def add(self, events: Sequence[PlateEvent]) -> None:
        """Keeps these events and forgets the oldest ones."""
        if not events:
            return
        with self._lock:
            for event in events:
                self._events.pop(event.track, None)
                kept = replace(event, shot=None)  # no frames here
                self._events[event.track] = _Told(kept, time.monotonic())
            while len(self._events) > EVENTS_KEPT:
                del self._events[next(iter(self._events))]
            self._changes += 1

    @property
    def token(self) -> str:
        """Changes with the list, and with every start of the program."""
        return f"{self._run}-{self._changes}"

    def listed(self) -> list[dict[str, Any]]:
        """The events as JSON values, newest first; `age` is the seconds since each was told, by no wall clock."""
        with self._lock:
            told, now = list(self._events.values()), time.monotonic()
        return [{**event_values(one.event), "age": round(now - one.at, 1)} for one in reversed(told)]
