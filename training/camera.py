"""What a camera does to the light of a plate: motion while the shutter is open, blooming, the sensor's noise, the
denoising and sharpening that follow it, and coding; and rain before the lens.

Pictures are grey float32, (H, W), 0 to 255, but `coded` takes and returns uint8.
"""

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.float32]
Generator = np.random.Generator

PLATE_METRES = 0.45
"""Width that a crop shows, about: a European plate has 0.52 m, an American one 0.305 m and more around it."""

LONGEST_SMEAR = 0.04
"""Of a crop's width; half the width of a character at nine of them, beyond it nobody reads."""

_BLOCK = 8


def motion_blurred(crop: Grey, random_: Generator, width: float) -> Grey:
    """A car of 3 to 50 km/h, seen at a slant, while the shutter is open for 1/1000 to 1/50 s; now and then the camera
    shakes instead, in any direction. `width` is the plate's, in pixels."""
    speed, open_for = random_.uniform(0.8, 14.0), float(np.exp(random_.uniform(np.log(1e-3), np.log(2e-2))))
    if random_.random() < 0.8:
        across = random_.uniform(0.1, 0.7)  # sine of the angle between the drive and the line of sight
        angle = random_.normal(0, 12)
    else:
        across, angle = 0.3, random_.uniform(-90, 90)
    length = min(speed * across * open_for * width / PLATE_METRES, LONGEST_SMEAR * width)
    if length < 0.4:
        return crop
    kernel = smear(length, angle)
    return np.asarray(cv2.filter2D(crop, -1, kernel, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def smear(length: float, angle: float) -> Grey:
    """The kernel (K, K), of sum 1, of a straight movement by `length` pixels at `angle` degrees."""
    half = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), dtype=np.float32)
    steps = np.linspace(-length / 2, length / 2, max(5, round(4 * length)))
    x, y = half + steps * np.cos(np.radians(angle)), half + steps * np.sin(np.radians(angle))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for column, row, weight in (
        (left, top, (left + 1 - x) * (top + 1 - y)),
        (left + 1, top, (x - left) * (top + 1 - y)),
        (left, top + 1, (left + 1 - x) * (y - top)),
        (left + 1, top + 1, (x - left) * (y - top)),
    ):
        np.add.at(kernel, (row, column), weight.astype(np.float32))
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def bloom(crop: Grey, random_: Generator, width: float) -> Grey:
    """A reflecting ground under infrared light: so bright that it spills over the strokes of the characters
    of a plate `width` pixels wide."""
    low, high, _, _ = cv2.minMaxLoc(crop)
    over = np.maximum(crop - np.float32(0.5 * (low + high)), 0)
    spilled = cv2.GaussianBlur(over, (0, 0), sigmaX=max(0.5, random_.uniform(0.008, 0.022) * width))
    return np.asarray(crop + np.float32(random_.uniform(0.4, 1.1)) * spilled, dtype=np.float32)


def noisy(crop: Grey, random_: Generator) -> Grey:
    """Shot and read noise: the brighter a pixel, the more it varies; sometimes coarse, as after demosaicing."""
    most = 0.35 if random_.random() < 0.7 else 0.5
    deviation = np.float32(min(random_.gamma(1.4, 2.8) * (most / 0.35), most * float(crop.std()) + 0.5))
    noise = random_.standard_normal(crop.shape, dtype=np.float32)
    if random_.random() < 0.5:
        noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=0.8).astype(np.float32) * np.float32(1.6)
    shot = np.sqrt(np.clip(crop, 0, 255) / np.float32(128) + np.float32(0.2))
    return np.asarray(crop + noise * shot * deviation, dtype=np.float32)


def denoised(crop: Grey, random_: Generator) -> Grey:
    """What a camera's noise reduction leaves: flat grounds, and small strokes smeared like paint."""
    if random_.random() < 0.3:
        return np.asarray(cv2.medianBlur(crop, 3), dtype=np.float32)
    return np.asarray(cv2.bilateralFilter(crop, 5, random_.uniform(8, 35), 1.5), dtype=np.float32)


def sharpened(crop: Grey, random_: Generator) -> Grey:
    """An unsharp mask with its halos."""
    soft = cv2.GaussianBlur(crop, (0, 0), sigmaX=random_.uniform(0.7, 1.6))
    return np.asarray(crop + np.float32(random_.uniform(0.3, 2.2)) * (crop - soft), dtype=np.float32)


