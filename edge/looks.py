"""Other looks at a crop that was read without being sure: tighter, wider, turned, and upright if it is slanted.

What is hard to read is misread differently when it is moved by a few pixels, while what is right tends to come again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from edge.alignment import align
from edge.alphabet import weaken
from edge.preprocess import PLATE_MARGIN, rotated
from edge.records import Image, PlateReading
from edge.slant import slant, upright

_SURE = 0.9
_MARGIN = PLATE_MARGIN / (1 + 2 * PLATE_MARGIN)
_TIGHTER = ((_MARGIN, _MARGIN), (0.01, 0.08), (0.0, 0.15))
"""Shares of the crop's width and height that are cut off on either side."""
_WIDER, _WIDER_TURNED = 0.1, 0.04
"""Shares of the crop's width and height that are added on either side, its edge drawn out: a character at the edge is
taken for the plate's border, and turning would cut it."""
_TURN = 3.0
"""Degrees."""
_SLANTED, _LEANING = 6.0, 8.0
"""Degrees of slope or of lean from which on a crop is also read upright."""


def read_well(crop: Image, read: Callable[[Image], PlateReading]) -> PlateReading:
    """The reading of a crop, (H, W, 3) BGR or (H, W) grey; an unsure one is made again, and the looks at it vote.

    Each vote weighs as much as its confidence; others were measured on real crops and photographs (docs/reader.md).
    A character is as sure as the surest look that read the winning text, times the share of the votes that have it in
    its place.
    """
    return look_again(read(crop), crop, read)


def look_again(first: PlateReading, crop: Image, read: Callable[[Image], PlateReading]) -> PlateReading:
    """`read_well` of a crop whose first reading is there already. What lost is among the reading's `rivals`."""
    if first.confidence >= _SURE:
        return first
    readings = [first, *(read(look) for look in other_looks(crop))]
    votes: dict[str, float] = defaultdict(float)
    for reading in readings:
        votes[reading.text] += reading.confidence
    best = max(readings, key=lambda reading: (votes[reading.text], reading.confidence))
    lost = sorted((text for text in votes if text and text != best.text), key=votes.__getitem__, reverse=True)
    rivals = tuple((text, votes[text] / votes[best.text]) for text in lost if best.text)
    # sharpness is compared between the readings of a pass: always that of the crop as it is
    return replace(_less_sure(best, readings), rivals=rivals, sharpness=first.sharpness)


def _less_sure(best: PlateReading, readings: Sequence[PlateReading]) -> PlateReading:
    """The same text, each character less sure by the share of the votes that have another or none in its place.

    Where others have one more, the weaker of its neighbours is no surer than that there is none.
    """
    if not best.confidence:  # nor has any other, then
        return best
    votes = sum(reading.confidence for reading in readings)
    shared = [0.0] * len(best.text)
    more = [0.0] * (len(best.text) + 1)
    for reading in readings:
        slots = align(best.text, reading.text).slots
        for place, character in enumerate(best.text):
            start, end = slots[2 * place + 1]
            shared[place] += reading.confidence * (reading.text[start:end] == character)
        for gap, (start, end) in enumerate(slots[::2]):
            more[gap] += reading.confidence * (end > start)
    sure = [confidence * share / votes for (_, confidence), share in zip(best.characters, shared, strict=True)]
    for gap, weight in enumerate(more):
        weaken(sure, gap, weight / votes)
    return replace(best, confidence=min(sure), characters=tuple(zip(best.text, sure, strict=True)))


def other_looks(crop: Image) -> Iterator[Image]:
    """The crop without its margin, without what stands above and below the number (less and more of it), with more
    around it, and turned either way; one that is seen slanted also upright, as it is and tighter."""
    yield from _tighter(crop)
    yield _wider(crop, _WIDER)
    turned = _wider(crop, _WIDER_TURNED)
    for angle in (_TURN, -_TURN):
        yield rotated(turned, angle, cv2.INTER_LINEAR)
    seen = slant(crop if crop.ndim == 2 else np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8))
    if seen and (abs(seen.slope) >= _SLANTED or abs(seen.lean) >= _LEANING):
        stood = upright(crop, seen)
        yield stood
        yield from _tighter(stood)


def _tighter(crop: Image) -> Iterator[Image]:
    height, width = crop.shape[:2]
    for across, down in _TIGHTER:
        x, y = round(across * width), round(down * height)
        yield crop[y : height - y, x : width - x]


def _wider(crop: Image, share: float) -> Image:
    height, width = crop.shape[:2]
    x, y = round(share * width), round(share * height)
    return np.asarray(cv2.copyMakeBorder(crop, y, y, x, x, cv2.BORDER_REPLICATE), dtype=np.uint8)
