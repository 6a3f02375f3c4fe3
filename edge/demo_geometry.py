"""Where things are in the demo scene: the camera, the lanes, and the shapes of the cars.

Metres, X to the right, Y up from the road, Z away from the camera, which looks along Z. A car's own axes: x to the
right as the camera sees it, y up from the road, z from its nose backwards. Nothing here draws.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

WIDTH, HEIGHT = 1280, 720
MARGIN = 8
"""Pixels drawn around the picture, so that the camera can shake."""
FOCAL = 1300.0
"""Pixels: 52° across, a 5 mm lens on a 1/2.8 inch sensor."""
HORIZON = 285.0
CAMERA_HEIGHT = 1.3
GATE_Z = 9.0
"""Distance of the two barriers from the camera."""
LANES = (-1.55, 2.35)
"""X of the middle of each lane."""


def project(points: npt.ArrayLike) -> Doubles:
    """(N, 3) metres → (N, 2) pixels of the picture, not shaken."""
    x, y, z = np.asarray(points, np.float64).T
    scale = FOCAL / np.maximum(z, 0.3)
    return np.array([WIDTH / 2 + x * scale, HORIZON + (CAMERA_HEIGHT - y) * scale]).T


@dataclass(frozen=True, slots=True)
class Body:
    """The shape of one kind of car; metres."""

    name: str
    length: float
    width: float
    height: float
    nose: float
    """Height of the bonnet's front edge."""
    belt: float
    """Height of the lower edge of the windows, which is also the bonnet's rear edge."""
    bonnet: float
    """Length of the bonnet."""
    screen: float
    """How far the windscreen leans back."""
    tail: float
    """How far the rear end of the roof lies before the rear bumper."""
    plate: float
    """Height of the middle of the plate."""


BODIES: tuple[Body, ...] = (
    Body("hatchback", 3.9, 1.72, 1.47, 0.74, 0.96, 0.85, 0.85, 0.25, 0.46),
    Body("saloon", 4.6, 1.82, 1.44, 0.72, 0.94, 1.15, 0.85, 1.0, 0.44),
    Body("estate", 4.6, 1.80, 1.48, 0.75, 0.96, 1.1, 0.8, 0.2, 0.47),
    Body("off-roader", 4.4, 1.86, 1.68, 0.92, 1.12, 1.05, 0.75, 0.2, 0.58),
    Body("van", 5.0, 1.92, 1.95, 0.98, 1.2, 0.62, 0.75, 0.05, 0.56),
)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a car's nose is: metres, and its heading in radians (0 drives straight at the camera)."""

    x: float
    z: float
    heading: float = 0.0


@dataclass(frozen=True, slots=True)
class CarShape:
    """A body with a plate of this size (width, height in metres) on its front."""

    body: Body
    plate_size: tuple[float, float]

    def place(self, points: npt.ArrayLike, pose: Pose) -> Doubles:
        """(N, 3) in the car's axes → (N, 3) of the scene."""
        x, y, z = np.asarray(points, np.float64).T
        cos, sin = np.cos(pose.heading), np.sin(pose.heading)
        return np.array([pose.x + x * cos + z * sin, y, pose.z + z * cos - x * sin]).T

    def turn_back(self, directions: Doubles, pose: Pose) -> Doubles:
        """(N, 3) directions in the scene → the same in the car's axes."""
        x, y, z = directions.T
        cos, sin = np.cos(pose.heading), np.sin(pose.heading)
        return np.array([x * cos - z * sin, y, x * sin + z * cos]).T

    def plate_outline(self, border: float = 0.0) -> list[list[float]]:
        """The plate's corners in the car's axes, clockwise from the top left, `border` metres larger on each side."""
        wide, tall = self.plate_size[0] / 2 + border, self.plate_size[1] / 2 + border
        y, z = self.body.plate, -0.02
        return [[-wide, y + tall, z], [wide, y + tall, z], [wide, y - tall, z], [-wide, y - tall, z]]

    def plate_corners(self, pose: Pose) -> Doubles:
        """(4, 2) pixels, clockwise from the top left, not shaken."""
        return self.to_picture(self.plate_outline(), pose)

    def lamps(self, pose: Pose) -> Doubles:
        """(2, 2) pixels: the middles of the headlamps."""
        x, y = self.body.width * 0.36, self.body.nose - 0.14
        return project(self.place([[-x, y, 0.0], [x, y, 0.0]], pose))

    def bounds(self, pose: Pose) -> tuple[int, int, int, int]:
        """Pixels x1 y1 x2 y2 of the whole car within the picture; empty where it is out of sight."""
        half = self.body.width / 2 + 0.25
        box = [
            [x, y, z] for x in (-half, half) for y in (-0.02, self.body.height + 0.06) for z in (0.0, self.body.length)
        ]
        pixels = project(self.place(box, pose))
        x1, y1 = np.floor(pixels.min(axis=0)).astype(int) - 4
        x2, y2 = np.ceil(pixels.max(axis=0)).astype(int) + 4
        return max(x1, 0), max(y1, 0), min(x2, WIDTH), min(y2, HEIGHT)

    def to_picture(self, points: npt.ArrayLike, pose: Pose) -> Doubles:
        """(N, 3) metres in the car's axes → (N, 2) pixels of the picture, not shaken."""
        return project(self.place(points, pose))

    def silhouette(self, pose: Pose) -> Doubles:
        """(N, 2) pixels whose convex hull is the car's outline, roughly; for what hides behind it."""
        body, half = self.body, self.body.width / 2
        ends = [[s * half * 0.96, y, z] for s in (-1, 1) for y in (0.0, body.nose) for z in (0.05, body.length)]
        roof = [[s * half * 0.75, body.height, body.bonnet + body.screen * z] for s in (-1, 1) for z in (1.0, 2.0)]
        return self.to_picture(ends + roof, pose)
