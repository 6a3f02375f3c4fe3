"""One car of the demo scene: put together once, then drawn at any distance."""

import cv2
import numpy as np

from edge.demo_body import GLASS, PAINT, Mesh, build_mesh
from edge.demo_front import BOTTOM, draw_front, draw_windscreen
from edge.demo_geometry import CAMERA_HEIGHT, CarShape, Doubles, Pose
from edge.demo_light import Light, lamp, shade
from edge.demo_parts import Projection, Skin, mirrors, underneath, wheels
from edge.records import Image

PAINTS: tuple[tuple[int, int, int], ...] = (
    (216, 218, 218), (38, 36, 36), (150, 146, 142), (92, 88, 84), (28, 26, 140),
    (128, 66, 30), (66, 78, 50), (150, 176, 190), (96, 52, 32), (60, 58, 118),
)  # fmt: skip
"""White, black, silver, grey, red, blue, green, sand, dark blue, wine (BGR)."""

HOLDER = 0.012
"""The plate's black holder shows this much on each side, metres."""
FINER = 2
"""Cars are drawn this much larger and then shrunk, against jagged edges."""
DISTANT = 17.0
"""From here on half of the facets will do, metres."""


class Car:
    """A car with its plate (BGR, a pixel a millimetre); `draw` paints it into a picture."""

    def __init__(self, shape: CarShape, colour: int, plate: Image, light: Light, rng: np.random.Generator) -> None:
        self.shape = shape
        self._light = light
        paint = np.array(PAINTS[colour % len(PAINTS)], np.float64) * rng.uniform(0.85, 1.1)
        meshes = [build_mesh(shape.body, step) for step in (1, 2)]
        self._meshes = [(mesh, _shade_mesh(mesh, paint, light)) for mesh in meshes]
        dark = np.array([20.0, 20.0, 20.0]) * np.array(light.tint)
        self._underneath = underneath(shape.body, dark)
        self._wheels = {side: wheels(shape.body, side, dark) for side in (-1, 1)}
        mesh, colours = self._meshes[0]
        self._mirrors = mirrors(shape.body, np.median(colours[mesh.material == PAINT], axis=0))
        self._skins = self._make_skins(paint, plate, rng)

    def _make_skins(self, paint: Doubles, plate: Image, rng: np.random.Generator) -> list[Skin]:
        body = self.shape.body
        base, narrow = body.width / 2 * 0.9, body.width / 2 * 0.7
        z, top, sill = body.bonnet - 0.05, body.height - 0.06, body.belt + 0.03
        upper = z + body.screen * 0.9
        glass = [[-narrow, top, upper], [narrow, top, upper], [base, sill, z], [-base, sill, z]]
        half = body.width * 0.45
        face = [[-half, body.nose, 0], [half, body.nose, 0], [half, BOTTOM, 0], [-half, BOTTOM, 0]]
        front, outline = draw_front(body, paint, self._light, rng)
        frame = round(HOLDER * 1000)
        held = cv2.copyMakeBorder(plate, frame, frame, frame, frame, cv2.BORDER_CONSTANT, value=(22, 22, 22))
        return [
            Skin(draw_windscreen(self._light, rng), glass),
            Skin(front, face, outline),
            Skin(_light_plate(np.asarray(held, np.uint8), self._light), self.shape.plate_outline(HOLDER)),
        ]

    def draw(self, picture: Image, pose: Pose, shake: tuple[int, int]) -> None:
        """Paint the car into the picture (BGR) in place; `shake` are pixels to the right and down."""
        x1, y1, x2, y2 = self.shape.bounds(pose)
        if x2 - x1 < 4 or y2 - y1 < 4:
            return
        size = (FINER * (x2 - x1), FINER * (y2 - y1))
        patch = np.asarray(cv2.resize(picture[y1:y2, x1:x2], size, interpolation=cv2.INTER_NEAREST), np.uint8)
        offset = np.array([x1 - shake[0], y1 - shake[1]])
        gain = lamp(max(pose.z, 1.0)) if self._light.infrared else 1.0

        def to_patch(points: Doubles) -> Doubles:
            return np.asarray((self.shape.to_picture(points, pose) - offset) * FINER)

        near = pose.z > 0.6  # else the front is beside or behind the camera
        if near:
            self._underneath.draw(patch, to_patch, gain)
        self._draw_facets(patch, pose, to_patch, gain)
        self._wheels[1 if pose.x < 0 else -1].draw(patch, to_patch, gain)
        self._mirrors.draw(patch, to_patch, gain)
        for skin in self._skins if near else ():
            skin.draw(patch, to_patch, gain)
        picture[y1:y2, x1:x2] = cv2.resize(patch, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA)

    def _draw_facets(self, patch: Image, pose: Pose, to_patch: Projection, gain: float) -> None:
        """The metal and the side windows that face the camera, far facets first."""
        mesh, shaded = self._meshes[1 if pose.z > DISTANT else 0]
        sight = self.shape.place(mesh.centres, pose) - (0, CAMERA_HEIGHT, 0)
        facing = (mesh.normals * self.shape.turn_back(sight, pose)).sum(axis=1)
        visible = np.flatnonzero((facing < 0) & (sight[:, 2] > 0.7))
        visible = visible[np.argsort(-sight[visible, 2])]
        pixels = to_patch(mesh.corners[visible].reshape(-1, 3)).reshape(-1, 4, 2)
        colours = np.minimum(shaded[visible] * gain, 255).tolist()
        for corners, colour in zip(np.round(pixels * 16).astype(np.int32), colours, strict=True):
            cv2.fillConvexPoly(patch, corners, colour, cv2.LINE_8, 4)


def _shade_mesh(mesh: Mesh, paint: Doubles, light: Light) -> Doubles:
    """(N, 3) colours of the facets; shaded once, as if the car stood straight ahead."""
    material = mesh.material[:, None]
    dark = np.array([25.0, 24, 24])
    painted = shade(mesh.normals, np.where(material == PAINT, paint, dark), 0.07, light)
    glass = shade(mesh.normals, np.broadcast_to(dark, mesh.normals.shape), 0.3, light)
    return np.clip(np.where(material == GLASS, glass, painted), 0, 255)


def _light_plate(plate: Image, light: Light) -> Image:
    """The plate as it looks in this light."""
    lit = plate.astype(np.float64) * np.array(light.tint) * (0.97 if light.sun > 0.5 else 1.05)
    if light.infrared:  # retro-reflective: by far the brightest thing in the picture
        lit = np.repeat((lit @ np.array([0.2, 0.4, 0.4]))[..., None] * 1.9, 3, axis=2)
    return np.asarray(np.clip(lit, 0, 255), np.uint8)
