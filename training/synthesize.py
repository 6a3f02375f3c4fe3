"""Draws plates: a layout and a serial → a flat picture at one pixel a millimetre, as if seen straight on in even light.

What a camera and the road do to it is `augment.py`'s task.
"""

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from edge.records import Image
from training.plates import SEPARATORS, Colour, Layout, Serial, draw_serial, font_files, load_layouts

_BAND_BLUE: Colour = (22, 50, 140)
_SCREW: Colour = (120, 118, 112)
_GLYPH_HEIGHT = 96
_STICKERS: tuple[str, ...] = (
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
    "07",
    "11",
    "14",
    "15",
    "2011",
)
_STICKERS += ("2024", "09", "12", "22", "23", "25", "MO", "TAX", "8", "3", "01-28", "VA", "HU")
_FRAMES: tuple[str, ...] = (
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
)
_FRAMES += (
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
)

Mask = npt.NDArray[np.uint8]
"""(H, W) coverage, 0 to 255."""


@dataclass(frozen=True, slots=True)
class Plate:
    """A drawn plate: BGR picture, the text to read, its lines and its country."""

    image: Image
    text: str
    lines: int
    country: str


def draw_plate(random_: random.Random, layout: Layout | None = None, two_lines: bool | None = None) -> Plate:
    """A random plate; of a random country and shape unless told."""
    if layout is None:
        layouts = load_layouts()
        layout = random_.choices(layouts, [each.weight for each in layouts])[0]
    if two_lines is None:
        two_lines = random_.random() < (0.06 if layout.busy > 0.5 else 0.2)
    two_lines = two_lines and bool(layout.square)
    serial = draw_serial(random_.choice(layout.square if two_lines else layout.serials), layout.letters, random_)
    width, height = layout.square_size if two_lines else layout.size
    width, height = round(width * random_.uniform(0.94, 1.06)), round(height * random_.uniform(0.94, 1.06))
    weights = [2.0] + [1.0] * (len(layout.colours) - 1)
    ground, ink = random_.choices(layout.colours, weights)[0]
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = _varied(ground, random_)[::-1]
    ink = _varied(ink, random_)
    busy = random_.random() < layout.busy
    if busy:
        _draw_ground(canvas, ink, random_)
    left, right = _draw_furniture(canvas, layout, ink, random_)
    if busy and random_.random() < 0.25:
        left = _draw_picture(canvas, left, random_)
    _draw_lines(canvas, serial, layout, ink=ink, columns=(left, right), random_=random_)
    if busy:
        _draw_stickers(canvas, random_)
        if random_.random() < 0.4:
            _draw_frame(canvas, random_)
    return Plate(canvas, serial.text, len(serial.lines), layout.country)


def _varied(colour: Colour, random_: random.Random) -> Colour:
    shift = random_.uniform(-22, 22)
    red, green, blue = (int(min(max(c + shift + random_.uniform(-8, 8), 0), 255)) for c in colour)
    return red, green, blue


def _colour(random_: random.Random) -> Colour:
    return random_.randint(0, 255), random_.randint(0, 255), random_.randint(0, 255)


