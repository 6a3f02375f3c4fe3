"""The textured parts of a demo car: its front (grille, lamps, bumper), its windscreen and a wheel."""

from collections.abc import Sequence

import cv2
import numpy as np

from edge.demo_backdrop import cloud_noise
from edge.demo_geometry import Body, Doubles
from edge.demo_light import Light, shade
from edge.records import Image

SCALE = 300
"""Pixels of texture a metre of car."""
BOTTOM = 0.25
"""Height above the road where the front begins, metres."""


def _row(body: Body, y: float) -> int:
    """The texture's row at `y` metres above the road."""
    return int((body.nose - y) * SCALE)


def _panel(body: Body, paint: Doubles, light: Light) -> Doubles:
    """The painted skin, shaded as a bulging bumper under the bonnet's edge; (H, W, 3)."""
    height, width = int((body.nose - BOTTOM) * SCALE), int(body.width * 0.9 * SCALE)
    v = np.linspace(0, 1, height)
    up = (
        0.75 * np.exp(-((v / 0.1) ** 2))
        + 0.5 * np.exp(-(((v - 0.5) / 0.07) ** 2))
        - 0.55 * np.clip(v - 0.72, 0, 1) / 0.28
    )
    u = np.linspace(-1, 1, width)
    aside = 0.75 * np.sign(u) * np.abs(u) ** 5
    y, x = np.meshgrid(up, aside, indexing="ij")
    normals = np.stack([x, y, -np.sqrt(np.clip(1 - x**2 - y**2, 0.1, 1))], axis=2)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return shade(normals, np.broadcast_to(paint, normals.shape), 0.1, light)


def _blend(panel: Doubles, mask: Image, corner: tuple[int, int], filling: Doubles) -> None:
    """Lay `filling` over the panel in place where `mask` (0 to 255), whose top left is at `corner` (x, y), says so.

    `filling` is one colour, (3,), or as high as the panel: (H, 1, 3) or (H, W, 3).
    """
    x1, y1 = max(corner[0], 0), max(corner[1], 0)
    x2, y2 = min(corner[0] + mask.shape[1], panel.shape[1]), min(corner[1] + mask.shape[0], panel.shape[0])
    if x2 <= x1 or y2 <= y1:
        return
    share = mask[y1 - corner[1] : y2 - corner[1], x1 - corner[0] : x2 - corner[0], None] / 255.0
    if filling.ndim == 3:
        filling = filling[y1:y2] if filling.shape[1] == 1 else filling[y1:y2, x1:x2]
    part = panel[y1:y2, x1:x2]
    part += (filling - part) * share


def _polygon(panel: Doubles, points: Sequence[tuple[float, float]], filling: Doubles, soft: int = 9) -> None:
    """Fill a polygon (texture pixels) with rounded corners, in place."""
    outline = np.array(points, np.int32)
    corner = outline.min(axis=0) - soft
    width, height = outline.max(axis=0) + soft - corner
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline - corner], (255,))
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), soft / 2), np.uint8)
    sharper = np.clip((mask.astype(np.float64) - 100) * 5.1, 0, 255).astype(np.uint8)
    _blend(panel, sharper, (int(corner[0]), int(corner[1])), filling)


def _disc(panel: Doubles, centre: tuple[int, int], radius: int, filling: Doubles, width: int = -1) -> None:
    """A disc, or with `width` a ring of so many pixels, in place."""
    size = radius + max(width, 0) + 2
    mask = np.zeros((2 * size + 1, 2 * size + 1), np.uint8)
    cv2.circle(mask, (size, size), radius, (255,), width, cv2.LINE_AA)
    _blend(panel, mask, (centre[0] - size, centre[1] - size), filling)


def _mesh_fill(panel: Doubles, kind: int, tint: Doubles) -> Doubles:
    """The dark inside of a grille with bars: horizontal, vertical or diamonds."""
    rows, columns = np.mgrid[0 : panel.shape[0], 0 : panel.shape[1]]
    if kind == 0:
        bars = (rows % 13) < 5
    elif kind == 1:
        bars = (columns % 16) < 5
    else:
        bars = ((rows + columns) % 14 < 4) | ((rows - columns) % 14 < 4)
    lightness = np.where(bars, 66, 16) * np.clip(1.25 - (rows % 13) / 13, 0.5, 1.2)
    return np.asarray(lightness[..., None] * tint)


