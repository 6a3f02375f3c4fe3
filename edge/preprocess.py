"""Pixels → tensors, for both models. Training uses exactly this: what the device sees is what was trained on.

Pictures are uint8 BGR, (H, W, 3); tensors are int8 with the batch dimension, NHWC.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Image, PlateBox

READER_HEIGHT = 48
READER_WIDTH = 160

PLATE_MARGIN = 0.04
"""A box is widened by this share of its size on each side before it is cropped: an int8 detector's edges are a pixel
or two off, and a cut first character costs more than a sliver of bumper."""

TWO_LINE_ASPECT = 3.2
"""A crop less wide than this times its height may hold two lines of characters (the widest two-line plates are about 2
to 1, some boxes loose, and cameras stretch); unless it is clear at once, it is read both ways and the more confident
reading counts."""

_TARGET_MEAN = 128.0
_TARGET_DEVIATION = 52.0
LEAST_DEVIATION = 6.0
"""Grey values; below this spread the device stops evening the contrast out."""
_BRIGHT_ENOUGH = 120
"""What all but the brightest twentieth of a frame's pixels lie below, each by its brightest colour; a frame in which it
is lower is turned up."""
_BRIGHTEST_SHARE = 0.95
_MOST_GAIN = 6.0
_SAMPLES = 128
"""Pixels to a side, at least, from which that is told."""
_LINE_OVERLAP = 0.04
_FILL = 114


class Letterboxed(NamedTuple):
    """A frame fitted into the detector's square: x_frame = (x_canvas - left) / scale."""

    canvas: Image
    scale: float
    left: int
    top: int


class PlateView(NamedTuple):
    """A crop as the reader sees it: (READER_HEIGHT, READER_WIDTH) grey, contrast evened out."""

    pixels: npt.NDArray[np.uint8]
    lines: int


def letterbox(
    image: Image, size: int, counted: npt.NDArray[np.uint8] | None = None, room: int | None = None
) -> Letterboxed:
    """(H, W, 3) → (size, size, 3), shape kept, the rest filled with grey 114 as ultralytics does in training.

    The picture gets the middle `room` × `room` pixels of the canvas, all of it unless told. INTER_LINEAR because
    INTER_AREA costs 1 to 5 ms of a small board's time for no gain in recall. A dark frame becomes brighter; `counted`
    (H, W) is 0 where nothing of it counts.
    """
    height, width = image.shape[:2]
    scale = min((room or size) / height, (room or size) / width)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size - new_width) // 2, (size - new_height) // 2
    canvas = np.full((size, size, 3), _FILL, dtype=np.uint8)
    target = canvas[top : top + new_height, left : left + new_width]
    if (new_width, new_height) == (width, height):
        target[:] = image
    else:
        cv2.resize(image, (new_width, new_height), dst=target, interpolation=cv2.INTER_LINEAR)
    _brighten(target, image, counted)
    return Letterboxed(canvas, scale, left, top)