def _draw_ground(canvas: Image, ink: Colour, random_: random.Random) -> None:
    """A coloured edge that fades, a band, hills or a picture, all of them pale where the serial stands."""
    height, width = canvas.shape[:2]
    layer = canvas.copy()
    for _ in range(random_.randint(1, 3)):
        kind = random_.random()
        colour = _colour(random_)[::-1]
        if kind < 0.35:
            depth = round(height * random_.uniform(0.14, 0.3))
            rows = slice(0, depth) if random_.random() < 0.5 else slice(height - depth, height)
            layer[rows] = colour
        elif kind < 0.6:
            share = np.linspace(1, 0, height, dtype=np.float32)[:, None, None] ** random_.uniform(1.0, 3.0)
            share = share if random_.random() < 0.5 else share[::-1]
            layer = (layer * (1 - share) + np.array(colour, np.float32) * share).astype(np.uint8)
        elif kind < 0.8:
            xs = np.linspace(0, width, 9)
            ys = height * (random_.uniform(0.4, 0.8) + 0.15 * np.array([random_.uniform(-1, 1) for _ in xs]))
            hills = np.array([*zip(xs, ys, strict=True), (width, height), (0, height)]).round().astype(np.int32)
            cv2.fillPoly(layer, [hills], colour, cv2.LINE_AA)
        else:
            centre = (random_.randint(0, width), random_.randint(0, height))
            axes = (random_.randint(8, width // 3), random_.randint(8, height // 2))
            cv2.ellipse(layer, centre, axes, random_.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    strength = np.full((height, 1, 1), random_.uniform(0.5, 1.0), np.float32)
    strength[round(0.24 * height) : round(0.78 * height)] = random_.uniform(0.05, 0.3)
    smooth = cv2.blur(strength.reshape(height, 1), (1, 2 * (height // 14) + 1))
    strength = np.asarray(smooth, np.float32).reshape(height, 1, 1)
    difference = np.abs(layer.mean(axis=(0, 1)) - np.array(ink[::-1])).max()
    if difference < 50:  # the serial would drown
        strength *= 0.3
    canvas[:] = (canvas * (1 - strength) + layer * strength).astype(np.uint8)


def _draw_picture(canvas: Image, left: int, random_: random.Random) -> int:
    """A coloured emblem left of the serial, whose room begins behind it: returns where."""
    height, width = canvas.shape[:2]
    side = round(width * random_.uniform(0.12, 0.2))
    centre = (left + side // 2, round(height * random_.uniform(0.45, 0.6)))
    for _ in range(random_.randint(3, 9)):
        offset = (round(random_.gauss(0, side / 6)), round(random_.gauss(0, side / 5)))
        middle = (centre[0] + offset[0], centre[1] + offset[1])
        axes = (random_.randint(2, max(3, side // 3)), random_.randint(2, max(3, side // 2)))
        cv2.ellipse(canvas, middle, axes, random_.uniform(0, 180), 0, 360, _colour(random_), -1, cv2.LINE_AA)
    return int(left + side + 2)


def _draw_stickers(canvas: Image, random_: random.Random) -> None:
    """Month and year in the corners."""
    height, width = canvas.shape[:2]
    corners = [(0.03, 0.03), (0.83, 0.03), (0.03, 0.8), (0.83, 0.8)]
    for x, y in random_.sample(corners, random_.choice([0, 1, 2, 2, 3])):
        inwards = 0.0 if random_.random() < 0.7 else 0.08 if x < 0.5 else -0.08
        w, h = round(width * random_.uniform(0.09, 0.15)), round(height * random_.uniform(0.11, 0.18))
        x1, y1 = round((x + inwards) * width), round(y * height)
        cv2.rectangle(canvas, (x1, y1), (min(width - 1, x1 + w), min(height - 1, y1 + h)), _colour(random_), -1)
        mask = _word(random_.choice(_STICKERS), str(random_.choice(font_files("any"))), round(h * 0.7), 1)
        mask = _narrowed(mask, w - 4)
        colour: Colour = random_.choice([(20, 20, 20), (240, 240, 240), (180, 20, 20)])
        _paint(canvas, mask, x1 + (w - mask.shape[1]) // 2, y1 + round(h * 0.15), colour)


def _draw_frame(canvas: Image, random_: random.Random) -> None:
    """A dealer's or a university's frame over the plate's edges, often with its name."""
    height, width = canvas.shape[:2]
    colour = _varied(
        random_.choice([(20, 20, 22), (30, 30, 34), (190, 192, 196), (230, 230, 230), (120, 20, 30)]), random_
    )
    side, top, bottom = (
        round(height * random_.uniform(*share)) for share in ((0.02, 0.07), (0.03, 0.13), (0.05, 0.15))
    )
    canvas[:top] = canvas[height - bottom :] = colour[::-1]
    canvas[:, :side] = canvas[:, width - side :] = colour[::-1]
    ink: Colour = (235, 235, 235) if sum(colour) < 380 else (20, 20, 60)
    for y, depth in ((0, top), (height - bottom, bottom)):
        if depth > 0.07 * height and random_.random() < 0.7:
            word = random_.choice(_FRAMES)
            if random_.random() < 0.4:
                word = "".join(random_.choice("ABCDEFGHIKLMNOPRSTUVW") for _ in range(random_.randint(3, 14)))
            mask = _word(word, str(random_.choice(font_files("any"))), round(depth * 0.7), 1)
            room = round(width * random_.uniform(0.4, 0.9))
            mask = _narrowed(mask, room)
            _paint(canvas, mask, (width - mask.shape[1]) // 2, y + round(depth * 0.15), ink)


def _draw_furniture(canvas: Image, layout: Layout, ink: Colour, random_: random.Random) -> tuple[int, int]:
    """Border, bands and screws; returns the columns between which the serial has room."""
    height, width = canvas.shape[:2]
    if random_.random() < 0.55:
        thickness = random_.randint(2, 5)
        inset = random_.randint(0, 4)
        cv2.rectangle(canvas, (inset, inset), (width - 1 - inset, height - 1 - inset), ink[::-1], thickness)
    left = right = round(height * random_.uniform(0.05, 0.16))
    if layout.band and random_.random() < 0.75:
        band = round(min(height, 115) * random_.uniform(0.3, 0.42))
        _draw_band(canvas, 0, band, layout.band if random_.random() < 0.8 else "", random_)
        left = band + round(height * random_.uniform(0.03, 0.12))
    if layout.band_right and random_.random() < 0.5:
        band = round(min(height, 115) * random_.uniform(0.3, 0.42))
        _draw_band(canvas, width - band, band, layout.band_right, random_)
        right = band + round(height * random_.uniform(0.03, 0.1))
    if random_.random() < 0.3:
        colour = _varied(random_.choice([_SCREW, ink, (60, 60, 60), (200, 200, 200)]), random_)
        row = round(height * random_.choice([0.5, 0.12, 0.88]))
        for column in (left // 2 + 2, width - right // 2 - 2):
            cv2.circle(canvas, (column, row), random_.randint(3, 6), colour[::-1], -1, cv2.LINE_AA)
    return left, width - right


def _draw_band(canvas: Image, x: int, width: int, text: str, random_: random.Random) -> None:
    colour = _varied(_BAND_BLUE, random_)
    canvas[:, x : x + width] = colour[::-1]
    height = canvas.shape[0]
    centre = (x + width // 2, round(height * 0.32))
    for angle in range(0, 360, 30):
        dx, dy = np.cos(np.radians(angle)) * width * 0.28, np.sin(np.radians(angle)) * width * 0.28
        cv2.circle(canvas, (round(centre[0] + dx), round(centre[1] + dy)), 1, (60, 210, 240), -1, cv2.LINE_AA)
    if text:
        mask = _word(text, str(random_.choice(font_files("din"))), round(height * 0.22), 1)
        _paint(canvas, mask, x + (width - mask.shape[1]) // 2, round(height * 0.66), (240, 240, 240))


def _draw_lines(
    canvas: Image, serial: Serial, layout: Layout, *, ink: Colour, columns: tuple[int, int], random_: random.Random
) -> None:
    """The serial, and a caption above or below it where the layout has any."""
    height = canvas.shape[0]
    top, bottom = height * random_.uniform(0.08, 0.16), height * random_.uniform(0.84, 0.92)
    if layout.header and random_.random() < 0.5:
        top = _draw_header(canvas, layout, random_)
    elif layout.captions and layout.height[1] and len(serial.lines) == 1 and random_.random() < 0.85:
        share = random_.uniform(*layout.height)
        top = height * min(random_.uniform(0.14, 0.34), 0.96 - share)
        bottom = top + height * share
        if (above := top / height - 0.06) > 0.08 and random_.random() < 0.9:
            _draw_caption(canvas, layout, min(random_.uniform(0.1, 0.22), above), True, random_)
        if (below := 0.94 - bottom / height) > 0.08 and random_.random() < 0.7:
            _draw_caption(canvas, layout, min(random_.uniform(0.07, 0.16), below), False, random_)
    elif layout.captions and random_.random() < 0.85:
        share = random_.uniform(0.13, 0.2)
        above = random_.random() < 0.6
        _draw_caption(canvas, layout, share, above, random_)
        if random_.random() < 0.4:
            _draw_caption(canvas, layout, share * 0.8, not above, random_)
            top, bottom = height * (share + 0.07), height * (0.93 - share)
        elif above:
            top = height * (share + 0.07)
        else:
            bottom = height * (0.93 - share)
    font = str(random_.choice(font_files(layout.fonts if random_.random() < 0.8 else "any")))
    rows = np.linspace(top, bottom, len(serial.lines) + 1)
    gap = 0.05 * height if len(serial.lines) > 1 else 0.0
    bold = random_.choice([0, 0, 0, 1, 1, 2, -1])
    for line, start, end in zip(serial.lines, rows, rows[1:], strict=False):
        cell_height = round(end - start - gap)
        mask = _serial_mask(line, font, cell_height, bold, random_)
        room = columns[1] - columns[0]
        width = min(room, round(mask.shape[1] * random_.uniform(0.85, 1.15)))
        if room < 1.6 * mask.shape[1] and random_.random() < 0.6:
            width = round(room * random_.uniform(0.86, 1.0))
        mask = cv2.resize(mask, (max(width, 8), cell_height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        x = columns[0] + round((room - width) * random_.choice([0.5, 0.5, 0.5, random_.random()]))
        _paint(canvas, mask, x, round(start + gap / 2), ink)


def _draw_header(canvas: Image, layout: Layout, random_: random.Random) -> float:
    """The blue band along the upper edge; returns the row below it."""
    height, width = canvas.shape[:2]
    depth = round(height * random_.uniform(0.2, 0.28))
    canvas[:depth] = _varied(_BAND_BLUE, random_)[::-1]
    mask = _word(random_.choice(layout.header), str(random_.choice(font_files("din"))), round(depth * 0.5), 1)
    if mask.shape[1] < width:
        _paint(canvas, mask, (width - mask.shape[1]) // 2, round(depth * 0.25), (240, 240, 240))
    return float(depth + 0.05 * height)


def _draw_caption(canvas: Image, layout: Layout, share: float, above: bool, random_: random.Random) -> None:
    text = random_.choice(layout.captions)
    if not text:
        return
    height, width = canvas.shape[:2]
    mask = _word(text, str(random_.choice(font_files("any"))), round(height * share), 1)
    room = round(width * random_.uniform(0.45, 0.9))
    mask = _narrowed(mask, room)
    x = round((width - mask.shape[1]) * random_.choice([0.5, 0.5, random_.random()]))
    y = round(height * 0.03) if above else round(height * 0.97) - mask.shape[0]
    colour: Colour = random_.choice([(30, 30, 30), (20, 40, 120), (150, 30, 30), (230, 230, 230)])
    _paint(canvas, mask, x, y, _varied(colour, random_))


def _serial_mask(line: str, font: str, height: int, bold: int, random_: random.Random) -> Mask:
    """One line of characters and separators as coverage, `height` tall, at the font's own width."""
    spacing = round(height * random_.uniform(0.02, 0.22))
    space = round(height * random_.uniform(0.15, 0.55))
    parts: list[Mask] = []
    for character in line:
        if character in SEPARATORS:
            parts.append(_separator(character, height, space, random_))
        else:
            glyph = _glyph(character, font, bold)
            width = max(3, round(glyph.shape[1] * height / _GLYPH_HEIGHT))
            parts.append(cv2.resize(glyph, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8))
        parts.append(np.zeros((height, spacing), dtype=np.uint8))
    return np.hstack(parts[:-1])


def _separator(character: str, height: int, space: int, random_: random.Random) -> Mask:
    if character == "*":
        space = max(space, round(height * random_.uniform(0.25, 0.6)))
    mask = np.zeros((height, max(space, 4)), dtype=np.uint8)
    centre = (mask.shape[1] // 2, round(height * random_.uniform(0.42, 0.58)))
    if character == "-":
        half = (max(2, mask.shape[1] // 3), max(2, round(height * 0.05)))
        cv2.rectangle(
            mask, (centre[0] - half[0], centre[1] - half[1]), (centre[0] + half[0], centre[1] + half[1]), 255, -1
        )
    elif character == ".":
        cv2.circle(mask, centre, max(2, round(height * 0.06)), 255, -1, cv2.LINE_AA)
    elif character == "*":
        radius = max(3, round(mask.shape[1] * random_.uniform(0.25, 0.48)))
        cv2.circle(mask, centre, radius, random_.randint(60, 255), random_.choice([-1, -1, 2]), cv2.LINE_AA)
        if random_.random() < 0.5:
            second = (centre[0], min(height - 3, centre[1] + 2 * radius + 2))
            cv2.circle(mask, second, radius, random_.randint(60, 255), random_.choice([-1, 2]), cv2.LINE_AA)
    return mask


@lru_cache(maxsize=12000)
def _glyph(character: str, font: str, bold: int) -> Mask:
    """A character cut to its ink, `_GLYPH_HEIGHT` tall; `bold` grows (or, if negative, thins) its strokes."""
    mask = _ink(character, font, 128)
    if bold:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(bold) + 1, 2 * abs(bold) + 1))
        padded = cv2.copyMakeBorder(mask, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=0)
        mask = np.asarray(cv2.dilate(padded, kernel) if bold > 0 else cv2.erode(padded, kernel), dtype=np.uint8)
        rows, columns = np.flatnonzero(mask.max(axis=1)), np.flatnonzero(mask.max(axis=0))
        mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = max(4, round(mask.shape[1] * _GLYPH_HEIGHT / mask.shape[0]))
    return np.asarray(cv2.resize(mask, (width, _GLYPH_HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)


@lru_cache(maxsize=4000)
def _word(text: str, font: str, height: int, margin: int) -> Mask:
    """Small lettering as coverage, `height` tall."""
    mask = _ink(text, font, 64)
    width = max(4, round(mask.shape[1] * height / mask.shape[0]))
    mask = cv2.resize(mask, (width, max(4, height)), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return np.asarray(cv2.copyMakeBorder(mask, 0, 0, margin, margin, cv2.BORDER_CONSTANT, value=0), dtype=np.uint8)


def _narrowed(mask: Mask, room: int) -> Mask:
    """Lettering squeezed into `room` columns if it is wider."""
    if mask.shape[1] <= room:
        return mask
    return np.asarray(cv2.resize(mask, (room, mask.shape[0]), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _ink(text: str, font: str, size: int) -> Mask:
    """Text cut to its ink."""
    face = _face(font, size)
    left, top, right, bottom = face.getbbox(text)
    picture = PillowImage.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(picture).text((2 - left, 2 - top), text, font=face, fill=255)
    mask = np.asarray(picture)
    rows, columns = np.flatnonzero(mask.max(axis=1)), np.flatnonzero(mask.max(axis=0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@lru_cache(maxsize=128)
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(font)), size)


def _paint(canvas: Image, mask: Mask, x: int, y: int, colour: Colour) -> None:
    """Blend `colour` onto the canvas where the mask covers it; what lies outside is cut."""
    height, width = canvas.shape[:2]
    x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + mask.shape[1], width), min(y + mask.shape[0], height)
    if x1 >= x2 or y1 >= y2:
        return
    part = canvas[y1:y2, x1:x2]
    alpha = mask[y1 - y : y2 - y, x1 - x : x2 - x, None].astype(np.uint16)
    part[:] = ((part * (255 - alpha) + np.array(colour[::-1], dtype=np.uint16) * alpha) // 255).astype(np.uint8)
