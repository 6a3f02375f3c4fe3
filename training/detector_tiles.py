"""Pictures of what a detector gets wrong: the surroundings of a box with the true boxes and the found ones on them."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from edge.records import Image
from training.detector_data import Boxes, Picture
from training.detector_metrics import Found, match
from training.sheet import sheet as contact_sheet

TILE = 240
"""Pixels, the side of a tile."""
_COLUMNS = 6
_MOST = 48


class Mistake(NamedTuple):
    """A missed plate, or a box that is on none."""

    picture: Picture
    box: Boxes
    """(4,) x1 y1 x2 y2 of the plate or of the box."""
    found: Found
    score: float
    """Confidence of the false box, or of the surest box that touches the missed plate; 0 if none does."""


def missed(pictures: Sequence[Picture], found: Sequence[Found], threshold: float) -> list[Mistake]:
    """Every plate without a sure box at IoU 0.5, the narrowest first."""
    mistakes = []
    for picture, one in zip(pictures, found, strict=True):
        hits = match(sure(one, threshold), picture.boxes, 0.5)
        mistakes += [
            Mistake(picture, box, one, _surest_near(one, box))
            for index, box in enumerate(picture.boxes)
            if index not in hits
        ]
    return sorted(mistakes, key=lambda mistake: float(mistake.box[2] - mistake.box[0]))


def false(pictures: Sequence[Picture], found: Sequence[Found], threshold: float) -> list[Mistake]:
    """Every sure box that hits no plate, the surest first."""
    mistakes = []
    for picture, one in zip(pictures, found, strict=True):
        boxes = sure(one, threshold)
        mistakes += [
            Mistake(picture, boxes.boxes[index], one, float(boxes.scores[index]))
            for index in np.flatnonzero(match(boxes, picture.boxes, 0.5) < 0)
        ]
    return sorted(mistakes, key=lambda mistake: -mistake.score)


def sure(found: Found, threshold: float) -> Found:
    """What was found with at least this confidence."""
    kept = found.scores >= threshold
    return Found(found.boxes[kept], found.scores[kept])


def tile(mistake: Mistake, threshold: float) -> Image:
    """(TILE, TILE, 3): true boxes green, found ones red, yellow those with too little confidence."""
    picture, box, found, _ = mistake
    height, width = picture.image.shape[:2]
    side = min(max(3.0 * float(box[2] - box[0]), 3.0 * float(box[3] - box[1]), 48.0), float(max(height, width)))
    scale = TILE / side
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    origin = np.minimum(np.maximum(middle - side / 2, 0), np.maximum(np.array([width, height]) - side, 0))
    matrix = np.array([[scale, 0, -origin[0] * scale], [0, scale, -origin[1] * scale]])
    canvas = np.asarray(cv2.warpAffine(picture.image, matrix, (TILE, TILE), flags=cv2.INTER_CUBIC), np.uint8)

    def draw(corners: Boxes, colour: tuple[int, int, int]) -> None:
        low, high = ((corners[:2] - origin) * scale).astype(int), ((corners[2:] - origin) * scale).astype(int)
        cv2.rectangle(canvas, low.tolist(), high.tolist(), colour, 1)

    for truth in picture.boxes:
        draw(truth, (0, 255, 0))
    for corners, score in zip(found.boxes, found.scores, strict=True):
        if score >= 0.05:
            draw(corners, (0, 0, 255) if score >= threshold else (0, 255, 255))
    return canvas


def sheet(mistakes: Sequence[Mistake], threshold: float) -> Image:
    """Captioned tiles side by side; with too many, every n-th."""
    tiles = [_captioned(one, threshold) for one in mistakes[:: max(1, -(-len(mistakes) // _MOST))]]
    return contact_sheet(tiles or [np.zeros((TILE, TILE, 3), np.uint8)], _COLUMNS)


def _captioned(mistake: Mistake, threshold: float) -> Image:
    canvas = tile(mistake, threshold)
    caption = f"{mistake.picture.source[:4]} {mistake.box[2] - mistake.box[0]:.0f}px best {mistake.score:.2f}"
    cv2.putText(canvas, caption, (4, TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0), 1, cv2.LINE_AA)
    return canvas


def _surest_near(found: Found, box: Boxes) -> float:
    low = np.maximum(found.boxes[:, :2], box[:2])
    high = np.minimum(found.boxes[:, 2:], box[2:])
    return float(found.scores[(high > low).all(axis=1)].max(initial=0.0))
