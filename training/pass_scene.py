"""A car drives up to a gate: what the camera sees of its plate, frame by frame, with known truth.

The plate is drawn once and then only photographed: dirt, a bent corner, a screw through a character stay the same
over the whole pass, as they do on the road, and so does most of what misleads a reader. What changes from frame to
frame is distance, perspective, motion blur, noise, glare, the detector's box, and what stands between.

Distances are metres, z away from the camera; pictures are grey float32, 0 to 255.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import cv2
import numpy as np
import numpy.typing as npt

from edge.preprocess import crop_plate
from edge.records import Image, PlateBox
from training.augment import Generator, Grey, mixed_to_grey, soil
from training.plates import load_layouts
from training.synthesize import Plate, draw_plate

FRAME = (1280, 720)
"""Width and height of the camera's picture, pixels."""
FRAMES_PER_SECOND = (5, 8, 10, 15, 20, 25, 30)
_MARGIN = 0.35
"""Of the plate's width (and half as much again of its height): how much of the car is drawn around it."""
_NEAREST = 2.2
_FIRST_WIDTH = 32.0
_LEAST_SEEN = 26.0
_NO_COUNTRY = "XX"

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What one frame gives: the detector's box and the grey crop, (h, w); None where the detector found nothing."""

    time: float
    box: PlateBox | None
    crop: npt.NDArray[np.uint8] | None


Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Gate:
    """How well a gate's camera was put up. Ranges are drawn from evenly; chances are 0 to 1."""

    day_exposure: Range
    """Seconds."""
    night_exposure: Range
    gain: Range
    offset: Range
    gamma: Range
    defocus: float
    """Spread, pixels."""
    day_noise: Range
    night_noise: Range
    quality: tuple[int, int]
    """JPEG quality, the last one excluded."""
    glare: Range
    """Of the headlights at night, grey levels at the lamp."""
    bloom: Range
    """How fast an infrared lamp overexposes the plate as it comes near."""
    splashed: float
    """Chance of mud on the characters."""
    two_lines: float
    """Chance of a plate of two lines where the country has them."""
    odd: bool
    """Vanity plates and random texts of no country too."""


GATES = {
    "good": Gate(
        day_exposure=(0.0005, 0.002),
        night_exposure=(0.001, 0.0025),
        gain=(0.7, 1.15),
        offset=(0, 20),
        gamma=(0.8, 1.25),
        defocus=0.2,
        day_noise=(0.8, 3),
        night_noise=(2, 7),
        quality=(60, 96),
        glare=(60, 300),
        bloom=(0, 0.4),
        splashed=0.04,
        two_lines=0.06,
        odd=False,
    ),
    "poor": Gate(
        day_exposure=(0.0005, 0.004),
        night_exposure=(0.002, 0.008),
        gain=(0.35, 1.3),
        offset=(0, 40),
        gamma=(0.65, 1.5),
        defocus=0.45,
        day_noise=(0.8, 5),
        night_noise=(3, 13),
        quality=(30, 96),
        glare=(60, 420),
        bloom=(0, 0.9),
        splashed=0.12,
        two_lines=0.2,
        odd=True,
    ),
}
"""A camera put up as `docs/install.md` says (sharp, a short shutter, neither dark nor glaring), and one that nobody
looked after, with every kind of plate in the world before it."""


@dataclass(frozen=True, slots=True)
class Approach:
    """Everything that stays the same over one pass."""

    text: str
    country: str
    lines: int
    night: bool
    fps: int
    speed: float
    """Metres a second."""
    scene: Grey
    """The plate and what is around it on the car, 1 pixel a millimetre."""
    corners: Doubles
    """(4, 2) corners of the plate in `scene`, clockwise from the top left."""
    camera: "Camera"
    start: float
    """Distance at the first frame, metres."""
    exposure: float
    """Seconds."""
    gain: float
    offset: float
    gamma: float
    defocus: float
    noise: float
    quality: int
    glare: float
    """Brightness of the headlights beside the plate."""
    bloom: float
    box_bias: Doubles
    """(4,) shares of the plate's size by which the detector's box is off all along."""
    post: tuple[float, float] | None
    """A post between camera and car: column and width, pixels."""
    blind: tuple[float, float]
    """Seconds from and to which nothing is seen (somebody walks by); equal for never."""
    shadow: float
    """How much a shadow that creeps over the plate darkens it, 0 to 1."""

    @property
    def conditions(self) -> dict[str, str | int | float]:
        """What the bench may group by."""
        return {
            "light": "night" if self.night else "day",
            "fps": self.fps,
            "speed": round(self.speed * 3.6, 1),
            "country": self.country,
        }


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera; `turn` (3, 3) takes the road's directions (right, down, ahead) to the camera's."""

    focal: float
    turn: Doubles
    place: Doubles
    """(3,) of the camera, metres; the plate drives along x = 0, y = 0."""
    plate_turn: Doubles
    """(3, 3) how the plate hangs."""

    def project(self, points: Doubles, z: float) -> Doubles:
        """(N, 2) millimetres from the plate's centre → (N, 2) pixels, with the plate z metres ahead."""
        flat = np.c_[points / 1000.0, np.zeros(len(points))] @ self.plate_turn.T
        seen = (flat + np.array([0.0, 0.0, z]) - self.place) @ self.turn.T
        return np.asarray(
            self.focal * seen[:, :2] / np.maximum(seen[:, 2:], 0.1) + np.array(FRAME) / 2.0, dtype=np.float64
        )


