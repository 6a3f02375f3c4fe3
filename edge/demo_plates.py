"""Plates for the demo scene: numbers in the style of several countries, drawn once at about one pixel a millimetre.

The fonts are free look-alikes of DIN 1451 and Highway Gothic (see `fonts/`); no country's official typeface is copied.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.lettering import Face, write
from edge.records import Image

FONTS = Path(__file__).parent / "fonts"
DIN, GOTHIC = "OSP-DIN.ttf", "RG2014C.ttf"

Colour = tuple[int, int, int]
"""Blue, green, red, 0 to 255."""

WHITE: Colour = (228, 232, 232)
BLACK: Colour = (26, 24, 24)
YELLOW: Colour = (48, 190, 240)
BLUE: Colour = (150, 62, 20)
GREEN: Colour = (64, 98, 22)
RED: Colour = (36, 32, 150)

LETTERS = "ABCDEFGHJKLMNPRSTVWXYZ"
"""Without I, O, Q and U, which most of these countries leave out."""


@dataclass(frozen=True, slots=True)
class PlateStyle:
    """How the plates of one kind look; sizes in millimetres, which are also pixels of the drawn plate."""

    name: str
    pattern: str
    """`A` a letter, `0` a digit, `|` the break between two lines; anything else is drawn as it is."""
    width: int = 520
    height: int = 110
    ground: Colour = WHITE
    ink: Colour = BLACK
    font: str = DIN
    bands: str = ""
    """Coloured bands: `l` left, `r` right, `t` top; `s` are two round seals in the widest gap."""
    band: Colour = BLUE


STYLES: tuple[PlateStyle, ...] = (
    PlateStyle("italian", "AA 000 AA", bands="lr"),
    PlateStyle("german", "AA   AA 000", bands="ls"),
    PlateStyle("dutch", "00-AAA-0", ground=YELLOW, bands="l"),
    PlateStyle("british", "AA00 AAA", font=GOTHIC),
    PlateStyle("black", "AAA 0000", ground=BLACK, ink=WHITE, font=GOTHIC),
    PlateStyle("french", "AA-000-AA", bands="lr"),
    PlateStyle("mercosur", "AAA0A00", width=400, height=130, bands="t"),
    PlateStyle("american", "0AAA000", width=305, height=152, ink=(110, 46, 24), font=GOTHIC, bands="t", band=RED),
    PlateStyle("two-line", "AA 000|AA 00", width=340, height=220, bands="l"),
    PlateStyle("british rear", "AA00 AAA", ground=YELLOW, font=GOTHIC),
    PlateStyle("green", "AA 00000", ground=GREEN, ink=WHITE),
    PlateStyle("swiss", "AA 000000", font=DIN),
    PlateStyle("two-line yellow", "AA-00|00-A", width=300, height=200, ground=YELLOW),
    PlateStyle("indonesian", "A 0000 AAA", width=430, height=135, ground=BLACK, ink=WHITE),
)


def invent_number(style: PlateStyle, rng: np.random.Generator) -> str:
    """A random number in the style's pattern, with its spaces, dashes and line break."""
    pick: dict[str, Callable[[], str]] = {
        "A": lambda: LETTERS[rng.integers(len(LETTERS))],
        "0": lambda: str(rng.integers(10)),
    }
    return "".join(pick[c]() if c in pick else c for c in style.pattern)


def plain_text(number: str) -> str:
    """What a reader should answer: capital letters and digits only."""
    return "".join(c for c in number if c.isalnum())


def _glyph(character: str, font: str) -> Image:
    """One character as an (H, W) mask on a common baseline, cropped to its width; 255 where there is ink."""
    canvas = np.zeros((160, 260), np.uint8)
    write(canvas, character, (40, 155), (255,), Face(180, 400, str(FONTS / font)))
    x, _, width, _ = cv2.boundingRect(canvas)
    return canvas[:, x : x + width]


