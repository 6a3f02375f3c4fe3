"""What light, lens, motion, sensor, coding and a detector's loose box do to a plate: a picture → a crop as a camera
would have given it.

Everything works on grey float32 pictures, (H, W), 0 to 255: the reader sees grey. Which mixture of the colours makes
the grey is drawn at random, which covers daylight, infrared light and coloured lamps alike. The order is that of the
light: dirt and rain, lamps and shadows, lens, motion, exposure, sensor, denoising and sharpening, coding; what happens
from the motion on is in `camera.py`.
"""

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Image
from training import camera
from training.lettering import DEALERS, narrowed, small_text
from training.plates import font_files

Grey = camera.Grey
Generator = camera.Generator

NARROWEST = 6.0
"""Fewest pixels a character that a crop is shrunk to; below it people cannot read either."""

FAINTEST = 8.0
"""Grey values by which a crop varies at least before the sensor; 5320 real crops that somebody could read vary by 7.3
and more."""

_ZOOMED = 0.08
"""Share of the crops that come from a smaller picture which was scaled up again."""
_LETTERED = 0.5
"""Share of the holders with a dealer's name on them."""
_LOOSELY_CUT = 0.2
"""Share of the crops with much around the plate on all sides, as some detectors' boxes and many people's have it."""
_BADLY_CUT = 0.06
"""Share of the crops of which one side is far from the plate or a little inside of it."""


def photograph(plate: Image, characters: int, random_: Generator) -> npt.NDArray[np.uint8]:
    """A flat drawn plate (H, W, 3) BGR → a grey crop (h, w) uint8 from somewhere on a road."""
    grey = mixed_to_grey(plate, random_)
    grey = soil(grey, random_)
    scene, quad = _mounted(grey, random_)
    slant = random_.choice([0.5, 1.0, 1.7, 2.6], p=[0.35, 0.35, 0.2, 0.1])
    quad_in_view = _turned(quad, slant, random_)
    narrowest = max(30.0, NARROWEST * characters)
    width = float(np.exp(random_.uniform(np.log(narrowest), np.log(240.0))))
    loose = (random_.normal(0.03, 0.045, 4), random_.normal(0.06, 0.07, 4))
    if random_.random() < _LOOSELY_CUT:
        beside = random_.uniform(0.02, 0.14)
        loose = (loose[0] + beside, loose[1] + random_.uniform(0.04, 0.3))
        width *= 1 + 2 * beside
    if random_.random() < _BADLY_CUT:
        loose[int(random_.integers(2))][int(random_.integers(2))] = random_.choice([-0.03, 0.2, 0.35])
    zoom = max(narrowest / width, random_.uniform(0.5, 0.85)) if random_.random() < _ZOOMED else 1.0
    crop = _crop_around(scene, quad, quad_in_view, width * zoom, loose=loose, random_=random_)
    pixels = through_camera(crop, random_)
    if zoom < 1.0:
        kind = int(random_.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST]))
        pixels = np.asarray(cv2.resize(pixels, None, fx=1 / zoom, fy=1 / zoom, interpolation=kind), dtype=np.uint8)
    return pixels


def rephotograph(crop: Image, characters: int, random_: Generator) -> npt.NDArray[np.uint8]:
    """A real crop (H, W, 3) BGR → another grey crop (h, w) uint8 that the same plate could have given."""
    grey = mixed_to_grey(crop, random_)
    if random_.random() < 0.12:
        grey = 255.0 - grey
    height, width = grey.shape
    quad = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    quad_in_view = _turned(quad, random_.choice([0.3, 0.7, 1.2], p=[0.4, 0.4, 0.2]), random_)
    narrowest = min(float(width), max(30.0, NARROWEST * characters))
    target = min(240.0, width * float(np.exp(random_.normal(0.0, 0.25))))
    if random_.random() < 0.3:
        target = float(np.exp(random_.uniform(np.log(narrowest), np.log(max(narrowest + 1, min(width, 200.0))))))
    loose = (random_.normal(0.0, 0.03, 4), random_.normal(0.0, 0.045, 4))
    crop_again = _crop_around(grey, quad, quad_in_view, max(target, narrowest), loose=loose, random_=random_)
    return through_camera(crop_again, random_, strength=0.6)


