"""Characters, separators and small words as coverage masks, (H, W) uint8, 0 to 255, drawn from the fonts."""

import random
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from training.dies import Die, Mask, die_glyph
from training.plates import SEPARATORS

DEALERS = (
    "AUTO GROUP",
    "MOTORS",
    "UNIVERSITY",
    "ALUMNI",
    "HONDA",
    "BMW",
    "OF RICHMOND",
    "www.dealer.com",
    "LEXUS",
    "TOYOTA",
    "Audi",
    "mazda",
    "JEEP",
    "MY OTHER CAR",
    "FORD",
    "SAN DIEGO",
    "USED CARS",
    "NAVY",
    "GARAGE MULLER",
    "Autohaus",
    "TENNIS",
    "AUTOHAUS SCHMIDT",
    "www.autohaus.de",
    "Garage du Lac",
    "CONCESIONARIO",
    "AUTO MOTO",
    "Skoda",
    "Volkswagen Zentrum",
    "RENAULT",
    "PEUGEOT",
    "Groep",
    "BILIA",
    "Autosalon",
    "dealer.pl",
    "EVANS",
    "CONCESSIONARIA",
    "KIA MOTORS",
    "AUTO CENTRUM",
    "FIAT",
    "Das Auto",
    "01 45 22 80 10",
)
"""What stands on dealers' frames and holders."""

_GLYPH_HEIGHT = 96
_MOST_STRETCH = 1.35
_MOST_SPACING = 0.32
"""Of the characters' height."""


