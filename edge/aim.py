"""What one look at a plate tells of where the camera stands and how it is set. Measured only; `aim_words.py` judges."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import hypot

import cv2
import numpy as np

from edge.errors import ConfigError
from edge.geometry import AT_EDGE_SHARE, at_edge
from edge.poll import one_line_width
from edge.preprocess import crop_plate, plate_view, rotated
from edge.reader import sharpness
from edge.records import Frame, FrameResult, Image, PlateBox, TrackedPlate
from edge.region import RegionSettings, closest_scale
from edge.slant import slant
from edge.smear import smear

KEPT_SECONDS = 10.0
"""So long the best values stay, for whoever walks from the car to the camera."""
WHITE_LEVEL = 250
"""Grey value from which on a pixel says nothing any more. There is none for black: dark ink, and a dark plate's ground,
are black on the most legible of infrared pictures, and what lacks light lacks contrast."""
_LEVEL_FIRST = 1.0
"""Degrees of slope above which a crop is levelled before its edges are compared."""
_STEADY_SECONDS = 1.0
"""Looks farther apart than this tell no speed."""
_HIDES_LEAN = 0.016
"""Plate widths; a longer smear draws edges of its own, which lean as the plate moves."""


@dataclass(frozen=True, slots=True)
class AimSettings:
    """What `gatereader aim` and the page /aim cannot see for themselves."""

    distance: float = 0.0
    """Metres from the camera to where the plate stops; 0 where nobody measured it: advice is then in shares of it."""
    speed: float = 20.0
    """Kilometres an hour at which cars pass: how long the shutter may be open depends on it."""
    plate_width: float = 520.0
    """Millimetres that a plate is really wide: 520 in most of Europe, 305 in North America, 400 in Mercosur."""

    def __post_init__(self) -> None:
        if not 0 <= self.distance <= 200:
            raise ConfigError(f"distance = {self.distance}: wanted 0 to 200 metres, 0 for unknown")
        if not 1 <= self.speed <= 200:
            raise ConfigError(f"speed = {self.speed}: wanted 1 to 200 km/h")
        if not 100 <= self.plate_width <= 1000:
            raise ConfigError(f"plate_width = {self.plate_width}: wanted 100 to 1000 millimetres")


@dataclass(frozen=True, slots=True)
class Measure:
    """One plate in one frame; None where there is too little to see."""

    text: str
    """What is read so far; empty for nothing."""
    width: float
    """Pixels in the frame that the plate is wide, or would be with its two lines in one."""
    detector_width: float
    """Pixels that its box is wide for the detector, where it looks closest."""
    character: float | None
    """Pixels of the frame for each character of the text."""
    sharpness: float
    """Variance of the Laplacian of what the reader gets, as in the CSV file; contrast is evened out before, but small
    plates are never sharp."""
    contrast: float
    """From the darkest to the brightest twentieth of the plate, 0 to 1 of all that a pixel can tell."""
    brightest: float
    """Grey value, 0 to 255, that the brightest twentieth begins at."""
    white: float
    """Share of the plate, 0 to 1, that is white beyond measure."""
    slope: float | None
    """Degrees by which the text falls to the right; clockwise is positive."""
    lean: float | None
    """Degrees by which upright strokes lean to the right; None too where movement smears them."""
    smear: float | None
    """Pixels that the plate moved while the shutter was open."""
    sideways: bool
    """Whether it smears sideways; else up or down."""
    speed: float | None
    """Pixels a second from the last look to this one; None for a first look."""
    cut: bool
    """Whether the box comes so near the frame's edge that something may be missing; its readings do not vote."""

    @property
    def skew(self) -> float | None:
        """Degrees by which strokes lean beside being turned with the text: what turning the camera cannot mend."""
        return None if self.slope is None or self.lean is None else self.lean - self.slope


