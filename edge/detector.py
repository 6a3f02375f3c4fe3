"""Pictures → plate boxes: letterbox, int8 network cut before its box decoding, then the decoding in NumPy.

The network returns two maps for each stride: distributions of the four distances from a cell's centre to the box's
sides (Generalized Focal Loss, arXiv:2006.04388) and one class logit. They are cut there because the later layers mix
pixels and probabilities in one int8 scale, which was measured to ruin both.
"""

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from edge.detector_choice import AUTO, check_model, detector_path
from edge.errors import ModelError
from edge.geometry import overlap, shifted
from edge.preprocess import Letterboxed, letterbox, to_int8
from edge.records import Image, PlateBox
from edge.region import RegionSettings, Window, closest_scale, stencil, windows
from edge.runtime import Int8Model, check_threads

Floats = npt.NDArray[np.float32]

_MOST_CANDIDATES = 300
_MOST_PLATES = 50
_LEAST_SIDE = 1.0
_SEAM = 2.0
"""Canvas pixels; a box this near a seam between tiles is cut by it."""
_COVERED = 0.4
"""Two boxes of which the smaller lies in the other by this share of its area are of one plate, as no plate hides
another: seen in two tiles, once with its holder, or once from the grille on. From 0.3 to 0.7 it finds the same plates
of the validation pictures; 0.7 left seven rows in the demo's first minute that no car was the reason of, 0.4 four."""
_BLANK = 114
_AT_BORDER = 0.25
"""Plate widths; a box that ends this near to where nothing is looked for may be cut there."""
_LARGE = 0.4
"""Share of the longer side that is looked at; the network cannot reach around a plate of 0.69 and more, and cuts some
smaller ones. What is so wide is looked at from further away, too."""
_WIDER = 1.15
"""How much wider a plate must be from further away than nearby to have been cut there."""
_AROUND = 2.0
"""Plate widths and heights on each side of such a box, in which it is looked at again."""

_CANDIDATES, _STILL_CANDIDATES = 0.2, 0.05

FINDABLE_WIDTH = 16
"""Pixels on the canvas that a plate must be wide to be found more often than not."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What the plate detector can be told."""

    model: str = AUTO
    """"large" or "small", which came with gatereader; "auto": for a camera the large one unless a frame of it takes
    longer than 0.25 s here; or the path of an int8 .tflite file, its card beside it."""
    threshold: float = 0.0
    """Least confidence of a box, 0 to 1. Lower finds more and invents more; 0: the model card's."""
    candidates: float = _CANDIDATES
    """Boxes below the threshold but at least this confident count if the reader finds a plate's text in them
    (`candidates.py`); 0: none do. Unless this is changed, single pictures count from 0.05 on, as no other frame finds
    what they miss."""
    threads: int = 1
    """Processor threads of the network; 4 on a quiet Pi halve its time, 1 leaves room for the rest."""

    def __post_init__(self) -> None:
        check_model(self.model)
        if not 0.0 <= self.threshold < 1.0:
            raise ValueError(f"threshold is {self.threshold}, wanted 0 or more and below 1")
        if not 0.0 <= self.candidates < 1.0:
            raise ValueError(f"candidates is {self.candidates}, wanted 0 or more and below 1")
        check_threads(self.threads)

    @property
    def of_stills(self) -> "DetectorSettings":
        """The same for single pictures, unless `candidates` was set to something else."""
        return replace(self, candidates=_STILL_CANDIDATES) if self.candidates == _CANDIDATES else self


@dataclass(frozen=True, slots=True)
class LevelMaps:
    """One stride's two output maps, stored values and how to make them real: scale × (stored − zero point)."""

    stride: int
    boxes: npt.NDArray[np.int8] | Floats
    """(1, H, W, 4 × bins): for left, top, right, bottom the logits of 0, 1, … bins − 1 strides."""
    boxes_scale: float
    boxes_zero: float
    logits: npt.NDArray[np.int8] | Floats
    """(1, H, W, 1)."""
    logits_scale: float
    logits_zero: float


