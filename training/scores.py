"""How right readings are: exact share and how sure it is, character accuracy, and the alignment behind it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.alphabet import decode_greedy
from edge.records import Image, PlateReading
from training.dataset import Sample

RESAMPLES = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """N labelled crops, their pictures (H, W, 3) BGR, and what a reader made of them."""

    samples: Sequence[Sample]
    crops: Sequence[Image]
    readings: Sequence[PlateReading]

    @property
    def truth(self) -> list[str]:
        """N texts as they are labelled."""
        return [sample.text for sample in self.samples]

    @property
    def read(self) -> list[str]:
        """N texts as they were read."""
        return [reading.text for reading in self.readings]

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(N,) whether a reading is without any error."""
        return np.array([a == b for a, b in zip(self.truth, self.read, strict=True)])


def greedy_texts(logits: npt.NDArray[np.float32]) -> list[str]:
    """(N, T, C) logits → N texts, decoded as the device does it."""
    return [decode_greedy(each).text for each in logits]


def exact_share(read: Sequence[str], truth: Sequence[str]) -> float:
    """Share of texts read without any error."""
    return float(np.mean([a == b for a, b in zip(read, truth, strict=True)]))


def mean_interval(
    values: npt.ArrayLike, plates: Sequence[Hashable], weights: npt.ArrayLike | None = None
) -> tuple[float, float]:
    """95 % bootstrap interval of Σ `values` ÷ Σ `weights` (N,), drawing plates (N names) anew instead of pictures;
    without weights of the mean.

    Five pictures of one smeared plate are one piece of bad luck, not five: to draw pictures would promise too much. One
    plate says nothing of others: −1 to 1, as far apart as two shares can be.
    """
    if len(set(plates)) == 1:
        return -1.0, 1.0
    rows, drawn = _drawn(plates)
    sums = np.bincount(rows, np.asarray(values, dtype=np.float64))
    wholes = np.bincount(rows, None if weights is None else np.asarray(weights, dtype=np.float64))
    return _middle(sums[drawn].sum(axis=1) / np.maximum(1, wholes[drawn].sum(axis=1)))


def drawn_interval(figure: Callable[[npt.NDArray[np.intp]], float], plates: Sequence[Hashable]) -> tuple[float, float]:
    """95 % bootstrap interval as `mean_interval`'s of a `figure` that is no mean: it takes rows, 0 to N − 1, those of a
    plate that is drawn twice two times. One plate says nothing of others: 0 to 1, for a figure that is a share."""
    if len(set(plates)) == 1:
        return 0.0, 1.0
    rows, drawn = _drawn(plates)
    times = (np.bincount(plates_drawn, minlength=drawn.shape[1])[rows] for plates_drawn in drawn)
    return _middle(np.array([figure(np.repeat(np.arange(len(rows)), each)) for each in times]))


def _drawn(plates: Sequence[Hashable]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """The plate of each row as a number (N,), and the numbers of the plates drawn anew (RESAMPLES, plates)."""
    numbers = {plate: number for number, plate in enumerate(dict.fromkeys(plates))}
    drawn = np.random.default_rng(0).integers(len(numbers), size=(RESAMPLES, len(numbers)))
    return np.array([numbers[plate] for plate in plates], dtype=np.intp), drawn


def _middle(figures: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(figures, [2.5, 97.5])
    return float(low), float(high)


def share_interval(
    right: npt.ArrayLike, plates: Sequence[Hashable], weights: npt.ArrayLike | None = None
) -> tuple[float, float]:
    """95 % interval of the share of `right` (N,), or Σ `right` ÷ Σ `weights`: `mean_interval`, but where that is 1 or 0
    exact.

    There the bootstrap would be certain of whatever one picture says; Clopper and Pearson (1934) are not. A part of the
    pictures of one plate says nothing of others: 0 to 1.
    """
    whole = np.sum(np.ones(len(plates)) if weights is None else weights)
    share, least = float(np.sum(right) / max(1, whole)), 0.025 ** (1 / len(set(plates)))
    if share == 1.0:
        return least, 1.0
    if share == 0.0:
        return 0.0, 1 - least
    return mean_interval(right, plates, weights) if len(set(plates)) > 1 else (0.0, 1.0)


def aligned(truth: str, read: str) -> list[tuple[str, str]]:
    """The cheapest alignment (Levenshtein) as pairs of a true and a read character, in order.

    A missing character is ("A", ""), an extra one ("", "A"). Of equally cheap ways the one with the most replaced
    characters is taken.
    """
    cost = np.empty((len(truth) + 1, len(read) + 1), dtype=np.int64)
    cost[:, 0], cost[0, :] = range(len(truth) + 1), range(len(read) + 1)
    for i, wanted in enumerate(truth, start=1):
        for j, got in enumerate(read, start=1):
            cost[i, j] = min(cost[i - 1, j - 1] + (wanted != got), cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    i, j = len(truth), len(read)
    pairs: list[tuple[str, str]] = []
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (truth[i - 1] != read[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((truth[i], read[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((truth[i], ""))
        else:
            j -= 1
            pairs.append(("", read[j]))
    return pairs[::-1]


def edit_distance(a: str, b: str) -> int:
    """Levenshtein distance."""
    return sum(x != y for x, y in aligned(a, b))


def character_accuracy(read: Sequence[str], truth: Sequence[str]) -> float:
    """1 − (edit distance ÷ characters of the truth), over all texts together."""
    errors = sum(edit_distance(a, b) for a, b in zip(read, truth, strict=True))
    return 1.0 - errors / max(1, sum(len(text) for text in truth))


def character_interval(read: Sequence[str], truth: Sequence[str]) -> tuple[float, float]:
    """95 % interval of `character_accuracy`, as `share_interval` has it."""
    errors = [edit_distance(a, b) for a, b in zip(read, truth, strict=True)]
    low, high = share_interval(errors, truth, [len(text) for text in truth])
    return 1 - high, 1 - low


def score(samples: Sequence[Sample], read: Sequence[str]) -> dict[str, dict[str, Any]]:
    """{"all": …, set: …, "two lines": …}, each as `score_groups` has it."""
    groups: dict[str, list[int]] = {"all": list(range(len(samples)))}
    for row, sample in enumerate(samples):
        groups.setdefault(sample.set, []).append(row)
    two_lines = [row for row, sample in enumerate(samples) if sample.lines == 2]
    return score_groups(samples, read, groups | ({"two lines": two_lines} if two_lines else {}))


def score_groups(
    samples: Sequence[Sample], read: Sequence[str], groups: Mapping[str, Sequence[int]]
) -> dict[str, dict[str, Any]]:
    """Of each group of rows: crops, different plates, exact share and character accuracy with their 95 % intervals."""
    result = {}
    for name, rows in groups.items():
        texts, truth = [read[row] for row in rows], [samples[row].text for row in rows]
        low, high = share_interval([a == b for a, b in zip(texts, truth, strict=True)], truth)
        result[name] = {
            "crops": len(rows),
            "plates": len(set(truth)),
            "exact": round(exact_share(texts, truth), 4),
            "interval": [round(low, 3), round(high, 3)],
            "characters": round(character_accuracy(texts, truth), 4),
            "characters_interval": [round(end, 3) for end in character_interval(texts, truth)],
        }
    return result
