"""Spares the detector where nothing changes. What it found last still stands there, so its boxes are given again: a
plate that stands still stays a plate that is seen.

A frame is compared with the one that the detector saw last, not with the one before: a change too slow to see from one
frame to the next adds up. After the last change the detector goes on for a while, as a second and a third look at a car
that has just stopped find what the first one missed.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.detector import DetectorSettings, PlateDetector
from edge.records import Image, PlateBox
from edge.region import RegionSettings, stencil

THUMB_HEIGHT = 180
"""Pixels, at least, that are left of a frame's height where only every n-th is compared."""
_LEAST_CHANGE = 12.0
_NOISE_FACTOR = 8.0
_LEAST_PIXELS = 12
_MISSES = 3
"""Looks in a row at a picture that stays as it is which must miss a plate until it counts as gone."""
_SAMPLE = 4


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """When the detector may be spared because nothing moves."""

    gate: bool = True
    """False looks for plates in every frame."""
    settle: int = 12
    """Frames without any change in which the detector goes on looking, before it is spared."""
    at_least_every: int = 45
    """Even if nothing changes, one in so many frames is looked at: at 5 frames a second (`rest_fps`) each 9 seconds."""
    rest_fps: float = 5.0
    """Frames a second that are taken of a camera while nothing moves, nobody watches the live page and no frames are
    recorded: the others need not be decoded. 0 takes all."""

    def __post_init__(self) -> None:
        if self.settle < 0:
            raise ValueError(f"settle is {self.settle}, wanted 0 or more")
        if self.at_least_every < 1:
            raise ValueError(f"at_least_every is {self.at_least_every}, wanted 1 or more")
        if not (self.rest_fps == 0 or 1 <= self.rest_fps <= 60):
            raise ValueError(f"rest_fps is {self.rest_fps:g}, wanted 1 to 60, or 0 to take all")


class ChangeMeter:
    """Tells whether a frame differs from a reference by more than the camera's noise."""

    def __init__(self, region: RegionSettings | None = None) -> None:
        self._region = region or RegionSettings()
        self._shape: tuple[int, int] = (0, 0)
        self._stencil: npt.NDArray[np.uint8] | None = None
        self._reference: npt.NDArray[np.uint8] | None = None
        self._last: npt.NDArray[np.uint8] | None = None

    def changed(self, image: Image) -> bool:
        """Whether (H, W, 3) differs from the reference where it matters; True as long as there is none.

        The threshold follows the noise: what three quarters of the pixels change by from one frame to the next is not
        a car. A change of light that hits all pixels at once therefore shows one frame late.
        """
        thumb = self._thumb(image)
        last, self._last = self._last, thumb
        if self._reference is None or last is None or last.shape != thumb.shape:
            return True
        flicker = cv2.absdiff(thumb[::_SAMPLE, ::_SAMPLE], last[::_SAMPLE, ::_SAMPLE]).ravel()
        quarter = flicker.size // 4
        noise = float(np.partition(flicker, quarter)[quarter])  # np.percentile takes as long as all the rest
        differs = cv2.absdiff(thumb, self._reference) > _LEAST_CHANGE + _NOISE_FACTOR * noise
        if self._stencil is not None:
            differs &= self._stencil > 0
        return int(np.count_nonzero(differs)) >= _LEAST_PIXELS

    def refer(self) -> None:
        """Make the frame last asked about the reference."""
        self._reference = self._last

    def _thumb(self, image: Image) -> npt.NDArray[np.uint8]:
        """Every n-th pixel of the green channel, a little blurred: a tenth of a millisecond for a megapixel."""
        height, width = image.shape[:2]
        step = max(1, height // THUMB_HEIGHT)
        thumb = cv2.blur(np.ascontiguousarray(image[::step, ::step, 1]), (3, 3))
        if (height, width) != self._shape:
            self._shape, self._reference, self._last = (height, width), None, None
            self._stencil = stencil(self._region, thumb.shape[1], thumb.shape[0])
        return np.asarray(thumb, np.uint8)


class GatedDetector:
    """A `PlateDetector` that is asked only when the frame has changed. Not safe to call from two threads at once."""

    def __init__(self, detector: PlateDetector, settings: MotionSettings, region: RegionSettings | None = None) -> None:
        self.card = detector.card
        self.threshold = detector.threshold
        self.region = region or RegionSettings()
        self.stage_seconds: dict[str, float] = {}
        """As the detector's; empty after a frame in which it was spared."""
        self._detector, self._settings = detector, settings
        self._meter = ChangeMeter(region)
        self._boxes: tuple[PlateBox, ...] = ()
        self._quiet = 0
        self._spared = 0
        self._missed = 0
        """Looks in a row that found fewer plates than the one before them."""

    @property
    def resting(self) -> bool:
        """Whether the last frame changed nothing, nor those before it for as long as the detector goes on looking.

        Never where every frame is looked at anyway.
        """
        return self._quiet > self._settings.settle and self._settings.at_least_every > 1

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        """(H, W, 3) BGR → the boxes in it, or those of the last frame looked at if nothing has changed since.

        Where fewer are found though nothing has changed, noise hides a plate: those of before stay, and the next frame
        is looked at, too.
        """
        self._quiet = 0 if self._meter.changed(image) else self._quiet + 1
        if self.resting and not self._missed and self._spared + 1 < self._settings.at_least_every:
            self._spared += 1
            self.stage_seconds = {}
            return self._boxes
        found, self._spared = self._detector.detect(image), 0
        self.stage_seconds = self._detector.stage_seconds
        self._meter.refer()
        hidden = self._quiet > 0 and len(found) < len(self._boxes)
        self._missed = (self._missed + 1) % _MISSES if hidden else 0
        if not self._missed:
            self._boxes = found
        return self._boxes


AnyDetector = PlateDetector | GatedDetector


def open_detector(settings: DetectorSettings, region: RegionSettings, motion: MotionSettings) -> AnyDetector:
    """The detector as the configuration wants it; ModelError as `PlateDetector`."""
    detector = PlateDetector(settings, region)
    return GatedDetector(detector, motion, region) if motion.gate else detector
