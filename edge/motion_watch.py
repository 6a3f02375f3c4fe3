"""What the owner is told of motion: a camera whose picture has frozen, and what moved without a plate."""

import logging
from collections import deque

import numpy as np
import numpy.typing as npt

from edge.motion import THUMB_HEIGHT, MotionSettings
from edge.records import Frame, FrameResult

log = logging.getLogger(__name__)

FROZEN = "the picture does not change"
FROZEN_SECONDS = 300.0
"""In so long the noise of a sensor changes some pixel, also of a still scene, and in a stream that is compressed."""
_FROZEN_EVERY = 1.0
"""Seconds between two looks for that."""
_SPELL_SECONDS = 1.0
"""What moves for less is a bird, or a lamp that is switched on."""


class FrozenMeter:
    """Tells of a camera, or a recorder's restream, that repeats one picture: noise makes each of a real one differ.

    `trouble` says so in one line, until a frame differs; empty: nothing to tell. It is not for recordings, which may
    well hold one picture for long.
    """

    def __init__(self) -> None:
        self.trouble = ""
        self._thumb: npt.NDArray[np.uint8] | None = None
        self._since = self._due = float("-inf")

    def look(self, frame: Frame) -> None:
        """Compare every n-th green pixel with those of before: once a second, and each frame while there is trouble."""
        if frame.time < self._due and not self.trouble:
            return
        self._due = frame.time + _FROZEN_EVERY
        step = max(1, frame.image.shape[0] // THUMB_HEIGHT)
        thumb = np.asarray(frame.image[::step, ::step, 1], np.uint8)
        if self._thumb is None or not np.array_equal(thumb, self._thumb):
            self._thumb, self._since = thumb.copy(), frame.time
            if self.trouble:
                log.info("the picture changes again")
                self.trouble = ""
        elif not self.trouble and frame.time - self._since >= FROZEN_SECONDS:
            self.trouble = FROZEN
            log.warning(
                "%s, not even by noise, for %.0f minutes: has the camera frozen, or the recorder that passes it on?",
                FROZEN,
                FROZEN_SECONDS / 60,
            )


class MotionCount:
    """Counts what moved while no plate was followed, from its first change to its last before the gate rests."""

    def __init__(self, settings: MotionSettings | None = None) -> None:
        self.without_plate: int | None = None
        """How often since the start; None until all rested once: where nothing ever does, nothing can be counted."""
        self.use(settings or MotionSettings())

    def use(self, settings: MotionSettings) -> None:
        """Go on with another gate, which has to come to rest first."""
        # at rest, the oldest of them is that of the last change: `settle` and one more went by without any
        self._times: deque[float] = deque(maxlen=settings.settle + 2)
        self._rested, self._plate = False, False
        self._began: float | None = None

    def look(self, result: FrameResult) -> None:
        """Take in the next frame's result."""
        self._times.append(result.frame.time)
        if not result.resting:
            if self._began is None:
                self._began = result.frame.time
            self._plate |= bool(result.tracks)
            return
        self.without_plate = self.without_plate or 0
        lasted = self._times[0] - self._began if self._began is not None else 0.0
        self.without_plate += self._rested and not self._plate and lasted >= _SPELL_SECONDS
        self._rested, self._plate, self._began = True, False, None