def draw_approach(gate: Gate, seed: int, number: int) -> Approach:
    """The pass `number` of a series; the same numbers give the same pass."""
    choice, random_ = Random(f"{seed}/{number}"), np.random.default_rng([seed, number])
    layouts = [layout for layout in load_layouts() if gate.odd or layout.country != _NO_COUNTRY]
    layout = choice.choices(layouts, [each.weight for each in layouts])[0]
    if not gate.odd:
        serials = tuple(serial for serial in layout.serials if "X" not in serial)
        layout = replace(layout, serials=serials, vanity=0.0)
    plate = draw_plate(choice, layout, choice.random() < gate.two_lines)
    night = bool(random_.random() < 0.45)
    scene, corners = _mounted(plate, night, gate.splashed, random_)
    camera = _camera(random_)
    width = float(corners[1, 0] - corners[0, 0])
    fps = int(random_.choice(FRAMES_PER_SECOND))
    speed = random_.uniform(10, 50) / 3.6
    start = camera.focal * width / 1000.0 / _FIRST_WIDTH
    blind = random_.uniform(0, start / speed) if random_.random() < 0.08 else 0.0
    return Approach(
        text=plate.text,
        country=plate.country,
        lines=plate.lines,
        night=night,
        fps=fps,
        speed=speed,
        scene=scene,
        corners=corners,
        camera=camera,
        start=start - random_.uniform(0, 1) * speed / fps,
        exposure=random_.uniform(*(gate.night_exposure if night else gate.day_exposure)),
        gain=random_.uniform(*gate.gain),
        offset=random_.uniform(*gate.offset) * (0.3 if night else 1.0),
        gamma=random_.uniform(*gate.gamma),
        defocus=abs(random_.normal(0, gate.defocus)),
        noise=random_.uniform(*(gate.night_noise if night else gate.day_noise)),
        quality=int(random_.integers(*gate.quality)),
        glare=random_.uniform(*gate.glare) if night and random_.random() < 0.8 else 0.0,
        bloom=random_.uniform(*gate.bloom) if night else 0.0,
        box_bias=random_.normal([0.015, 0.03, 0.015, 0.03], [0.015, 0.03, 0.015, 0.03]),
        post=(random_.uniform(0.1, 0.9) * FRAME[0], random_.uniform(6, 45)) if random_.random() < 0.07 else None,
        blind=(blind, blind + random_.uniform(0.2, 1.1)) if blind else (0.0, 0.0),
        shadow=random_.uniform(0.3, 0.75) if not night and random_.random() < 0.3 else 0.0,
    )


def glimpses(approach: Approach, random_: Generator) -> Iterator[Glimpse]:
    """The frames of the pass, and some after it in which the plate is out of sight."""
    wobble = np.zeros(4)
    steps = int((approach.start - _NEAREST) / approach.speed * approach.fps)
    quads = [
        (index / approach.fps, z, approach.camera.project(_centred(approach, approach.corners), z))
        for index in range(steps)
        if (z := approach.start - approach.speed * index / approach.fps) > _NEAREST
    ]
    for time, z, quad in quads:
        if not _in_frame(quad.mean(axis=0)):  # not yet, or no longer
            yield Glimpse(time, None, None)
            continue
        # the box of one frame is much like that of the frame before
        wobble = 0.6 * wobble + random_.normal(0, 1, 4) * np.array([0.012, 0.025, 0.012, 0.025])
        box = _box_around(quad, approach.box_bias + wobble, random_)
        hidden = approach.blind[0] <= time < approach.blind[1]
        if hidden or box is None or random_.random() > _found(box.width):
            yield Glimpse(time, None, None)
        else:
            yield Glimpse(time, box, _photograph(approach, z, box, random_))


