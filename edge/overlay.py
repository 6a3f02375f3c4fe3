"""Draws what the pipeline made of a frame onto a copy of it: boxes, plates, confidence, state, the camera's time.

A state shows by its colour, by the style of its line and by its word, so that nobody needs to tell colours apart.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from edge.lettering import Colour, Face, text_width, write
from edge.records import FrameResult, Image, PlateBox, TrackedPlate
from edge.region import RegionSettings, stencil


class Rectangle(NamedTuple):
    """Whole pixels, half-open, in the drawn picture."""

    x1: int
    y1: int
    x2: int
    y2: int


class _Style(NamedTuple):
    colour: Colour
    line: str


# The Okabe-Ito palette, made for colour-blind readers; every one of them bears black text at a contrast above 4.5 to 1.
_STYLES = {
    "reading": _Style((233, 180, 86), "corners"),
    "preview": _Style((66, 228, 240), "thin"),
    "accepted": _Style((140, 200, 40), "thick"),
    "undecided": _Style((20, 165, 240), "dashed"),
    "rejected": _Style((120, 130, 240), "dashed"),
}
_UNTRACKED: Colour = (190, 190, 190)
_INK: Colour = (16, 16, 16)
_PAPER: Colour = (240, 240, 240)

_TEXT_SHARE = 0.043
"""Height of a plate's text as a share of the frame's height (of 9/16 of its width, should that be less)."""
_LEAST_TEXT = 13
"""Pixels; smaller letters cannot be told apart on a telephone."""
_SMALL = 0.62
"""Size of the second line and of the time, relative to the plate's text."""
_LEAST_SMALL = 10
_BOLD, _REGULAR = 700, 500
_DIM = 0.5


def draw(result: FrameResult, width: int = 0) -> Image:
    """The frame with everything drawn on it, and dark where nothing is looked for, as a new picture: (H, W, 3) BGR.

    A frame wider than `width` is made smaller first (0: never), which is cheaper than drawing at full size and keeps
    the text sharp.
    """
    picture, scale = _copy(result.frame.image, width)
    height = min(picture.shape[0], picture.shape[1] * 9 / 16)
    size = max(_LEAST_TEXT, round(height * _TEXT_SHARE))
    thickness = max(1, round(size / 10))
    if result.region is not None:
        _dim(picture, result.region)
    tracked = {track.box for track in result.tracks}
    for box in result.boxes:
        if box not in tracked:
            _corners(picture, _pixels(box, scale, thickness), _UNTRACKED, 1)
    for track in result.tracks:
        _outline(picture, _pixels(track.box, scale, thickness), _STYLES[track.state], thickness)
    taken: list[Rectangle] = []
    for track in result.tracks:  # after all the boxes: no line runs through a label
        taken.append(_label(picture, track, _pixels(track.box, scale, thickness), size, taken))
    _burn_time(picture, result, _small(size))
    return picture


def _copy(image: Image, width: int) -> tuple[Image, float]:
    """A picture of its own, at most `width` wide, and new pixels per old pixel."""
    if not 0 < width < image.shape[1]:
        return image.copy(), 1.0
    scale = width / image.shape[1]
    # bilinear aliases beyond a half, area costs three times as much before it
    method = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    resized = cv2.resize(image, (width, max(1, round(image.shape[0] * scale))), interpolation=method)
    return np.asarray(resized, dtype=np.uint8), scale


def _dim(picture: Image, region: RegionSettings) -> None:
    """Darkens what is not looked at."""
    looked_at = stencil(region, picture.shape[1], picture.shape[0])
    if looked_at is not None:
        cv2.copyTo(cv2.convertScaleAbs(picture, alpha=_DIM), cv2.bitwise_not(looked_at), picture)


def _pixels(box: PlateBox, scale: float, margin: int) -> Rectangle:
    """The box in the drawn picture, `margin` pixels larger on each side: the line must not cover the plate's edge."""
    x1, y1, x2, y2 = (round(side * scale) for side in (box.x1, box.y1, box.x2, box.y2))
    return Rectangle(x1 - margin, y1 - margin, x2 + margin, y2 + margin)


def _small(size: int) -> int:
    return max(_LEAST_SMALL, round(size * _SMALL))


def _outline(picture: Image, box: Rectangle, style: _Style, thickness: int) -> None:
    if style.line == "corners":
        _corners(picture, box, style.colour, thickness)
    elif style.line == "dashed":
        _dashes(picture, box, style.colour, thickness)
    else:
        wide = 2 * thickness if style.line == "thick" else thickness
        cv2.rectangle(picture, box[:2], box[2:], _INK, wide + 2, cv2.LINE_8)  # a dark rim, for white cars
        cv2.rectangle(picture, box[:2], box[2:], style.colour, wide, cv2.LINE_8)