def _brighten(target: Image, image: Image, counted: npt.NDArray[np.uint8] | None) -> None:
    """Turn `target` up, in place, where the `image` that it was made of is dark: its noise grows too, but what was
    learned in daylight is found. A brighter aim costs plates by day.

    Measured before scaling, in whole numbers, so that every computer makes the same of a frame.
    """
    step = max(1, max(image.shape[:2]) // _SAMPLES)
    # a NumPy maximum over an axis of three takes four times as long
    blue, green, red = cv2.split(np.ascontiguousarray(image[::step, ::step]))
    sample = np.asarray(cv2.max(cv2.max(blue, green), red), dtype=np.uint8)
    if counted is not None:
        sample = sample[counted[::step, ::step] > 0]
    brightness = np.bincount(sample.ravel(), minlength=256).cumsum()
    bright = max(1, int(np.searchsorted(brightness, _BRIGHTEST_SHARE * brightness[-1])))
    if bright < _BRIGHT_ENOUGH:
        gain = min(_BRIGHT_ENOUGH / bright, _MOST_GAIN)
        table = np.minimum(np.arange(256) * gain + 0.5, 255).astype(np.uint8)
        target[:] = cv2.LUT(target, table)


def to_int8(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """uint8 pixel → int8 pixel − 128, by flipping the highest bit: a model whose input scale is 1/255 and zero point
    −128 takes pixels without any arithmetic."""
    return np.bitwise_xor(pixels, np.uint8(0x80)).view(np.int8)


def crop_plate(image: Image, box: PlateBox, margin: float = PLATE_MARGIN) -> Image:
    """The box's pixels and `margin` around them, cut at the frame's edge; a view, at least 1×1."""
    height, width = image.shape[:2]
    dx, dy = margin * box.width, margin * box.height
    x1 = min(max(int(np.floor(box.x1 - dx)), 0), width - 1)
    y1 = min(max(int(np.floor(box.y1 - dy)), 0), height - 1)
    x2 = max(min(int(np.ceil(box.x2 + dx)), width), x1 + 1)
    y2 = max(min(int(np.ceil(box.y2 + dy)), height), y1 + 1)
    return image[y1:y2, x1:x2]


def rotated(picture: Image, degrees: float, interpolation: int) -> Image:
    """A picture, (H, W, 3) or (H, W), turned anticlockwise about its middle; its size stays, its edge is drawn out."""
    height, width = picture.shape[:2]
    return warped(picture, cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0), interpolation)


def warped(picture: Image, matrix: "cv2.typing.MatLike", interpolation: int) -> Image:
    """A picture, (H, W, 3) or (H, W), as an affine matrix (2, 3) moves it; its size stays, its edge is drawn out."""
    height, width = picture.shape[:2]
    moved = cv2.warpAffine(picture, matrix, (width, height), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


def even_contrast(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Shift and stretch grey values to a common mean and spread, so that night and noon look alike to int8 weights.

    Below a spread of `LEAST_DEVIATION` the stretch stops growing: what is nearly flat holds noise, not characters.
    """
    mean, deviation = cv2.meanStdDev(grey)
    gain = _TARGET_DEVIATION / max(float(deviation[0, 0]), LEAST_DEVIATION)
    stretched = cv2.addWeighted(grey, gain, grey, 0.0, _TARGET_MEAN - gain * float(mean[0, 0]))
    return np.asarray(stretched, dtype=np.uint8)


def plate_view(crop: Image, lines: int = 1) -> PlateView:
    """A crop, BGR or grey, as the reader's input.

    The crop is stretched to the reader's shape. With `lines=2` its upper half goes to the left and its lower half to
    the right, a little overlapping, so that one network that reads from left to right reads both kinds of plate.
    """
    grey = crop if crop.ndim == 2 else np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    if lines == 2:
        height = grey.shape[0]
        upper_end = max(1, round(height * (0.5 + _LINE_OVERLAP)))
        lower_start = min(height - 1, round(height * (0.5 - _LINE_OVERLAP)))
        half = READER_WIDTH // 2
        pixels = np.empty((READER_HEIGHT, READER_WIDTH), dtype=np.uint8)
        pixels[:, :half] = _resize(grey[:upper_end], half)
        pixels[:, half:] = _resize(grey[lower_start:], half)
    else:
        pixels = _resize(grey, READER_WIDTH)
    return PlateView(even_contrast(pixels), lines)


def plate_views(crop: Image) -> tuple[PlateView, ...]:
    """The views of a crop worth reading: as one line, and as two where its shape allows two."""
    one = plate_view(crop, 1)
    if crop.shape[1] < TWO_LINE_ASPECT * crop.shape[0]:
        return one, plate_view(crop, 2)
    return (one,)


def _resize(grey: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.uint8]:
    """To the reader's height. Shrinking by more than 2 averages areas, lest thin strokes vanish; all else is
    interpolated.

    INTER_LINEAR_EXACT gives the same bytes on x86 and on ARM, INTER_LINEAR does not.
    """
    shrinks = grey.shape[1] > 2 * width or grey.shape[0] > 2 * READER_HEIGHT
    resized = cv2.resize(
        grey, (width, READER_HEIGHT), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR_EXACT
    )
    return np.asarray(resized, dtype=np.uint8)
