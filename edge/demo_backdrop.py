"""The demo scene without cars: sky, trees, hedges, road and gate posts, in four kinds of light, drawn once each."""

import cv2
import numpy as np
import numpy.typing as npt

from edge.demo_geometry import GATE_Z, HEIGHT, HORIZON, LANES, MARGIN, WIDTH, project
from edge.demo_light import Light
from edge.records import Image

Floats = npt.NDArray[np.float32]


def cloud_noise(height: int, width: int, rng: np.random.Generator, scales: tuple[int, ...]) -> Floats:
    """(H, W) sum of smooth random fields, one a scale in pixels, mean 0 and deviation 1."""
    total = np.zeros((height, width), np.float32)
    for scale in scales:
        grid = rng.standard_normal((height // scale + 3, width // scale + 3), np.float32)
        large = cv2.resize(
            grid, ((width // scale + 3) * scale, (height // scale + 3) * scale), interpolation=cv2.INTER_CUBIC
        )
        total += large[:height, :width] * scale**0.4
    return np.asarray((total - total.mean()) / total.std(), np.float32)


def _foliage(height: int, width: int, rng: np.random.Generator, colour: tuple[int, int, int], leaf: int) -> Image:
    """Leaves: blobs of light and shade, lighter towards the top."""
    fine = cloud_noise(height, width, rng, (2, leaf, leaf * 3, leaf * 10))
    shade = np.clip(0.68 + 0.24 * fine, 0.22, 1.3) * np.linspace(1.15, 0.6, height, dtype=np.float32)[:, None]
    hue = cloud_noise(height, width, rng, (leaf * 6,))[..., None] * np.array([0.03, 0.06, 0.1], np.float32)
    leaves = np.array(colour, np.float32) * (1 + hue) * shade[..., None]
    return np.asarray(np.clip(leaves, 0, 255), np.uint8)


def _warp_onto(canvas: Image, texture: Image, corners: npt.ArrayLike) -> None:
    """Warp the texture (BGR) onto 4 `corners` of the canvas, clockwise from the top left, in place."""
    height, width = texture.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, np.asarray(corners, np.float32))
    cv2.warpPerspective(
        texture, matrix, canvas.shape[1::-1], canvas, cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
    )


def _draw_sky(canvas: Image, light: Light, rng: np.random.Generator) -> None:
    height = int(HORIZON) + MARGIN + 4
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** 0.8
    sky = np.array(light.sky[0], np.float32) * (1 - ramp) + np.array(light.sky[1], np.float32) * ramp
    clouds = cloud_noise(height, canvas.shape[1], rng, (16, 40, 90, 200))
    cover = np.clip(clouds * 0.5 + 0.1, 0, 1)[..., None] * (0.12 if light.infrared else 0.8)
    lit = np.array(light.sky[1], np.float32)
    white = sky * 0.35 + lit * 0.45 + lit.mean() * 0.2 + 14
    canvas[:height] = np.clip(sky * (1 - cover) + white * cover, 0, 255)


def _draw_trees(canvas: Image, rng: np.random.Generator) -> None:
    """A wood on the horizon and a few nearer crowns, with a ragged upper edge."""
    base = int(HORIZON) + MARGIN + 8
    width = canvas.shape[1]
    for tall, colour, leaf, wave in ((70, (120, 128, 112), 3, 60), (125, (62, 104, 80), 5, 170)):
        leaves = _foliage(tall * 2, width, rng, colour, leaf)
        outline = cloud_noise(1, width, rng, (2, 5, 11, 31, wave))[0]
        middle = np.abs(np.linspace(-1, 1, width))
        rise = tall * (0.45 + 0.5 * middle) + outline * tall * 0.13
        edge = (base - rise).astype(int)
        rows = np.arange(canvas.shape[0])[:, None]
        inside = (rows >= edge) & (rows < base)
        top = base - tall * 2
        layer = np.zeros_like(canvas)
        layer[max(top, 0) : base] = leaves[max(-top, 0) :]
        canvas[inside] = layer[inside]


def _road_texture(rng: np.random.Generator, light: Light) -> Image:
    """The ground from above: 24 m across at 40 px a metre, 57 m deep (far end on top) at 16 px a metre."""
    height, width = 912, 960
    grain = cloud_noise(height, width, rng, (1, 3, 24, 160))[..., None]
    ground = np.empty((height, width, 3), np.float32)
    ground[:] = (126, 125, 124) if light.sun > 0.5 else (108, 107, 106)
    x = (np.arange(width) - width / 2) / 40
    for lane in LANES:  # tyres polish two darker tracks into each lane
        for wheel in (-0.75, 0.75):
            ground -= 13 * np.exp(-(((x - lane - wheel) / 0.22) ** 2))[None, :, None]
    ground += grain * 5
    grass = np.asarray(_foliage(height, width // 2, rng, (62, 128, 104), 2), np.float32) * 1.1
    grass = np.hstack([grass, grass])
    verge = (x < -3.9) | (x > 4.9)
    ground[:, verge] = grass[:, verge]
    island = (x > 0.25) & (x < 0.65)
    ground[:, island] = 138 + grain[:, island] * 7
    for kerb in (-3.9, -3.75, 0.2, 0.65, 4.75, 4.9):
        cv2.line(ground, (int((kerb + 12) * 40), 0), (int((kerb + 12) * 40), height), (150, 152, 154), 4)
    stop = height - int((GATE_Z + 1.1 - 3) * 16)
    for lane in LANES:
        cv2.rectangle(
            ground, (int((lane + 10.6) * 40), stop - 4), (int((lane + 13.4) * 40), stop + 2), (196, 200, 200), -1
        )
    if light.sun > 0.5:  # the shadow of trees that are out of the picture
        shade = np.clip(cloud_noise(height, width, rng, (12, 40, 120)) * 0.9 - 0.2, 0, 1)[..., None]
        ground *= 1 - 0.42 * shade * np.linspace(1, 0.2, height)[:, None, None]
    return np.clip(ground, 0, 255).astype(np.uint8)


def _draw_ground(canvas: Image, rng: np.random.Generator, light: Light) -> None:
    shift = np.array([MARGIN, MARGIN])
    corners = project([[-12, 0, 60], [12, 0, 60], [12, 0, 3], [-12, 0, 3]]) + shift
    canvas[int(HORIZON) + MARGIN + 4 :] = (80, 112, 96)
    _warp_onto(canvas, _road_texture(rng, light), corners)
    top = int(HORIZON) + MARGIN + 20
    grain = cloud_noise(canvas.shape[0] - top, canvas.shape[1], rng, (1, 2, 5))[..., None]
    rough = np.linspace(1, 7, canvas.shape[0] - top, dtype=np.float32)[:, None, None]
    canvas[top:] = np.clip(canvas[top:] + grain * rough, 0, 255)


def _draw_hedges(canvas: Image, rng: np.random.Generator) -> None:
    shift = np.array([MARGIN, MARGIN])
    for x, tall, near in ((-5.3, 2.3, 9.6), (6.4, 2.1, 9.6)):
        leaves = _foliage(260, 1600, rng, (58, 112, 76), 5)
        corners = project([[x, tall, 46], [x, tall, near], [x, 0, near], [x, 0, 46]]) + shift
        _warp_onto(canvas, leaves, corners)
        outer = -12.0 if x < 0 else 14.0
        front = project([[outer, tall, near], [x, tall, near], [x, 0, near], [outer, 0, near]]) + shift
        _warp_onto(canvas, _foliage(320, 900, rng, (52, 104, 70), 6), front)


def _brick(rng: np.random.Generator) -> Image:
    """A masonry texture, 240 × 100."""
    wall = np.full((240, 100, 3), (150, 158, 164), np.float32)
    for row in range(16):
        for column in range(-1, 4):
            x = column * 34 + (row % 2) * 17
            tone = rng.normal(1, 0.12)
            cv2.rectangle(wall, (x, row * 15), (x + 31, row * 15 + 12), (78 * tone, 96 * tone, 148 * tone), -1)
    wall += cloud_noise(240, 100, rng, (1, 4, 30))[..., None] * 8
    return np.clip(wall * np.linspace(0.75, 1.08, 100)[None, :, None], 0, 255).astype(np.uint8)


def _draw_box(canvas: Image, texture: Image, x: tuple[float, float], y: tuple[float, float], z: float) -> None:
    """An upright box with its front at `z`, 0.5 m deep, its inner side darker."""
    shift = np.array([MARGIN, MARGIN])
    side = x[1] if x[1] < 0 else x[0]
    flank = project([[side, y[1], z + 0.5], [side, y[1], z], [side, y[0], z], [side, y[0], z + 0.5]]) + shift
    _warp_onto(canvas, (texture * 0.55).astype(np.uint8), flank)
    front = project([[x[0], y[1], z], [x[1], y[1], z], [x[1], y[0], z], [x[0], y[0], z]]) + shift
    _warp_onto(canvas, texture, front)


def _draw_gate(canvas: Image, rng: np.random.Generator) -> None:
    """Two masonry pillars with caps, and the housings of the barriers."""
    for left in (-4.95, 5.15):
        _draw_box(canvas, _brick(rng), (left, left + 0.6), (0, 2.0), GATE_Z + 1.6)
        cap = np.full((20, 80, 3), (168, 172, 176), np.uint8)
        _draw_box(canvas, cap, (left - 0.08, left + 0.68), (2.0, 2.12), GATE_Z + 1.5)
    for left in (-3.72, 4.38):
        box = np.full((120, 40, 3), (206, 208, 206), np.float32) * np.linspace(1.06, 0.8, 40)[None, :, None]
        box[20:50, 6:34] = (40, 120, 228)
        box += cloud_noise(120, 40, rng, (1, 8))[..., None] * 3
        _draw_box(canvas, np.clip(box, 0, 255).astype(np.uint8), (left, left + 0.34), (0, 1.12), GATE_Z)


def _grade(canvas: Image, light: Light) -> Image:
    """Bring the daylight picture into this light."""
    picture = canvas.astype(np.float32) * np.array(light.tint, np.float32)
    rows = np.arange(canvas.shape[0], dtype=np.float32)[:, None]
    columns = np.arange(canvas.shape[1], dtype=np.float32)[None, :]
    if light.infrared:
        grey = picture @ np.array([0.1, 0.5, 0.4], np.float32)
        centre = np.exp(-(((columns - 620) / 620) ** 2) - ((rows - 520) / 330) ** 2)
        grey *= 0.2 + 1.6 * centre
        picture = np.repeat(grey[..., None], 3, axis=2)
    else:
        corner = ((columns / canvas.shape[1] - 0.5) ** 2 + (rows / canvas.shape[0] - 0.5) ** 2)[..., None]
        picture *= 1.04 - 0.35 * corner
    return np.clip(picture, 0, 255).astype(np.uint8)


def draw_backdrop(light: Light, seed: int) -> Image:
    """The empty scene, (HEIGHT + 2·MARGIN, WIDTH + 2·MARGIN, 3) BGR."""
    rng = np.random.default_rng([seed, 77])
    canvas = np.zeros((HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN, 3), np.uint8)
    _draw_ground(canvas, rng, light)
    trees = canvas.copy()
    _draw_trees(trees, rng)
    _draw_hedges(trees, rng)
    _draw_gate(trees, rng)
    graded = _grade(trees, light)
    sky = np.zeros_like(canvas)
    _draw_sky(sky, light, rng)
    empty = (trees == 0).all(axis=2)
    graded[empty] = sky[empty]
    return np.asarray(cv2.GaussianBlur(graded, (0, 0), 0.7), np.uint8)
