"""What the bytes of a picture's file tell before they are decoded: what OpenCV would get wrong without a word."""

from collections.abc import Iterator
from typing import Literal

_PNG = b"\x89PNG\r\n\x1a\n"
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Brands of ISO/IEC 23008-12; mif1 and msf1 are AVIF's too, which names itself beside them."""
_TIFF: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}
_TIFF_ENTRY = 12
_ANIMATED = 0x02
"""The bit of a WebP's VP8X chunk."""
_FRAME_HEADERS = [bytes([marker]) for marker in range(0xC0, 0xD0) if marker not in (0xC4, 0xC8, 0xCC)]
"""The second bytes of a JPEG's markers SOF0 to SOF15 (ITU-T T.81, table B.1); three in between are others."""

HEAD = 64
"""Bytes of a file from which `is_heic` can tell."""
NO_HEIC = "HEIC cannot be decoded; convert it to JPEG"
"""What is said of one: FFmpeg takes the first tile of a phone's picture, 512 by 512 pixels, for all of it."""


def find_fault(data: bytes) -> str:
    """Why the file's bytes are no picture to decode; empty where they seem to be one."""
    if not data:
        return "an empty file"
    if is_heic(data):
        return NO_HEIC
    if data.startswith(b"\xff\xd8") and not _has_end(data):
        return "a JPEG that is cut off"  # OpenCV would fill the rest with grey
    if data.startswith(_PNG) and b"IEND" not in data:
        return "a PNG that is cut off"  # libpng would write a line of its own to standard error
    return ""


def told_size(data: bytes) -> tuple[int, int]:
    """Width and height that a PNG or JPEG says it has; 0, 0 for another file."""
    if data.startswith(_PNG):
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith(b"\xff\xd8"):
        for at in _segments(data):
            if data[at + 1 : at + 2] in _FRAME_HEADERS:
                return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
    return 0, 0


def is_heic(data: bytes) -> bool:
    """Whether a file that begins with these bytes is a HEIC picture."""
    brands = data[8 : min(HEAD, int.from_bytes(data[:4], "big"))]
    return data[4:8] == b"ftyp" and brands[:4] in _HEIF and b"avif" not in brands and b"avis" not in brands


def has_more(data: bytes) -> bool:
    """Whether there are other pictures behind the first: an animated WebP's frames, a TIFF's pages."""
    if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X":
        return bool(data[20:21] and data[20] & _ANIMATED)
    order = _TIFF.get(data[:4])
    if order is None:
        return False
    first = int.from_bytes(data[4:8], order)
    entries = int.from_bytes(data[first : first + 2], order)
    end = first + 2 + entries * _TIFF_ENTRY
    return int.from_bytes(data[end : end + 4], order) > 0


def _has_end(jpeg: bytes) -> bool:
    """Whether the end marker follows the picture's data; an EXIF thumbnail before it has one of its own."""
    *_, at = 2, *_segments(jpeg)
    return jpeg.find(b"\xff\xd9", at) >= 0


def _segments(jpeg: bytes) -> Iterator[int]:
    """Where each of its segments begins, up to the start of scan."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        yield at
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    yield at
