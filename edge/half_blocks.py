"""A picture in a terminal: each character cell is an upper half block, its colours two pixels one above the other."""

import os
from collections.abc import Mapping
from typing import Literal, TextIO

import cv2
import numpy as np

from edge.records import Image

_CELL = 2.0
"""Height of a terminal's character in widths."""
_HALF = "▀"
_RESET = "\x1b[0m"

Colours = Literal["none", "grey", "true"]


def colours_of(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Colours:
    """What pictures the stream can show: none unless it is a terminal with UTF-8 and colours."""
    encoding = (stream.encoding or "").lower().replace("-", "")
    if not stream.isatty() or encoding != "utf8" or environment.get("NO_COLOR"):
        return "none"
    if environment.get("TERM", "dumb") in ("dumb", "unknown"):
        return "none"
    return "true" if environment.get("COLORTERM") in ("truecolor", "24bit") else "grey"


def picture_lines(image: Image, columns: int, rows: int, colours: Colours) -> list[str]:
    """The picture, as large as fits into so many cells, as lines for the terminal; none where it shows none.

    "true" sends 24-bit colours, "grey" the 24 greys that every terminal with 256 colours has.
    """
    if colours == "none":
        return []
    height, width = image.shape[:2]
    scale = min(columns / width, rows * _CELL / height)
    size = max(1, round(width * scale)), max(2, 2 * round(height * scale / 2))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
    return [
        "".join(_cell(upper, lower, colours) for upper, lower in zip(small[row], small[row + 1], strict=True)) + _RESET
        for row in range(0, size[1], 2)
    ]


def _cell(upper: Image, lower: Image, colours: Colours) -> str:
    """One character: `upper` as its colour, `lower` behind it; each (3,) BGR."""
    if colours == "true":
        above, below = (";".join(str(value) for value in reversed(pixel.tolist())) for pixel in (upper, lower))
        return f"\x1b[38;2;{above};48;2;{below}m{_HALF}"
    light, dark = (232 + round(23 * float(pixel.mean()) / 255) for pixel in (upper, lower))
    return f"\x1b[38;5;{light};48;5;{dark}m{_HALF}"