def _grille(body: Body, panel: Doubles, light: Light, rng: np.random.Generator) -> None:
    """The grille between the lamps in its frame, with a badge of no brand."""
    middle = panel.shape[1] / 2
    y1, y2 = _row(body, body.nose - 0.07), _row(body, body.plate + 0.1)
    wide, narrow = rng.uniform(0.3, 0.5) * SCALE, rng.uniform(0.26, 0.42) * SCALE
    points = [(middle - wide, y1), (middle + wide, y1), (middle + narrow, y2), (middle - narrow, y2)]
    grown = [(x + np.sign(x - middle) * 7, y + (7 if y == y2 else -6)) for x, y in points]
    tint = np.array(light.tint)
    rows = np.linspace(1.15, 0.5, panel.shape[0])[:, None, None]
    frame = 205.0 if rng.random() < 0.65 else 30.0
    _polygon(panel, grown, frame * tint * rows)
    _polygon(panel, points, _mesh_fill(panel, int(rng.integers(3)), tint))
    centre, radius = (int(middle), int(y1 + (y2 - y1) * 0.42)), int(0.052 * SCALE)
    _disc(panel, centre, radius, 190 * tint * rows)
    _disc(panel, centre, radius - 5, 40 * tint * rows, 2)
    bar = [(centre[0] - 2, centre[1] - radius + 5), (centre[0] + 2, centre[1] - radius + 5)]
    bar += [(x, centre[1] + radius - 5) for x, _ in reversed(bar)]
    _polygon(panel, bar, 40 * tint, 2)


def _lamp_points(body: Body, width: int, side: int, slim: float) -> list[tuple[float, float]]:
    """The outline of one headlamp; `side` is -1 or 1."""
    middle = width / 2
    y = _row(body, body.nose - 0.06)
    inner, outer = middle + side * body.width * 0.29 * SCALE, middle + side * body.width * 0.44 * SCALE
    return [(inner, y + 0.05 * SCALE), (outer, y - 2), (outer, y + slim * SCALE), (inner, y + slim * 0.85 * SCALE)]


def _headlamps(body: Body, panel: Doubles, light: Light, rng: np.random.Generator) -> None:
    tint = np.array(light.tint)
    ramp = np.linspace(1.2, 0.35, panel.shape[0])[:, None, None]
    slim = float(rng.uniform(0.13, 0.19))
    for side in (-1, 1):
        points = _lamp_points(body, panel.shape[1], side, slim)
        xs, ys = zip(*points, strict=True)
        _polygon(panel, [(x, y + 3) for x, y in points], 34 * tint, 12)
        shrunk = [(x + (np.mean(xs) - x) * 0.1, y + (np.mean(ys) - y) * 0.16) for x, y in points]
        _polygon(panel, shrunk, 150 * tint * ramp)
        for where, radius in ((0.28, 0.036), (0.7, 0.044)):
            centre = (int(xs[0] + (xs[1] - xs[0]) * where), int(np.mean(ys) + 0.004 * SCALE))
            for grow, grey in ((1.25, 60), (1.0, 205), (0.55, 120), (0.25, 245)):
                _disc(panel, centre, int(radius * grow * SCALE), grey * tint)


