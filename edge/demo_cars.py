"""One car of the demo scene: built once, then drawn at any distance."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from edge.demo_body import BLACK, GLASS, PAINT, Mesh, build_mesh
from edge.demo_front import BOTTOM, draw_front, draw_windscreen
from edge.demo_geometry import CAMERA_HEIGHT, CarShape, Doubles, Pose
from edge.demo_light import Light, lamp, shade
from edge.demo_plates import PlateStyle, draw_plate
from edge.records import Image

PAINTS: tuple[tuple[int, int, int], ...] = (
    (216, 218, 218), (38, 36, 36), (150, 146, 142), (92, 88, 84), (28, 26, 140),
    (128, 66, 30), (66, 78, 50), (150, 176, 190), (96, 52, 32), (60, 58, 118),
)  # fmt: skip
"""White, black, silver, grey, red, blue, green, sand, dark blue, wine (BGR)."""


class Car:
    """A car with its plate; `draw` paints it into a picture."""

    def __init__(self, shape: CarShape, number: str, style: PlateStyle, light: Light, rng: np.random.Generator) -> None:
        self.shape = shape
        self.body = shape.body
        self.light = light
        paint = np.array(PAINTS[rng.integers(len(PAINTS))], np.float64) * rng.uniform(0.85, 1.1)
        self._mesh: Mesh = build_mesh(self.body)
        self._colours = self._shade_mesh(paint)
        self._front, self._front_mask = draw_front(self.body, paint, light, rng)
        self._windscreen = draw_windscreen(light, rng)
        self._plate = self._light_plate(self._mount(draw_plate(number, style, rng)))
        self._dark = np.array([20.0, 20.0, 20.0]) * np.array(light.tint)

    def _shade_mesh(self, paint: Doubles) -> Doubles:
        """(N, 3) colours of the facets; shaded once, for a heading of 0."""
        material = self._mesh.material[:, None]
        colour = np.where(
            material == GLASS, np.array([26.0, 24, 24]), np.where(material == BLACK, np.array([24.0, 24, 24]), paint)
        )
        painted = shade(self._mesh.normals, colour, 0.07, self.light)
        glass = shade(self._mesh.normals, colour, 0.3, self.light)
        return np.clip(np.where(material == GLASS, glass, painted), 0, 255)

    def _mount(self, plate: Image) -> Image:
        """The plate in its black holder, 12 mm all round."""
        return np.asarray(cv2.copyMakeBorder(plate, 12, 12, 12, 12, cv2.BORDER_CONSTANT, value=(22, 22, 22)), np.uint8)

    def _light_plate(self, plate: Image) -> list[Image]:
        """The plate in this light, and ever smaller by half, so that warping never skips pixels."""
        lit = plate.astype(np.float64) * np.array(self.light.tint) * (0.97 if self.light.sun > 0.5 else 1.05)
        if self.light.infrared:  # retro-reflective: by far the brightest thing in the picture
            lit = np.repeat((lit @ np.array([0.2, 0.4, 0.4]))[..., None] * 1.9, 3, axis=2)
        levels = [np.clip(lit, 0, 255).astype(np.uint8)]
        while levels[-1].shape[1] > 40:
            half = (levels[-1].shape[1] // 2, max(levels[-1].shape[0] // 2, 2))
            levels.append(np.asarray(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA), np.uint8))
        return levels

    def draw(self, picture: Image, pose: Pose, shake: tuple[int, int]) -> None:
        """Paint the car into the picture (BGR) in place; antialiased by drawing at twice the size."""
        x1, y1, x2, y2 = self.shape.bounds(pose)
        if x2 - x1 < 4 or y2 - y1 < 4:
            return
        finer = 2
        size = (finer * (x2 - x1), finer * (y2 - y1))
        patch = np.asarray(cv2.resize(picture[y1:y2, x1:x2], size, interpolation=cv2.INTER_NEAREST), np.uint8)
        offset = np.array([x1 - shake[0], y1 - shake[1]])
        gain = lamp(max(pose.z, 1.0)) if self.light.infrared else 1.0

        def to_patch(points: npt.ArrayLike) -> npt.NDArray[np.float64]:
            return np.asarray((self.shape.to_picture(points, pose) - offset) * finer)

        if pose.z > 0.6:
            self._draw_wheels(patch, to_patch, gain)
        self._draw_facets(patch, pose, to_patch, gain)
        if pose.z > 0.6:
            self._draw_textures(patch, to_patch, gain)
        picture[y1:y2, x1:x2] = cv2.resize(patch, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA)

    def _draw_facets(self, patch: Image, pose: Pose, to_patch: "Projection", gain: float) -> None:
        """The metal and the side windows, far facets first."""
        placed = self.shape.place(self._mesh.corners.reshape(-1, 3), pose).reshape(-1, 4, 3)
        centre = placed.mean(axis=1) - (0, CAMERA_HEIGHT, 0)
        cos, sin = np.cos(pose.heading), np.sin(pose.heading)
        n = self._mesh.normals
        facing = (n[:, 0] * cos + n[:, 2] * sin) * centre[:, 0] + n[:, 1] * centre[:, 1]
        facing += (n[:, 2] * cos - n[:, 0] * sin) * centre[:, 2]
        visible = np.flatnonzero((facing < 0) & (placed[:, :, 2].min(axis=1) > 0.5))
        visible = visible[np.argsort(-centre[visible, 2])]
        pixels = to_patch(self._mesh.corners[visible].reshape(-1, 3)).reshape(-1, 4, 2)
        corners = np.round(pixels * 16).astype(np.int32)
        colours = np.minimum(self._colours[visible] * gain, 255).tolist()
        for corner, colour in zip(corners, colours, strict=True):
            cv2.fillConvexPoly(patch, corner, colour, cv2.LINE_8, 4)
        self._draw_side_wheels(patch, pose, to_patch, gain)

    def _draw_wheels(self, patch: Image, to_patch: "Projection", gain: float) -> None:
        """The front tyres and the dark underneath, seen from the front."""
        half = self.body.width / 2
        dark = (self._dark * gain).tolist()
        _fill(
            patch,
            to_patch(
                [[-half * 0.9, 0.3, 0.4], [half * 0.9, 0.3, 0.4], [half * 0.9, 0.1, 0.4], [-half * 0.9, 0.1, 0.4]]
            ),
            dark,
        )
        for side in (-1, 1):
            for z in (self.body.length - 1.1, 0.55):
                x1, x2 = side * half * 0.96, side * half * 0.7
                tyre = [
                    [x1, 0.4, z],
                    [x2, 0.4, z],
                    [x2, 0.02, z],
                    [x2 + (x1 - x2) * 0.1, 0, z],
                    [x1 - (x1 - x2) * 0.1, 0, z],
                    [x1, 0.02, z],
                ]
                _fill(patch, to_patch(tyre), (self._dark * gain * 1.3).tolist())

    def _draw_side_wheels(self, patch: Image, pose: Pose, to_patch: "Projection", gain: float) -> None:
        """Wheel arches, tyres and rims on the flank that the camera sees, and the two mirrors."""
        side = 1.0 if pose.x < 0 else -1.0
        angle = np.linspace(0, 2 * np.pi, 25)[:-1]
        for z in (0.82, self.body.length - 0.8):
            for radius, grey, out in ((0.37, 0.6, 1.0), (0.32, 1.2, 1.002), (0.21, 5.0, 1.004), (0.05, 1.0, 1.006)):
                ring = [
                    [side * self.body.width / 2 * out, 0.32 + radius * np.sin(a), z + radius * np.cos(a)] for a in angle
                ]
                _fill(patch, to_patch(ring), (self._dark * gain * grey).tolist())
        paint = np.median(self._colours[self._mesh.material == PAINT], axis=0) * gain
        for mirror in (-1, 1):
            x, y = mirror * (self.body.width / 2 + 0.1), self.body.belt + 0.05
            z = self.body.bonnet + 0.2
            oval = [[x + 0.12 * np.sign(np.cos(a)) * abs(np.cos(a)) ** 0.6, y + 0.075 * np.sin(a), z] for a in angle]
            _fill(patch, to_patch(oval), paint.tolist())
            _fill(
                patch,
                to_patch([[x * 0.9, y - 0.02, z], [x, y - 0.02, z], [x, y - 0.06, z], [x * 0.9, y - 0.07, z]]),
                (paint * 0.4).tolist(),
            )

    def _draw_textures(self, patch: Image, to_patch: "Projection", gain: float) -> None:
        body = self.body
        base, narrow = body.width / 2 * 0.9, body.width / 2 * 0.70
        z, top = body.bonnet - 0.05, body.height - 0.06
        glass = [
            [-narrow, top, z + body.screen * 0.9],
            [narrow, top, z + body.screen * 0.9],
            [base, body.belt + 0.03, z],
            [-base, body.belt + 0.03, z],
        ]
        _warp(patch, self._windscreen, None, to_patch(glass), gain)
        half = body.width * 0.45
        front = [[-half, body.nose, 0], [half, body.nose, 0], [half, BOTTOM, 0], [-half, BOTTOM, 0]]
        _warp(patch, self._front, self._front_mask, to_patch(front), gain)
        wide, tall = self.shape.plate_size[0] / 2 + 0.012, self.shape.plate_size[1] / 2 + 0.012
        y = body.plate
        corners = to_patch(
            [[-wide, y + tall, -0.02], [wide, y + tall, -0.02], [wide, y - tall, -0.02], [-wide, y - tall, -0.02]]
        )
        across = float(np.linalg.norm(corners[1] - corners[0]))
        fitting = [level for level in self._plate if level.shape[1] >= across]
        _warp(patch, fitting[-1] if fitting else self._plate[0], None, corners, gain)


Projection = Callable[[npt.ArrayLike], npt.NDArray[np.float64]]


def _fill(patch: Image, pixels: npt.NDArray[np.float64], colour: list[float]) -> None:
    cv2.fillConvexPoly(patch, np.round(pixels * 16).astype(np.int32), colour, cv2.LINE_8, 4)


def _warp(patch: Image, texture: Image, mask: Image | None, corners: npt.NDArray[np.float64], gain: float) -> None:
    """Warp the texture onto 4 corners (clockwise from the top left) of the patch in place, where the mask allows."""
    x1, y1 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    x2, y2 = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, patch.shape[1::-1])
    if x2 - x1 < 2 or y2 - y1 < 2:
        return
    across = float(np.linalg.norm(corners[1] - corners[0]))
    while texture.shape[1] > 2.2 * across and texture.shape[0] > 8:  # warping must not skip pixels
        size = (texture.shape[1] // 2, texture.shape[0] // 2)
        texture = np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = texture.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, (corners - (x1, y1)).astype(np.float32))
    size = (int(x2 - x1), int(y2 - y1))
    warped = cv2.warpPerspective(texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    whole = np.full((height, width), 255, np.uint8) if mask is None else cv2.resize(mask, (width, height))
    where = cv2.warpPerspective(whole, matrix, size, flags=cv2.INTER_NEAREST)
    if gain != 1.0:
        warped = cv2.convertScaleAbs(warped, alpha=gain)
    cv2.copyTo(warped, where, patch[y1:y2, x1:x2])
