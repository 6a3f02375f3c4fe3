"""Draws plates: a layout and a serial → a flat picture at one pixel a millimetre, as if seen straight on in even light.

What a camera and the road do to it is `augment.py`'s task.
"""

import random
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from edge.records import Image
from training.dies import Die, Mask, draw_die
from training.lettering import DEALERS, narrowed, serial_mask, small_text
from training.plate_keys import GROUND_KINDS
from training.plates import (
    VANITY,
    Colour,
    Ground,
    Layout,
    Serial,
    draw_serial,
    draw_text,
    font_files,
    load_layouts,
)

_PRESSED = 0.5
"""How often a plate's characters are drawn from dies of its own, and not from a font."""
_STACKED = 0.07
"""How often small characters stand above each other left of a serial, where there is no band."""
_BAND_BLUE: Colour = (22, 50, 140)
_SCREW: Colour = (120, 118, 112)
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
    kind = _kind(layout, two_lines, random_)
    patterns, size = {
        "car": (layout.serials, layout.size),
        "square": (layout.square, layout.square_size),
        "motorcycle": (layout.motorcycle, layout.motorcycle_size),
    }[kind]
    pattern = VANITY if kind == "car" and random_.random() < layout.vanity else random_.choice(patterns)
    serial = draw_serial(pattern, layout.letters, random_)
    width, height = (round(side * random_.uniform(0.94, 1.06)) for side in size)
    weights = [2.0] + [1.0] * (len(layout.colours) - 1)
    ground, ink = random_.choices(layout.colours, weights)[0]
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = _varied(ground, random_)[::-1]
    ink = _varied(ink, random_)
    busy = random_.random() < layout.busy
    if busy or layout.ground:
        _draw_ground(canvas, layout, ink, random_)
    left, right = _draw_furniture(canvas, layout, ink, random_)
    if busy and random_.random() < 0.25:
        left = _draw_picture(canvas, left, random_)
    _draw_lines(canvas, serial, layout, ink=ink, columns=(left, right), random_=random_)
    if busy:
        _draw_stickers(canvas, random_)
        if random_.random() < 0.4:
            _draw_frame(canvas, random_)
    return Plate(canvas, serial.text, len(serial.lines), layout.country)


def _kind(layout: Layout, two_lines: bool | None, random_: random.Random) -> str:
    """Which of its plates is drawn; a motorcycle's only where the number of lines is left to chance."""
    if two_lines is None:
        if layout.motorcycle and random_.random() < 0.05:
            return "motorcycle"
        two_lines = random_.random() < (0.06 if layout.busy > 0.5 else 0.2)
    return "square" if two_lines and layout.square else "car"


def _varied(colour: Colour, random_: random.Random) -> Colour:
    shift = random_.uniform(-22, 22)
    red, green, blue = (int(min(max(c + shift + random_.uniform(-8, 8), 0), 255)) for c in colour)
    return red, green, blue


def _colour(random_: random.Random) -> Colour:
    return random_.randint(0, 255), random_.randint(0, 255), random_.randint(0, 255)