class PlateDetector:
    """Finds plates in frames of any size. Not safe to call from two threads at once."""

    def __init__(self, settings: DetectorSettings = DetectorSettings(), region: RegionSettings | None = None) -> None:
        """Load the model; ModelError if it or its card is missing or damaged."""
        path = detector_path(settings.model)
        self.model = Int8Model(path, "detector", settings.threads)
        self.card = self.model.card
        decoding = self.card.decoding
        try:
            self._strides = tuple(int(stride) for stride in decoding["strides"])
            self._bins = int(decoding["bins"])
            self._nms_iou = float(decoding["nms_iou"])
            self.threshold = settings.threshold or float(decoding["threshold"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path}: its card's decoding lacks a usable {error}") from None
        self._least = min(self.threshold, settings.candidates or self.threshold)
        if len(self.card.outputs) != 2 * len(self._strides):
            raise ModelError(
                f"{path}: {len(self.card.outputs)} outputs, two for each of strides {self._strides} wanted"
            )
        self._size = self.card.input.shape[1]
        self.region = region or RegionSettings()
        self._frame_size = (0, 0)
        self._windows: tuple[Window, ...] = ()
        self._stencil: npt.NDArray[np.uint8] | None = None
        self._blanks: dict[tuple[Window, bool], npt.NDArray[np.bool_]] = {}
        self.stage_seconds: dict[str, float] = {"letterbox": 0.0, "detect": 0.0}
        """Wall time of the last call's stages, in seconds."""

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        """(H, W, 3) BGR → boxes in its pixels, cut at its edges, the most confident first; candidates below the
        `threshold` among them."""
        height, width = image.shape[:2]
        self._look_at(width, height)
        self.stage_seconds = {"letterbox": 0.0, "detect": 0.0}
        found = [self._detect(image, window) for window in self._windows]
        boxes = merge([box for boxes in found for box in boxes], self._nms_iou)
        if self._stencil is None:
            return boxes
        return merge([box for each in boxes if self._counts(box := self._whole(image, each))], self._nms_iou)

    def detect_small(self, image: Image) -> tuple[PlateBox, ...]:
        """As `detect`, seen from twice as far away: a plate that fills the picture is larger than any that the network
        has learned."""
        height, width = image.shape[:2]
        self._look_at(width, height)
        self.stage_seconds = {"letterbox": 0.0, "detect": 0.0}
        found = self._detect(image, Window(0, 0, width, height), everywhere=True, far=True)
        return tuple(box for box in found if self._stencil is None or self._counts(box))

    def canvas_scale(self, width: int, height: int) -> float:
        """Detector pixels for each pixel of a frame of that size, where it looks closest."""
        return closest_scale(self.region, self._size, width, height)

    def _look_at(self, width: int, height: int) -> None:
        """Lay the region over frames of this size."""
        if self._frame_size != (width, height):
            self._frame_size = (width, height)
            self._windows = windows(self.region, width, height)
            self._stencil = stencil(self.region, width, height)
            self._blanks = {}

    def _whole(self, image: Image, box: PlateBox) -> PlateBox:
        """The box as it is without the region, if it ends where nothing is looked for: there a plate is cut, of which
        the frame may well show all."""
        assert self._stencil is not None
        height, width = image.shape[:2]
        near = _window_around(box, _AT_BORDER * box.width, width, height)
        if self._stencil[near.y1 : near.y2, near.x1 : near.x2].all():
            return box
        margin = _AROUND * (box.width + box.height)
        around = self._detect(image, _window_around(box, margin, width, height), everywhere=True)
        same = max(around, key=lambda other: _inside(box, other), default=box)
        return same if _inside(box, same) >= _COVERED else box

    def _detect(
        self, image: Image, window: Window, *, everywhere: bool = False, far: bool = False
    ) -> tuple[PlateBox, ...]:
        """The boxes of one part of the frame, in the frame's pixels; with `everywhere` without regard to the region,
        with `far` only as `detect_small` looks."""
        found = self._look(image, window, everywhere, far)
        large = _LARGE * max(window.x2 - window.x1, window.y2 - window.y1)
        if not far and any(box.width >= large for box in found):
            found = larger(found, self._look(image, window, everywhere, far=True), large)
        if (window.x1, window.y1) != (0, 0):
            found = tuple(shifted(box, window.x1, window.y1) for box in found)
        return found

    def _look(self, image: Image, window: Window, everywhere: bool, far: bool) -> tuple[PlateBox, ...]:
        """The boxes of one part of the frame in its own pixels, the most confident first."""
        start = time.perf_counter()
        part = slice(window.y1, window.y2), slice(window.x1, window.x2)
        looked_at = None if everywhere else self._stencil
        room = self._size // 2 if far else self._size
        boxed = letterbox(image[part], self._size, None if looked_at is None else looked_at[part], room)
        if looked_at is not None:
            self._blank(boxed, window, far)
        tensor = to_int8(boxed.canvas)[np.newaxis]
        middle = time.perf_counter()
        boxes, scores = decode(self._levels(self.model.run(tensor)), self._bins, self._least)
        kept = suppress(boxes, scores, self._nms_iou)
        kept = kept[whole(boxes[kept], boxed, window)]
        found = to_frame(boxes[kept], scores[kept], boxed, window.x2 - window.x1, window.y2 - window.y1)
        self.stage_seconds["letterbox"] += middle - start
        self.stage_seconds["detect"] += time.perf_counter() - middle
        return found

    def _blank(self, boxed: Letterboxed, window: Window, far: bool) -> None:
        """Grey where nothing is looked for, so that what is there cannot help or mislead."""
        assert self._stencil is not None
        if (window, far) not in self._blanks:  # the same in every frame of this size
            part = self._stencil[window.y1 : window.y2, window.x1 : window.x2]
            width = max(1, round(part.shape[1] * boxed.scale))
            height = max(1, round(part.shape[0] * boxed.scale))
            small = cv2.resize(part, (width, height), interpolation=cv2.INTER_NEAREST)
            blank = np.zeros(boxed.canvas.shape[:2], bool)
            blank[boxed.top : boxed.top + height, boxed.left : boxed.left + width] = small == 0
            self._blanks[window, far] = blank
        boxed.canvas[self._blanks[window, far]] = _BLANK

    def _counts(self, box: PlateBox) -> bool:
        """Whether the middle of a box is where plates are looked for."""
        assert self._stencil is not None
        height, width = self._stencil.shape
        x, y = int((box.x1 + box.x2) / 2), int((box.y1 + box.y2) / 2)
        return bool(self._stencil[min(y, height - 1), min(x, width - 1)])

    def _levels(self, outputs: Sequence[npt.NDArray[np.int8]]) -> list[LevelMaps]:
        specs = self.card.outputs
        return [
            LevelMaps(
                stride,
                outputs[2 * level],
                specs[2 * level].scale,
                specs[2 * level].zero_point,
                outputs[2 * level + 1],
                specs[2 * level + 1].scale,
                specs[2 * level + 1].zero_point,
            )
            for level, stride in enumerate(self._strides)
        ]


def decode(levels: Sequence[LevelMaps], bins: int, threshold: float) -> tuple[Floats, Floats]:
    """Output maps → boxes (N, 4) in canvas pixels and confidences (N,), before suppression.

    The threshold is applied to the stored logits, so that only the few cells above it are ever made real.
    """
    logit = math.log(threshold / (1.0 - threshold))
    steps = np.arange(bins, dtype=np.float32)
    all_boxes, all_scores = [], []
    for level in levels:
        width = level.logits.shape[2]
        stored = level.logits.reshape(-1)
        cells = np.flatnonzero(stored >= logit / level.logits_scale + level.logits_zero)
        if not cells.size:
            continue
        real = (stored[cells].astype(np.float32) - level.logits_zero) * level.logits_scale
        sides = level.boxes.reshape(-1, 4, bins)[cells].astype(np.float32)
        sides = (sides - level.boxes_zero) * level.boxes_scale
        weights = np.exp(sides - sides.max(axis=2, keepdims=True))
        distances = (weights @ steps) / weights.sum(axis=2)
        centres = np.stack([cells % width + 0.5, cells // width + 0.5], axis=1).astype(np.float32)
        corners = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
        all_boxes.append(corners * level.stride)
        all_scores.append(1.0 / (1.0 + np.exp(-real)))
    if not all_boxes:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    return np.concatenate(all_boxes).astype(np.float32), np.concatenate(all_scores).astype(np.float32)


def suppress(boxes: Floats, scores: Floats, iou: float) -> npt.NDArray[np.int64]:
    """Indices of the boxes (N, 4) that remain when each drops the less confident ones overlapping it by `iou`.

    The most confident first, at most `_MOST_PLATES`.
    """
    if not len(boxes):
        return np.zeros(0, np.int64)
    best = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
    corners_and_sizes = np.concatenate([boxes[best, :2], boxes[best, 2:] - boxes[best, :2]], axis=1)
    kept = np.asarray(cv2.dnn.NMSBoxes(corners_and_sizes.tolist(), scores[best].tolist(), 0.0, iou), np.int64)
    return best[kept.reshape(-1)[:_MOST_PLATES]]


def whole(boxes: Floats, boxed: Letterboxed, window: Window) -> npt.NDArray[np.bool_]:
    """(N,): which of the boxes (N, 4) on a tile's canvas no seam to another tile cuts."""
    width = (window.x2 - window.x1) * boxed.scale
    height = (window.y2 - window.y1) * boxed.scale
    left, top, right, bottom = window.inner
    cut = np.zeros(len(boxes), bool)
    cut |= left & (boxes[:, 0] < boxed.left + _SEAM)
    cut |= top & (boxes[:, 1] < boxed.top + _SEAM)
    cut |= right & (boxes[:, 2] > boxed.left + width - _SEAM)
    cut |= bottom & (boxes[:, 3] > boxed.top + height - _SEAM)
    return ~cut


def _window_around(box: PlateBox, margin: float, width: int, height: int) -> Window:
    """The part of a frame of `width` × `height` pixels that holds a box and `margin` pixels around it."""
    return Window(
        max(0, math.floor(box.x1 - margin)),
        max(0, math.floor(box.y1 - margin)),
        min(width, math.ceil(box.x2 + margin)),
        min(height, math.ceil(box.y2 + margin)),
    )


def merge(boxes: Sequence[PlateBox], iou: float) -> tuple[PlateBox, ...]:
    """The boxes of all tiles without those that show a plate again; the most confident first."""
    kept: list[PlateBox] = []
    for box in sorted(boxes, key=lambda box: box.confidence, reverse=True):
        if all(overlap(box, other) < iou and _inside(box, other) < _COVERED for other in kept):
            kept.append(box)
    return tuple(kept[:_MOST_PLATES])


def larger(near: Sequence[PlateBox], far: Sequence[PlateBox], least: float) -> tuple[PlateBox, ...]:
    """What is seen from nearby, but in the place of parts of plates that are `least` wide and more the whole ones that
    are seen from further away, no surer than the parts. The most confident first."""
    found: list[PlateBox] = []
    left = list(near)
    for box in far:
        parts = [other for other in left if _inside(box, other) >= _COVERED and 3 * other.height >= box.height]
        if box.width < max(least, _WIDER * max((part.width for part in parts), default=math.inf)):
            continue
        sure = max(part.confidence for part in parts)
        if 2 * box.confidence >= sure:
            left = [other for other in left if other not in parts]
            found.append(replace(box, confidence=sure))
    return tuple(sorted((*found, *left), key=lambda box: box.confidence, reverse=True))


def _inside(box: PlateBox, other: PlateBox) -> float:
    """Share of the smaller one's area that both have."""
    width = min(box.x2, other.x2) - max(box.x1, other.x1)
    height = min(box.y2, other.y2) - max(box.y1, other.y1)
    return max(0.0, width) * max(0.0, height) / max(1e-6, min(box.width * box.height, other.width * other.height))


def golden_picture(size: int) -> Image:
    """(size, size, 3): a picture that any computer draws alike, with edges, slopes and all pixel values."""
    y, x, channel = np.indices((size, size, 3), dtype=np.int64)
    return np.asarray(((x * 3 + y * 5 + channel * 41) ^ (x * y // 9)) & 255, np.uint8)


def golden_hashes(model: Int8Model) -> list[str]:
    """SHA-256 of each output for `golden_picture`: equal to the card's `golden` where the arithmetic is the same."""
    picture = golden_picture(model.card.input.shape[1])
    return [hashlib.sha256(output.tobytes()).hexdigest() for output in model.run(to_int8(picture)[np.newaxis])]


def to_frame(boxes: Floats, scores: Floats, boxed: Letterboxed, width: int, height: int) -> tuple[PlateBox, ...]:
    """Boxes (N, 4) on the letterboxed canvas → boxes in the frame; what lies wholly in the border is dropped."""
    moved = (boxes - np.array([boxed.left, boxed.top] * 2, np.float32)) / boxed.scale
    moved = moved.clip(0, np.array([width, height] * 2, np.float32))
    return tuple(
        PlateBox(x1, y1, x2, y2, confidence)
        for (x1, y1, x2, y2), confidence in zip(moved.tolist(), scores.tolist(), strict=True)
        if x2 - x1 >= _LEAST_SIDE and y2 - y1 >= _LEAST_SIDE
    )