def _mounted(plate: Plate, night: bool, splashed: float, random_: Generator) -> tuple[Grey, Doubles]:
    """The soiled plate on its car, and its corners there."""
    grey = soil(mixed_to_grey(plate.image, random_), random_)
    height, width = grey.shape
    if random_.random() < splashed:
        _splash(grey, random_)
    if night:  # the foil throws the lamp's light back, the car does not
        grey = grey * np.float32(random_.uniform(0.8, 1.2))
    px, py = round(_MARGIN * width), round(1.5 * _MARGIN * height)
    level = random_.uniform(3, 45) if night else random_.uniform(5, 225)
    scene = np.full((height + 2 * py, width + 2 * px), level, dtype=np.float32)
    rough = cv2.resize(random_.standard_normal((6, 8), dtype=np.float32), scene.shape[::-1])
    scene += rough * np.float32(random_.gamma(1.2, 4.0 if night else 9.0))
    for _ in range(int(random_.integers(0, 4))):
        row, tilt = int(random_.integers(0, scene.shape[0])), int(random_.normal(0, 0.1 * height))
        shade = float(random_.uniform(0, 90 if night else 255))
        cv2.line(scene, (0, row), (scene.shape[1], row + tilt), shade, int(random_.integers(2, max(3, height // 5))))
    scene[py : py + height, px : px + width] = grey
    corners = np.array([[px, py], [px + width, py], [px + width, py + height], [px, py + height]], dtype=np.float64)
    return scene, corners


def _splash(plate: Grey, random_: Generator) -> None:
    """Mud that covers part of a character or two, in place."""
    height, width = plate.shape
    for _ in range(int(random_.integers(1, 4))):
        centre = (int(random_.integers(0, width)), int(random_.uniform(0.1, 0.95) * height))
        axes = (int(random_.uniform(0.04, 0.16) * height), int(random_.uniform(0.04, 0.3) * height))
        shade = float(random_.uniform(30, 150))
        cv2.ellipse(plate, centre, axes, float(random_.uniform(0, 180)), 0, 360, shade, -1, cv2.LINE_AA)


def _camera(random_: Generator) -> Camera:
    """Beside the drive, 0.2 to 2.6 m above the plate's height, looking at where cars come from."""
    place = np.array([random_.uniform(-2.8, 2.8), -random_.uniform(0.2, 2.6), 0.0])
    aim = np.array([0.0, 0.0, random_.uniform(5.0, 9.0)]) - place
    ahead = aim / np.linalg.norm(aim)
    right = np.cross([0.0, 1.0, 0.0], ahead)
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(ahead, right), ahead])
    roll, yaw, pitch = np.radians(random_.normal(0, [1.8, 4.0, 3.0]))
    return Camera(random_.uniform(950, 1900), turn, place, _rotation(roll, yaw, pitch))


def _rotation(roll: float, yaw: float, pitch: float) -> Doubles:
    (cr, sr), (cy, sy), (cp, sp) = ((np.cos(angle), np.sin(angle)) for angle in (roll, yaw, pitch))
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return np.asarray(about_z @ about_y @ about_x, dtype=np.float64)


def _centred(approach: Approach, points: Doubles) -> Doubles:
    return np.asarray(points - approach.corners.mean(axis=0), dtype=np.float64)


def _in_frame(point: Doubles) -> bool:
    return bool(0 <= point[0] < FRAME[0] and 0 <= point[1] < FRAME[1])


def _found(width: float) -> float:
    """How probable it is that the detector finds a plate so many pixels wide."""
    return float(np.clip((width - 20.0) / 25.0, 0.0, 1.0)) * 0.97


def _box_around(quad: Doubles, off: Doubles, random_: Generator) -> PlateBox | None:
    """The detector's box of a plate with these corners, cut at the frame's edge; now and then it cuts a character."""
    (x1, y1), (x2, y2) = quad.min(axis=0), quad.max(axis=0)
    width, height = x2 - x1, y2 - y1
    if width < _LEAST_SEEN:
        return None
    cut = np.zeros(4)
    if random_.random() < 0.04:
        cut[int(random_.choice([0, 2]))] = -random_.uniform(0.05, 0.16)
    left, top, right, bottom = off + cut
    x1, x2 = max(0.0, x1 - left * width), min(float(FRAME[0]), x2 + right * width)
    y1, y2 = max(0.0, y1 - top * height), min(float(FRAME[1]), y2 + bottom * height)
    if x2 - x1 < 8 or y2 - y1 < 4:
        return None
    return PlateBox(x1, y1, x2, y2, 0.9)


def _photograph(approach: Approach, z: float, box: PlateBox, random_: Generator) -> npt.NDArray[np.uint8]:
    """The crop of one frame, as the device cuts it, (h, w) grey."""
    around = 14
    x1, y1 = max(0, int(box.x1 - 0.06 * box.width) - around), max(0, int(box.y1 - 0.06 * box.height) - around)
    x2 = min(FRAME[0], int(box.x2 + 0.06 * box.width) + around)
    y2 = min(FRAME[1], int(box.y2 + 0.06 * box.height) + around)
    view = _warped(approach, z, (x1, y1, x2, y2), random_)
    view = _lit(approach, view, z, (x1, y1), random_)
    ahead = approach.camera.project(np.zeros((1, 2)), z)[0]
    behind = approach.camera.project(np.zeros((1, 2)), z + approach.speed * approach.exposure)[0]
    view = _smeared(view, ahead - behind + random_.normal(0, 0.4, 2))
    if approach.post is not None:
        column, width = approach.post
        first, last = int(max(0, column - x1)), int(max(0, column + width - x1))
        view[:, first:last] = 40.0 if approach.night else 110.0
    if approach.defocus > 0.25:
        view = np.asarray(cv2.GaussianBlur(view, (0, 0), sigmaX=approach.defocus), dtype=np.float32)
    view = 255.0 * (np.clip(view * np.float32(approach.gain) + approach.offset, 0, 255) / 255.0) ** np.float32(
        approach.gamma
    )
    view = view + random_.standard_normal(view.shape, dtype=np.float32) * np.float32(approach.noise)
    pixels = np.clip(view, 0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, approach.quality])
    pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    inside = PlateBox(box.x1 - x1, box.y1 - y1, box.x2 - x1, box.y2 - y1, box.confidence)
    crop: Image = crop_plate(pixels, inside)
    return crop


def _warped(approach: Approach, z: float, window: tuple[int, int, int, int], random_: Generator) -> Grey:
    """The scene seen from the camera within `window` (x1 y1 x2 y2), blurred as a sensor's pixels do it."""
    x1, y1, x2, y2 = window
    height, width = approach.scene.shape
    outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    shake = random_.normal(0, 0.5, 2)
    target = approach.camera.project(_centred(approach, outline), z) - np.array([x1, y1]) + shake
    scale = float(np.linalg.norm(target[1] - target[0])) / width
    scene = approach.scene
    if scale < 0.6:
        small = min(1.0, 1.6 * scale)
        scene = np.asarray(cv2.resize(scene, None, fx=small, fy=small, interpolation=cv2.INTER_AREA), dtype=np.float32)
        scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), sigmaX=0.6), dtype=np.float32)
        outline = outline * np.array([scene.shape[1] / width, scene.shape[0] / height])
    matrix = cv2.getPerspectiveTransform(outline.astype(np.float32), target.astype(np.float32))
    size = (x2 - x1, y2 - y1)
    warped = cv2.warpPerspective(scene, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.float32)


