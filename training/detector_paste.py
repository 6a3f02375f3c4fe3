"""Plates pasted into pictures, with something like a car around some of them, and lettering that is no plate."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Image

Box = npt.NDArray[np.float32]

_WORDS = ("exit", "parking", "open", "sale", "taxi", "bus stop", "one way", "private", "camera", "gate", "hotel", "24h")
_BUTTONS = (
    *("file", "edit", "view", "open", "save", "close", "cancel", "undo", "redo", "help", "options", "search", "print"),
    *("start", "stop", "next page", "home", "settings", "window", "menu", "zoom in", "sign in", "submit", "contact us"),
)
_TRIES = 6
_APART = 3.0
"""Pixels between a box and what is drawn beside it."""


def paste_plate(random_: np.random.Generator, image: Image, taken: Sequence[Box], plate: Image) -> Box | None:
    """Paste a plate crop somewhere free into `image`, in place; its box (4,), or None if there was no room.

    Widths run from 10 px to most of the picture, small ones as often as large ones on a logarithmic scale.
    """
    height, width = image.shape[:2]
    wide = math.exp(random_.uniform(math.log(10), math.log(max(24.0, 0.7 * width))))
    tall = wide * plate.shape[0] / plate.shape[1] * random_.uniform(0.85, 1.15)
    corners = _corners(random_, wide, tall)
    spread = corners.max(axis=0) - corners.min(axis=0)
    spot = _free_spot(random_, (width, height), spread, taken)
    if spot is None:
        return None
    corners = (corners - corners.min(axis=0) + spot).astype(np.float32)
    if random_.random() < 0.45:
        _draw_car(random_, image, corners, taken)
    elif random_.random() < 0.5:
        _draw_holder(random_, image, corners)
    _blend(random_, image, plate, corners)
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32)


def swap_plate(random_: np.random.Generator, image: Image, box: Box, plate: Image) -> None:
    """Put another plate where one is, in place: the most believable place that there is for it."""
    x1, y1, x2, y2 = box
    corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)
    _blend(random_, image, plate, corners)


def letter(random_: np.random.Generator, image: Image, taken: Sequence[Box]) -> None:
    """Write lettering into `image`, in place, that must not be taken for a plate: time stamps, words, shop signs."""
    height, width = image.shape[:2]
    text = " ".join(random_.choice(_WORDS, int(random_.integers(1, 3))))
    if random_.random() < 0.5:
        year, month, day, hour, minute = (
            int(random_.integers(least, most)) for least, most in ((2005, 2030), (1, 13), (1, 29), (0, 24), (0, 60))
        )
        text = f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{minute:02}"
    elif random_.random() < 0.4:
        text = text.upper()
    scale = random_.uniform(0.25, 0.9)
    font = int(random_.integers(0, 8))
    thick = 1 if scale < 0.5 else int(random_.integers(1, 3))
    (wide, tall), _ = cv2.getTextSize(text, font, scale, thick)
    spot = _free_spot(random_, (width, height), np.array([wide, tall], np.float64), taken)
    if spot is None:
        return
    colour = tuple(int(value) for value in random_.integers(0, 256, 3))
    if random_.random() < 0.3:  # a sign: taller than any plate, so that it is not one
        edge = max(tall, wide // 3)
        low = (spot - np.array([8, edge])).astype(int)
        high = (spot + np.array([wide + 8, tall + edge])).astype(int)
        if not _overlaps(np.array([*low, *high], np.float32), taken):
            ground = tuple(int(value) for value in random_.integers(0, 256, 3))
            cv2.rectangle(image, low.tolist(), high.tolist(), ground, -1)
    position = (int(spot[0]), int(spot[1] + tall))
    cv2.putText(image, text, position, font, scale, colour, thick, cv2.LINE_AA)


def draw_buttons(random_: np.random.Generator, image: Image, taken: Sequence[Box]) -> None:
    """Draw a row or a column of buttons or labels, words in small boxes, into `image`, in place: no plates either."""
    height, width = image.shape[:2]
    scale, font = random_.uniform(0.3, 0.7), int(random_.integers(0, 4))
    words = [_cased(random_, str(word)) for word in random_.choice(_BUTTONS, int(random_.integers(2, 7)))]
    sizes = [cv2.getTextSize(word, font, scale, 1)[0] for word in words]
    margin = int(random_.integers(2, 7))
    across = max(size[0] for size in sizes) + 2 * margin
    tall = max(size[1] for size in sizes) + 2 * margin
    step = np.array([across + margin, 0] if random_.random() < 0.5 else [0, tall + int(random_.integers(1, 8))])
    spread = step * (len(words) - 1) + np.array([across, tall])
    spot = _free_spot(random_, (width, height), spread.astype(np.float64), taken)
    if spot is None:
        return
    ground = int(random_.integers(60, 256))
    ink = tuple([int(random_.integers(0, 60)) if ground > 130 else 255] * 3)
    for index, (word, (_, high)) in enumerate(zip(words, sizes, strict=True)):
        x, y = (spot + step * index).astype(int).tolist()
        cv2.rectangle(image, (x, y), (x + across, y + tall), (ground,) * 3, -1)
        cv2.rectangle(image, (x, y), (x + across, y + tall), (max(0, ground - int(random_.integers(20, 120))),) * 3, 1)
        cv2.putText(image, word, (x + margin, y + (tall + high) // 2), font, scale, ink, 1, cv2.LINE_AA)


def _cased(random_: np.random.Generator, word: str) -> str:
    return word if random_.random() < 0.4 else word.capitalize() if random_.random() < 0.7 else word.upper()


def _corners(random_: np.random.Generator, wide: float, tall: float) -> npt.NDArray[np.float32]:
    """A plate's four corners, clockwise from the upper left, as a camera beside and above the lane sees them."""
    near = random_.uniform(0.8, 1.0)
    left, right = (near, 1.0) if random_.random() < 0.5 else (1.0, near)
    squeeze = random_.uniform(0.75, 1.0) if near < 0.95 else 1.0
    half = wide * squeeze / 2
    points = np.array(
        [[-half, -tall * left / 2], [half, -tall * right / 2], [half, tall * right / 2], [-half, tall * left / 2]]
    )
    angle = math.radians(random_.normal(0, 5))
    shear = random_.normal(0, 0.06)
    turn = np.array([[math.cos(angle), -math.sin(angle) + shear], [math.sin(angle), math.cos(angle)]])
    return np.asarray(points @ turn.T, np.float32)