def through_camera(
    crop: Grey, random_: Generator, strength: float = 1.0, plate_width: float | None = None
) -> npt.NDArray[np.uint8]:
    """Rain, light, lens, motion, exposure, sensor, denoising, sharpening and coding; `strength` scales how often.

    Blur is a share of `plate_width`, pixels: the crop's own, unless most of it is ground.
    """
    width = plate_width or crop.shape[1]
    if random_.random() < 0.04 * strength:
        crop = camera.rained_on(crop, random_)
    if random_.random() < 0.42 * strength:
        crop = _uneven_light(crop, random_)
    if random_.random() < 0.05 * strength:
        crop = _bowed(crop, random_)
    sigma = min(abs(random_.normal(0, 0.007)), 0.016) * width if random_.random() < 0.4 * strength else 0.0
    if sigma:
        crop = cv2.GaussianBlur(crop, (0, 0), sigmaX=max(0.3, sigma)).astype(np.float32)
    if sigma < 0.009 * width and random_.random() < 0.34 * strength:  # both at once and nobody reads it
        crop = camera.motion_blurred(crop, random_, width)
    if random_.random() < 0.07 * strength:
        crop = camera.bloom(crop, random_, width)
    crop = _expose(crop, random_, strength)
    if random_.random() < 0.7 * strength:
        crop = camera.noisy(crop, random_)
        if random_.random() < 0.35:
            crop = camera.denoised(crop, random_)
    if random_.random() < 0.25 * strength:
        crop = camera.sharpened(crop, random_)
    pixels = np.clip(crop, 0, 255).astype(np.uint8)
    return camera.coded(pixels, random_) if random_.random() < 0.8 * strength else pixels


