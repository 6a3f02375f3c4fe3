"""Where in the frame plates are looked for: a region, masks, tiles for wide scenes.

Polygons are in shares of the frame, 0 to 1 from the upper left, so that they outlive another resolution. The frame is
cut to the region's rectangle before it is made smaller, which makes the plates in it larger for the detector.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
Polygon = tuple[Point, ...]

_OVERLAP = 0.2
_MOST_TILES = 8
_GRID = 500
"""Steps along each side of a picture in which what is left to look at is measured."""


@dataclass(frozen=True, slots=True)
class RegionSettings:
    """Where in the picture plates are looked for."""

    look: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Polygons in shares of the picture, such as [[[0.1, 0.4], [0.9, 0.4], [0.9, 1.0], [0.1, 1.0]]]: plates whose
    middle lies in none of them are not looked for. Empty: everywhere. A smaller region makes plates larger for the
    detector, and so finds them farther away."""
    ignore: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Polygons in which nothing is looked for and nothing counts as motion: a clock in the picture, the street beyond
    the gate, a tree."""
    tiles: int = 1
    """Tiles along the region's longer side. Each costs a detection more; for wide views of 4K cameras, in which a plate
    would be a few pixels wide in the detector. `gatereader check` tells how many it is."""

    def __post_init__(self) -> None:
        for name in ("look", "ignore"):
            for polygon in getattr(self, name):
                if len(polygon) < 3:
                    raise ValueError(f"{name} has a polygon of {len(polygon)} points, wanted at least 3")
                if outside := [value for point in polygon for value in point if not 0.0 <= value <= 1.0]:
                    raise ValueError(
                        f"{name} has the coordinate {outside[0]}, wanted shares of the picture from 0 to 1"
                    )
                if area(polygon) < 1e-4:
                    raise ValueError(f"{name} has a polygon without area; list its corners in order")
        if not 1 <= self.tiles <= _MOST_TILES:
            raise ValueError(f"tiles is {self.tiles}, wanted 1 to {_MOST_TILES}")
        left = stencil(self, _GRID, _GRID)
        if left is not None and not left.any():
            raise ValueError("ignore covers all that look leaves of the picture: nothing would ever be looked at")


class Window(NamedTuple):
    """A part of the frame in whole pixels, half-open. `inner` tells which sides (left, top, right, bottom) are a seam
    to another tile: a box that touches one is seen whole elsewhere."""

    x1: int
    y1: int
    x2: int
    y2: int
    inner: tuple[bool, bool, bool, bool] = (False, False, False, False)


def area(polygon: Polygon) -> float:
    """The polygon's area (shoelace formula), in shares of the picture."""
    points = np.array(polygon, np.float64)
    x, y = points[:, 0], points[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def windows(settings: RegionSettings, width: int, height: int) -> tuple[Window, ...]:
    """The parts of a frame of `width` × `height` pixels to look at: the region whole, then its tiles."""
    whole = _bounds(settings.look, width, height)
    if settings.tiles == 1:
        return (whole,)
    long = max(whole.x2 - whole.x1, whole.y2 - whole.y1)
    side = math.ceil(long / (settings.tiles * (1 - _OVERLAP) + _OVERLAP))
    columns, rows = _cuts(whole.x1, whole.x2, side), _cuts(whole.y1, whole.y2, side)
    tiles = [
        Window(x1, y1, x2, y2, (x1 > whole.x1, y1 > whole.y1, x2 < whole.x2, y2 < whole.y2))
        for y1, y2 in rows
        for x1, x2 in columns
    ]
    return (whole, *tiles)


def closest_scale(settings: RegionSettings, canvas: int, width: int, height: int) -> float:
    """Detector pixels for each pixel of a frame of `width` × `height`, where the detector looks closest; `canvas` is
    the side of its square."""
    return max(canvas / max(w.x2 - w.x1, w.y2 - w.y1) for w in windows(settings, width, height))


def _bounds(polygons: tuple[Polygon, ...], width: int, height: int) -> Window:
    if not polygons:
        return Window(0, 0, width, height)
    points = np.array([point for polygon in polygons for point in polygon], np.float64)
    x1, y1 = np.floor(points.min(axis=0) * (width, height)).astype(int).tolist()
    x2, y2 = np.ceil(points.max(axis=0) * (width, height)).astype(int).tolist()
    x1, y1 = min(x1, width - 1), min(y1, height - 1)
    return Window(x1, y1, max(x2, x1 + 1), max(y2, y1 + 1))


def _cuts(start: int, end: int, side: int) -> list[tuple[int, int]]:
    """Pieces of `side` that cover `start` to `end`, evenly and with an overlap; one if it is not longer than that."""
    length = end - start
    if length <= side:
        return [(start, end)]
    count = math.ceil((length - side) / (side * (1 - _OVERLAP))) + 1
    firsts = [start + round(index * (length - side) / (count - 1)) for index in range(count)]
    return [(first, first + side) for first in firsts]


@lru_cache(maxsize=8)
def stencil(settings: RegionSettings, width: int, height: int) -> npt.NDArray[np.uint8] | None:
    """(height, width): 255 where plates are looked for, 0 elsewhere; None where everything is. Not to be written to:
    whoever asks for the same has the same."""
    if not settings.look and not settings.ignore:
        return None
    drawn = np.full((height, width), 0 if settings.look else 255, np.uint8)
    for polygons, value in ((settings.look, 255), (settings.ignore, 0)):
        for polygon in polygons:
            corners = np.round(np.array(polygon, np.float64) * (width, height)).astype(np.int32)
            cv2.fillPoly(drawn, [corners], value)
    return drawn
