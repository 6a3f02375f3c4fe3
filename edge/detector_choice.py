"""Which of the shipped plate detectors runs here: the large one unless this machine takes too long for it.

Both hold the same weights. The small one sees the frame in fewer pixels, which costs far plates and saves most of the
time: on a slow board more looks at a near plate are worth more than seeing it from afar. What watches a camera asks for
the machine's time; what reads pictures and recordings has time enough, and gives the same answer everywhere.
"""

import difflib
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.card import shipped_model
from edge.errors import ConfigError
from edge.region import RegionSettings, windows
from edge.runtime import Int8Model

if TYPE_CHECKING:
    from edge.detector import DetectorSettings

AUTO, LARGE, SMALL = "auto", "large", "small"
SLOW_SECONDS = 0.25
"""A frame of the large one taking longer than this, fewer than four a second: at 15 km/h a car then moves a metre from
one to the next."""
_SHIPPED = {"": "detector.tflite", AUTO: "detector.tflite", LARGE: "detector.tflite", SMALL: "detector_small.tflite"}
_RUNS = 3
_FRAME = (1280, 720)


def check_model(model: str) -> None:
    """ConfigError unless the text can be a configuration's `detector.model`; whether the file is there is not asked."""
    if model in _SHIPPED or model.endswith(".tflite"):
        return
    near = difflib.get_close_matches(model.lower(), (AUTO, LARGE, SMALL), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ConfigError(f"model is {model!r}, wanted {AUTO}, {LARGE}, {SMALL} or the path of a .tflite file{hint}")


def detector_path(model: str) -> Path:
    """The file that a configuration's `detector.model` means; ModelError if a shipped one is missing.

    "auto" is the large one here: `settled` measures.
    """
    return shipped_model(_SHIPPED[model]) if model in _SHIPPED else Path(model)


def settled(settings: "DetectorSettings", region: RegionSettings) -> "DetectorSettings":
    """The settings with "auto" replaced by what this machine is quick enough for; ModelError if no model is there.

    It measures once in a process for each number of threads. A region with tiles takes several looks a frame.
    """
    if settings.model != AUTO:
        return settings
    return replace(settings, model=SMALL if _seconds_a_frame(settings, region) > SLOW_SECONDS else LARGE)


def choice_text(settings: "DetectorSettings", region: RegionSettings) -> str:
    """What `settled` chose and why, for the log; empty where there was nothing to choose."""
    if settings.model != AUTO:
        return ""
    milliseconds = round(1000 * _seconds_a_frame(settings, region))
    model = settled(settings, region).model
    return f"plate detector: the large model takes {milliseconds} ms a frame here, so the {model} one runs"


def _seconds_a_frame(settings: "DetectorSettings", region: RegionSettings) -> float:
    return _seconds_a_look(settings.threads) * len(windows(region, *_FRAME))


@cache
def _seconds_a_look(threads: int) -> float:
    return seconds_a_run(Int8Model(detector_path(LARGE), "detector", threads))


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
