"""The bodies of the demo scene's cars as meshes of flat facets."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edge.demo_geometry import Body, Doubles

PAINT, GLASS, BLACK = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Mesh:
    """Facets: corners (N, 4, 3), their centres and outward unit normals (N, 3), material (N,)."""

    corners: Doubles
    centres: Doubles
    normals: Doubles
    material: npt.NDArray[np.int64]


def _facets(sections: Doubles) -> Doubles:
    """(S, P, 3) rings of points → ((S-1)·(P-1), 4, 3) quadrilaterals between neighbours."""
    a, b = sections[:-1, :-1], sections[:-1, 1:]
    c, d = sections[1:, 1:], sections[1:, :-1]
    return np.stack([a, b, c, d], axis=2).reshape(-1, 4, 3)


def _hull(body: Body) -> Doubles:
    """The lower body: rounded boxes along the length, closed at the tail."""
    half = body.width / 2
    ahead, behind = np.linspace(0.26, body.bonnet, 10), np.linspace(body.bonnet + 0.3, body.length - 0.3, 8)
    z = np.concatenate([[0, 0.03, 0.08, 0.16], ahead, behind, [body.length]])
    bonnet = np.clip(z / body.bonnet, 0, 1)
    top = body.nose + (body.belt - body.nose) * bonnet**0.75
    top = np.where(z < 0.16, top - 0.05 * (1 - z / 0.16) ** 2, top)
    bottom = 0.2 + 0.05 * np.clip(1 - z / 0.2, 0, 1)
    wide = half * (1 - 0.1 * np.clip(1 - z / 0.4, 0, 1) ** 2 - 0.12 * np.clip((z - body.length + 0.3) / 0.3, 0, 1))
    angle = np.linspace(-np.pi / 2, 1.5 * np.pi, 45)
    cos, sin = np.cos(angle), np.sin(angle)
    x = np.sign(cos) * np.abs(cos) ** (1 / 3.2)
    y = np.sign(sin) * np.abs(sin) ** (1 / 3.2)
    middle, tall = (top + bottom)[:, None] / 2, (top - bottom)[:, None] / 2
    crown = 0.03 * (1 - (x * wide[:, None] / half) ** 2) * (y > 0.9)
    rings = np.stack([x * wide[:, None], middle + y * tall + crown, np.repeat(z[:, None], len(angle), 1)], axis=2)
    return np.asarray(rings, np.float64)


def _cabin(body: Body) -> Doubles:
    """Windows and roof: arches along the length, (S, P, 3)."""
    start, end = body.bonnet - 0.08, body.length - 0.06
    front = np.linspace(0, 1, 9)
    roof_end = body.length - body.tail - 0.3
    z = np.concatenate([start + front * body.screen, np.linspace(start + body.screen + 0.1, roof_end, 10), [end]])
    rise = np.concatenate([front**0.86, np.ones(10), [0.1]])
    rise[9:-1] -= 0.05 * np.linspace(0, 1, 10) ** 2
    top = body.belt - 0.01 + (body.height - body.belt) * rise
    base, narrow = body.width / 2 * 0.965, body.width / 2 * 0.74
    up = np.concatenate([np.linspace(0, 1, 8), np.ones(11), np.linspace(1, 0, 8)])
    across = np.concatenate([-np.ones(8), np.linspace(-1, 1, 13)[1:-1], np.ones(8)])
    arch = np.concatenate([np.zeros(8), 0.035 * (1 - np.linspace(-1, 1, 11) ** 2), np.zeros(8)])
    y = body.belt - 0.03 + (top[:, None] - body.belt + 0.03) * up + arch * rise[:, None]
    lean = np.clip((y - body.belt) / (body.height - body.belt), 0, 1.1)
    x = across * (base + (narrow - base) * lean**1.15)
    return np.stack([x, y, np.repeat(z[:, None], x.shape[1], 1)], axis=2)


def _cabin_material(body: Body, corners: Doubles) -> npt.NDArray[np.int64]:
    """Which facets of the cabin are windows, and which pillars."""
    centre = corners.mean(axis=1)
    x, y, z = centre.T
    steep = np.abs(corners[:, :, 0]).max(axis=1) - np.abs(corners[:, :, 0]).min(axis=1)
    side = (np.ptp(corners[:, :, 1], axis=1) > 0.02) & (np.abs(x) > body.width * 0.3) & (steep < 0.14)
    windows = side & (y > body.belt + 0.03) & (y < body.height - 0.09) & (z > body.bonnet + 0.25)
    material = np.where(windows, GLASS, PAINT)
    middle = body.bonnet + body.screen + 0.55
    material[windows & (np.abs(z - middle) < 0.12)] = BLACK
    return material


@lru_cache(maxsize=16)
def build_mesh(body: Body, step: int = 1) -> Mesh:
    """All facets of the body; left out is what is drawn as textures (front, windscreen, plate), and the wheels.

    A `step` of 2 takes every second point around the sections.
    """
    hull, cabin = _facets(_hull(body)[:, ::step]), _facets(_cabin(body)[:, ::step])
    material = np.concatenate([np.where(hull.mean(axis=1)[:, 1] < 0.27, BLACK, PAINT), _cabin_material(body, cabin)])
    corners = np.concatenate([hull, cabin])
    centres = corners.mean(axis=1)
    cross = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    middle = np.array([0.0, (body.belt + 0.3) / 2, body.length / 2])
    outwards = np.sign(((centres - middle) * cross).sum(axis=1, keepdims=True))
    normals = cross * np.where(outwards == 0, 1, outwards) / (np.linalg.norm(cross, axis=1, keepdims=True) + 1e-9)
    return Mesh(corners, centres, normals, material)
