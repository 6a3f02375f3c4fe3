"""What the processing loop hands to the live page's thread: the newest picture and the last events.

There is one slot for the picture. A viewer takes the newest one whenever it can take one at all, so a slow viewer sees
fewer pictures, never old ones, and holds up neither the others nor the loop.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np

from edge.event_values import event_values
from edge.jpeg import encode_jpeg
from edge.overlay import draw
from edge.recent import RecentPass
from edge.records import FrameResult, PlateEvent

_CROP_WIDTH, _CROP_QUALITY = 320, 85
STALL_SECONDS = 10.0
"""A frame older than this is not live any more."""
EVENTS_KEPT = 50
"""Passes that the page can list."""
_PLAIN_QUALITY, _PLAIN_SECONDS = 95, 1.0
"""JPEG quality of a frame that is to be read again, and how often one is made at most."""


class PictureFeed:
    """Draws and encodes the newest result, once for all viewers, while somebody watches, at most `max_fps` a second.

    `offer` may be called from any thread; everything else belongs to the server's event loop.
    """

    def __init__(self, width: int, quality: int, max_fps: float) -> None:
        self.viewers = 0
        self.closing = False
        self.handed: dict[str, float] = {}
        """When a picture was last handed to each stream that has a name, by the monotonic clock."""
        self.gives_frames = False
        """Whether anybody may have a frame as it came from the camera, or see one when its car is long gone."""
        self._width, self._quality, self._interval = width, quality, 1 / max_fps
        self._newest: FrameResult | None = None
        self._came_at = float("-inf")
        self._encoded: FrameResult | None = None
        self._jpeg = self._black = b""
        self._number = 0
        self._encoded_at = float("-inf")
        self._plain, self._plain_at = b"", float("-inf")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._offered = asyncio.Event()
        self._fresh = asyncio.Event()

    @property
    def newest(self) -> FrameResult | None:
        """The result offered last."""
        return self._newest

    @property
    def frame_age(self) -> float:
        """Seconds since the newest result's frame came, infinite before the first; results may share a frame."""
        return time.monotonic() - self._came_at

    @property
    def withholds(self) -> bool:
        """Whether the newest frame is not to be seen any more: a stranger's plate shows while the car is in view."""
        return not self.gives_frames and self._newest is not None and self.frame_age > STALL_SECONDS

    def offer(self, result: FrameResult) -> None:
        """Makes this the newest result. Costs the caller two assignments, and 20 µs more while somebody watches."""
        is_new = self._newest is None or result.frame is not self._newest.frame
        self._newest = result
        if is_new:  # after it: the frame before must not pass for new
            self._came_at = time.monotonic()
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
        """The newest picture as JPEG, not made more often than `max_fps`; empty before the first and when withheld."""
        if self.withholds:
            self._jpeg, self._encoded = b"", None
            return b""
        newest, now = self._newest, time.monotonic()
        if newest is not None and newest is not self._encoded and now - self._encoded_at >= 0.9 * self._interval:
            # on the event loop's own thread: 5 ms here and there cost less than one more thread and its hand-over
            picture = draw(newest, self._width)
            with suppress(OSError):
                jpeg = encode_jpeg(picture, self._quality)
                if not self._black:
                    self._black = encode_jpeg(np.zeros_like(picture), self._quality)
                self._jpeg, self._encoded, self._encoded_at = jpeg, newest, now
                self._number += 1
                self._wake()
        return self._jpeg

    def plain(self) -> bytes:
        """The newest frame as it came, in its full size and with nothing drawn on it, as JPEG; empty before the first.

        Made once a second at most, however many ask.
        """
        newest, now = self._newest, time.monotonic()
        if newest is not None and now - self._plain_at >= _PLAIN_SECONDS:
            with suppress(OSError):
                self._plain, self._plain_at = encode_jpeg(newest.frame.image, _PLAIN_QUALITY), now
        return self._plain

    def stream_age(self, name: str) -> float | None:
        """Seconds since this stream was last handed a picture, which may be an old one again; None if it has ended."""
        at = self.handed.get(name)
        return None if at is None else round(time.monotonic() - at, 1)

    async def newer_than(self, number: int, patience: float) -> tuple[int, bytes]:
        """Waits up to `patience` seconds for a picture newer than `number`; the last one, if none came.

        Where the last is withheld a black one takes its place: a viewer shows the last that it got for ever.
        """
        try:
            async with asyncio.timeout(patience):
                while self._number <= number and not self.closing:
                    await self._fresh.wait()
        except TimeoutError:
            pass
        if self.withholds:
            return self._number, self.snapshot() or self._black
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
    crop: bytes
    """The plate's picture as JPEG; empty if there is none to show."""


