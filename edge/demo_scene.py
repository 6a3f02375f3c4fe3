"""The demo scene: which car drives up when, and one picture of it for any moment, with the truth about its plates.

Everything follows from the seed and the time, so a picture can be asked for in any order and comes out the same.
"""

from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np

from edge.demo_backdrop import draw_backdrop
from edge.demo_cars import Car
from edge.demo_effects import Noise, blur_along, draw_headlights, draw_shadow
from edge.demo_geometry import FOCAL, GATE_Z, HEIGHT, MARGIN, WIDTH, Doubles, Pose, project
from edge.demo_light import LIGHTS, Light
from edge.demo_plates import draw_plate, plain_text
from edge.demo_schedule import BLOCKS, CYCLE, FAR, Drive, plan_cycle
from edge.records import Image


@dataclass(frozen=True, slots=True)
class DemoPlate:
    """A plate in one picture, exactly where it was drawn."""

    text: str
    """Capital letters and digits, as a reader should answer."""
    x1: float
    y1: float
    x2: float
    y2: float
    corners: tuple[tuple[float, float], ...]
    """Four pixels, clockwise from the top left; the box is the smallest around them, cut at the picture's edge."""
    visible: float
    """Share of it that is within the picture and not hidden, 0 to 1."""
    key: tuple[int, int]
    """Cycle and place in the cycle's SCHEDULE: tells passes apart."""
    lines: int = 1


