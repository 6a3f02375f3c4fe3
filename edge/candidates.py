"""Boxes that the detector is not sure of: they count only if the reader finds a plate's text in them.

Small and dark plates get low confidences from the detector, and so do grilles and shop signs; reading one costs a
fraction of a millisecond and tells most of them apart.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from edge.looks import read_well
from edge.preprocess import crop_plate
from edge.records import Image, PlateBox, PlateReading

LEAST_CHARACTERS = 4
LEAST_CONFIDENCE = 0.7
"""Of a reading made at one look; …"""
LEAST_AGREED = 0.6
"""… and of one that several looks had to agree on, which is less sure where they do not."""
_FAR_CHARACTERS, _FAR_CONFIDENCE = 5, 0.8
"""Of what is only found from further away: more, lest one more picture without a plate has one."""


class StillDetector(Protocol):
    """Whatever finds plates in single pictures; boxes below its `threshold` are candidates."""

    threshold: float

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        """(H, W, 3) BGR → the plates in it, boxes in its pixels."""
        ...

    def detect_small(self, image: Image) -> tuple[PlateBox, ...]:
        """The same, the picture seen from further away."""
        ...


class FoundPlates(NamedTuple):
    """The boxes of one picture that count, each with its reading, and what it took to find and to read them."""

    plates: tuple[tuple[PlateBox, PlateReading], ...]
    detect_seconds: float
    read_seconds: float


def is_plate(box: PlateBox, reading: PlateReading, threshold: float, least: float = LEAST_CONFIDENCE) -> bool:
    """Whether a box counts: by the detector's confidence, or else by its text, if that is read with `least` or more."""
    if box.confidence >= threshold:
        return True
    return len(reading.text) >= LEAST_CHARACTERS and reading.confidence >= least


def find_plates(image: Image, detector: StillDetector, read: Callable[[Image], PlateReading]) -> FoundPlates:
    """The plates of one picture, (H, W, 3) BGR.

    There is only this one picture of a plate, so an unsure reading is made again by other looks at it; and where
    nothing is found, the picture may be of nothing but a plate: what is found in it from further away counts by its
    text, however sure the detector is.
    """
    near = _read_all(image, detector.detect, read)
    plates = tuple(plate for plate in near.plates if is_plate(*plate, detector.threshold, LEAST_AGREED))
    if plates:
        return near._replace(plates=plates)
    far = _read_all(image, detector.detect_small, read)
    plates = tuple(
        (box, reading)
        for box, reading in far.plates
        if len(reading.text) >= _FAR_CHARACTERS and reading.confidence >= _FAR_CONFIDENCE
    )
    return FoundPlates(plates, near.detect_seconds + far.detect_seconds, near.read_seconds + far.read_seconds)


def whole_plate(image: Image, read: Callable[[Image], PlateReading]) -> FoundPlates:
    """A picture, (H, W, 3) BGR, all of which is one plate."""
    height, width = image.shape[:2]
    return _read_all(image, lambda _: (PlateBox(0.0, 0.0, width, height, 1.0),), read)._replace(detect_seconds=0.0)


def _read_all(
    image: Image, detect: Callable[[Image], tuple[PlateBox, ...]], read: Callable[[Image], PlateReading]
) -> FoundPlates:
    """Every box, whether it counts or not."""
    start = time.perf_counter()
    boxes = detect(image)
    found = time.perf_counter()
    plates = tuple((box, read_well(crop_plate(image, box), read)) for box in boxes)
    return FoundPlates(plates, found - start, time.perf_counter() - found)
