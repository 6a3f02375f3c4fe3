"""How a plate's lettering stands in the picture: the slope of its lines of text and the lean of its strokes.

Both come from the same idea: if the edges of the characters are summed up along the right direction, they fall together
into few sharp peaks. Lines of text are found by their upper and lower edges, strokes by their left and right ones; the
plate's own border, which runs the same ways, helps.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from edge.preprocess import warped
from edge.records import Image

_WORK_WIDTH = 200
"""Pixels; a small crop is enlarged, so that a degree is more than a bin."""
_MOST_SLOPE, _MOST_LEAN = 25.0, 35.0
_COARSE, _FINE = 2.0, 0.5
_EDGES = 75.0
"""Percentile of the gradient above which a pixel is an edge."""
_LEAST_EDGES = 60
_TALLEST = 3
"""Times as tall as wide: no plate, and enlarged by its width it would fill the memory."""

Doubles = npt.NDArray[np.float64]


class Slant(NamedTuple):
    """Degrees, clockwise positive, as seen in the picture."""

    slope: float
    """By how much the text falls to the right."""
    lean: float
    """By how much upright strokes lean to the right."""


def slant(grey: Image) -> Slant | None:
    """The slant of the lettering in an (H, W) crop, between -25 and 25, and -35 and 35 degrees.

    None where there is too little to see. The slope of drawn plates is right within 2 degrees, nearly always within a
    fraction of one; the lean of most within 3 (`docs/aim.md`).
    """
    if grey.shape[0] > _TALLEST * grey.shape[1]:
        return None
    scale = _WORK_WIDTH / grey.shape[1]
    size = (_WORK_WIDTH, max(8, round(grey.shape[0] * scale)))
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    smooth = cv2.GaussianBlur(cv2.resize(grey, size, interpolation=method).astype(np.float32), (0, 0), 1.0)
    across = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0).astype(np.float64))
    down = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1).astype(np.float64))
    strength = np.hypot(across, down)
    y, x = np.nonzero(strength > max(8.0, float(np.percentile(strength, _EDGES))))
    if len(y) < _LEAST_EDGES:
        return None
    across, down = across[y, x], down[y, x]
    right, low = x - np.float64(size[0] / 2), y - np.float64(size[1] / 2)
    flat = down > across
    if min(int(flat.sum()), int((~flat).sum())) < _LEAST_EDGES // 4:
        return None
    slope = _sharpest(low[flat], right[flat], down[flat], _MOST_SLOPE)
    lean = _sharpest(right[~flat], -low[~flat], across[~flat], _MOST_LEAN)
    return Slant(slope, lean)


def upright(picture: Image, seen: Slant) -> Image:
    """A picture, (H, W, 3) or (H, W), with its text level and its strokes upright; it keeps its size."""
    height, width = picture.shape[:2]
    fall, lean = np.tan(np.radians((seen.slope, seen.lean)))
    undone = np.linalg.inv(np.array([[1.0, -lean], [fall, 1.0]]))  # of what makes of right and down what is seen
    undone /= math.sqrt(abs(np.linalg.det(undone)))  # the lettering keeps its area
    middle = np.array([width / 2, height / 2])
    return warped(picture, np.concatenate([undone, (middle - undone @ middle)[:, None]], axis=1), cv2.INTER_LINEAR)


def _sharpest(place: Doubles, along: Doubles, weight: Doubles, most: float) -> float:
    """The angle at which `place - along * tan(angle)`, weighted, falls into the sharpest peaks."""

    def score(angle: float) -> float:
        moved = place - along * np.tan(np.radians(angle))
        moved -= moved.min()
        cell = moved.astype(np.intp)
        part = weight * (moved - cell)
        bins = int(cell.max()) + 2
        sums = np.bincount(cell, weight - part, bins) + np.bincount(cell + 1, part, bins)
        return float(np.dot(sums, sums))

    coarse = np.arange(-most, most + _COARSE / 2, _COARSE)
    near = coarse[int(np.argmax([score(angle) for angle in coarse]))]
    fine = np.arange(near - _COARSE, near + _COARSE + _FINE / 2, _FINE)
    scores = [score(angle) for angle in fine]
    best = int(np.argmax(scores))
    if not 0 < best < len(fine) - 1:
        return float(fine[best])
    left, middle, right = scores[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float(fine[best] + (_FINE * (left - right) / (2 * bend) if bend else 0.0))  # the top of a parabola
