"""How good boxes are: average precision, recall by plate width, the threshold that keeps false boxes rare."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.detector_data import Boxes

IOUS = tuple(0.5 + 0.05 * step for step in range(10))
FALSE_BOX_SHARE = 0.02
"""At most this share of pictures without a plate may get a box."""
LEAST_THRESHOLD = 0.1
"""No lower threshold is chosen: that pictures without plates are easy, or few, does not make such boxes plates."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the detector found in one picture: boxes (N, 4) and confidences (N,)."""

    boxes: Boxes
    scores: npt.NDArray[np.float32]


def box_iou(first: Boxes, second: Boxes) -> npt.NDArray[np.float32]:
    """(N, 4), (M, 4) → (N, M) intersection over union."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod((high - low).clip(0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None] - shared + 1e-9), np.float32)


def match(found: Found, truth: Boxes, iou: float) -> npt.NDArray[np.int64]:
    """For each found box, best first, the index of the truth that it hits or −1; a truth is hit once."""
    hits = np.full(len(found.scores), -1, np.int64)
    if not len(truth) or not len(found.scores):
        return hits
    overlaps = box_iou(found.boxes, truth)
    for index in np.argsort(-found.scores, kind="stable"):
        best = int(overlaps[index].argmax())
        if overlaps[index, best] >= iou:
            hits[index] = best
            overlaps[:, best] = -1.0
    return hits


def precision_recall(
    found: Sequence[Found], truths: Sequence[Boxes], iou: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Recall and precision (N,) as box after box is added, the most confident first, over all pictures.

    Precision is the highest at this recall or more, so that it never rises again.
    """
    wanted = sum(len(truth) for truth in truths)
    scores = np.concatenate([one.scores for one in found])
    hits = np.concatenate([match(one, truth, iou) >= 0 for one, truth in zip(found, truths, strict=True)])
    if not wanted or not len(scores):
        return np.zeros(0), np.zeros(0)
    hits = hits[np.argsort(-scores, kind="stable")].cumsum()
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return hits / wanted, precision


def average_precision(found: Sequence[Found], truths: Sequence[Boxes], iou: float) -> float:
    """Area under the precision-recall curve over all pictures, all points."""
    reached, precision = precision_recall(found, truths, iou)
    return float(np.sum(np.diff(reached, prepend=0.0) * precision))


def mean_average_precision(found: Sequence[Found], truths: Sequence[Boxes]) -> float:
    """AP50-95: the mean of the average precision over IoU 0.5, 0.55, … 0.95."""
    return float(np.mean([average_precision(found, truths, iou) for iou in IOUS]))


def hit_truths(
    found: Sequence[Found], truths: Sequence[Boxes], threshold: float, iou: float = 0.5
) -> npt.NDArray[np.bool_]:
    """For every true box of every picture, in order: was it found at this threshold?"""
    flags = []
    for one, truth in zip(found, truths, strict=True):
        sure = one.scores >= threshold
        hits = match(Found(one.boxes[sure], one.scores[sure]), truth, iou)
        flags.append(np.isin(np.arange(len(truth)), hits))
    return np.concatenate(flags) if flags else np.zeros(0, np.bool_)


def recall(found: Sequence[Found], truths: Sequence[Boxes], threshold: float) -> float:
    """Share of the true boxes found at this threshold and IoU 0.5."""
    flags = hit_truths(found, truths, threshold)
    return float(flags.mean()) if len(flags) else 0.0


def boxed_share(found: Sequence[Found], threshold: float) -> float:
    """Share of the pictures with any box at this threshold."""
    return float(np.mean([bool((one.scores >= threshold).any()) for one in found]))


def choose_threshold(negatives: Sequence[Found]) -> float:
    """The least confidence, up to thousandths, at which no more than FALSE_BOX_SHARE of pictures without plates get a
    box; at least LEAST_THRESHOLD."""
    highest = sorted((float(one.scores.max(initial=0.0)) for one in negatives), reverse=True)
    allowed = int(FALSE_BOX_SHARE * len(highest))
    barred = highest[allowed] if allowed < len(highest) else 0.0
    return min(max((int(barred * 1000) + 1) / 1000, LEAST_THRESHOLD), 0.999)
