"""What a demo car is put together from besides its facets: flat polygons and textures on its surface."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from edge.demo_geometry import Body, Doubles
from edge.records import Image

Projection = Callable[[Doubles], Doubles]
"""(N, 3) metres in the car's axes → (N, 2) pixels of the patch that is drawn on."""


class Polygons:
    """Convex polygons in the car's axes, drawn in their order."""

    def __init__(self, outlines: Sequence[npt.ArrayLike], colours: Sequence[Doubles]) -> None:
        arrays = [np.asarray(outline, np.float64) for outline in outlines]
        self._points = np.concatenate(arrays)
        self._ends = np.cumsum([len(outline) for outline in arrays])[:-1]
        self._colours = np.asarray(colours, np.float64)

    def draw(self, patch: Image, to_patch: Projection, gain: float) -> None:
        """Fill all of them in the patch (BGR), in place, with brightness times `gain`."""
        pixels = np.split(np.round(to_patch(self._points) * 16).astype(np.int32), self._ends)
        for outline, colour in zip(pixels, np.minimum(self._colours * gain, 255).tolist(), strict=True):
            cv2.fillConvexPoly(patch, outline, colour, cv2.LINE_8, 4)


class Skin:
    """A texture (BGR) on four corners of the car, clockwise from the top left, where its mask is 255."""

    def __init__(self, texture: Image, corners: npt.ArrayLike, mask: Image | None = None) -> None:
        self._corners = np.asarray(corners, np.float64)
        mask = np.full(texture.shape[:2], 255, np.uint8) if mask is None else mask
        self._levels = [(texture, mask)]
        while min(texture.shape[:2]) > 7 and texture.shape[1] > 24:  # so that warping never skips pixels
            size = (texture.shape[1] // 2, texture.shape[0] // 2)
            texture = np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA), np.uint8)
            mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8)
            self._levels.append((texture, mask))

    def draw(self, patch: Image, to_patch: Projection, gain: float) -> None:
        """Warp it into the patch in place, with brightness times `gain`."""
        corners = to_patch(self._corners)
        x1, y1 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        x2, y2 = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, patch.shape[1::-1])
        if x2 - x1 < 2 or y2 - y1 < 2:
            return
        across = 1.3 * float(np.linalg.norm(corners[1] - corners[0]))
        texture, mask = next((level for level in self._levels if level[0].shape[1] <= across), self._levels[-1])
        height, width = texture.shape[:2]
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
        matrix = cv2.getPerspectiveTransform(source, (corners - (x1, y1) - 0.5).astype(np.float32))
        size = (int(x2 - x1), int(y2 - y1))
        warped = cv2.warpPerspective(texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        where = cv2.warpPerspective(mask, matrix, size, flags=cv2.INTER_LINEAR)
        if gain != 1.0:
            warped = cv2.convertScaleAbs(warped, alpha=gain)
        cv2.copyTo(warped, cv2.threshold(where, 127, 255, cv2.THRESH_BINARY)[1], patch[y1:y2, x1:x2])


def underneath(body: Body, dark: Doubles) -> Polygons:
    """The tyres and the dark under the bumper, seen from the front."""
    half = body.width / 2
    wide = half * 0.9
    outlines = [[[-wide, 0.3, 0.4], [wide, 0.3, 0.4], [wide, 0.1, 0.4], [-wide, 0.1, 0.4]]]
    for side in (-1, 1):
        for z in (body.length - 1.1, 0.55):
            out, inner = side * half * 0.96, side * half * 0.7
            slope = (out - inner) * 0.1
            foot = [[inner, 0.02, z], [inner + slope, 0, z], [out - slope, 0, z], [out, 0.02, z]]
            outlines.append([[out, 0.4, z], [inner, 0.4, z], *foot])
    return Polygons(outlines, [dark, *[dark * 1.3] * 4])


def wheels(body: Body, side: int, dark: Doubles) -> Polygons:
    """Arches, tyres and rims on one flank; `side` is -1 or 1."""
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    outlines, colours = [], []
    for z in (0.82, body.length - 0.8):
        for radius, grey, out in ((0.37, 0.6, 1.0), (0.32, 1.2, 1.002), (0.21, 5.0, 1.004), (0.05, 1.0, 1.006)):
            x = np.full_like(angle, side * body.width / 2 * out)
            outlines.append(np.stack([x, 0.32 + radius * np.sin(angle), z + radius * np.cos(angle)], axis=1))
            colours.append(dark * grey)
    return Polygons(outlines, colours)


def mirrors(body: Body, paint: Doubles) -> Polygons:
    """Both wing mirrors on their feet."""
    angle = np.linspace(0, 2 * np.pi, 17)[:-1]
    cos, sin = np.cos(angle), np.sin(angle)
    outlines: list[npt.ArrayLike] = []
    y, z = body.belt + 0.05, body.bonnet + 0.2
    for side in (-1, 1):
        x = side * (body.width / 2 + 0.07)
        outlines.append([[x * 0.9, y - 0.02, z], [x, y - 0.02, z], [x, y - 0.06, z], [x * 0.9, y - 0.07, z]])
        oval = [x + 0.12 * np.sign(cos) * np.abs(cos) ** 0.6, y + 0.075 * sin, np.full_like(cos, z)]
        outlines.append(np.stack(oval, axis=1))
    return Polygons(outlines, [paint * 0.4, paint, paint * 0.4, paint])
