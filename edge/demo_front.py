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


def _shape(panel: Doubles, points: Sequence[tuple[float, float]], soft: int = 9) -> Doubles:
    """A (H, W, 1) mask, 0 to 1, of the polygon (texture pixels) with rounded corners."""
    mask = np.zeros(panel.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(points, np.int32)], (255,))
    soft_mask = cv2.GaussianBlur(mask, (0, 0), soft / 2)
    return np.asarray(np.clip((soft_mask[..., None].astype(np.float64) - 100) / 50, 0, 1))


def _lay(panel: Doubles, mask: Doubles, filling: Doubles) -> None:
    panel += (filling - panel) * mask


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
    middle = panel.shape[1] / 2
    top, bottom = body.nose - 0.07, body.plate + 0.1
    wide, narrow = rng.uniform(0.3, 0.5) * SCALE, rng.uniform(0.26, 0.42) * SCALE
    y1, y2 = _row(body, top), _row(body, bottom)
    points = [(middle - wide, y1), (middle + wide, y1), (middle + narrow, y2), (middle - narrow, y2)]
    grown = [(x + np.sign(x - middle) * 7, y + (7 if y == y2 else -6)) for x, y in points]
    tint = np.array(light.tint)
    rows = np.linspace(1.15, 0.5, panel.shape[0])[:, None, None]
    chrome = (np.array([205.0, 205, 205]) if rng.random() < 0.65 else np.array([30.0, 30, 30])) * tint * rows
    _lay(panel, _shape(panel, grown), chrome)
    _lay(panel, _shape(panel, points), _mesh_fill(panel, int(rng.integers(3)), tint))
    centre = (int(middle), int(y1 + (y2 - y1) * 0.42))
    badge = np.zeros(panel.shape[:2], np.uint8)
    radius = int(0.052 * SCALE)
    cv2.circle(badge, centre, radius, (255,), -1, cv2.LINE_AA)
    _lay(panel, badge[..., None] / 255.0, 190 * tint * rows)
    cv2.circle(badge, centre, radius - 4, (0,), 3, cv2.LINE_AA)
    ring = np.zeros_like(badge)
    cv2.circle(ring, centre, radius - 5, (255,), 2, cv2.LINE_AA)
    cv2.line(ring, (centre[0], centre[1] - radius + 5), (centre[0], centre[1] + radius - 5), (255,), 2, cv2.LINE_AA)
    _lay(panel, ring[..., None] / 255.0, 40 * tint * rows)


def _lamp_points(body: Body, width: int, side: int, slim: float) -> list[tuple[float, float]]:
    """The outline of one headlamp; `side` is -1 or 1."""
    middle = width / 2
    y = _row(body, body.nose - 0.06)
    inner, outer = middle + side * body.width * 0.29 * SCALE, middle + side * body.width * 0.44 * SCALE
    return [(inner, y + 0.05 * SCALE), (outer, y - 2), (outer, y + slim * SCALE), (inner, y + slim * 0.85 * SCALE)]


def _headlamps(body: Body, panel: Doubles, light: Light, rng: np.random.Generator) -> None:
    tint = np.array(light.tint)
    slim = float(rng.uniform(0.13, 0.19))
    for side in (-1, 1):
        points = _lamp_points(body, panel.shape[1], side, slim)
        xs, ys = zip(*points, strict=True)
        ramp = np.linspace(1.2, 0.35, panel.shape[0])[:, None, None]
        _lay(panel, _shape(panel, [(x, y + 3) for x, y in points], 12), 34 * tint * np.ones_like(panel))
        shrunk = [(x + (np.mean(xs) - x) * 0.1, y + (np.mean(ys) - y) * 0.16) for x, y in points]
        _lay(panel, _shape(panel, shrunk), 150 * tint * ramp * np.ones_like(panel))
        for where, radius in ((0.28, 0.036), (0.7, 0.044)):
            centre = (int(xs[0] + (xs[1] - xs[0]) * where), int(np.mean(ys) + 0.004 * SCALE))
            for grow, grey in ((1.25, 60), (1.0, 205), (0.55, 120), (0.25, 245)):
                disc = np.zeros(panel.shape[:2], np.uint8)
                cv2.circle(disc, centre, int(radius * grow * SCALE), (255,), -1, cv2.LINE_AA)
                _lay(panel, disc[..., None] / 255.0, grey * tint * np.ones_like(panel))


def _bumper(body: Body, panel: Doubles, light: Light, rng: np.random.Generator) -> None:
    """Lower intake, fog lamps, the gap under the bonnet and a dark lip."""
    tint = np.array(light.tint)
    middle = panel.shape[1] / 2
    y1, y2 = _row(body, body.plate - 0.1), _row(body, BOTTOM + 0.055)
    wide = rng.uniform(0.4, 0.55) * SCALE
    if y2 - y1 > 10:
        points = [(middle - wide, y1), (middle + wide, y1), (middle + wide * 0.86, y2), (middle - wide * 0.86, y2)]
        _lay(panel, _shape(panel, points), _mesh_fill(panel, int(rng.integers(3)), tint) * 0.7)
    for side in (-1, 1):
        x = middle + side * body.width * 0.37 * SCALE
        y = _row(body, body.plate - 0.04)
        points = [(x - 0.09 * SCALE, y), (x + 0.09 * SCALE, y), (x + 0.07 * SCALE, y + 34), (x - 0.07 * SCALE, y + 34)]
        _lay(panel, _shape(panel, points), 30 * tint * np.ones_like(panel))
        disc = np.zeros(panel.shape[:2], np.uint8)
        cv2.circle(disc, (int(x), y + 17), 11, (255,), -1, cv2.LINE_AA)
        _lay(panel, disc[..., None] / 255.0, 165 * tint * np.ones_like(panel))
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
    recess = _shape(
        panel,
        [
            (width / 2 - 88, _row(body, body.plate + 0.075)),
            (width / 2 + 88, _row(body, body.plate + 0.075)),
            (width / 2 + 88, _row(body, body.plate - 0.08)),
            (width / 2 - 88, _row(body, body.plate - 0.08)),
        ],
        7,
    )
    panel *= 1 - 0.35 * recess
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
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