class EventBoard:
    """The last events, newest first; a pass's preview stands there until its final event takes its place.

    Unless `show_crops` says otherwise their plates' pictures are kept beside them, small, in memory. All methods may be
    called from any thread.
    """

    def __init__(self) -> None:
        self._crops = True
        self._lock = threading.Lock()
        self._events: dict[int, _Told] = {}
        self._earlier: Sequence[RecentPass] = ()
        self._run = secrets.token_hex(4)
        self._changes = 0

    def add(self, events: Sequence[PlateEvent]) -> None:
        """Keeps these events and forgets the oldest ones."""
        if not events:
            return
        told = [_Told(replace(one, shot=None), time.monotonic(), self._crop_of(one)) for one in events]
        with self._lock:
            for one in told:
                self._events.pop(one.event.track, None)
                self._events[one.event.track] = one
            while len(self._events) > EVENTS_KEPT:
                del self._events[next(iter(self._events))]
            self._changes += 1

    def show_crops(self, wanted: bool) -> None:
        """Whether plates' pictures are kept from now on; those that are there go where they are not."""
        with self._lock:
            self._crops = wanted
            if not wanted:
                self._events = {track: told._replace(crop=b"") for track, told in self._events.items()}
                self._earlier = [told._replace(crop=b"") for told in self._earlier]
                self._changes += 1

    def forget(self) -> None:
        """Empties the list."""
        with self._lock:
            self._events, self._earlier = {}, ()
            self._changes += 1

    def recall(self, passes: Sequence[RecentPass]) -> None:
        """Lists these, newest first, below what comes from now on, for who asks for them."""
        with self._lock:
            self._earlier = passes
            self._changes += 1

    @property
    def token(self) -> str:
        """Changes with the list, and with every start of the program."""
        return f"{self._run}-{self._changes}"

    def listed(self, *, earlier: bool = False) -> list[dict[str, Any]]:
        """The events as JSON values, newest first; `age` is the seconds since each was told, by no wall clock.

        With the `earlier` ones, of which no such clock tells: their `age` is None.
        """
        with self._lock:
            told, now = list(self._events.values()), time.monotonic()
            before = self._earlier[: EVENTS_KEPT - len(told)] if earlier else ()
        fresh = [(event_values(one.event), one.crop, round(now - one.at, 1)) for one in reversed(told)]
        return [
            {**values, "age": age, "crop": f"crop/{values['event_id']}.jpg" if crop else None}
            for values, crop, age in (*fresh, *((*one, None) for one in before))
        ]

    def crop(self, event_id: str) -> bytes:
        """The picture of a listed pass's plate as JPEG; empty if there is none."""
        with self._lock:
            pictures = {values["event_id"]: crop for values, crop in self._earlier}
            pictures |= {one.event.event_id: one.crop for one in self._events.values()}
        return pictures.get(event_id, b"")

    def _crop_of(self, event: PlateEvent) -> bytes:
        if not self._crops or event.shot is None:
            return b""
        crop = event.shot.crop
        shrink = _CROP_WIDTH / crop.shape[1]
        if shrink < 1.0:
            crop = np.asarray(cv2.resize(crop, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
        with suppress(OSError):
            return encode_jpeg(crop, _CROP_QUALITY)
        return b""
