"""Four kinds of light in the demo scene, and how they fall on a car."""

from dataclasses import dataclass

import numpy as np

from edge.demo_geometry import Doubles


@dataclass(frozen=True, slots=True)
class Light:
    """One time of day. Factors multiply colours of plain daylight."""

    name: str
    tint: tuple[float, float, float]
    """Blue, green, red."""
    sky: tuple[tuple[int, int, int], tuple[int, int, int]]
    """Colours (BGR) at the top and at the horizon."""
    sun: float
    """0 overcast to 1 full sun: depth of the shadows."""
    headlights: float
    """0 off to 1 dazzling."""
    noise: float
    """Standard deviation of the sensor's noise, grey levels."""
    exposure: float
    """Seconds, for motion blur."""
    infrared: bool = False
    """Grey picture, lit by the camera's own lamp, which falls off with the distance."""


LIGHTS: tuple[Light, ...] = (
    Light("day", (1.0, 1.0, 1.0), ((196, 150, 96), (236, 222, 204)), 0.85, 0.0, 3.0, 1 / 400),
    Light("overcast", (0.86, 0.82, 0.79), ((198, 190, 184), (222, 218, 214)), 0.2, 0.15, 4.0, 1 / 250),
    Light("dusk", (0.62, 0.47, 0.44), ((110, 74, 56), (120, 140, 214)), 0.05, 0.6, 6.0, 1 / 120),
    Light("infrared", (0.5, 0.5, 0.5), ((10, 10, 10), (20, 20, 20)), 0.0, 0.8, 7.0, 1 / 250, infrared=True),
)


def lamp(z: float) -> float:
    """How bright the camera's infrared lamp lights a thing at distance `z`; 1 at 8 m."""
    return float(np.clip((8.0 / z) ** 1.1, 0.12, 1.25))


def _surroundings(direction: Doubles, light: Light) -> Doubles:
    """(…, 3) what a mirror sees when it looks along `direction`: sky, a dark line of trees, the road."""
    y = direction[..., 1:2]
    top, horizon = np.array(light.sky[0], np.float64), np.array(light.sky[1], np.float64)
    sky = horizon + (top - horizon) * np.clip(y, 0, 1) ** 0.6
    road = np.array([92.0, 92.0, 92.0]) * np.array(light.tint)
    trees = np.array([40.0, 52.0, 44.0]) * np.array(light.tint)
    seen = np.where(y > 0.16, sky, np.where(y > -0.04, trees, road * np.clip(1.1 + y, 0.4, 1)))
    soft = np.clip((y - 0.08) / 0.16, 0, 1)
    return np.asarray(np.where((y > 0.08) & (y < 0.24), trees + (sky - trees) * soft, seen))


def shade(normals: Doubles, colour: Doubles, mirror: float, light: Light) -> Doubles:
    """(…, 3) normals and BGR colours → BGR as the camera sees them, which looks along +z.

    `mirror` is how much of the surroundings a surface reflects when seen straight on (glass and lacquer 0.04 to 0.3).
    """
    facing = np.clip(-normals[..., 2:3], 0, 1)
    if light.infrared:  # the only lamp is the camera's own
        grey = (colour @ np.array([0.25, 0.4, 0.35]))[..., None]
        return np.repeat(grey * (0.2 + 0.8 * facing**1.2) + 50 * facing**24 + 6, 3, axis=-1)
    sun = np.array([-0.45, 0.78, -0.43])
    ambient = 0.52 + 0.26 * normals[..., 1:2]
    direct = light.sun * 0.8 * np.clip(normals @ sun, 0, 1)[..., None] + (1 - light.sun) * 0.22
    matt = colour * (ambient + direct) * np.array(light.tint)
    view = np.array([0.0, -0.12, 1.0])
    reflected = view - 2 * (normals @ view)[..., None] * normals
    fresnel = mirror + (1 - mirror) * 0.7 * (1 - facing) ** 3
    glint = light.sun * 150 * np.clip(reflected @ sun, 0, 1)[..., None] ** 60
    return np.asarray(matt * (1 - fresnel) + _surroundings(reflected, light) * fresnel + glint)
