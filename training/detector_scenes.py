"""Training pictures made on the fly: real photographs moved about, mosaics, pasted plates, misleading lettering.

Everything is drawn at the network's own pixel scale with the device's interpolation, so that a crop of 256 px teaches
what the device sees in a part of its canvas. One seed, one picture.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from edge.records import Image
from training.detector_data import Boxes, Picture
from training.detector_paste import draw_buttons, letter, paste_plate, swap_plate

DEVICE_SIZE = 512
"""The canvas to which the device fits a frame; a picture's usual scale in training is its scale there."""

Thing = TypeVar("Thing")

_FILL = 114
_LEAST_WIDTH, _LEAST_HEIGHT = 8.0, 3.0
_LEAST_VISIBLE = 0.35
_LETTERS = 0.6
"""Of the lettering, free words and signs; the rest are buttons and labels."""
_FROM_THE_FRONT = 0.75
"""Share of views that are left as the photographer stood."""


class Scene(NamedTuple):
    """A training picture (S, S, 3) and its boxes (N, 4) in pixels."""

    image: Image
    boxes: Boxes


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """How often what happens in a scene; shares from 0 to 1."""

    mosaic: float = 0.35
    """Scenes put together of four."""
    negatives: float = 0.3
    """Views of pictures without plates."""
    extra: float = 0.0
    """Views of the extra frames, where there are any."""
    pasted: float = 0.4
    """Views that get pasted plates."""
    swapped: float = 0.2
    """Views of real photographs in which other plates take the place of those that are there."""
    lettering: float = 0.25
    """Views that get lettering which is no plate."""
    grey: float = 0.2
    """Scenes without colour: most pictures without plates are grey, so grey must not mean "no plate"."""


# Share of the real views, and least and greatest zoom on top of the device's scale. The web's plates are close
# already; Open Images' are small and become smaller, or as large as a plate at a gate is.
_SOURCES = {"openimages": (0.62, 0.8, 2.8), "romania": (0.18, 0.74, 1.85), "web": (0.2, 0.31, 1.1)}
_OTHER = (0.25, 0.6, 2.0)