def serial_mask(line: str, font: str | Die, size: tuple[int, int], bold: int, random_: random.Random) -> Mask:
    """One line of characters and separators as coverage; `font` is a font's file, or dies, and `size` the room that it
    has and its height, pixels.

    Presses have a die of one width for each character, or gaps that keep thin ones apart, and their plates are filled:
    where there is room, characters and gaps grow into it. A few are as cramped as no press would have it.
    """
    room, height = size
    spacing = height * (random_.uniform(0.07, 0.2) if random_.random() < 0.88 else random_.uniform(0.02, 0.07))
    space = round(height * random_.uniform(0.15, 0.55))
    glyphs = {character: _glyph(character, font, bold) for character in line if character not in SEPARATORS}
    widths = {character: glyph.shape[1] * height / _GLYPH_HEIGHT for character, glyph in glyphs.items()}
    least = 0.0
    if widths and random_.random() < 0.4:
        least = random_.uniform(0.7, 1.0) * float(np.median(list(widths.values())))
    total = sum(max(widths.get(character, space), least) + spacing for character in line)
    stretch = 1.0
    if random_.random() < 0.75 and total < room:
        wanted = max(1.0, room * random_.uniform(0.82, 1.0) / total)
        stretch = min(wanted ** random_.uniform(0.3, 1.0), _MOST_STRETCH)
        spacing = min(spacing + (wanted - stretch) * total / len(line), _MOST_SPACING * height)
    parts: list[Mask] = []
    for character in line:
        if character in SEPARATORS:
            parts.append(_separator(character, height, space, random_))
        else:
            width = max(3, round(widths[character] * stretch))
            drawn = cv2.resize(glyphs[character], (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
            before = max(0, round(least * stretch) - width) // 2
            parts.append(cv2.copyMakeBorder(drawn, 0, 0, before, before, cv2.BORDER_CONSTANT, value=0).astype(np.uint8))
        parts.append(np.zeros((height, max(1, round(spacing))), dtype=np.uint8))
    return np.hstack(parts[:-1])


def _separator(character: str, height: int, space: int, random_: random.Random) -> Mask:
    if character == "#":
        return _ideograph(height, random_)
    if character == "*":
        return _seal(height, space, random_)
    mask = np.zeros((height, max(space, 4)), dtype=np.uint8)
    centre = (mask.shape[1] // 2, round(height * random_.uniform(0.42, 0.58)))
    if character == "-":
        half = (max(2, mask.shape[1] // 3), max(2, round(height * 0.05)))
        cv2.rectangle(
            mask, (centre[0] - half[0], centre[1] - half[1]), (centre[0] + half[0], centre[1] + half[1]), 255, -1
        )
    elif character == ".":
        cv2.circle(mask, centre, max(2, round(height * 0.06)), 255, -1, cv2.LINE_AA)
    return mask


def _seal(height: int, space: int, random_: random.Random) -> Mask:
    """What stands between characters and is none of them: one seal or two, arms, a star, a heart, a state's outline."""
    size = height * random_.uniform(0.28, 0.62)
    kind = random_.choices(["two", "one", "shield", "star", "heart", "outline"], [30, 20, 20, 8, 7, 15])[0]
    if kind == "two":
        size = min(size, 0.45 * height)
    mask = np.zeros((height, max(space, round(size) + 4)), dtype=np.uint8)
    x, y = mask.shape[1] / 2, height * random_.uniform(0.42, 0.58)
    places = [y]
    if kind == "two":
        apart = min(size * random_.uniform(0.5, 0.65), height / 2 - size / 2)
        places = [height / 2 - apart, height / 2 + apart]
    outline = _outline(kind, random_)
    thickness = random_.choice([-1, -1, max(2, round(height * random_.uniform(0.02, 0.05)))])
    for place in places:
        points = (outline * size / 2 + (x, place)).round().astype(np.int32)
        cover = random_.randint(60, 255)
        if thickness < 0:
            cv2.fillPoly(mask, [points], cover, cv2.LINE_AA)
        else:
            cv2.polylines(mask, [points], True, cover, thickness, cv2.LINE_AA)
    if random_.random() < 0.7:
        _engrave(mask, size, (x, places), random_)
    return mask


def _engrave(mask: Mask, size: float, where: tuple[float, list[float]], random_: random.Random) -> None:
    """Beasts, crosses and small print, as a camera sees them: lines and dots of any shade within the seals."""
    x, places = where
    inside = mask > 0
    drawn = mask.copy()
    for place in places:
        for _ in range(random_.randint(1, 6)):
            start, end = (
                (round(x + size * random_.uniform(-0.4, 0.4)), round(place + size * random_.uniform(-0.4, 0.4)))
                for _ in range(2)
            )
            cv2.line(drawn, start, end, random_.randint(0, 255), max(1, round(size * 0.08)), cv2.LINE_AA)
        cv2.circle(
            drawn, (round(x), round(place)), max(1, round(size * 0.15)), random_.randint(0, 255), -1, cv2.LINE_AA
        )
    mask[inside] = drawn[inside]


def _outline(kind: str, random_: random.Random) -> npt.NDArray[np.float64]:
    """Corners of a sign within a circle of radius about 1 around 0, (N, 2) x and y."""
    if kind in ("two", "one"):
        return _circle()
    if kind == "star":
        return _star()
    if kind == "heart":
        return _heart()
    if kind == "shield":
        turn = np.linspace(0, np.pi, 12)
        foot = np.stack([np.cos(turn), 0.2 + np.sin(turn) ** random_.uniform(0.6, 1.2)], axis=1)
        return np.concatenate([[(-1.0, -1.0), (1.0, -1.0)], foot]) * (random_.uniform(0.75, 0.95), 1.0)
    angles = np.sort([random_.uniform(0, 2 * np.pi) for _ in range(random_.randint(5, 9))])
    reach = np.array([random_.uniform(0.5, 1.15) for _ in angles])
    return np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1)


def _circle() -> npt.NDArray[np.float64]:
    """(32, 2) x and y, of radius 1 about 0."""
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _ideograph(height: int, random_: random.Random) -> Mask:
    """Strokes that resemble a character of another script, and none of A-Z0-9: bars across one or two stems."""
    width = round(height * random_.uniform(0.5, 0.9))
    mask = np.zeros((height, max(width, 8)), dtype=np.uint8)
    thick = max(2, round(height * random_.uniform(0.06, 0.1)))

    def stroke(x1: float, y1: float, x2: float, y2: float) -> None:
        start, end = (
            (round(thick + x * (mask.shape[1] - 2 * thick)), round(thick + y * (height - 2 * thick)))
            for x, y in ((x1, y1), (x2, y2))
        )
        cv2.line(mask, start, end, 255, thick, cv2.LINE_AA)

    bars = random_.randint(3, 5)
    for bar in range(bars):
        y = (bar + random_.uniform(0.1, 0.6)) / bars
        stroke(random_.uniform(0, 0.3), y, random_.uniform(0.7, 1), y)
    for x in random_.sample([0.2, 0.5, 0.8], random_.randint(1, 2)):
        stroke(x, random_.uniform(0, 0.3), x, random_.uniform(0.7, 1))
    for foot in random_.sample([0.0, 1.0], random_.randint(1, 2)):
        stroke(0.5, random_.uniform(0.3, 0.6), foot, 1)
    return mask


def _star() -> npt.NDArray[np.float64]:
    """A star of five points within a circle of radius 1 about 0, (10, 2) x and y."""
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.where(np.arange(10) % 2, 0.42, 1.0)[:, None]


def _heart() -> npt.NDArray[np.float64]:
    """A heart of about the same size, (32, 2) x and y."""
    turn = np.linspace(0, 2 * np.pi, 32)
    across = np.sin(turn) ** 3
    down = (13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)) / -16
    return np.stack([across, down], axis=1)


@lru_cache(maxsize=12000)
def _glyph(character: str, font: str | Die, bold: int) -> Mask:
    """A character cut to its ink, `_GLYPH_HEIGHT` tall; `bold` grows (or, if negative, thins) its strokes."""
    mask = die_glyph(character, font) if isinstance(font, Die) else _ink(character, font, 128)
    if bold:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(bold) + 1, 2 * abs(bold) + 1))
        padded = cv2.copyMakeBorder(mask, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=0)
        mask = np.asarray(cv2.dilate(padded, kernel) if bold > 0 else cv2.erode(padded, kernel), dtype=np.uint8)
        rows, columns = np.flatnonzero(mask.max(axis=1)), np.flatnonzero(mask.max(axis=0))
        mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = max(4, round(mask.shape[1] * _GLYPH_HEIGHT / mask.shape[0]))
    return np.asarray(cv2.resize(mask, (width, _GLYPH_HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)


@lru_cache(maxsize=4000)
def small_text(text: str, font: str, height: int) -> Mask:
    """Small lettering as coverage, `height` tall, with an empty column on either side."""
    mask = _ink(text, font, 64)
    width = max(4, round(mask.shape[1] * height / mask.shape[0]))
    mask = cv2.resize(mask, (width, max(4, height)), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return np.asarray(cv2.copyMakeBorder(mask, 0, 0, 1, 1, cv2.BORDER_CONSTANT, value=0), dtype=np.uint8)


def narrowed(mask: Mask, room: int) -> Mask:
    """Lettering squeezed into `room` columns if it is wider."""
    if mask.shape[1] <= room:
        return mask
    return np.asarray(cv2.resize(mask, (room, mask.shape[0]), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _ink(text: str, font: str, size: int) -> Mask:
    """Text cut to its ink; one empty pixel where nothing is inked."""
    face = _face(font, size)
    left, top, right, bottom = face.getbbox(text)
    picture = PillowImage.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(picture).text((2 - left, 2 - top), text, font=face, fill=255)
    mask = np.asarray(picture)
    if not mask.any():
        return np.zeros((1, 1), dtype=np.uint8)
    rows, columns = np.flatnonzero(mask.max(axis=1)), np.flatnonzero(mask.max(axis=0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@lru_cache(maxsize=128)
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(font)), size)
