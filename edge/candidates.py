"""Boxes that the detector is not sure of: they count only if the reader finds a plate's text in them.

Small and dark plates get low confidences from the detector, and so do grilles and shop signs; reading one costs a
fraction of a millisecond and tells most of them apart.
"""

from collections.abc import Callable, Iterable

from edge.preprocess import crop_plate
from edge.records import Image, PlateBox, PlateReading

LEAST_CHARACTERS = 4
LEAST_CONFIDENCE = 0.5
_SURE = 0.9
_OTHER_MARGINS = (0.0, 0.08)
"""Plate widths and heights around a box, beside the usual `PLATE_MARGIN`."""


def is_plate(box: PlateBox, reading: PlateReading, threshold: float) -> bool:
    """Whether a box counts: by the detector's confidence, or else by its text."""
    if box.confidence >= threshold:
        return True
    return len(reading.text) >= LEAST_CHARACTERS and reading.confidence >= LEAST_CONFIDENCE


def read_plates(
    image: Image, boxes: Iterable[PlateBox], read: Callable[[Image], PlateReading], threshold: float
) -> tuple[tuple[PlateBox, PlateReading], ...]:
    """The boxes of one picture, (H, W, 3) BGR, that count, each with its reading.

    There is only this one look at a plate, and a box a little too tight or too loose may cost a character: an unsure
    reading is made again with less and with more around the box, and the surest one counts.
    """
    plates = ((box, read(crop_plate(image, box))) for box in boxes)
    return tuple(
        (box, _surest(image, box, reading, read)) for box, reading in plates if is_plate(box, reading, threshold)
    )


def _surest(image: Image, box: PlateBox, reading: PlateReading, read: Callable[[Image], PlateReading]) -> PlateReading:
    if reading.confidence >= _SURE:
        return reading
    usual = crop_plate(image, box).shape
    crops = [crop_plate(image, box, margin) for margin in _OTHER_MARGINS]
    again = [read(crop) for crop in crops if crop.shape != usual]  # a box as large as the picture has no margin
    return max((reading, *again), key=lambda one: one.confidence)
