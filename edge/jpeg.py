"""Pictures as JPEG: for what is kept on the disk, and from cameras that send nothing else."""

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from edge.records import Image

_MOST_PIXELS = 8192 * 4320
"""No camera has more; a damaged header may say so, and would take gigabytes."""


def encode_jpeg(image: Image, quality: int) -> bytes:
    """(H, W, 3) BGR → a JPEG file's bytes; `quality` from 0 to 100. OSError if it cannot be made."""
    try:
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error:  # OpenCV 4's way of saying no
        done = False
    if not done:
        raise OSError("the picture cannot be encoded")
    return data.tobytes()


def decode_jpeg(data: bytes | npt.NDArray[np.uint8], spare: Image | None = None) -> Image | None:
    """A JPEG's bytes, or an (N,) array of them, → (H, W, 3) BGR, in `spare` if that has its size; None if it is none.

    What is missing of one that is damaged is grey, and nothing is said of it: OpenCV's decoder would write a line to
    standard error for each picture of the many cameras whose JPEGs are not quite right.
    """
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data, strict=False)
        if height * width > _MOST_PIXELS:
            return None
        if spare is None or spare.shape != (height, width, 3):
            spare = np.empty((height, width, 3), np.uint8)
        simplejpeg.decode_jpeg(data, colorspace="BGR", strict=False, buffer=spare)
    except (ValueError, KeyError):  # KeyError: a header that ends before it says what the colours are
        return None
    return spare