def _corners(picture: Image, box: Rectangle, colour: Colour, thickness: int) -> None:
    arm = max(3, min(box.x2 - box.x1, box.y2 - box.y1) // 3)
    for x, towards_x in ((box.x1, arm), (box.x2, -arm)):
        for y, towards_y in ((box.y1, arm), (box.y2, -arm)):
            corner = np.array([(x + towards_x, y), (x, y), (x, y + towards_y)], dtype=np.int32)
            cv2.polylines(picture, [corner], False, _INK, thickness + 2)
            cv2.polylines(picture, [corner], False, colour, thickness)


def _dashes(picture: Image, box: Rectangle, colour: Colour, thickness: int) -> None:
    cv2.rectangle(picture, box[:2], box[2:], _INK, thickness + 1, cv2.LINE_8)
    step = max(4, 4 * thickness)
    for x in range(box.x1, box.x2, 2 * step):
        end = min(x + step, box.x2)
        cv2.line(picture, (x, box.y1), (end, box.y1), colour, thickness)
        cv2.line(picture, (x, box.y2), (end, box.y2), colour, thickness)
    for y in range(box.y1, box.y2, 2 * step):
        end = min(y + step, box.y2)
        cv2.line(picture, (box.x1, y), (box.x1, end), colour, thickness)
        cv2.line(picture, (box.x2, y), (box.x2, end), colour, thickness)


def _label(picture: Image, track: TrackedPlate, box: Rectangle, size: int, taken: Sequence[Rectangle]) -> Rectangle:
    """Draws a track's tag of two lines near its box and says where."""
    colour = _STYLES[track.state].colour
    lines = [(track.text, Face(size, _BOLD))] if track.text else []
    small = f"{track.state} {track.confidence:.0%}" if track.text else track.state
    lines.append((small, Face(_small(size), _REGULAR)))
    widest = max(text_width(text, face) for text, face in lines)
    room = max(1, picture.shape[1] - size)  # half a letter of padding on both sides
    if widest > room:  # a tiny frame: smaller letters rather than a cut label
        lines = [(text, face._replace(pixels=max(1, int(face.pixels * room / widest)))) for text, face in lines]
        widest = max(text_width(text, face) for text, face in lines)
    pad = size // 2
    height = sum(round(1.25 * face.pixels) for _, face in lines) + pad // 2
    place = _place((widest + 2 * pad, height), box, picture.shape[1], picture.shape[0], taken)
    cv2.rectangle(picture, place[:2], (place.x2 - 1, place.y2 - 1), colour, cv2.FILLED)
    y = place.y1
    for text, face in lines:
        y += round(1.25 * face.pixels)
        write(picture, text, (place.x1 + pad, y - round(0.12 * face.pixels)), _INK, face)
    return place


def _place(size: tuple[int, int], box: Rectangle, width: int, height: int, taken: Sequence[Rectangle]) -> Rectangle:
    """Where a label of `size` (width, height) goes: above its box, else below, beside, farther off, over it.

    Always inside the picture; away from the labels that are `taken`, if there is such a place.
    """
    gap = 4
    beside_y = (box.y1 + box.y2 - size[1]) // 2
    wishes = [
        (box.x1, box.y1 - gap - size[1]),
        (box.x1, box.y2 + gap),
        (box.x2 + gap, beside_y),
        (box.x1 - gap - size[0], beside_y),
        (box.x1, box.y1 - 2 * (gap + size[1])),
        (box.x1, box.y2 + gap + size[1] + gap),
    ]
    places = [_shift_inside(wish, size, width, height) for wish in wishes]
    for place in places:
        if not any(_overlap(place, other) for other in (box, *taken)):
            return place
    free = [place for place in places if not any(_overlap(place, other) for other in taken)]
    return (free or places)[0]


def _shift_inside(corner: tuple[int, int], size: tuple[int, int], width: int, height: int) -> Rectangle:
    x = max(0, min(corner[0], width - size[0]))
    y = max(0, min(corner[1], height - size[1]))
    return Rectangle(x, y, min(x + size[0], width), min(y + size[1], height))


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one.x1 < other.x2 and other.x1 < one.x2 and one.y1 < other.y2 and other.y1 < one.y2


def _burn_time(picture: Image, result: FrameResult, size: int) -> None:
    """The moment the picture was taken, at the bottom left, in the machine's time zone."""
    moment = result.frame.utc.astimezone()
    offset = f"{moment:%z}"
    text = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 100_000} {offset[:3]}:{offset[3:5]}"
    face = Face(size, _REGULAR)
    widest = text_width(text, face)
    height, width = picture.shape[:2]
    if widest + size > width:
        return  # a picture narrower than its own time
    top = height - round(1.6 * size)
    ground = picture[max(0, top) :, : widest + size]
    cv2.convertScaleAbs(ground, dst=ground, alpha=0.35, beta=0)
    write(picture, text, (size // 2, height - round(0.5 * size)), _PAPER, face)
