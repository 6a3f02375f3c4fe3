"""Characters ↔ CTC classes, and greedy decoding.

The order of the alphabet matters: class 0 is CTC's blank, class k is ALPHABET[k - 1]. A model's card carries the
alphabet it was trained with, and `card.py` refuses one that differs.

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
    is the most probable other character (not blank) at that step.
    """
    probabilities = softmax(logits, temperature)
    best = probabilities.argmax(axis=-1)
    starts = np.flatnonzero(np.r_[True, best[1:] != best[:-1]])
    ends = np.r_[starts[1:], len(best)]
    characters: list[tuple[str, float]] = []
    runners_up: list[tuple[str, float]] = []
    for start, end in zip(starts, ends, strict=True):
        label = int(best[start])
        if label == BLANK:
            continue
        peak = start + int(probabilities[start:end, label].argmax())
        step = probabilities[peak].copy()
        characters.append((ALPHABET[label - 1], float(step[label])))
        step[[BLANK, label]] = -1.0
        second = int(step.argmax())
        runners_up.append((ALPHABET[second - 1], float(step[second])))
    return Decoded("".join(c for c, _ in characters), tuple(characters), tuple(runners_up))
