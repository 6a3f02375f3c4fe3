"""How far a plate moved while the shutter was open, from one still crop.

A lens that is out of focus widens all edges alike, a movement only those across its way. An edge's width is told by the
variance of its gradient; a movement by L pixels adds L²/12 to it (the variance of a box of length L), so that the
difference between edges across and edges along the movement leaves L.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Image

Doubles = npt.NDArray[np.float64]

_STRONG = 0.45
"""An edge's least height, of the crop's span from dark to bright."""
_PURE = 1.5
"""How much more an edge changes across than along, at least: slanted strokes look wide without any movement."""
_LEAST_EDGES = 12
_STRETCH = 1.4
"""Found on drawn plates: strokes are so narrow that the far side of one cuts the widened edge of the other short."""
_FLOOR = 0.01
"""Of the plate's width: what rounded and slanted strokes seem to be smeared by on a plate that stands still."""
_UNSURE = 0.2
"""Of the edges' common width: what is out of focus hides small movements, and must not look like one."""


class Smear(NamedTuple):
    """A straight movement in the picture."""

    length: float
    """Pixels."""
    sideways: bool
    """Whether it goes sideways; else up or down."""


def smear(grey: Image) -> Smear | None:
    """The movement that an (H, W) crop with level lettering shows; None where it has too few clear edges.

    Drawn plates: monotone, and the mean of several is right to about 30 % from 3.5 % of the plate's width (5 % up or
    down, as characters have fewer level edges) to half a character, at which reading ends. A shorter movement comes out
    too short, rather than that focus or round strokes would be taken for one (`docs/aim.md`).
    """
    smooth = cv2.GaussianBlur(grey.astype(np.float64), (0, 0), 0.6).astype(np.float64)
    dark, bright = np.percentile(smooth, (5, 95))
    across = _variances(smooth, bright - dark)
    down = _variances(np.ascontiguousarray(smooth.T), bright - dark)
    if min(len(across), len(down)) < _LEAST_EDGES or bright - dark < 1:
        return None
    wide, high = float(np.median(across)), float(np.median(down))
    more = abs(wide - high) - _UNSURE * min(wide, high)
    square = _STRETCH**2 * 12 * more - (_FLOOR * grey.shape[1]) ** 2
    return Smear(float(np.sqrt(max(0.0, square))), wide >= high)


def _variances(picture: Doubles, span: float) -> Doubles:
    """Of each strong edge across the rows, a run of pixels that only rises or only falls, that of its gradient."""
    steps = np.diff(picture, axis=1)
    along = np.zeros_like(picture)
    along[1:-1] = np.abs(picture[2:] - picture[:-2]) / 2
    along = (along[:, 1:] + along[:, :-1]) / 2
    starts = np.ones(steps.shape, dtype=np.bool_)
    starts[:, 1:] = np.sign(steps[:, 1:]) != np.sign(steps[:, :-1])
    first = np.flatnonzero(starts)
    weight = np.abs(steps).ravel()
    place = np.broadcast_to(np.arange(steps.shape[1], dtype=np.float64), steps.shape).ravel()
    height = np.add.reduceat(weight, first)
    mean, square = np.add.reduceat(weight * place, first), np.add.reduceat(weight * place**2, first)
    other = np.add.reduceat(along.ravel(), first)
    clear = (height > _STRONG * span) & (height > _PURE * other)
    mean, square, height = mean[clear], square[clear], height[clear]
    return np.asarray(square / height - (mean / height) ** 2, dtype=np.float64)
