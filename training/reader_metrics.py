"""What a reader's readings are worth, as small functions over plain arrays: no files, no models.

Dimensions: N readings. Confidences run from 0 to 1; `right` says of each reading whether it is without any error.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BINS = 10


class Bin(NamedTuple):
    """Readings of about the same confidence: how sure they are in the mean, and what share of them is right."""

    low: float
    high: float
    number: int
    confidence: float
    right: float


def reliability(confidence: Floats, right: Bools, bins: int = BINS) -> list[Bin]:
    """The readings sorted into `bins` equally wide steps of confidence; empty steps are left out."""
    step = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    return [
        Bin(
            each / bins,
            (each + 1) / bins,
            int(inside.sum()),
            float(confidence[inside].mean()),
            float(right[inside].mean()),
        )
        for each in range(bins)
        if (inside := step == each).any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """ECE (Naeini 2015; Guo 2017): the mean gap between confidence and right share, weighted by readings."""
    return float(
        np.average([abs(each.confidence - each.right) for each in bins], weights=[each.number for each in bins])
    )


def risk_coverage(confidence: Floats, right: Bools) -> Floats:
    """(N,) share that is right of the k + 1 most confident readings; among equals the wrong ones count first."""
    return np.asarray(np.cumsum(right[_by_confidence(confidence, right)]) / np.arange(1, len(right) + 1), np.float64)


def surest(confidence: Floats, right: Bools, share: float) -> list[int]:
    """Rows of the `share` most confident readings, at least one; among equals the wrong ones first."""
    # a hair less before rounding up, because a product like 0.9 × 10 may lie a hair above a whole number
    kept = max(1, ceil(share * len(right) - 1e-9))
    return [int(row) for row in _by_confidence(confidence, right)[:kept]]


def right_of_surest(confidence: Floats, right: Bools, share: float) -> float:
    """Share that is right of the `share` most confident readings."""
    return float(right[surest(confidence, right, share)].mean())


def _by_confidence(confidence: Floats, right: Bools) -> npt.NDArray[np.intp]:
    return np.lexsort((right, -confidence))


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p that of two equally good readers each alone is right this often (McNemar 1947, binomial)."""
    either, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(comb(either, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / int(2**either))


def confusions(pairs: Iterable[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """How often a true character was read as which; see `scores.aligned` for missing ("A", "") and extra ("", "A")."""
    return Counter(pairs)


def confusion_matrix(counts: Mapping[tuple[str, str], int], alphabet: str) -> npt.NDArray[np.int64]:
    """(C + 1, C + 1) counts, true characters down, read ones across; the last row is extra, the last column missing."""
    place = {character: index for index, character in enumerate(alphabet)} | {"": len(alphabet)}
    matrix = np.zeros((len(place), len(place)), dtype=np.int64)
    for (true, read), count in counts.items():
        matrix[place[true], place[read]] = count
    return matrix


def character_report(counts: Mapping[tuple[str, str], int], alphabet: str) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support of each character that occurs, and their means, as scikit-learn reports them.

    A missing character lowers its recall, an extra one its precision. "micro avg" counts all characters together,
    "macro avg" is the plain mean over the characters with support, "weighted avg" the mean weighted by it.
    """
    matrix = confusion_matrix(counts, alphabet)
    true, read, hit = matrix.sum(axis=1)[:-1], matrix.sum(axis=0)[:-1], matrix.diagonal()[:-1]
    rows = {
        character: _row(int(hit[index]), int(read[index]), int(true[index]))
        for index, character in enumerate(alphabet)
        if true[index] or read[index]
    }
    seen = [row for row in rows.values() if row["support"]]
    support = int(true.sum())
    rows["micro avg"] = _row(int(hit.sum()), int(read.sum()), support)
    for name, weights in (("macro avg", [1.0] * len(seen)), ("weighted avg", [row["support"] for row in seen])):
        means = {
            key: float(np.average([row[key] for row in seen], weights=weights)) if seen else 0.0
            for key in ("precision", "recall", "f1")
        }
        rows[name] = {**means, "support": support}
    return rows


def _row(hit: int, read: int, true: int) -> dict[str, float]:
    precision, recall = hit / read if read else 0.0, hit / true if true else 0.0
    f1 = 2 * hit / (read + true) if read + true else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": true}
