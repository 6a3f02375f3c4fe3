"""Contact sheets: pictures in cells of one size, with words below each."""

from collections.abc import Sequence

import cv2
import numpy as np

from edge.records import Image

_LINE = 16
_COLOURS = ((0, 0, 0), (0, 0, 200))


def cell(picture: Image, lines: Sequence[str], size: tuple[int, int]) -> Image:
    """A picture (h, w, 3) BGR fitted into a white cell of `size` (width, height), the lines of text below it: the first
    one black, the others red."""
    width, height = size
    below = _LINE * len(lines) + 6
    scale = min((width - 6) / picture.shape[1], (height - below) / picture.shape[0])
    fitted = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    canvas = np.full((height, width, 3), 255, np.uint8)
    canvas[2 : 2 + fitted.shape[0], 2 : 2 + fitted.shape[1]] = fitted
    for row, text in enumerate(lines):
        place = (3, height - _LINE * (len(lines) - row) + 10)
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, _COLOURS[min(row, 1)], 1, cv2.LINE_AA)
    return canvas


def sheet(cells: Sequence[Image], columns: int) -> Image:
    """Cells of one size side by side, row by row; what the last row lacks is black."""
    filled = [*cells, *[np.zeros_like(cells[0])] * (-len(cells) % columns)]
    return np.vstack([np.hstack(filled[row : row + columns]) for row in range(0, len(filled), columns)])
