"""Real crops photographed again and again: a few hundred tell two readers apart only by what they nearly misread.

Each crop is moved, blurred, darkened and made smaller as in training, by one seed for all readers, and looked at once,
as its label says one- or two-line. Beside what is read without an error stands how much doubt a reader has of the
truth, which moves before any text does.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from edge.alphabet import BLANK
from training.dataset import Job, Pool, Sample, make_pool, real_chunk
from training.scores import exact_share, greedy_texts

_SEED = 991
_MOST_DOUBT = 30.0
"""A crop that cannot be read at all counts no more than this."""


class Again(NamedTuple):
    """What a reader makes of the views of some crops."""

    views: int
    exact: float
    """Share of the views that are read without any error, 0 to 1."""
    doubt: float
    """The mean of minus the logarithm of the truth's probability, at most 30 for each view."""


def photographed(samples: Sequence[Sample], times: int) -> Pool:
    """Every sample `times` times; the same views for every reader."""
    jobs: list[Job] = [(real_chunk, (_SEED + number, list(samples))) for number in range(times)]
    return make_pool(jobs, os.cpu_count() or 1, "photographs")


def judge(logits: npt.NDArray[np.float32], pool: Pool) -> Again:
    """One look at each view of the pool: (N, T, C) logits."""
    labels, lengths = pool.labels()
    steps = np.full(len(pool), logits.shape[1], np.int32)
    doubts = keras.ops.convert_to_numpy(keras.ops.ctc_loss(labels, logits, lengths, steps, mask_index=BLANK))
    exact = exact_share(greedy_texts(logits), pool.texts)
    return Again(len(pool), exact, float(np.minimum(doubts, _MOST_DOUBT).mean()))
