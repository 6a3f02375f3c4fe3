"""How right readings are: exact share, character accuracy, and the greedy texts of many logits at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.alphabet import decode_greedy


def greedy_texts(logits: npt.NDArray[np.float32]) -> list[str]:
    """(N, T, C) logits → N texts, decoded as the device does it."""
    return [decode_greedy(each).text for each in logits]


def exact_share(read: Sequence[str], truth: Sequence[str]) -> float:
    """Share of texts read without any error."""
    return float(np.mean([a == b for a, b in zip(read, truth, strict=True)]))


def edit_distance(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def character_accuracy(read: Sequence[str], truth: Sequence[str]) -> float:
    """1 − (edit distance ÷ characters of the truth), over all texts together."""
    errors = sum(edit_distance(a, b) for a, b in zip(read, truth, strict=True))
    return 1.0 - errors / max(1, sum(len(text) for text in truth))
