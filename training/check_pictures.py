"""What `training check` measures of a picture, and which pictures show the same.

Two pictures show the same if a hash of their coarse shape nearly agrees and, looked at again, their grey values do.
The hash alone is no proof: all white plates of one country resemble each other.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

NEAREST_BITS = 10
"""Bits of 63 in which the hashes of near-duplicates may differ."""

LEAST_LIKENESS = 0.97
"""Correlation from which on pictures are near-duplicates. On the real crops two different plates reach 0.956 (two
cars before the same camera), and all 83 pairs from 0.97 on are of one plate."""

MOST_IN_ONE_PLACE = 0.7
"""Share of the difference that may lie within a character's width. Two photographs of one plate differ all over (at
most 0.50 on the real crops), two plates of one series in one character (0.89 and more on drawn ones)."""

_CHARACTER = 12
_HASH_SIDE = 32
_LOOK = (80, 24)
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Picture:
    """What is kept of a picture: shape in pixels, contrast in grey values, and what it is compared by."""

    width: int
    height: int
    digest: bytes
    """SHA-256 of the file."""
    spread: float
    """Grey values between the darkest and the brightest twentieth."""
    deviation: float
    bits: int
    """63-bit perceptual hash: which of the lowest cosine terms are above their median."""
    look: npt.NDArray[np.uint8]
    """(24, 80) grey."""
    damage: str
    """What is wrong with a file that can be read in part; empty if nothing is."""


def measure(path: Path) -> Picture | str:
    """The picture's measures, or in a few words why there are none."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return error.strerror or str(error)
    try:
        damage = _damage(raw)
        decoded = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)  # as training reads it; imdecode refuses what is cut off
    except (PillowImage.DecompressionBombError, cv2.error):
        return "too large for a picture of a plate; cut the plate out"
    if decoded is None:
        return "empty file" if not raw else "not a picture that can be read"
    grey = np.asarray(decoded, dtype=np.uint8)
    low, high = np.percentile(grey, (5, 95))
    return Picture(
        width=grey.shape[1],
        height=grey.shape[0],
        digest=sha256(raw).digest(),
        spread=float(high - low),
        deviation=float(grey.std()),
        bits=_hash(grey),
        look=np.asarray(cv2.resize(grey, _LOOK, interpolation=cv2.INTER_AREA), dtype=np.uint8),
        damage=damage,
    )


def _damage(raw: bytes) -> str:
    """OpenCV fills up what is missing without a word; Pillow says so.

    DecompressionBombError, before anything is decoded, if the header tells of more pixels than memory may hold.
    """
    try:
        with (
            warnings.catch_warnings(action="ignore", category=PillowImage.DecompressionBombWarning),
            PillowImage.open(io.BytesIO(raw)) as picture,
        ):
            picture.load()
    except UnidentifiedImageError:
        return ""  # a kind that only OpenCV knows
    except (OSError, SyntaxError, ValueError) as error:
        return str(error)
    return ""


def _hash(grey: npt.NDArray[np.uint8]) -> int:
    """63 bits; small shifts of brightness, size and coding leave most of them as they are."""
    small = cv2.resize(grey, (_HASH_SIDE, _HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    terms = cv2.dct(small)[:8, :8].ravel()[1:]  # the first is the mean brightness
    return int("".join("1" if term else "0" for term in terms > np.median(terms)), 2)


def near_duplicates(pictures: Sequence[Picture]) -> Iterator[tuple[int, int, float]]:
    """(index, index, likeness) of all pairs that show the same, byte-identical ones left out."""
    bits = np.array([picture.bits for picture in pictures], dtype=np.uint64)
    for start in range(0, len(pictures), _BLOCK):
        block = bits[start : start + _BLOCK, None] ^ bits[None, start:]
        firsts, seconds = np.nonzero(np.bitwise_count(block) <= NEAREST_BITS)
        for first, second in zip((firsts + start).tolist(), (seconds + start).tolist(), strict=True):
            if first < second and pictures[first].digest != pictures[second].digest:
                alike = likeness(pictures[first].look, pictures[second].look)
                if alike >= LEAST_LIKENESS and not _differ_in_one_place(pictures[first].look, pictures[second].look):
                    yield first, second, alike


def _differ_in_one_place(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> bool:
    """Whether the pictures, evened out, are the same but for a strip as wide as a character."""
    a, b = (each.astype(np.float64) for each in (one, other))
    a, b = (each - each.mean() for each in (a, b))
    columns = ((a / np.linalg.norm(a) - b / np.linalg.norm(b)) ** 2).sum(axis=0)
    strips = np.convolve(columns, np.ones(_CHARACTER), mode="valid")
    return bool(strips.max() > MOST_IN_ONE_PLACE * columns.sum())


def likeness(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    """Correlation of two grey pictures of one shape, −1 to 1; 0 if one of them is flat."""
    a, b = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0 else 0.0