class SceneMaker:
    """Draws scenes from pictures in memory."""

    def __init__(
        self,
        real: Sequence[Picture],
        negatives: Sequence[Picture],
        plates: Sequence[Image],
        extra: Sequence[Picture] = (),
    ) -> None:
        by_source: dict[str, list[Picture]] = {}
        for picture in real:
            by_source.setdefault(picture.source, []).append(picture)
        self._real = [(pictures, *_SOURCES.get(source, _OTHER)) for source, pictures in by_source.items()]
        shares = np.array([share for _, share, _, _ in self._real])
        self._real_shares = shares / shares.sum()
        self._negatives, self._extra = negatives, extra
        self._plates = sorted(plates, key=_shape)
        self._shapes = np.array([_shape(plate) for plate in self._plates])
        self._shares = np.full(len(negatives), 1 / max(len(negatives), 1))

    @property
    def negatives(self) -> Sequence[Picture]:
        """The pictures without plates."""
        return self._negatives

    def favour(self, confidences: Sequence[float]) -> None:
        """Show more often those pictures without plates in which a network is surest of a plate.

        `confidences` are its highest of each picture, 0 to 1. A third of the views stays spread evenly.
        """
        worth = np.asarray(confidences, np.float64) + 0.01
        self._shares = (1 / len(worth) + 2 * worth / worth.sum()) / 3

    def scene(self, random_: np.random.Generator, size: int, settings: SceneSettings) -> Scene:
        """A scene of `size` × `size`."""
        if random_.random() < settings.mosaic:
            scene = self._mosaic(random_, size, settings)
        else:
            scene = self._view(random_, size, size, 1.0, settings)
        return Scene(_photograph(random_, scene.image, settings.grey), scene.boxes)

    def _mosaic(self, random_: np.random.Generator, size: int, settings: SceneSettings) -> Scene:
        across, down = (int(size * random_.uniform(0.3, 0.7)) for _ in range(2))
        image = np.empty((size, size, 3), np.uint8)
        boxes = []
        for x1, x2 in ((0, across), (across, size)):
            for y1, y2 in ((0, down), (down, size)):
                part = self._view(random_, x2 - x1, y2 - y1, 0.75, settings)
                image[y1:y2, x1:x2] = part.image
                boxes.append(part.boxes + np.array([x1, y1, x1, y1], np.float32))
        return Scene(image, np.concatenate(boxes))

    def _view(
        self, random_: np.random.Generator, width: int, height: int, zoom: float, settings: SceneSettings
    ) -> Scene:
        draw = random_.random()
        if self._extra and draw < settings.extra:
            view = _look(random_, _pick(random_, self._extra), width, height, zoom * _log_uniform(random_, 0.6, 1.6))
        elif draw < settings.extra + settings.negatives:
            negative = self._negatives[int(random_.choice(len(self._negatives), p=self._shares))]
            view = _look(random_, negative, width, height, zoom * _log_uniform(random_, 0.5, 1.5))
        else:
            pictures, _, least, most = self._real[int(random_.choice(len(self._real), p=self._real_shares))]
            view = _look(random_, _pick(random_, pictures), width, height, zoom * _log_uniform(random_, least, most))
            if random_.random() < settings.swapped:
                self._swap(random_, view)
        boxes = list(view.boxes)
        if random_.random() < settings.pasted and self._plates:
            for _ in range(int(random_.integers(1, 3))):
                box = paste_plate(random_, view.image, boxes, _pick(random_, self._plates))
                boxes += [] if box is None else [box]
        if random_.random() < settings.lettering:
            (letter if random_.random() < _LETTERS else draw_buttons)(random_, view.image, boxes)
        return Scene(view.image, np.array(boxes, np.float32).reshape(-1, 4))

    def _swap(self, random_: np.random.Generator, view: Scene) -> None:
        """Other plates of about the same shape in the place of those in `view`, in place."""
        for box in view.boxes:
            shape = (box[2] - box[0]) / (box[3] - box[1])
            first, last = np.searchsorted(self._shapes, [shape / 1.2, shape * 1.2])
            if last > first:
                swap_plate(random_, view.image, box, self._plates[int(random_.integers(first, last))])


def _shape(plate: Image) -> float:
    """Width by height."""
    return float(plate.shape[1] / plate.shape[0])


def _pick(random_: np.random.Generator, things: Sequence[Thing]) -> Thing:
    return things[int(random_.integers(len(things)))]


def _log_uniform(random_: np.random.Generator, least: float, most: float) -> float:
    return math.exp(random_.uniform(math.log(least), math.log(most)))


def _look(random_: np.random.Generator, picture: Picture, width: int, height: int, zoom: float) -> Scene:
    """A window (height, width) on a picture that is scaled, turned, stretched and perhaps mirrored."""
    tall, wide = picture.image.shape[:2]
    scale = zoom * DEVICE_SIZE / max(tall, wide)
    stretch = math.exp(random_.normal(0.0, 0.1))
    angle = math.radians(random_.normal(0.0, 3.0)) if random_.random() < 0.6 else 0.0
    mirror = -1.0 if random_.random() < 0.5 else 1.0
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = turn @ _aside(random_) @ np.diag([scale * stretch * mirror, scale / stretch])
    middle = np.array([wide / 2, tall / 2])
    target = np.array([width / 2, height / 2])
    if len(picture.boxes) and random_.random() < 0.8:  # a plate is somewhere inside
        box = picture.boxes[int(random_.integers(len(picture.boxes)))]
        middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
        target = np.array([random_.uniform(0.05, 0.95) * width, random_.uniform(0.05, 0.95) * height])
    else:
        room = (np.array([wide, tall]) * scale - target * 2).clip(0) / 2
        target = target + random_.uniform(-1, 1, 2) * room
    shift = target - linear @ middle
    if random_.random() < 0.85:
        shift += _less_border(linear, shift, np.array([wide, tall]), np.array([width, height]))
    matrix = np.concatenate([linear, shift[:, None]], axis=1)
    image = picture.image
    if scale < 0.5 and random_.random() < 0.3:  # sometimes as a camera with a smaller sensor would have seen it
        image = np.asarray(cv2.blur(image, (round(1 / scale), round(1 / scale))), np.uint8)
    warped = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(_FILL,) * 3)
    return _cut(np.asarray(warped, np.uint8), _move(picture.boxes, matrix))


