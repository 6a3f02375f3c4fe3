"""Drawn plates as a camera sees them, with known slope, lean, movement, focus and noise."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.demo_plates import STYLES, PlateStyle, draw_plate, invent_number, plain_text
from edge.records import Image, PlateBox

_FINE = 3
"""The scene is drawn this many times finer than the picture."""
BY_NAME = {style.name: style for style in STYLES}


@dataclass(frozen=True)
class Scene:
    image: Image
    box: PlateBox
    text: str
    lines: int


def scene(
    seed: int,
    width: float,
    style: PlateStyle | None = None,
    slope: float = 0.0,
    skew: float = 0.0,
    moved: float = 0.0,
    sideways: bool = True,
    blur: float = 0.7,
    noise: float = 2.0,
) -> Scene:
    """A plate `width` px wide on a grey car; `slope` and `skew` in degrees clockwise, `moved` and `blur` in pixels."""
    random = np.random.default_rng(seed)
    style = style or STYLES[seed % len(STYLES)]
    number = invent_number(style, random)
    plate = draw_plate(number, style, random)
    height, full = plate.shape[:2]
    size = (int(width * _FINE * 1.6), int(width * _FINE * (height / full + 0.9)))
    turn, lean = np.radians(slope), np.tan(np.radians(skew))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    onto = turned @ np.array([[1.0, -lean], [0.0, 1.0]]) * (width * _FINE / full)
    shift = np.array(size) / 2 - onto @ np.array([full / 2, height / 2])
    picture = np.full((size[1], size[0], 3), 70, np.uint8)
    picture[: size[1] // 3] = 110
    shrinks = cv2.INTER_AREA if width * _FINE < full else cv2.INTER_LINEAR
    affine = np.hstack([onto, shift[:, None]])
    cv2.warpAffine(plate, affine, size, dst=picture, flags=shrinks, borderMode=cv2.BORDER_TRANSPARENT)
    seen: npt.NDArray[Any] = picture.astype(np.float32)
    if moved:
        kernel = _box(moved * _FINE)
        seen = cv2.filter2D(seen, -1, kernel if sideways else kernel.T, borderType=cv2.BORDER_REPLICATE)
    seen = cv2.GaussianBlur(seen, (0, 0), blur * _FINE)
    seen = cv2.resize(seen, (size[0] // _FINE, size[1] // _FINE), interpolation=cv2.INTER_AREA)
    image = np.clip(seen + random.normal(0, noise, seen.shape), 0, 255).astype(np.uint8)
    corners = (onto @ np.array([[0, full, full, 0], [0, 0, height, height]]) + shift[:, None]) / _FINE
    (x1, y1), (x2, y2) = corners.min(axis=1), corners.max(axis=1)
    box = PlateBox(float(x1), float(y1), float(x2), float(y2), 0.9)
    return Scene(image, box, plain_text(number), 1 + number.count("|"))


def _box(length: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """(1, K): a straight movement over so many pixels, of sum 1."""
    half = int(np.ceil(length / 2)) + 1
    at = np.arange(-half, half + 1)
    weights = np.clip(np.minimum(at + 0.5, length / 2) - np.maximum(at - 0.5, -length / 2), 0, None)
    return np.asarray(weights / weights.sum(), dtype=np.float32)[None, :]