def _bumper(body: Body, panel: Doubles, light: Light, rng: np.random.Generator) -> None:
    """Lower intake, fog lamps, the gap under the bonnet and a dark lip."""
    tint = np.array(light.tint)
    middle = panel.shape[1] / 2
    y1, y2 = _row(body, body.plate - 0.1), _row(body, BOTTOM + 0.055)
    wide = rng.uniform(0.4, 0.55) * SCALE
    bars = int(rng.integers(3))
    if y2 - y1 > 10:
        points = [(middle - wide, y1), (middle + wide, y1), (middle + wide * 0.86, y2), (middle - wide * 0.86, y2)]
        _polygon(panel, points, _mesh_fill(panel, bars, tint) * 0.7)
    for side in (-1, 1):
        x = middle + side * body.width * 0.37 * SCALE
        y = _row(body, body.plate - 0.04)
        points = [(x - 0.09 * SCALE, y), (x + 0.09 * SCALE, y), (x + 0.07 * SCALE, y + 34), (x - 0.07 * SCALE, y + 34)]
        _polygon(panel, points, 30 * tint)
        _disc(panel, (int(x), y + 17), 11, 165 * tint)
    gap = _row(body, body.nose - 0.035)
    panel[gap : gap + 3] *= 0.35
    panel[-8:] = 26 * tint


def draw_front(body: Body, paint: Doubles, light: Light, rng: np.random.Generator) -> tuple[Image, Image]:
    """The front between `BOTTOM` and the bonnet's edge, 90 % of the car's width: BGR, and its outline as a mask."""
    panel = _panel(body, paint, light)
    _bumper(body, panel, light, rng)
    _grille(body, panel, light, rng)
    _headlamps(body, panel, light, rng)
    height, width = panel.shape[:2]
    y1, y2 = _row(body, body.plate + 0.075), _row(body, body.plate - 0.08)
    recess = [(width / 2 - 88, y1), (width / 2 + 88, y1), (width / 2 + 88, y2), (width / 2 - 88, y2)]
    _polygon(panel, recess, panel * 0.65, 7)
    v, u = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    mask = ((np.abs(u) ** 5 + np.abs(v) ** 7) < 1).astype(np.uint8) * 255
    panel += cloud_noise(height, width, rng, (2, 40))[..., None] * 1.6
    return np.clip(panel, 0, 255).astype(np.uint8), mask


def draw_windscreen(light: Light, rng: np.random.Generator) -> Image:
    """What one sees of the windscreen, 360 × 160: a dark cabin with people, under a reflection of the sky."""
    height, width = 160, 360
    glass = np.full((height, width, 3), 30, np.uint8)
    cv2.rectangle(glass, (0, 118), (width, height), (22, 22, 24), -1)
    for x in (105, 255):  # seats, and somebody on the driver's
        cv2.ellipse(glass, (x, 132), (44, 62), 0, 180, 360, (52, 50, 50), -1, cv2.LINE_AA)
        cv2.ellipse(glass, (x, 62), (20, 16), 0, 0, 360, (58, 56, 56), -1, cv2.LINE_AA)
    driver = 255 if rng.random() < 0.75 else 105
    cv2.ellipse(
        glass, (driver, 150), (50, 62), 0, 180, 360, tuple(int(c) for c in rng.integers(30, 120, 3)), -1, cv2.LINE_AA
    )
    cv2.ellipse(glass, (driver, 72), (16, 21), 0, 0, 360, (92, 112, 150), -1, cv2.LINE_AA)
    cv2.ellipse(glass, (driver, 60), (17, 13), 0, 180, 360, (30, 36, 44), -1, cv2.LINE_AA)
    cv2.ellipse(glass, (driver, 128), (34, 15), 0, 0, 360, (14, 14, 14), 4, cv2.LINE_AA)
    cv2.rectangle(glass, (163, 10), (198, 24), (12, 12, 12), -1)
    cv2.rectangle(glass, (300, 126), (318, 144), (150, 170, 150), -1)
    picture = cv2.GaussianBlur(glass, (0, 0), 1.6).astype(np.float64) * np.array(light.tint)
    if light.infrared:
        picture = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    else:
        ramp = np.linspace(0.62, 0.12, height)[:, None, None]
        clouds = np.clip(1 + 0.16 * cloud_noise(height, width, rng, (24, 60)), 0.5, 1.5)[..., None]
        picture += (np.array(light.sky[1]) * clouds - picture) * ramp * 0.75
    cv2.line(picture, (40, 157), (170, 150), (14, 14, 14), 3, cv2.LINE_AA)
    cv2.line(picture, (185, 157), (310, 150), (14, 14, 14), 3, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 0), (width - 1, height - 1), (16, 16, 16), 4)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)
