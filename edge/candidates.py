"""Boxes that the detector is not sure of: they count only if the reader finds a plate's text in them.

Small and dark plates get low confidences from the detector, and so do grilles and shop signs; reading one costs a
fraction of a millisecond and tells most of them apart.
"""

from edge.records import PlateBox, PlateReading

LEAST_CHARACTERS = 4
LEAST_CONFIDENCE = 0.5


def is_plate(box: PlateBox, reading: PlateReading, threshold: float) -> bool:
    """Whether a box counts: by the detector's confidence, or else by its text."""
    if box.confidence >= threshold:
        return True
    return len(reading.text) >= LEAST_CHARACTERS and reading.confidence >= LEAST_CONFIDENCE
