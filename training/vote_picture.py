"""The picture of the bench: for every rule, how much is exact over how much is wrong, at every threshold."""

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Image

_SIZE = (980, 620)
_PLOT = (90, 30, 690, 540)
"""Left, top, right and bottom of the axes, pixels."""
_WRONG = (1e-4, 0.1)
_COLOURS = ((170, 120, 40), (60, 160, 230), (90, 170, 70), (190, 90, 170), (120, 120, 120), (40, 40, 210))


def draw_curves(curves: Mapping[str, npt.NDArray[np.float64]], points: Mapping[str, tuple[float, float]]) -> Image:
    """Curves of (wrong, exact) shares, a point for each rule at its own threshold → (H, W, 3) BGR.

    The wrong share is drawn logarithmically; what is below the left edge of the axes is drawn on it.
    """
    picture = np.full((_SIZE[1], _SIZE[0], 3), 255, dtype=np.uint8)
    least = min((float(curve[-1, 1]) for curve in curves.values() if len(curve)), default=0.0)
    floor = max(0.0, np.floor(10 * (least - 0.15)) / 10)
    _draw_axes(picture, floor)
    for (name, curve), colour in zip(curves.items(), _COLOURS, strict=False):
        line = np.array([_place(wrong, exact, floor) for wrong, exact in curve], dtype=np.int32)
        cv2.polylines(picture, [line], False, colour, 3 if name == "ours" else 2, cv2.LINE_AA)
    for row, (name, colour) in enumerate(zip(curves, _COLOURS, strict=False)):
        cv2.circle(picture, _place(*points[name], floor), 7, colour, -1, cv2.LINE_AA)
        cv2.circle(picture, _place(*points[name], floor), 7, (0, 0, 0), 1, cv2.LINE_AA)
        y = 60 + 30 * row
        cv2.line(picture, (715, y - 5), (745, y - 5), colour, 3, cv2.LINE_AA)
        _write(picture, name, (755, y))
    _write(picture, "dots: at the threshold in use", (715, 60 + 30 * len(curves) + 10))
    return picture


def _draw_axes(picture: Image, floor: float) -> None:
    left, top, right, bottom = _PLOT
    for wrong in (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1):
        x = _place(wrong, floor, floor)[0]
        cv2.line(picture, (x, top), (x, bottom), (225, 225, 225), 1)
        _write(picture, f"{100 * wrong:g} %", (x - 22, bottom + 22))
    for exact in np.arange(floor, 1.001, 0.1):
        y = _place(1.0, float(exact), floor)[1]
        cv2.line(picture, (left, y), (right, y), (225, 225, 225), 1)
        _write(picture, f"{100 * exact:.0f} %", (left - 58, y + 5))
    cv2.rectangle(picture, (left, top), (right, bottom), (90, 90, 90), 1)
    _write(picture, "passes accepted with a wrong plate", (left + 160, bottom + 52))
    _write(picture, "exact", (left - 76, top - 10))


def _place(wrong: float, exact: float, floor: float) -> tuple[int, int]:
    left, top, right, bottom = _PLOT
    low, high = np.log10(_WRONG)
    x = (np.log10(np.clip(wrong, *_WRONG)) - low) / (high - low)
    y = (np.clip(exact, floor, 1.0) - floor) / (1.0 - floor)
    return round(left + float(x) * (right - left)), round(bottom - float(y) * (bottom - top))


def _write(picture: Image, text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
