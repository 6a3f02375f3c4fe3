"""The classic exercise: five digits in a small grey picture, drawn in many typefaces, and photographed.

`python -m training synth --profile digits5` draws the pictures, `python -m training train --profile digits5` trains
the CTC reader on them (`digits5_train.py`). Learned are 22 faces; the ten families of `OTHERS` are only judged by.
Nothing here is of use at a gate: it shows in an hour, without any data, that reader, loss and decoding work.

A picture is (64, 128) uint8. The same seed gives the same pictures.
"""

from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from edge.errors import ConfigError
from edge.preprocess import even_contrast
from training.augment import Generator, Grey, through_camera
from training.dataset import Job, Pool
from training.plates import FontFamily, load_fonts

HEIGHT, WIDTH = 64, 128
DIGITS = 5
SIZES = range(18, 26)
"""Pixels; of the typeface, as Pillow takes it."""

OTHERS = (
    "b612-mono",
    "bebas-neue",
    "chakra-petch",
    "fjalla-one",
    "jura",
    "khand",
    "public-sans",
    "red-hat-mono",
    "saira-semi-condensed",
    "share-tech-mono",
)
"""Families that are never learned, nor is a close relative of theirs: both DINs and all Barlows are learned."""

LEARNED_FACES = 22
Fonts = Literal["learned", "others"]

_CHUNK = 5000
_MARGIN = 6
"""Pixels of ground on each side, so that a slanted photograph does not cut a digit off."""
_STRENGTH = 0.4
"""How often a camera does something to a picture: less than to a plate, as the digits are small already."""

Mask = npt.NDArray[np.uint8]


@cache
def faces(fonts: Fonts) -> tuple[Path, ...]:
    """The font files that are learned, or those that are only judged by; ConfigError if they are not 22 and 10."""

    def files(families: list[FontFamily]) -> tuple[Path, ...]:
        return tuple(file for family in families for file in family.files)

    families = load_fonts()
    others = files([family for family in families if family.name in OTHERS])
    learned = files([family for family in families if family.name not in OTHERS])[:LEARNED_FACES]
    if len(others) != len(OTHERS) or len(learned) != LEARNED_FACES:
        raise ConfigError(f"training/fonts: {len(learned)} and {len(others)} faces for digits5; 22 and 10 are wanted")
    return others if fonts == "others" else learned


@cache
def _glyphs(face: Path, size: int) -> tuple[Mask, ...]:
    """The ten digits of a face, as coverage 0 to 255, (height of the tallest digit, own width)."""
    font = ImageFont.truetype(str(face), size)
    boxes = [font.getbbox(digit) for digit in "0123456789"]
    top, bottom = int(min(box[1] for box in boxes)), int(max(box[3] for box in boxes))
    masks = []
    for digit, box in zip("0123456789", boxes, strict=True):
        left, right = int(np.floor(box[0])), int(np.ceil(box[2]))
        canvas = PillowImage.new("L", (max(1, right - left), bottom - top), 0)
        ImageDraw.Draw(canvas).text((-left, -top), digit, font=font, fill=255)
        masks.append(np.asarray(canvas, dtype=np.uint8))
    return tuple(masks)


def draw_digits(random_: Generator, fonts: Fonts = "learned") -> tuple[npt.NDArray[np.uint8], str]:
    """(picture, text): five digits in one face and size, evenly or loosely set, somewhere in the picture."""
    files = faces(fonts)
    face, size = files[int(random_.integers(len(files)))], int(random_.choice(SIZES))
    digits = random_.integers(0, 10, DIGITS)
    masks = [_glyphs(face, size)[digit] for digit in digits]
    room = WIDTH - 2 * _MARGIN - sum(mask.shape[1] for mask in masks)
    spacing = random_.uniform(1.0, min(8.0, room / (DIGITS - 1)))
    loose = random_.uniform(0.0, 0.3)
    gaps = np.maximum(1, np.rint(spacing * (1 + loose * random_.uniform(-1, 1, DIGITS - 1)))).astype(int)
    left = _MARGIN + int(random_.integers(0, max(1, room - int(gaps.sum()) + 1)))
    height = masks[0].shape[0]
    row = int(random_.integers(_MARGIN, HEIGHT - _MARGIN - height + 1))
    coverage = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    for mask, gap in zip(masks, (*gaps, 0), strict=True):
        coverage[row : row + height, left : left + mask.shape[1]] = mask
        left += mask.shape[1] + int(gap)
    ground, ink = random_.uniform(170, 255), random_.uniform(0, 90)
    picture = ground + (ink - ground) * coverage / 255.0
    return picture.astype(np.uint8), "".join(map(str, digits))


def photograph_digits(picture: npt.NDArray[np.uint8], random_: Generator) -> npt.NDArray[np.uint8]:
    """What a camera makes of the picture: shades, perspective, light, blur, noise and JPEG; keeps the shape."""
    grey: Grey = picture.astype(np.float32)
    drawn = np.flatnonzero(np.ptp(picture, axis=0))
    if random_.random() < 0.3:
        grey = 255.0 - grey
    corners = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], dtype=np.float32)
    centre = corners.mean(axis=0)
    angle = np.radians(random_.normal(0, 3.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=np.float32)
    turned = (corners - centre) @ turn.T * random_.uniform(0.9, 1.05) + centre
    turned += random_.normal(0, 0.02, (4, 2)).astype(np.float32) * np.array([WIDTH, HEIGHT], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(corners, turned.astype(np.float32))
    slanted = cv2.warpPerspective(grey, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    number_width = float(drawn[-1] - drawn[0] + 1)  # blur is a share of this, as of a plate's, not of the ground's
    return through_camera(np.asarray(slanted, dtype=np.float32), random_, strength=_STRENGTH, plate_width=number_width)


def digits(seed: int, fonts: Fonts) -> Iterator[tuple[npt.NDArray[np.uint8], str]]:
    """Pictures and texts without end; every `_CHUNK` of them has a seed of its own, to be drawn by any process."""
    for start in count(0, _CHUNK):
        random_ = np.random.default_rng(seed * 1_000_003 + start)
        for _ in range(_CHUNK):
            yield draw_digits(random_, fonts)


def digits_chunk(seed: int, number: int, photograph: int, fonts: Fonts) -> Pool:
    """`number` pictures with their contrast evened out; the drawn ones (`photograph` 0), or the n-th photographs."""
    cv2.setNumThreads(1)
    draw_random, photo_random = np.random.default_rng(seed), np.random.default_rng((seed, photograph))
    views = np.empty((number, HEIGHT, WIDTH), dtype=np.uint8)
    texts = []
    for row in range(number):
        picture, text = draw_digits(draw_random, fonts)
        views[row] = even_contrast(photograph_digits(picture, photo_random) if photograph else picture)
        texts.append(text)
    return Pool(views, tuple(texts))


def digits_jobs(seed: int, number: int, photograph: int = 0, fonts: Fonts = "learned") -> list[Job]:
    """Jobs that together make the first `number` pictures of `digits`, or their n-th photographs."""
    starts = range(0, number, _CHUNK)
    return [
        (digits_chunk, (seed * 1_000_003 + start, min(_CHUNK, number - start), photograph, fonts)) for start in starts
    ]