def rained_on(crop: Grey, random_: Generator) -> Grey:
    """Streaks of falling rain, or drops on the glass, each of which shows a small blurred world of its own."""
    height, width = crop.shape
    out = crop.copy()
    if random_.random() < 0.5:
        lean = random_.normal(0, 0.2)
        for _ in range(int(random_.integers(8, 30))):
            x, y, length = (
                random_.uniform(0, width),
                random_.uniform(-0.3, 1) * height,
                random_.uniform(0.1, 0.5) * height,
            )
            ends = [(round(x), round(y)), (round(x + lean * length), round(y + length))]
            layer = np.zeros_like(out)
            cv2.line(layer, ends[0], ends[1], random_.uniform(10, 45), 1, cv2.LINE_AA)
            out += layer
        return out
    soft = cv2.GaussianBlur(crop, (0, 0), sigmaX=0.04 * width)
    mask = np.zeros((height, width), dtype=np.float32)
    for _ in range(int(random_.integers(2, 8))):
        centre = (int(random_.integers(0, width)), int(random_.integers(0, height)))
        radius = max(1, round(width * random_.uniform(0.008, 0.04)))
        cv2.ellipse(mask, centre, (radius, round(radius * random_.uniform(1, 1.5))), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), sigmaX=0.8), dtype=np.float32)
    lit = soft + np.float32(random_.uniform(-15, 25))
    return np.asarray(out + (lit - out) * mask, dtype=np.float32)


def coded(pixels: npt.NDArray[np.uint8], random_: Generator) -> npt.NDArray[np.uint8]:
    """JPEG or, less often, a video codec; the blocks lie anywhere, because a crop is cut out of a coded frame."""
    height, width = pixels.shape
    top, left = int(random_.integers(_BLOCK)), int(random_.integers(_BLOCK))
    bottom, right = -(height + top) % _BLOCK, -(width + left) % _BLOCK
    framed = cv2.copyMakeBorder(pixels, top, bottom, left, right, cv2.BORDER_REPLICATE)
    # a faint or small plate is coded so that something is left of it
    contrast, roomy = float(pixels.std()), width > 110
    if random_.random() < 0.2:
        step = min(random_.uniform(6, 26 if roomy else 16), 2 + 0.4 * contrast)
        whole = video_coded(np.asarray(framed, dtype=np.uint8), step)
    else:
        quality = int(random_.integers(60 if contrast < 20 else 20 if roomy else 45, 96))
        _, packed = cv2.imencode(".jpg", framed, [cv2.IMWRITE_JPEG_QUALITY, quality])
        whole = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    return np.ascontiguousarray(whole[top : top + height, left : left + width])


def video_coded(pixels: npt.NDArray[np.uint8], step: float) -> npt.NDArray[np.uint8]:
    """As H.264 leaves a frame: each block's cosine terms to the nearest multiple of one `step`, small ones dropped (a
    dead zone, where JPEG would round), and edges between blocks smoothed. (H, W) must be multiples of the block's 8."""
    rows, columns = pixels.shape[0] // _BLOCK, pixels.shape[1] // _BLOCK
    blocks = pixels.reshape(rows, _BLOCK, columns, _BLOCK).transpose(0, 2, 1, 3).astype(np.float32) - 128
    terms = _COSINES @ blocks @ _COSINES.T
    levels = np.sign(terms) * np.floor(np.abs(terms) / np.float32(step) + np.float32(1 / 3))
    decoded = _COSINES.T @ (levels * np.float32(step)) @ _COSINES + 128
    out = decoded.transpose(0, 2, 1, 3).reshape(pixels.shape)
    for view in (out, out.T):
        at = np.arange(_BLOCK, len(view), _BLOCK)
        difference = view[at] - view[at - 1]
        soft = np.where(np.abs(difference) < step, difference / 4, 0)  # a larger one is an edge of the picture
        view[at - 1] += soft
        view[at] -= soft
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def _cosines() -> Grey:
    """The orthonormal cosine transform, (8, 8)."""
    at = np.arange(_BLOCK)
    matrix = np.cos(np.pi * (2 * at[None, :] + 1) * at[:, None] / (2 * _BLOCK)) * np.sqrt(2 / _BLOCK)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, dtype=np.float32)


_COSINES = _cosines()
