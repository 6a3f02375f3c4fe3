"""Characters ↔ CTC classes, and greedy decoding.

The order of the alphabet matters: class 0 is CTC's blank, class k is ALPHABET[k - 1]. A model's card carries the
alphabet it was trained with, and `reader.py` refuses one that differs.

Dimensions: T time steps, C = 1 + len(ALPHABET) classes.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BLANK = 0
CLASSES = 1 + len(ALPHABET)

_CLASS_OF = {character: index for index, character in enumerate(ALPHABET, start=1)}


class Decoded(NamedTuple):
    """A decoded text; `characters` and `runners_up` have one (character, confidence) for each of its characters."""

    text: str
    characters: tuple[tuple[str, float], ...]
    runners_up: tuple[tuple[str, float], ...]

    @property
    def confidence(self) -> float:
        """Confidence of the weakest character; 0 for an empty text, which claims nothing."""
        return min((p for _, p in self.characters), default=0.0)


def plain(text: str) -> str:
    """A plate as people write it → capital letters, digits and `?`."""
    capitals = text.upper()
    if capitals.isalnum():  # nearly every text
        return capitals
    return "".join(character for character in capitals if character.isalnum() or character == "?")


def encode(text: str) -> list[int]:
    """Classes of `text`; raises ValueError naming the first character outside the alphabet."""
    try:
        return [_CLASS_OF[character] for character in text]
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} in {text!r} is not in the alphabet {ALPHABET}") from None


def time_steps_needed(text: str) -> int:
    """The fewest CTC time steps that can spell `text`: one a character and a blank between repeats."""
    return len(text) + sum(a == b for a, b in pairwise(text))


def softmax(logits: npt.NDArray[np.float32], temperature: float = 1.0) -> npt.NDArray[np.float32]:
    """(…, C) logits → probabilities over the last axis."""
    scaled = logits / np.float32(temperature)
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True), dtype=np.float32)


def decode_greedy(logits: npt.NDArray[np.float32], temperature: float = 1.0) -> Decoded:
    """(T, C) logits → the best class of each time step, repeats merged, blanks dropped.

    A character's confidence is the highest probability that it reaches within its run of time steps; its runner-up
    is the most probable other character (not blank) at that step. Where a gap may hide a character that was not
    read, the weaker of its neighbours is no surer than that there is none: a text that lacks a character would have no
    weak one otherwise.
    """
    probabilities = softmax(logits, temperature)
    best = probabilities.argmax(axis=-1)
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    runs, borders = best[starts].tolist(), [*starts.tolist(), len(best)]
    labels: list[int] = []
    confidences: list[float] = []
    runners_up: list[tuple[str, float]] = []
    for run, label in enumerate(runs):
        if label == BLANK:
            continue
        peak = borders[run] + int(probabilities[borders[run] : borders[run + 1], label].argmax())
        step = probabilities[peak].copy()
        labels.append(label)
        confidences.append(float(step[label]))
        step[[BLANK, label]] = -1.0
        second = int(step.argmax())
        runners_up.append((ALPHABET[second - 1], float(step[second])))
    if labels:
        _weaken(confidences, runs, _hidden(probabilities, best, starts))
    text = "".join(ALPHABET[label - 1] for label in labels)
    return Decoded(text, tuple(zip(text, confidences, strict=True)), tuple(runners_up))


def _weaken(confidences: list[float], runs: list[int], hidden: list[float]) -> None:
    """Lower, in place, the weaker neighbour of each gap to how sure it is that the gap hides nothing."""
    after = 0
    for label, doubt in zip(runs, hidden, strict=True):
        if label != BLANK:
            after += 1
            continue
        weaken(confidences, after, doubt)


def weaken(confidences: list[float], gap: int, doubt: float) -> None:
    """Lower, in place, the weaker neighbour of a gap, which lies before the character of this number, to how sure it is
    that nothing is in it."""
    beside = range(max(gap - 1, 0), min(gap + 1, len(confidences)))
    weaker = min(beside, key=confidences.__getitem__)
    confidences[weaker] = min(confidences[weaker], 1.0 - doubt)


def _hidden(
    probabilities: npt.NDArray[np.float32], best: npt.NDArray[np.intp], starts: npt.NDArray[np.intp]
) -> list[float]:
    """For each run of time steps the highest probability of a character that is neither its own nor that of a run
    beside it, whose flanks reach into a gap."""
    runs = np.zeros(len(starts) + 2, np.intp)  # with a blank on either side
    runs[1:-1] = best[starts]
    of_step = np.zeros(len(best), np.intp)
    of_step[starts[1:]] = 1
    of_step = of_step.cumsum()
    steps = np.arange(len(best))
    others = probabilities.copy()
    others[:, BLANK] = 0.0
    for side in range(3):
        others[steps, runs[of_step + side]] = 0.0
    return list(np.maximum.reduceat(others.max(axis=-1), starts).tolist())
