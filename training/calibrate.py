"""Makes confidences honest: the temperature that the logits are divided by."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.alphabet import decode_greedy

CANDIDATES = tuple(round(0.6 + 0.1 * i, 1) for i in range(25))


def best_temperature(logits: npt.NDArray[np.float32], truth: Sequence[str]) -> float:
    """The temperature whose weakest-character confidence best predicts "read without error" (least log loss).

    logits: (N, T, C). Greedy texts do not depend on the temperature, their confidences do.
    """
    right = np.array([decode_greedy(each).text == text for each, text in zip(logits, truth, strict=True)])

    def log_loss(temperature: float) -> float:
        confidence = np.array([decode_greedy(each, temperature).confidence for each in logits])
        confidence = np.clip(confidence, 1e-3, 1 - 1e-3)
        return float(-np.mean(np.where(right, np.log(confidence), np.log(1 - confidence))))

    return min(CANDIDATES, key=log_loss)