def measure(
    image: Image,
    box: PlateBox,
    text: str,
    lines: int = 1,
    *,
    scale: float = 1.0,
    speed: float | None = None,
    margin: float = AT_EDGE_SHARE,
) -> Measure:
    """Measure the plate in `box` of a frame, (H, W, 3) BGR; `scale` is detector pixels for each of the frame's.

    Within `margin` of the frame's edge, a share of the plate's width, something may be missing.

    Costs about 10 ms a plate on a desktop processor.
    """
    height, width = image.shape[:2]
    inner = np.asarray(cv2.cvtColor(crop_plate(image, box, 0.0), cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    dark, bright = np.percentile(inner, (5, 95))
    wide = one_line_width(box.width, lines)
    leaning = slant(inner)
    moved = smear(_levelled(inner, leaning.slope if leaning else 0.0))
    return Measure(
        text=text,
        width=wide,
        detector_width=box.width * scale,
        character=wide / len(text) if text else None,
        sharpness=sharpness(plate_view(crop_plate(image, box))),
        contrast=float(bright - dark) / 255,
        brightest=float(bright),
        white=float(np.mean(inner >= WHITE_LEVEL)),
        slope=leaning.slope if leaning else None,
        lean=leaning.lean if leaning and not (moved and moved.length > _HIDES_LEAN * wide) else None,
        smear=moved.length if moved else None,
        sideways=moved.sideways if moved else True,
        speed=speed,
        cut=at_edge(box, width, height, margin),
    )


def frame_scale(frame: Frame, canvas: int, region: RegionSettings) -> float:
    """Detector pixels for each pixel of a frame, also where plates are looked for in a smaller copy of it."""
    looked_at = frame.image if frame.small is None else frame.small
    height, width = looked_at.shape[:2]
    smaller: float = width / frame.image.shape[1]
    return closest_scale(region, canvas, width, height) * smaller


def _levelled(grey: Image, slope: float) -> Image:
    """The crop with its text level; unlevel text makes lines look like movement."""
    return grey if abs(slope) < _LEVEL_FIRST else rotated(grey, slope, cv2.INTER_CUBIC)


@dataclass(frozen=True, slots=True)
class Sight:
    """What the meter knows after a frame."""

    now: Measure | None
    """The widest plate in view; None if there is none."""
    recent: tuple[tuple[float, Measure], ...]
    """Each look of the last `KEPT_SECONDS`, with its age in seconds; the newest last."""
    plates: int
    """Plates in view."""


class AimMeter:
    """Measures the widest plate of the results it is given, and keeps the last seconds. Not safe for two threads.

    `scale` tells the detector's pixels for each pixel of a frame; `margin`, asked for each look because the service can
    change it, what `measure` wants it for.
    """

    def __init__(self, scale: Callable[[Frame], float], margin: Callable[[], float] = lambda: AT_EDGE_SHARE) -> None:
        self._scale, self._margin = scale, margin
        self._looks: deque[tuple[float, Measure]] = deque()
        self._last: tuple[float, TrackedPlate] | None = None
        self._seen: Frame | None = None
        self._sight = Sight(None, (), 0)

    def look(self, result: FrameResult) -> Sight:
        """Measure this frame, unless it is the one measured last; time that goes back forgets what was."""
        frame = result.frame
        if frame is self._seen:
            return self._sight
        if self._seen is not None and frame.time < self._seen.time:
            self._looks.clear()
            self._last = None
        self._seen = frame
        now = None
        if result.tracks:
            plate = max(result.tracks, key=lambda one: one.box.width)
            now = measure(
                frame.image,
                plate.box,
                plate.text,
                plate.lines,
                scale=self._scale(frame),
                speed=self._speed(frame.time, plate),
                margin=self._margin(),
            )
            self._last = (frame.time, plate)
            self._looks.append((frame.time, now))
        while self._looks and frame.time - self._looks[0][0] > KEPT_SECONDS:
            self._looks.popleft()
        recent = tuple((frame.time - time, look) for time, look in self._looks)
        self._sight = Sight(now, recent, len(result.tracks))
        return self._sight

    def _speed(self, time: float, plate: TrackedPlate) -> float | None:
        if self._last is None or self._last[1].track != plate.track:
            return None
        passed, before, now = time - self._last[0], self._last[1].box, plate.box
        if not 0 < passed <= _STEADY_SECONDS:
            return None
        return hypot(now.x1 + now.x2 - before.x1 - before.x2, now.y1 + now.y2 - before.y1 - before.y2) / 2 / passed
