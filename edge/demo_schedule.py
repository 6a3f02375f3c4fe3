"""Which car drives up when in the demo scene: sixteen passes a minute, invented from the seed."""

from dataclasses import dataclass

import numpy as np

from edge.demo_geometry import BODIES, GATE_Z, LANES, Body, CarShape, Pose
from edge.demo_plates import STYLES, PlateStyle, invent_number

FAR = 60.0
"""Cars appear at this distance, metres."""
APPROACH = 26.0
"""Where a pass begins: distance of the nose at its `start`, metres."""
STOP_Z = GATE_Z + 1.5
CYCLE = 60.0
"""Seconds after which the scene starts anew, with other plates and cars."""
BLOCKS = (0.0, 16.2, 27.6, 43.0)
"""When within the cycle each of LIGHTS begins, seconds."""

SCHEDULE: tuple[tuple[float, int, bool], ...] = (
    (-2.4, 0, False), (1.6, 1, False), (3.0, 0, True), (8.7, 0, False), (10.0, 1, True),
    (17.2, 0, True), (18.6, 1, False), (22.6, 0, False),
    (28.6, 0, False), (30.2, 1, True), (32.6, 0, True), (38.2, 0, False),
    (44.2, 0, True), (46.6, 1, False), (49.7, 0, False), (53.9, 0, True),
)  # fmt: skip
"""Each pass of a cycle: its start (seconds), its lane, and whether it stops at the barrier."""


@dataclass(frozen=True, slots=True)
class Drive:
    """One pass as planned."""

    key: tuple[int, int]
    start: float
    """Seconds of the scene's time at which the nose is at APPROACH."""
    lane: int
    stops: bool
    light: int
    number: str
    style: PlateStyle
    body: Body
    paint: int
    """Index into a list of colours, wherever that ends."""
    aside: float
    """Metres to the right of the lane's middle."""
    heading: float

    def z(self, time: float) -> float:
        """Distance of the nose at this time of the scene, metres; negative behind the camera."""
        t = time - self.start
        if not self.stops:
            return APPROACH - 4.9 * t
        way, brake, wait = APPROACH - STOP_Z, 2.9, 0.8
        if t < 0:
            return APPROACH - 1.8 * way / brake * t
        if t < brake:
            return STOP_Z + way * float((1 - t / brake) ** 1.8)  # a driver brakes harder first
        return STOP_Z - 1.6 * max(t - brake - wait, 0.0) ** 2

    @property
    def shape(self) -> CarShape:
        """The car's outline, without its looks."""
        return CarShape(self.body, (self.style.width / 1000, self.style.height / 1000))

    def pose(self, time: float) -> Pose:
        """Where the car is at this time of the scene."""
        return Pose(LANES[self.lane] + self.aside, self.z(time), self.heading)

    def gate(self, time: float) -> float:
        """How far this car has the barrier of its lane open, 0 to 1."""
        t = time - self.start
        opens, closes = (2.9, 7.4) if self.stops else (0.2, 5.0)
        return float(np.clip(min((t - opens) / 0.9, (closes - t) / 0.9), 0, 1))


def plan_cycle(seed: int, cycle: int) -> tuple[Drive, ...]:
    """The passes of one cycle."""
    rng = np.random.default_rng([seed, cycle])
    styles, paints = rng.permutation(len(STYLES)), rng.permutation(10)
    drives = []
    for place, (start, lane, stops) in enumerate(SCHEDULE):
        style = STYLES[styles[place % len(STYLES)]]
        light = sum(start + 3 >= begin for begin in BLOCKS) - 1
        aside, heading = float(rng.uniform(-0.12, 0.12)), float(rng.normal(0, 0.02))
        number = invent_number(style, rng)
        body = BODIES[rng.integers(len(BODIES))]
        planned = (lane, stops, light, number, style, body, int(paints[place % 10]), aside, heading)
        drives.append(Drive((cycle, place), cycle * CYCLE + start, *planned))
    return tuple(drives)
