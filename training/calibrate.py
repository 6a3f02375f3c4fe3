"""Makes confidences honest: the temperature that the logits are divided by, and how honest they are then.

A crop is given as the logits (T, C) of its views: one, or two where it may hold two lines. What the device would say
of it at a temperature, its choice between the views included, is what is judged. The temperature is found on real
validation crops; on `train` crops, which the network has learned by heart, it would come out too low.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.alphabet import decode_greedy
from edge.preprocess import plate_views
from edge.reader import PlateReader, choose_view
from edge.records import Image
from training.reader_metrics import Bools, Floats

Views = Sequence[npt.NDArray[np.float32]]

CANDIDATES = tuple(round(0.6 + 0.1 * i, 1) for i in range(25))
FOLDS = 5


def crop_logits(reader: PlateReader, crop: Image) -> list[npt.NDArray[np.float32]]:
    """Logits of each view that the device reads of a crop, (H, W, 3) BGR."""
    return [reader.logits(view) for view in plate_views(crop)]


def outcomes(crops: Sequence[Views], truth: Sequence[str], temperature: float) -> tuple[Floats, Bools]:
    """(N,) weakest-character confidences at this temperature, and whether the readings are right."""
    confidence, right = [], []
    for views, text in zip(crops, truth, strict=True):
        decoded = [decode_greedy(logits, temperature) for logits in views]
        best = decoded[choose_view(decoded)]
        confidence.append(best.confidence)
        right.append(best.text == text)
    return np.array(confidence), np.array(right)


def best_temperature(crops: Sequence[Views], truth: Sequence[str]) -> float:
    """The temperature whose weakest-character confidence best predicts "read without error" (least log loss)."""
    return min(CANDIDATES, key=lambda temperature: float(_log_loss(*outcomes(crops, truth, temperature)).mean()))


def held_out_outcomes(crops: Sequence[Views], truth: Sequence[str]) -> tuple[Floats, Bools]:
    """As `outcomes`, but each crop at the temperature that the other folds' plates ask for.

    All crops of one plate are in one fold. It tells how honest confidences are on plates that the temperature was not
    found on; what `best_temperature` says of its own crops flatters.
    """
    plates = sorted(set(truth))
    folds = np.random.default_rng(0).permutation(len(plates)) % FOLDS
    fold_of = dict(zip(plates, folds, strict=True))
    fold = np.array([fold_of[text] for text in truth])
    tried = [outcomes(crops, truth, temperature) for temperature in CANDIDATES]
    losses = np.array([_log_loss(confidence, right) for confidence, right in tried])
    confidence, right = np.zeros(len(truth)), np.zeros(len(truth), dtype=np.bool_)
    for each in range(FOLDS):
        held, others = fold == each, fold != each
        best = int(losses[:, others].mean(axis=1).argmin()) if others.any() else CANDIDATES.index(1.0)
        confidence[held], right[held] = tried[best][0][held], tried[best][1][held]
    return confidence, right


def _log_loss(confidence: Floats, right: Bools) -> Floats:
    confidence = np.clip(confidence, 1e-3, 1 - 1e-3)
    return np.asarray(-np.where(right, np.log(confidence), np.log(1 - confidence)), dtype=np.float64)