def jitter(view: npt.NDArray[np.uint8], random_: Generator) -> npt.NDArray[np.uint8]:
    """A cheap last change of a prepared view (H, W), so that no epoch repeats another: shift, scale, shear, noise,
    now and then a patch of dirt. Keeps the shape."""
    height, width = view.shape
    sx, sy = random_.uniform(0.95, 1.05), random_.uniform(0.92, 1.08)
    shear, tilt = random_.normal(0, 0.05), random_.normal(0, 0.012)
    matrix = np.array([[sx, shear, 0], [tilt, sy, 0]], dtype=np.float32)
    centre = np.array([width / 2, height / 2], dtype=np.float32)
    shift = np.array([random_.normal(0, 0.012) * width, random_.normal(0, 0.03) * height], dtype=np.float32)
    matrix[:, 2] = centre - matrix[:, :2] @ centre + shift
    out = cv2.warpAffine(view, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if random_.random() < 0.08:
        x, y = int(random_.integers(0, width - 10)), int(random_.integers(0, height - 8))
        out[y : y + int(random_.integers(3, 14)), x : x + int(random_.integers(3, 12))] = random_.integers(0, 255)
    if random_.random() < 0.5:
        noise = random_.standard_normal(out.shape, dtype=np.float32) * np.float32(random_.uniform(1, 7))
        out = np.clip(out + noise, 0, 255)
    return np.asarray(out, dtype=np.uint8)


def mixed_to_grey(image: Image, random_: Generator) -> Grey:
    """Daylight cameras weigh the colours like the eye; infrared ones see mostly the red channel, lamps tint."""
    weights = np.array([0.114, 0.587, 0.299], dtype=np.float32)
    if random_.random() < 0.5:
        weights = 0.4 * weights + 0.6 * random_.dirichlet([1.0, 1.0, 1.5]).astype(np.float32)
    return np.asarray(image @ weights, dtype=np.float32)


def soil(plate: Grey, random_: Generator) -> Grey:
    """Embossing, specks, and a dirty or bleached film on the plate itself."""
    height, width = plate.shape
    if random_.random() < 0.25:
        shifted = np.roll(plate, (int(random_.integers(1, 3)), int(random_.integers(-2, 3))), axis=(0, 1))
        plate = plate + np.float32(random_.uniform(-0.5, 0.5)) * (plate - shifted)
    if random_.random() < 0.35:
        coarse = random_.standard_normal((4, 12), dtype=np.float32)
        film = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        plate = plate * (1 + np.float32(random_.uniform(0.03, 0.16)) * film)
    if random_.random() < 0.15:
        for _ in range(int(random_.integers(1, 12))):
            centre = (int(random_.integers(0, width)), int(random_.integers(0, height)))
            cv2.circle(plate, centre, int(random_.integers(1, 6)), float(random_.uniform(30, 170)), -1, cv2.LINE_AA)
    return np.asarray(plate, dtype=np.float32)


def _mounted(plate: Grey, random_: Generator) -> tuple[Grey, npt.NDArray[np.float32]]:
    """The plate in its holder on a car, and its corners there, clockwise from the top left."""
    height, width = plate.shape
    px, py = round(0.35 * width), round(0.55 * height)
    brightest = 80 if random_.random() < 0.45 else 235  # bumpers and grilles are dark more often than not
    scene = np.full((height + 2 * py, width + 2 * px), np.float32(random_.uniform(5, brightest)), dtype=np.float32)
    coarse = random_.standard_normal((6, 8), dtype=np.float32)
    rough = cv2.resize(coarse, (scene.shape[1], scene.shape[0]), interpolation=cv2.INTER_LINEAR)
    scene += rough * np.float32(random_.gamma(1.2, 10.0))
    for _ in range(int(random_.integers(0, 6))):
        row, thickness = int(random_.integers(0, scene.shape[0])), int(random_.integers(2, max(3, height // 4)))
        cv2.line(
            scene,
            (0, row),
            (scene.shape[1], row + int(random_.normal(0, 0.15 * height))),
            float(random_.uniform(0, 255)),
            thickness,
        )
    if random_.random() < 0.4:
        holder = round(height * random_.uniform(0.03, 0.16))
        level = float(random_.choice([15.0, 30.0, 200.0, 120.0]))
        lower = round(holder * random_.uniform(1.0, 2.2))
        cv2.rectangle(scene, (px - holder, py - holder), (px + width + holder, py + height + lower), level, -1)
        if random_.random() < _LETTERED:
            _letter(scene[py + height : py + height + lower, px : px + width], level, random_)
    corner = round(height * random_.uniform(0.03, 0.12)) if random_.random() < 0.8 else 0
    behind = scene[py : py + height, px : px + width]
    behind[:] = plate if corner < 2 else _with_round_corners(plate, behind, corner)
    quad = np.array([[px, py], [px + width, py], [px + width, py + height], [px, py + height]], dtype=np.float32)
    return scene, quad


def _letter(strip: Grey, level: float, random_: Generator) -> None:
    """A dealer's name on the lower edge of a holder of this grey, in the middle or to one side."""
    height, width = strip.shape
    font = str(random_.choice(np.array(font_files("any"))))
    mask = small_text(str(random_.choice(DEALERS)), font, round(height * random_.uniform(0.4, 0.75)))
    mask = narrowed(mask, round(width * random_.uniform(0.3, 0.95)))
    top = int(random_.integers(0, max(1, height - mask.shape[0] + 1)))
    left = round((width - mask.shape[1]) * random_.choice([0.5, random_.random()]))
    part = strip[top : top + mask.shape[0], left : left + mask.shape[1]]
    ink = random_.uniform(190, 250) if level < 100 else random_.uniform(10, 60)
    part += (np.float32(ink) - part) * (mask[: part.shape[0]].astype(np.float32) / 255)


def _with_round_corners(plate: Grey, behind: Grey, radius: int) -> Grey:
    """The plate, but what lies behind it in its four corners; a pressed plate has no sharp ones."""
    plate = plate.copy()
    steps = np.arange(radius, dtype=np.float32) + 0.5
    outside = np.clip(np.hypot(radius - steps[:, None], radius - steps[None, :]) - radius + 0.5, 0, 1)
    for flip, rows in ((1, slice(0, radius)), (-1, slice(-radius, None))):
        for mirror, columns in ((1, slice(0, radius)), (-1, slice(-radius, None))):
            share = outside[::flip, ::mirror]
            plate[rows, columns] += (behind[rows, columns] - plate[rows, columns]) * share
    return plate


def _turned(quad: npt.NDArray[np.float32], slant: float, random_: Generator) -> npt.NDArray[np.float32]:
    """Corners after rotation, shear and perspective; `slant` 1 is up to about 10 degrees of rotation.

    The shear is also what a rolling shutter does to a car that crosses the view.
    """
    centre = quad.mean(axis=0)
    size = quad.max(axis=0) - quad.min(axis=0)
    angle = np.radians(random_.normal(0, 4.5) * slant)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=np.float32)
    shear = np.array([[random_.uniform(0.75, 1.1), random_.normal(0, 0.12) * slant], [0, 1]], dtype=np.float32)
    turned = (quad - centre) @ shear.T @ turn.T
    turned += random_.normal(0, 0.022 * slant, (4, 2)).astype(np.float32) * size
    taper = random_.normal(0, 0.05) * slant
    turned[[0, 3], 1] *= 1 + taper
    turned[[1, 2], 1] *= 1 - taper
    return np.asarray(turned + centre, dtype=np.float32)


def _crop_around(
    scene: Grey,
    quad: npt.NDArray[np.float32],
    quad_in_view: npt.NDArray[np.float32],
    width: float,
    *,
    loose: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    random_: Generator,
) -> Grey:
    """The upright box around the turned plate, as loose as a detector is, sampled `width` pixels wide.

    The picture is blurred before it is shrunk, as a lens and a sensor's pixels do it; now and then it is not, as in
    cheap scaling.
    """
    (x1, y1), (x2, y2) = quad_in_view.min(axis=0), quad_in_view.max(axis=0)
    w, h = x2 - x1, y2 - y1
    x1, x2 = x1 - loose[0][0] * w, x2 + loose[0][1] * w
    y1, y2 = y1 - loose[1][0] * h, y2 + loose[1][1] * h
    scale = width / (x2 - x1)
    size = (round(width), max(10, round((y2 - y1) * scale)))
    if scale < 0.6 and random_.random() < 0.92:
        small = np.float32(min(1.0, 1.6 * scale))
        scene = cv2.resize(scene, None, fx=float(small), fy=float(small), interpolation=cv2.INTER_AREA).astype(
            np.float32
        )
        quad = quad * small
        scene = cv2.GaussianBlur(scene, (0, 0), sigmaX=0.6).astype(np.float32)
    target = (quad_in_view - np.array([x1, y1], dtype=np.float32)) * np.float32(scale)
    matrix = cv2.getPerspectiveTransform(quad, target.astype(np.float32))
    crop = cv2.warpPerspective(scene, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, dtype=np.float32)


def _uneven_light(crop: Grey, random_: Generator) -> Grey:
    """A gradient, a hard shadow's edge, or a lamp's glare."""
    height, width = crop.shape
    kind = random_.random()
    columns, rows = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    if kind < 0.5:
        light = np.linspace(random_.uniform(0.35, 1.0), random_.uniform(0.6, 1.2), width, dtype=np.float32)[None, :]
        light = (
            light * np.linspace(random_.uniform(0.7, 1.1), random_.uniform(0.7, 1.1), height, dtype=np.float32)[:, None]
        )
        return np.asarray(crop * light, dtype=np.float32)
    if kind < 0.85:
        edge = columns + rows * np.float32(random_.normal(0, 1.5)) > random_.uniform(0, width)
        if random_.random() < 0.4:
            edge = rows + columns * np.float32(random_.normal(0, 0.15)) > random_.uniform(0.2, 0.8) * height
        return np.asarray(np.where(edge, crop * np.float32(random_.uniform(0.35, 0.8)), crop), dtype=np.float32)
    if kind < 0.93:
        x, y = random_.uniform(0, width), random_.uniform(0, height)
        radius = random_.uniform(0.1, 0.5) * width
        return _lit(crop, (x, y), (radius, radius), random_.uniform(25, 120))
    if kind < 0.97:
        return _between_headlights(crop, random_)
    # lamps on the mains and on dimmers flicker while a rolling shutter goes down the rows
    wave = np.sin(2 * np.pi * rows / np.float32(random_.uniform(0.5, 2.5) * height) + np.float32(random_.uniform(0, 6)))
    return np.asarray(crop * (1 + np.float32(random_.uniform(0.05, 0.25)) * wave), dtype=np.float32)


def _between_headlights(crop: Grey, random_: Generator) -> Grey:
    """Lamps to both sides, or one of them: their glow, a streak along the row, and a veil over everything."""
    height, width = crop.shape
    y, strength = random_.uniform(-0.8, 0.6) * height, random_.uniform(90, 220)
    for x in (random_.uniform(-0.5, -0.15) * width, random_.uniform(1.15, 1.5) * width):
        if random_.random() < 0.8:
            crop = _lit(crop, (x, y), (0.3 * width, 0.3 * width), strength)
            crop = _lit(crop, (x, y), (0.9 * width, 0.04 * width), 0.4 * strength)
    veil = np.float32(random_.uniform(0.05, 0.25))
    return np.asarray(crop * (1 - veil) + 200 * veil, dtype=np.float32)


def _lit(crop: Grey, centre: tuple[float, float], radii: tuple[float, float], strength: float) -> Grey:
    """A glow with a Gaussian's profile, added to the picture."""
    columns, rows = (np.arange(size, dtype=np.float32) for size in crop.shape[::-1])
    across = np.exp(-((columns - np.float32(centre[0])) ** 2) / np.float32(2 * radii[0] ** 2))
    down = np.exp(-((rows - np.float32(centre[1])) ** 2) / np.float32(2 * radii[1] ** 2))
    return np.asarray(crop + np.float32(strength) * down[:, None] * across, dtype=np.float32)


def _bowed(crop: Grey, random_: Generator) -> Grey:
    """Rows bent as a wide lens bends them towards the edge of its picture."""
    height, width = crop.shape
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    bow = np.float32(random_.uniform(-0.1, 0.1) * height) * (2 * columns / width - 1) ** 2
    from_rows = np.asarray(rows + bow, dtype=np.float32)
    from_columns = np.broadcast_to(columns, from_rows.shape).astype(np.float32)
    out = cv2.remap(crop, from_columns, from_rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.float32)


def _expose(crop: Grey, random_: Generator, strength: float) -> Grey:
    """Gain, haze and gamma; sometimes so bright that the ground clips, or so dark that few levels are left."""
    if random_.random() > strength:
        return crop
    kind = random_.random()
    if kind < 0.12:
        gain, offset = random_.uniform(1.2, 1.9), random_.uniform(0, 25)
    elif kind < 0.25:
        gain, offset = random_.uniform(0.12, 0.35), random_.uniform(0, 20)
    elif kind < 0.37:
        gain, offset = random_.uniform(0.15, 0.5), random_.uniform(60, 130)
    else:
        gain, offset = random_.uniform(0.5, 1.2), random_.uniform(-10, 30)
    out = crop * np.float32(gain) + np.float32(offset)
    if random_.random() < 0.3:
        out = 255.0 * (np.clip(out, 0, 255) / 255.0) ** np.float32(random_.uniform(0.55, 1.8))
    deviation, mean = float(out.std()), float(out.mean())
    if deviation < FAINTEST:
        out = (out - mean) * np.float32(FAINTEST / max(deviation, 1.0)) + max(mean, 2 * FAINTEST)
    return np.asarray(out, dtype=np.float32)