def _free_spot(
    random_: np.random.Generator, size: tuple[int, int], spread: npt.NDArray[np.floating], taken: Sequence[Box]
) -> npt.NDArray[np.float64] | None:
    """Upper left corner for something of `spread` (width, height) that touches no box, or None."""
    room = np.array(size) - spread - 4
    if (room <= 0).any():
        return None
    for _ in range(_TRIES):
        spot = 2 + random_.random(2) * room
        if not _overlaps(np.concatenate([spot, spot + spread]).astype(np.float32), taken):
            return np.asarray(spot)
    return None


def _overlaps(box: Box, taken: Sequence[Box]) -> bool:
    return any(
        box[0] < other[2] + _APART
        and box[2] > other[0] - _APART
        and box[1] < other[3] + _APART
        and box[3] > other[1] - _APART
        for other in taken
    )


def _blend(random_: np.random.Generator, image: Image, plate: Image, corners: npt.NDArray[np.float32]) -> None:
    """Warp the crop onto its corners, with soft edges and the light of where it lands."""
    low = np.floor(corners.min(axis=0)).astype(int) - 2
    high = np.ceil(corners.max(axis=0)).astype(int) + 2
    low, high = low.clip(0), np.minimum(high, image.shape[1::-1])
    wide, tall = (high - low).tolist()
    area = image[low[1] : high[1], low[0] : high[0]]
    shrunk = plate
    share = (corners[1, 0] - corners[0, 0]) / plate.shape[1]
    if share < 0.7 and random_.random() < 0.8:  # the device shrinks frames without averaging, cameras average: both
        shrunk = np.asarray(cv2.resize(plate, None, fx=share * 1.2, fy=share * 1.2, interpolation=cv2.INTER_AREA))
    source = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * np.array(shrunk.shape[1::-1], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners - low.astype(np.float32))
    warped = cv2.warpPerspective(shrunk, matrix, (wide, tall), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    mask = cv2.warpPerspective(np.ones(shrunk.shape[:2], np.float32), matrix, (wide, tall))
    if random_.random() < 0.5:
        sigma = random_.uniform(0.3, max(0.4, min(1.5, tall / 12)))
        warped = np.asarray(cv2.GaussianBlur(warped, (0, 0), sigma), np.float32)
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.float32)
    light = (float(area.mean()) + 40) / (float(plate.mean()) + 40)
    warped = warped * (light ** random_.uniform(0, 0.8)) * random_.uniform(0.75, 1.25)
    mask = mask[..., None]
    area[:] = (area * (1 - mask) + warped * mask).clip(0, 255).astype(np.uint8)


def _draw_holder(random_: np.random.Generator, image: Image, corners: npt.NDArray[np.float32]) -> None:
    middle = corners.mean(axis=0)
    bigger = (corners - middle) * random_.uniform(1.04, 1.3, 2) + middle
    cv2.fillConvexPoly(image, bigger.round().astype(np.int32), _colour(random_), cv2.LINE_AA)


def _draw_car(
    random_: np.random.Generator, image: Image, corners: npt.NDArray[np.float32], taken: Sequence[Box]
) -> None:
    """A plain back or front of a car around the plate: body, window, bumper, lights. Not where a plate is already."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    wide = float(high[0] - low[0])
    middle = (low + high) / 2
    across = wide * random_.uniform(2.6, 4.5) / 2
    up, down = across * random_.uniform(0.7, 1.5), wide * random_.uniform(0.25, 0.9)
    body = np.array([middle[0] - across, middle[1] - up, middle[0] + across, middle[1] + down], np.float32)
    if _overlaps(body, taken):
        return
    x1, y1, x2, y2 = body.round().astype(int).tolist()
    cv2.rectangle(image, (x1, y1), (x2, y2), _colour(random_), -1)
    inset, sill = round(across * random_.uniform(0.1, 0.35)), round(up * random_.uniform(0.35, 0.6))
    cv2.rectangle(image, (x1 + inset, y1 + 2), (x2 - inset, y1 + sill), _colour(random_, 90), -1)
    if random_.random() < 0.6:
        cv2.rectangle(image, (x1, round(low[1] - 0.1 * wide)), (x2, y2), _colour(random_), -1)
    side, deep = round(across * random_.uniform(0.15, 0.4)), max(1, round(up * random_.uniform(0.08, 0.2)))
    top = y1 + sill + max(2, round(up * 0.05))
    light = _colour(random_)
    cv2.rectangle(image, (x1, top), (x1 + side, top + deep), light, -1)
    cv2.rectangle(image, (x2 - side, top), (x2, top + deep), light, -1)


def _colour(random_: np.random.Generator, most: int = 256) -> tuple[int, int, int]:
    """A random colour, mostly of little saturation, as cars are."""
    grey, spread = random_.integers(0, most), random_.choice([4, 40])
    blue, green, red = (int(np.clip(grey + random_.normal(0, spread), 0, 255)) for _ in range(3))
    return blue, green, red