class DemoScene:
    """Draws the scene of this seed; keeps the backdrops and the cars in sight, about 40 MB."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._backdrops: dict[int, bytes] = {}
        self._current: tuple[int, Image] = (-1, np.zeros((0, 0, 3), np.uint8))
        self._cars: OrderedDict[tuple[int, int], Car] = OrderedDict()
        self._plans: OrderedDict[int, tuple[Drive, ...]] = OrderedDict()
        self._noise = Noise(seed)

    def drives(self, cycle: int) -> tuple[Drive, ...]:
        """The passes of one cycle, from 0; none before it."""
        if cycle < 0:
            return ()
        if cycle not in self._plans:
            self._plans[cycle] = plan_cycle(self.seed, cycle)
            while len(self._plans) > 8:
                self._plans.popitem(last=False)
        return self._plans[cycle]

    def light_at(self, time: float) -> int:
        """Index into LIGHTS."""
        return sum(time % CYCLE >= begin for begin in BLOCKS) - 1

    def _in_sight(self, time: float) -> list[tuple[Drive, Pose]]:
        """Passes whose car is somewhere in the picture, farthest first."""
        light = self.light_at(time)
        cycle = int(time // CYCLE)
        here = [(drive, drive.pose(time)) for drive in self.drives(cycle) if drive.light == light]
        return sorted(((d, p) for d, p in here if -3.0 < p.z < FAR), key=lambda pair: -pair[1].z)

    def _car(self, drive: Drive) -> Car:
        if drive.key not in self._cars:
            rng = np.random.default_rng([self.seed, *drive.key, 5])
            plate = draw_plate(drive.number, drive.style, rng)
            self._cars[drive.key] = Car(drive.shape, drive.paint, plate, LIGHTS[drive.light], rng)
            while len(self._cars) > 6:
                self._cars.popitem(last=False)
        self._cars.move_to_end(drive.key)
        return self._cars[drive.key]

    def _shake(self, time: float) -> tuple[int, int]:
        """Whole pixels by which the wind moves the camera's pole."""
        x = 1.6 * np.sin(2.9 * time) + 1.1 * np.sin(7.3 * time + 1)
        y = 1.2 * np.sin(3.7 * time + 2) + 0.8 * np.sin(9.1 * time)
        return round(float(x)), round(float(y))

    def _backdrop(self, index: int) -> Image:
        """The empty scene in this light. Only the current one is kept as pixels, the others as JPEG: drawing one takes
        half a second, and four as pixels are 11 MB. The pixels always come from the JPEG, so that a frame does not
        depend on those before it."""
        if self._current[0] != index:
            if index not in self._backdrops:
                drawn = draw_backdrop(LIGHTS[index], self.seed)
                self._backdrops[index] = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
            coded = np.frombuffer(self._backdrops[index], np.uint8)
            self._current = (index, np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8))
        return self._current[1]

    def frame_at(self, time: float) -> tuple[Image, tuple[DemoPlate, ...]]:
        """The picture at this time of the scene (seconds from 0) and every plate that shows in it at all."""
        index = self.light_at(time)
        light = LIGHTS[index]
        backdrop = self._backdrop(index)
        dx, dy = shake = self._shake(time)
        picture = backdrop[MARGIN - dy : MARGIN - dy + HEIGHT, MARGIN - dx : MARGIN - dx + WIDTH].copy()
        sight = self._in_sight(time)
        arms = self._arms(time, sight)
        for drive, pose in sight:
            if arms and pose.z < GATE_Z:
                self._draw_arms(picture, arms, light, shake)
                arms = []
            self._draw_car(picture, drive, pose, time, shake)
        self._draw_arms(picture, arms, light, shake)
        self._noise.add(picture, light, time)
        return picture, self._plates(time, sight, shake)

    def _draw_car(self, picture: Image, drive: Drive, pose: Pose, time: float, shake: tuple[int, int]) -> None:
        light, car = LIGHTS[drive.light], self._car(drive)
        draw_shadow(picture, car.shape, pose, light, shake)
        speed = (drive.z(time - 0.02) - drive.z(time + 0.02)) / 0.04
        car.draw(picture, pose, shake)
        z = max(pose.z, 1.5)
        streak = abs(FOCAL * pose.x / z**2 * speed) * light.exposure
        if streak > 1.2 and pose.z > 1.5:
            blur_along(picture, car.shape.bounds(pose), streak, pose.x < 0)
        if light.headlights > 0 and pose.z > 2.5:
            draw_headlights(picture, car.shape.lamps(pose) + shake, pose.z, light)

    def _arms(self, time: float, sight: list[tuple[Drive, Pose]]) -> list[Doubles]:
        """The two barriers' stripes: (S, 4, 3) metres each."""
        arms = []
        for lane, (pivot, way) in enumerate(((-3.55, 1.0), (4.55, -1.0))):
            opened = max((drive.gate(time) for drive, _ in sight if drive.lane == lane), default=0.0)
            angle = 1.45 * (3 * opened**2 - 2 * opened**3)
            along = np.array([way * np.cos(angle), np.sin(angle), 0])
            across = np.array([-way * np.sin(angle), np.cos(angle), 0]) * 0.045
            foot = np.array([pivot, 1.04, GATE_Z - 0.05])
            ends = foot + along * np.linspace(-0.25, 3.55, 13)[:, None]
            arms.append(
                np.stack([ends[:-1] + across, ends[1:] + across, ends[1:] - across, ends[:-1] - across], axis=1)
            )
        return arms

    def _draw_arms(self, picture: Image, arms: list[Doubles], light: Light, shake: tuple[int, int]) -> None:
        for arm in arms:
            pixels = np.round((project(arm.reshape(-1, 3)) + shake).reshape(-1, 4, 2) * 16).astype(np.int32)
            for stripe, corners in enumerate(pixels):
                colour = np.array((226, 228, 228) if stripe % 2 else (46, 40, 186), float) * np.array(light.tint)
                if light.infrared:
                    colour = np.full(3, colour @ np.array([0.2, 0.3, 0.5])) * (1.3 if stripe % 2 else 0.9)
                cv2.fillConvexPoly(picture, corners, np.minimum(colour, 255).tolist(), cv2.LINE_AA, 4)

    def plates_at(self, time: float) -> tuple[DemoPlate, ...]:
        """The truth about the picture at this time, without drawing it."""
        return self._plates(time, self._in_sight(time), self._shake(time))

    def _plates(self, time: float, sight: list[tuple[Drive, Pose]], shake: tuple[int, int]) -> tuple[DemoPlate, ...]:
        arms = self._arms(time, sight)
        plates = []
        for place, (drive, pose) in enumerate(sight):
            if pose.z < 1.5:
                continue
            corners = drive.shape.plate_corners(pose) + shake
            nearer = [d.shape.silhouette(p) + shake for d, p in sight[place + 1 :]]
            if pose.z > GATE_Z:
                nearer += [project(arm[[0, -1]].reshape(-1, 3)) + shake for arm in arms]
            visible = visible_share(corners, nearer)
            if visible > 0:
                x1, y1 = np.clip(corners.min(axis=0), 0, (WIDTH, HEIGHT)).tolist()
                x2, y2 = np.clip(corners.max(axis=0), 0, (WIDTH, HEIGHT)).tolist()
                points = tuple((float(x), float(y)) for x, y in corners)
                text, lines = plain_text(drive.number), drive.number.count("|") + 1
                plates.append(DemoPlate(text, x1, y1, x2, y2, points, visible, drive.key, lines))
        return tuple(plates)


def visible_share(corners: Doubles, nearer: list[Doubles]) -> float:
    """The share of the quadrilateral within the picture and outside of the nearer outlines (convex hulls of (N, 2))."""
    start = np.floor(corners.min(axis=0)).astype(int) - 1
    width, height = np.ceil(corners.max(axis=0)).astype(int) + 1 - start
    if width > 2 * WIDTH or height > 2 * HEIGHT:
        return 0.0
    mask = np.zeros((int(height), int(width)), np.uint8)
    cv2.fillConvexPoly(mask, np.round((corners - start) * 16).astype(np.int32), (1,), cv2.LINE_8, 4)
    whole = int(mask.sum())
    for outline in nearer:
        hull = cv2.convexHull((outline - start).astype(np.float32))
        cv2.fillConvexPoly(mask, np.round(hull * 16).astype(np.int32), (0,), cv2.LINE_8, 4)
    x, y = start
    mask[: max(0, -y)] = 0
    mask[:, : max(0, -x)] = 0
    mask[max(0, HEIGHT - y) :] = 0
    mask[:, max(0, WIDTH - x) :] = 0
    return int(mask.sum()) / whole