def _aside(random_: np.random.Generator) -> np.ndarray:
    """What standing beside the lane does to a picture, in (2, 2): now and then narrower, and slanted."""
    if random_.random() < _FROM_THE_FRONT:
        return np.eye(2)
    narrow = random_.uniform(0.6, 1.0)
    return np.array([[narrow, 0.0], [random_.normal(0.0, 0.08) * narrow, 1.0]])


def _less_border(linear: np.ndarray, shift: np.ndarray, picture: np.ndarray, window: np.ndarray) -> np.ndarray:
    """How to move a placed picture (width, height) so that it fills the window or, if smaller, lies wholly in it."""
    middle = linear @ (picture / 2) + shift
    half = picture * np.abs(np.diag(linear)) / 2
    ends = np.stack([half, window - half])
    return np.asarray(middle.clip(ends.min(axis=0), ends.max(axis=0)) - middle)


def _move(boxes: Boxes, matrix: np.ndarray) -> Boxes:
    """The boxes around where an affine matrix (2, 3) takes boxes' corners."""
    corners = np.stack([boxes[:, [0, 1]], boxes[:, [2, 1]], boxes[:, [2, 3]], boxes[:, [0, 3]]], axis=1)
    moved = corners @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1).astype(np.float32)


def _cut(image: Image, boxes: Boxes) -> Scene:
    """Boxes cut at the picture's edge; a plate of which too little is left is painted over, not taught as nothing."""
    height, width = image.shape[:2]
    inside = boxes.clip(0, np.array([width, height, width, height], np.float32))
    sides = (inside[:, 2:] - inside[:, :2]).clip(0)
    whole = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    visible = np.prod(sides, axis=1) / (whole + 1e-6)
    kept = (visible >= _LEAST_VISIBLE) & (sides[:, 0] >= _LEAST_WIDTH) & (sides[:, 1] >= _LEAST_HEIGHT)
    for x1, y1, x2, y2 in inside[~kept & (visible > 0)].round().astype(int):
        patch = image[y1:y2, x1:x2]
        if patch.size:
            patch[:] = patch.mean(axis=(0, 1))
    return Scene(image, inside[kept])


def _photograph(random_: np.random.Generator, image: Image, grey: float) -> Image:
    """Light, colour, blur, noise and JPEG, as cameras differ in them."""
    pixels = image
    if random_.random() < 0.25:
        pixels = _blur(random_, pixels)
    gamma, gain, offset = math.exp(random_.normal(0, 0.3)), math.exp(random_.normal(0, 0.2)), random_.normal(0, 12)
    tint = np.exp(random_.normal(0, 0.08, 3)) if random_.random() < 0.6 else np.ones(3)
    levels = np.linspace(0, 1, 256)[:, None] ** gamma * 255 * gain * tint + offset
    pixels = np.asarray(cv2.LUT(pixels, levels.clip(0, 255).astype(np.uint8)[None]), np.uint8)
    if random_.random() < grey:
        pixels = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)
    elif random_.random() < 0.3:  # more or less colourful
        faded = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)[..., None].repeat(3, axis=2)
        share = random_.uniform(0.0, 1.5)
        pixels = np.asarray(cv2.addWeighted(pixels, share, faded, 1 - share, 0), np.uint8)
    if random_.random() < 0.3:
        noise = random_.uniform(2, 12) * random_.standard_normal(pixels.shape[:2], np.float32)[..., None]
        pixels = (pixels + noise).clip(0, 255).astype(np.uint8)
    if random_.random() < 0.15:
        _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(random_.integers(35, 85))])
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def _blur(random_: np.random.Generator, pixels: Image) -> Image:
    if random_.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), random_.uniform(0.4, 1.3)), np.uint8)
    length = int(random_.integers(2, 6))
    kernel = np.zeros((length, length), np.float32)
    if random_.random() < 0.7:
        kernel[length // 2] = 1 / length
    else:
        np.fill_diagonal(kernel, 1 / length)
    return np.asarray(cv2.filter2D(pixels, -1, kernel), np.uint8)
