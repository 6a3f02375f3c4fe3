"""Boxes that the detector is not sure of: they count only if the reader finds a plate's text in them.

Small and dark plates get low confidences from the detector, and so do grilles and shop signs; reading one costs a
fraction of a millisecond and tells most of them apart.
"""

from collections.abc import Callable, Iterable

from edge.looks import read_well
from edge.preprocess import crop_plate
from edge.records import Image, PlateBox, PlateReading

LEAST_CHARACTERS = 4
LEAST_CONFIDENCE = 0.7
"""Of a reading made at one look; …"""
LEAST_AGREED = 0.6
"""… and of one that several looks had to agree on, which is less sure where they do not."""


def is_plate(box: PlateBox, reading: PlateReading, threshold: float, least: float = LEAST_CONFIDENCE) -> bool:
    """Whether a box counts: by the detector's confidence, or else by its text, if that is read with `least` or more."""
    if box.confidence >= threshold:
        return True
    return len(reading.text) >= LEAST_CHARACTERS and reading.confidence >= least


def read_plates(
    image: Image, boxes: Iterable[PlateBox], read: Callable[[Image], PlateReading], threshold: float
) -> tuple[tuple[PlateBox, PlateReading], ...]:
    """The boxes of one picture, (H, W, 3) BGR, that count, each with its reading.

    There is only this one picture of a plate, so an unsure reading is made again by other looks at it.
    """
    plates = ((box, read_well(crop_plate(image, box), read)) for box in boxes)
    return tuple((box, reading) for box, reading in plates if is_plate(box, reading, threshold, LEAST_AGREED))
