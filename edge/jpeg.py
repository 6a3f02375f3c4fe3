"""Pictures as JPEG for what is kept on the disk."""

import cv2

from edge.records import Image


def encode_jpeg(image: Image, quality: int) -> bytes:
    """(H, W, 3) BGR → a JPEG file's bytes; `quality` from 0 to 100. OSError if it cannot be made."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise OSError("the picture cannot be encoded")
    return data.tobytes()
