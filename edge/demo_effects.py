"""What the demo scene's camera and lamps add to a picture: shadows, glare, motion blur, noise."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from edge.demo_geometry import FOCAL, HEIGHT, WIDTH, CarShape, Doubles, Pose
from edge.demo_light import Light
from edge.records import Image


class Noise:
    """The sensor's noise: one fixed field, added from a place that changes with every frame."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._field: tuple[str, npt.NDArray[np.int8]] = ("", np.zeros((0, 0, 3), np.int8))

    def add(self, picture: Image, light: Light, time: float) -> None:
        """Add the noise of this light to the picture in place; the same time gives the same noise."""
        if self._field[0] != light.name:
            # drawn anew with every change of light: kept, it would be a quarter of the scene's memory
            random_ = np.random.default_rng(self._seed)
            field = np.empty((HEIGHT + 64, WIDTH + 64, 3), np.int8)
            for row in field:  # row by row: as floats the whole would be four times as large, twice
                grain = np.clip(light.noise * random_.standard_normal(row.shape, np.float32), -99, 99)
                row[:] = grain[:, :1] if light.infrared else grain
            self._field = (light.name, field)
        y, x = np.random.default_rng(round(time * 1000)).integers(0, 64, 2)
        cv2.add(picture, self._field[1][y : y + HEIGHT, x : x + WIDTH], dst=picture, dtype=cv2.CV_8U)


def blur_along(picture: Image, bounds: tuple[int, int, int, int], streak: float, leftwards: bool) -> None:
    """Motion blur of `streak` pixels outwards and down over the car, in place."""
    x1, y1, x2, y2 = bounds
    size = 2 * int(np.ceil(streak / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    half = streak / 2
    slope = -0.55 if leftwards else 0.55
    centre = size // 2
    for step in np.linspace(-half, half, 4 * size):
        column, row = centre + step, centre + step * slope
        kernel[round(row), round(column)] += 1
    picture[y1:y2, x1:x2] = cv2.filter2D(picture[y1:y2, x1:x2], -1, kernel / kernel.sum())


def draw_shadow(picture: Image, shape: CarShape, pose: Pose, light: Light, shake: tuple[int, int]) -> None:
    """Darken the road under and beside the car, in place."""
    half, length = shape.body.width / 2, shape.body.length
    under = [[-half, 0, 0.05], [half, 0, 0.05], [half, 0, length], [-half, 0, length]]
    cast = 0.75 * shape.body.height
    beside = [[-half, 0, 0.1], [half, 0, 0.1], [half + cast, 0, 1.6], [half + cast, 0, length], [-half, 0, length]]
    draw_pool(picture, shape.to_picture(under, pose) + shake, -0.72, 0.12 * FOCAL / max(pose.z, 2))
    if light.sun > 0.5:
        draw_pool(picture, shape.to_picture(beside, pose) + shake, -0.5, 0.05 * FOCAL / max(pose.z, 2))


def draw_pool(picture: Image, outline: Doubles, strength: float, soft: float) -> None:
    """Darken (strength < 0) or light the road inside the outline, with a soft edge of `soft` pixels, in place."""
    x1, y1 = np.maximum(np.floor(outline.min(axis=0) - 2 * soft).astype(int), 0)
    x2, y2 = np.minimum(np.ceil(outline.max(axis=0) + 2 * soft).astype(int), (WIDTH, HEIGHT))
    if x2 - x1 < 8 or y2 - y1 < 4:
        return
    coarse = 4 if soft > 6 else 1
    mask = np.zeros(((y2 - y1) // coarse + 1, (x2 - x1) // coarse + 1), np.float32)
    hull = cv2.convexHull(((outline - (x1, y1)) / coarse).astype(np.float32))
    cv2.fillConvexPoly(mask, np.round(hull * 16).astype(np.int32), (strength,), cv2.LINE_8, 4)
    mask = cv2.GaussianBlur(mask, (0, 0), max(soft / coarse / 2, 0.6))
    factor = cv2.resize(1 + mask, (int(x2 - x1), int(y2 - y1)), interpolation=cv2.INTER_LINEAR)
    area = picture[y1:y2, x1:x2]
    area[:] = cv2.multiply(area, cv2.merge([factor, factor, factor]), dtype=cv2.CV_8U)


@lru_cache(maxsize=4)
def _glare(light: Light) -> Image:
    """A lamp's glare, (256, 256, 3) BGR."""
    distance = np.hypot(*np.mgrid[-1:1:256j, -1:1:256j])
    halo = 150 * light.headlights * np.exp(-distance / 0.22) * np.clip(1 - distance, 0, 1)
    glare = 330 * np.exp(-((distance / 0.08) ** 2)) + halo
    colour = (1.0, 1.0, 1.0) if light.infrared else (0.8, 0.95, 1.0)
    return np.asarray(np.clip(glare[..., None] * np.array(colour), 0, 255), np.uint8)


def draw_headlights(picture: Image, lamps: Doubles, z: float, light: Light) -> None:
    """Glare around both headlamps (pixels x, y), in place."""
    radius = int(np.clip(light.headlights * 0.8 * FOCAL / z, 6, 150))
    sprite = cv2.resize(_glare(light), (2 * radius, 2 * radius), interpolation=cv2.INTER_AREA)
    for x, y in np.round(lamps).astype(int):
        x1, y1, x2, y2 = max(x - radius, 0), max(y - radius, 0), min(x + radius, WIDTH), min(y + radius, HEIGHT)
        if x2 > x1 and y2 > y1:
            part = sprite[y1 - y + radius : y2 - y + radius, x1 - x + radius : x2 - x + radius]
            cv2.add(picture[y1:y2, x1:x2], part, dst=picture[y1:y2, x1:x2])