def _lit(approach: Approach, view: Grey, z: float, origin: tuple[int, int], random_: Generator) -> Grey:
    """By a lamp that overexposes what is near, with headlights beside the plate, or under a shadow that creeps on."""
    if approach.bloom:
        view = view * np.float32(0.75 + approach.bloom * min(1.0, (5.0 / z) ** 2))
    if approach.shadow:
        edge = view.shape[1] * (0.5 + 0.8 * np.sin(1.7 * z))
        columns, rows = np.arange(view.shape[1])[None, :], np.arange(view.shape[0])[:, None]
        shaded = columns + 0.4 * rows < edge
        view = np.asarray(np.where(shaded, view * np.float32(1 - approach.shadow), view), dtype=np.float32)
    if approach.glare:
        lamps = approach.camera.project(np.array([[-640.0, -160.0], [640.0, -160.0]]), z) - np.array(origin)
        rows, columns = np.mgrid[0 : view.shape[0], 0 : view.shape[1]].astype(np.float32)
        radius = 0.16 * approach.camera.focal / z
        flicker = approach.glare * random_.uniform(0.85, 1.15)
        for x, y in lamps:
            away = np.hypot(columns - np.float32(x), rows - np.float32(y)) / np.float32(radius)
            view = view + np.float32(flicker) * np.exp(-away)
    return view


def _smeared(view: Grey, way: Doubles) -> Grey:
    """Motion blur along `way`, pixels (x, y) during the exposure."""
    length = float(np.hypot(*way))
    if length < 0.7:
        return view
    half = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), dtype=np.float32)
    for step in np.linspace(-0.5, 0.5, 8 * half):
        kernel[half + round(step * way[1]), half + round(step * way[0])] += 1
    return np.asarray(cv2.filter2D(view, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), dtype=np.float32)
