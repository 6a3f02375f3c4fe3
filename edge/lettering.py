"""Text on pictures: in OpenCV 5's fonts, or with what OpenCV 4 has, which systems' packages still are."""

from functools import cache
from typing import Any, NamedTuple

import cv2

from edge.errors import SourceError
from edge.records import Image

Colour = tuple[int, ...]
"""Blue, green, red, 0 to 255."""

HAS_FONTS = hasattr(cv2, "FontFace")
_BUILT_IN = "sans"
_STROKES = cv2.FONT_HERSHEY_SIMPLEX
_STROKES_PIXELS = 30.0
"""How high the strokes' letters are at scale 1, measured as a font's size is."""


class Face(NamedTuple):
    """How letters look: their size, their weight as in CSS (400 is regular), and the font's file."""

    pixels: int
    weight: int
    file: str = _BUILT_IN
    """`sans` is built into OpenCV 5: no file to find, 0.05 ms a line."""


def write(picture: Image, text: str, place: tuple[int, int], colour: Colour, face: Face) -> None:
    """Draw a line of text in place, from `place` (x, y of its base line) on; SourceError if the font cannot be had."""
    if HAS_FONTS:
        cv2.putText(picture, text, place, colour, _font(face.file), face.pixels, face.weight)
    elif face.file == _BUILT_IN:
        cv2.putText(picture, text, place, _STROKES, _scale(face), colour, _thickness(face), cv2.LINE_AA)
    elif (font := _free_type(face.file)) is not None:
        font.putText(
            picture, text, place, face.pixels, colour, thickness=-1, line_type=cv2.LINE_AA, bottomLeftOrigin=True
        )
    else:
        raise SourceError(f"the demo scene's plates want OpenCV 5, or 4 with freetype; this is {cv2.__version__}")


def text_width(text: str, face: Face) -> int:
    """Pixels that a line of text is wide."""
    if HAS_FONTS:
        return cv2.getTextSize((0, 0), text, (0, 0), _font(face.file), face.pixels, face.weight)[2]
    return cv2.getTextSize(text, _STROKES, _scale(face), _thickness(face))[0][0]


@cache
def _font(name: str) -> Any:
    return cv2.FontFace(name)


@cache
def _free_type(file: str) -> Any:
    """The font as OpenCV 4's freetype has it, which not every build has; None without."""
    module: Any = getattr(cv2, "freetype", None)
    if module is None:
        return None
    font = module.createFreeType2()
    font.loadFontData(file, 0)
    return font


def _scale(face: Face) -> float:
    return face.pixels / _STROKES_PIXELS


def _thickness(face: Face) -> int:
    return 2 if face.weight > 600 else 1