def _draw_ground(canvas: Image, layout: Layout, ink: Colour, random_: random.Random) -> None:
    """A coloured edge that fades, a band, hills or a picture, all of them pale where the serial stands: those of the
    layout, else some."""
    height, width = canvas.shape[:2]
    layer = canvas.copy()
    for part in layout.ground or _some_grounds(random_):
        top, colour = part.place == "top", _varied(part.colour, random_)[::-1]
        if part.kind == "band":
            depth = round(height * random_.uniform(0.14, 0.3))
            layer[slice(0, depth) if top else slice(height - depth, height)] = colour
        elif part.kind == "fade":
            share = np.linspace(1, 0, height, dtype=np.float32)[:, None, None] ** random_.uniform(1.0, 3.0)
            share = share if top else share[::-1]
            layer = (layer * (1 - share) + np.array(colour, np.float32) * share).astype(np.uint8)
        elif part.kind == "hills":
            xs = np.linspace(0, width, 9)
            ys = height * (random_.uniform(0.4, 0.8) + 0.15 * np.array([random_.uniform(-1, 1) for _ in xs]))
            edge = 0 if top else height
            hills = np.array([*zip(xs, ys, strict=True), (width, edge), (0, edge)]).round().astype(np.int32)
            cv2.fillPoly(layer, [hills], colour, cv2.LINE_AA)
        else:
            rows = (0, height // 2) if top else (height // 3, height)
            centre = (random_.randint(0, width), random_.randint(*rows))
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


def _some_grounds(random_: random.Random) -> list[Ground]:
    kinds = random_.choices(GROUND_KINDS, (0.35, 0.25, 0.2, 0.2), k=random_.randint(1, 3))
    return [Ground(kind, random_.choice(["top", "bottom"]), _colour(random_)) for kind in kinds]


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
        mask = small_text(random_.choice(_STICKERS), str(random_.choice(font_files("any"))), round(h * 0.7))
        mask = narrowed(mask, w - 4)
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
            word = random_.choice(DEALERS)
            if random_.random() < 0.4:
                word = "".join(random_.choice("ABCDEFGHIKLMNOPRSTUVW") for _ in range(random_.randint(3, 14)))
            mask = small_text(word, str(random_.choice(font_files("any"))), round(depth * 0.7))
            room = round(width * random_.uniform(0.4, 0.9))
            mask = narrowed(mask, room)
            _paint(canvas, mask, (width - mask.shape[1]) // 2, y + round(depth * 0.15), ink)


def _draw_furniture(canvas: Image, layout: Layout, ink: Colour, random_: random.Random) -> tuple[int, int]:
    """Border, bands and screws; returns the columns between which the serial has room."""
    height, width = canvas.shape[:2]
    if random_.random() < 0.55:
        _draw_rim(canvas, ink, random_)
    left = right = round(height * random_.uniform(0.05, 0.16))
    text = draw_text(layout.band, random_)
    banded = bool(text) and random_.random() < 0.85
    if banded:
        band = round(min(height, 115) * random_.uniform(0.3, 0.42))
        if random_.random() < 0.1:
            text = text[:1] if text.startswith("*") else ""
        _draw_band(canvas, 0, band, text, random_)
        left = band + round(height * random_.uniform(0.03, 0.12))
    text = draw_text(layout.band_right, random_)
    if banded and text and random_.random() < 0.85:
        band = round(min(height, 115) * random_.uniform(0.3, 0.42))
        _draw_band(canvas, width - band, band, text, random_)
        if not text.startswith("*"):
            _draw_emblem(canvas, width - band, band, random_)
        right = band + round(height * random_.uniform(0.03, 0.1))
    if not banded and random_.random() < _STACKED:
        left = _draw_stack(canvas, left, ink, random_)
    if random_.random() < 0.3:
        colour = _varied(random_.choice([_SCREW, ink, (60, 60, 60), (200, 200, 200)]), random_)
        _draw_screws(canvas, layout, (left, right), colour, random_)
    return left, width - right


def _draw_stack(canvas: Image, left: int, ink: Colour, random_: random.Random) -> int:
    """Two to four small characters above each other left of the serial, as a state's in Australia or a class of
    vehicles; returns where the serial has room."""
    height = canvas.shape[0]
    count = random_.randint(2, 4)
    cell = round(height * min(random_.uniform(0.14, 0.24), 0.8 / count))
    top = round(height * random_.uniform(0.4, 0.6) - cell * count / 2)
    font = str(random_.choice(font_files("any")))
    colour = _varied(ink, random_)
    widest = 0
    for row in range(count):
        mask = small_text(random_.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), font, round(cell * 0.85))
        _paint(canvas, mask, left + (cell - mask.shape[1]) // 2, max(0, top + row * cell), colour)
        widest = max(widest, mask.shape[1])
    return int(left + max(cell, widest) + round(height * random_.uniform(0.02, 0.1)))


def _draw_rim(canvas: Image, ink: Colour, random_: random.Random) -> None:
    """A line along the edges; often with round corners, beyond which lies what is behind the plate."""
    height, width = canvas.shape[:2]
    thickness, inset = random_.randint(2, 5), random_.randint(0, 4)
    if random_.random() < 0.5:
        cv2.rectangle(canvas, (inset, inset), (width - 1 - inset, height - 1 - inset), ink[::-1], thickness)
        return
    thickness, inset = random_.randint(2, max(3, height // 18)), random_.randint(0, max(1, height // 20))
    outline = _rounded(width, height, inset, round(height * random_.uniform(0.06, 0.22)))
    behind = np.ones(canvas.shape[:2], np.uint8)
    cv2.fillPoly(behind, [outline], 0)
    canvas[behind > 0] = _varied(random_.choice([(25, 25, 28), (60, 60, 64), ink]), random_)[::-1]
    cv2.polylines(canvas, [outline], True, _varied(ink, random_)[::-1], thickness, cv2.LINE_AA)
    if random_.random() < 0.3:  # the raised rim's lit or shaded side
        inner = _rounded(width, height, inset + thickness, round(height * random_.uniform(0.06, 0.2)))
        grey = random_.randint(0, 255)
        cv2.polylines(canvas, [inner], True, (grey, grey, grey), random_.randint(1, 2), cv2.LINE_AA)


def _rounded(width: int, height: int, inset: int, radius: int) -> "cv2.typing.MatLike":
    """Corners (N, 2) of a rectangle with round corners, `inset` pixels within the picture."""
    turn = np.linspace(0, np.pi / 2, 7)
    right, bottom = width - 1 - inset - radius, height - 1 - inset - radius
    centres = [(right, bottom), (inset + radius, bottom), (inset + radius, inset + radius), (right, inset + radius)]
    arcs = [
        np.stack([x + radius * np.cos(turn + k * np.pi / 2), y + radius * np.sin(turn + k * np.pi / 2)], axis=1)
        for k, (x, y) in enumerate(centres)
    ]
    return np.concatenate(arcs).round().astype(np.int32)


def _draw_screws(
    canvas: Image, layout: Layout, margins: tuple[int, int], colour: Colour, random_: random.Random
) -> None:
    """One to each side of the serial; on plates with lettering above and below it, two or four in their rows."""
    height, width = canvas.shape[:2]
    radius = random_.randint(3, 6)
    rows, columns = [random_.choice([0.5, 0.12, 0.88])], (margins[0] // 2 + 2, width - margins[1] // 2 - 2)
    if layout.height[1] and random_.random() < 0.7:
        rows, inset = random_.choice([[0.08], [0.08, 0.92]]), round(width * random_.uniform(0.12, 0.22))
        columns = (inset, width - inset)
    for row in rows:
        for column in columns:
            cv2.circle(canvas, (column, round(row * height)), radius, colour[::-1], -1, cv2.LINE_AA)


def _draw_band(canvas: Image, x: int, width: int, text: str, random_: random.Random) -> None:
    colour = _varied(_BAND_BLUE, random_)
    canvas[:, x : x + width] = colour[::-1]
    height = canvas.shape[0]
    if text.startswith("*"):
        centre = (x + width // 2, round(height * 0.32))
        for angle in range(0, 360, 30):
            dx, dy = np.cos(np.radians(angle)) * width * 0.28, np.sin(np.radians(angle)) * width * 0.28
            cv2.circle(canvas, (round(centre[0] + dx), round(centre[1] + dy)), 1, (60, 210, 240), -1, cv2.LINE_AA)
    if text := text.removeprefix("*"):
        mask = small_text(text, str(random_.choice(font_files("din"))), round(height * random_.uniform(0.18, 0.26)))
        mask = narrowed(mask, round(width * 0.84))
        _paint(canvas, mask, x + (width - mask.shape[1]) // 2, round(height * 0.66), (240, 240, 240))


def _draw_emblem(canvas: Image, x: int, width: int, random_: random.Random) -> None:
    """A region's arms in the upper half of a band, or the year in a ring."""
    centre = (x + width // 2, round(canvas.shape[0] * 0.3))
    axes = (round(width * random_.uniform(0.2, 0.36)), round(width * random_.uniform(0.2, 0.4)))
    thickness = random_.choice([-1, -1, 1])
    cv2.ellipse(canvas, centre, axes, 0, 0, 360, _varied((220, 200, 90), random_)[::-1], thickness, cv2.LINE_AA)
    inner = (max(1, axes[0] // 2), max(1, axes[1] // 2))
    cv2.ellipse(canvas, centre, inner, 0, 0, 360, _colour(random_), -1, cv2.LINE_AA)


def _draw_lines(
    canvas: Image, serial: Serial, layout: Layout, *, ink: Colour, columns: tuple[int, int], random_: random.Random
) -> None:
    """The serial, and what stands above and below it."""
    height = canvas.shape[0]
    top, bottom = height * random_.uniform(0.08, 0.16), height * random_.uniform(0.84, 0.92)
    above, below = _captions(layout, random_)
    caption = partial(_draw_caption, canvas, busy=layout.busy, ink=ink, random_=random_)
    if layout.header:
        top = _draw_header(canvas, layout, random_)
    elif layout.height[1] and len(serial.lines) == 1 and random_.random() < 0.9:
        share = random_.uniform(*layout.height)
        top = height * min(random_.uniform(0.14, 0.34), 0.96 - share)
        bottom = top + height * share
        if (room := top / height - 0.06) > 0.08 and random_.random() < 0.9:
            caption(above, min(random_.uniform(0.1, 0.22), room), at_top=True)
        if (room := 0.94 - bottom / height) > 0.08 and random_.random() < 0.7:
            caption(below, min(random_.uniform(0.07, 0.16), room), at_top=False)
    elif random_.random() < 0.9:
        share = random_.uniform(0.13, 0.2)
        if above:
            caption(above, share, at_top=True)
            top = height * (share + 0.07)
        if below:
            share *= 0.8 if above else 1.0
            caption(below, share, at_top=False)
            bottom = height * (0.91 - share)
    font = _lettering(layout, random_)
    rows = np.linspace(top, bottom, len(serial.lines) + 1)
    gap = 0.05 * height if len(serial.lines) > 1 else 0.0
    bold = random_.choice([0, 0, 0, 1, 1, 2, -1])
    for line, start, end in zip(serial.lines, rows, rows[1:], strict=False):
        cell_height = round(end - start - gap)
        room = columns[1] - columns[0]
        mask = serial_mask(line, font, (room, cell_height), bold, random_)
        width = min(room, round(mask.shape[1] * random_.uniform(0.9, 1.1)))
        if room < 1.6 * mask.shape[1] and random_.random() < 0.6:
            width = round(room * random_.uniform(0.86, 1.0))
        mask = cv2.resize(mask, (max(width, 8), cell_height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        x = columns[0] + round((room - width) * random_.choice([0.5, 0.5, 0.5, random_.random()]))
        _paint(canvas, mask, x, round(start + gap / 2), ink)


def _lettering(layout: Layout, random_: random.Random) -> str | Die:
    """Dies, or a font of the layout's class, as it may be."""
    if random_.random() < _PRESSED:
        return draw_die(random_, layout.fonts == "us")
    return str(random_.choice(font_files(layout.fonts if random_.random() < 0.8 else "any")))


def _draw_header(canvas: Image, layout: Layout, random_: random.Random) -> float:
    """The blue band along the upper edge; returns the row below it."""
    height, width = canvas.shape[:2]
    depth = round(height * random_.uniform(0.2, 0.28))
    canvas[:depth] = _varied(_BAND_BLUE, random_)[::-1]
    text = draw_text(random_.choice(layout.header), random_)
    mask = small_text(text, str(random_.choice(font_files("din"))), round(depth * 0.5))
    mask = narrowed(mask, round(width * 0.8))
    _paint(canvas, mask, (width - mask.shape[1]) // 2, round(depth * 0.25), (240, 240, 240))
    return float(depth + 0.05 * height)


def _captions(layout: Layout, random_: random.Random) -> tuple[str, str]:
    """What stands above the serial and below it."""
    above, below, either = (
        draw_text(random_.choice(texts), random_) if texts else ""
        for texts in (layout.above, layout.below, layout.captions)
    )
    if not above and not below:
        return (either, "") if random_.random() < 0.6 else ("", either)
    return above, below


def _draw_caption(
    canvas: Image, text: str, share: float, *, at_top: bool, busy: float, ink: Colour, random_: random.Random
) -> None:
    """Small lettering in the serial's ink; where plates are busy, in another colour as well."""
    if not text:
        return
    height, width = canvas.shape[:2]
    mask = small_text(text, str(random_.choice(font_files("any"))), round(height * share))
    room = round(width * random_.uniform(0.45, 0.9))
    mask = narrowed(mask, room)
    x = round((width - mask.shape[1]) * random_.choice([0.5, 0.5, random_.random()]))
    y = round(height * 0.03) if at_top else round(height * 0.95) - mask.shape[0]
    if random_.random() < busy:
        paper = canvas.mean()
        inks: list[Colour] = [(30, 30, 30), (20, 40, 120), (150, 30, 30), (230, 230, 230)]
        ink = random_.choice([each for each in inks if abs(sum(each) / 3 - paper) > 40])
    _paint(canvas, mask, x, y, _varied(ink, random_))


def _paint(canvas: Image, mask: Mask, x: int, y: int, colour: Colour) -> None:
    """Blend `colour` onto the canvas where the mask covers it; what lies outside is cut."""
    height, width = canvas.shape[:2]
    x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + mask.shape[1], width), min(y + mask.shape[0], height)
    if x1 >= x2 or y1 >= y2:
        return
    part = canvas[y1:y2, x1:x2]
    share = mask[y1 - y : y2 - y, x1 - x : x2 - x].astype(np.float32) / 255
    part[:] = cv2.blendLinear(np.full_like(part, colour[::-1]), part, share, 1 - share)
