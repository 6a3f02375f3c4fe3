"""Which of the shipped plate detectors runs here: the large one unless this machine takes too long for it.

Both hold the same weights. The small one sees the frame in fewer pixels, which costs far plates and saves most of the
time: on a slow board more looks at a near plate are worth more than seeing it from afar.
"""

import logging
import time
from functools import cache
from pathlib import Path

import numpy as np

from edge.card import shipped_model
from edge.runtime import Int8Model

AUTO, LARGE, SMALL = "auto", "large", "small"
SLOW_SECONDS = 0.25
"""A frame of the large one taking longer than this, fewer than four a second: at 15 km/h a car then moves a metre from
one to the next."""
_RUNS = 3

_log = logging.getLogger(__name__)


def detector_path(model: str, threads: int = 1) -> Path:
    """The file that a configuration's `detector.model` means; ModelError if it names a shipped one that is missing.

    "auto" measures the large one, once in a process; empty means the large one.
    """
    if model == AUTO:
        return _measured(threads)
    shipped = {"": "detector.tflite", LARGE: "detector.tflite", SMALL: "detector_small.tflite"}
    return shipped_model(shipped[model]) if model in shipped else Path(model)


@cache
def _measured(threads: int) -> Path:
    large = shipped_model("detector.tflite")
    seconds = seconds_a_run(Int8Model(large, "detector", threads))
    slow = seconds > SLOW_SECONDS
    _log.info(
        "plate detector: the large model takes %.0f ms a frame here, so the %s one runs (detector.model)",
        1000 * seconds,
        SMALL if slow else LARGE,
    )
    return shipped_model("detector_small.tflite") if slow else large


def seconds_a_run(model: Int8Model) -> float:
    """Wall time of the quickest of a few runs on an empty picture, after one that does not count."""
    empty = np.full(model.card.input.shape, model.card.input.zero_point, np.int8)
    model.run(empty)
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        model.run(empty)
        times.append(time.perf_counter() - start)
    return min(times)