def _lettering(line: str, font: str) -> Image:
    """The line as a tightly cropped (H, W) mask; set glyph by glyph, because the fonts' own kerning makes L J touch."""
    pieces: list[Image] = []
    for character in line:
        if character == " ":
            pieces.append(np.zeros((160, 44), np.uint8))
        else:
            pieces += [_glyph(character, font), np.zeros((160, 22), np.uint8)]
    canvas = np.hstack(pieces)
    x, y, width, height = cv2.boundingRect(canvas)
    return canvas[y : y + height, x : x + width]


def _print_line(plate: Image, line: str, style: PlateStyle, box: tuple[int, int, int, int]) -> None:
    """Fit the lettering of `line` into `box` (x1 y1 x2 y2) of `plate` in place, at most 15 % wider or narrower."""
    x1, y1, x2, y2 = box
    mask = _lettering(line, style.font)
    height = y2 - y1
    natural = mask.shape[1] * height / mask.shape[0]
    width = int(np.clip(natural * 1.15, 1, x2 - x1))
    if width < natural * 0.85:
        height = int(height * width / (natural * 0.85))
    left, top = x1 + (x2 - x1 - width) // 2, y1 + (y2 - y1 - height) // 2
    ink = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)[..., None] / 255.0
    area = plate[top : top + height, left : left + width]
    area[:] = (area * (1 - ink) + np.array(style.ink) * ink).astype(np.uint8)


def _draw_bands(plate: Image, style: PlateStyle) -> tuple[int, int, int]:
    """Draw the coloured bands in place; returns what is left for the number: x1, x2 and y1."""
    height, width = plate.shape[:2]
    left, right, top = 12, width - 12, 0
    strip = 40
    if "l" in style.bands:
        plate[:, :strip] = style.band
        for angle in np.arange(0, 2 * np.pi, np.pi / 6):  # the ring of stars
            centre = (int(20 + 11 * np.cos(angle)), int(height * 0.32 + 11 * np.sin(angle)))
            cv2.circle(plate, centre, 2, YELLOW, -1)
        left = strip + 10
    if "r" in style.bands:
        plate[:, width - strip :] = style.band
        cv2.circle(plate, (width - 20, int(height * 0.3)), 9, YELLOW, 2, cv2.LINE_AA)
        right = width - strip - 10
    if "t" in style.bands:
        top = int(height * 0.2)
        plate[:top] = style.band
        cv2.rectangle(plate, (14, 6), (40, top - 6), WHITE, -1)
    return left, right, top


def _stick_seals(plate: Image, left: int, right: int) -> None:
    """Two round seals into the widest gap between the characters, in place."""
    inked = np.flatnonzero(plate[20:-20, left:right].min(axis=(0, 2)) < 120)
    first = int(np.argmax(np.diff(inked)))
    centre = left + int(inked[first] + inked[first + 1]) // 2
    cv2.circle(plate, (centre, int(plate.shape[0] * 0.3)), 12, RED, -1, cv2.LINE_AA)
    cv2.circle(plate, (centre, int(plate.shape[0] * 0.7)), 13, (90, 150, 70), -1, cv2.LINE_AA)


def draw_plate(number: str, style: PlateStyle, rng: np.random.Generator) -> Image:
    """The plate as BGR, `style.height` × `style.width` pixels, with border, screws and some dirt."""
    plate = np.full((style.height, style.width, 3), style.ground, np.uint8)
    left, right, top = _draw_bands(plate, style)
    lines = number.split("|")
    room = style.height - top
    margin = int(room * (0.15 if len(lines) == 1 else 0.07))
    pitch = room // len(lines)
    for index, line in enumerate(lines):
        y = top + index * pitch
        _print_line(plate, line, style, (left + 8, y + margin, right - 8, y + pitch - margin))
    if "s" in style.bands:
        _stick_seals(plate, left, right)
    cv2.rectangle(plate, (1, 1), (style.width - 2, style.height - 2), style.ink, 3)
    dirt = cv2.resize(rng.normal(1.0, 0.05, (6, 16)), (style.width, style.height), interpolation=cv2.INTER_CUBIC)
    fade = np.linspace(1.03, 0.93, style.height)[:, None]
    return np.clip(plate * (dirt * fade)[..., None], 0, 255).astype(np.uint8)
