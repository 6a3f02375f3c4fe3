"""Shows a pipeline many thousand frames of a busy lane, and prints what they cost in memory and in processor time.

    PYTHONPATH=tests python tests/soak.py 100000

Detector and reader are scripted, so what is measured is tracking and voting. Every frame is a picture of its own, so
that one frame in a hundred kept by mistake would show as 27 kB for each frame.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import linear_regression, median
from typing import NamedTuple

import numpy as np
from core_fakes import START, Script
from lane import HEIGHT, WIDTH, Car, Seeing, box_of, driving, look

import edge.pipeline
from edge.pipeline import Pipeline
from edge.records import Frame

RATE = 15.0
EVERY = 9.0
"""Seconds from car to car; each fourth one waits at the gate."""
WAIT = 20.0
SEEING = Seeing(jitter=0.03, missed=0.1, misread=0.1)
_SETTLED = 0.1
"""Share of the run after which memory is looked at: until then, buffers and caches fill."""


class Cost(NamedTuple):
    """What a run came to."""

    frames: int
    busy: int
    """Frames with a plate in them."""
    tracks: int
    finals: int
    growth: float
    """Bytes of resident memory a frame, by the line through all samples."""
    resident: tuple[float, float, float]
    """Bytes, in the middle, of the first, the middle and the last third of the samples."""
    mean: float
    """Seconds of processor time a frame for tracking and voting."""
    per_busy: float
    """The same, of frames with a plate."""
    worst: float
    """The same, of the 99.9th percentile of frames."""


def traffic(random: np.random.Generator) -> Iterator[Car]:
    """Cars one after the other, without end."""
    number = 0
    while True:
        start = number * EVERY
        plate = "".join(random.choice(list("ABCDEHKMPTXYZ"), 2)) + f"{random.integers(1000):03}" + "KM"
        course = driving(float(random.uniform(10, 50)), at=start)
        if number % 4 == 0:
            course = _waiting(start)
        yield Car(plate, course, aside=float(random.uniform(-1.5, 1.5)))
        number += 1


def _waiting(start: float) -> Callable[[float], float | None]:
    """Up to the gate, a while there, and through."""
    before, after = driving(15, at=start, end=6.0), driving(15, start=6.0, at=start + 16.0 * 3.6 / 15 + WAIT)
    return lambda time: before(time) or (6.0 if start + 3.8 < time < start + 16.0 * 3.6 / 15 + WAIT else after(time))


def run(frames: int, seed: int = 0) -> Cost:
    """So many frames through a pipeline of its own."""
    random = np.random.default_rng(seed)
    script = Script()
    pipeline = Pipeline(script, script)
    cars, queue = traffic(random), list[Car]()
    resident, finals, known = list[tuple[int, int]](), 0, 0
    # written to at once, so that they do not count as growth
    costs, busy = np.full(frames, -1.0), np.full(frames, True)
    for index in range(frames):
        now = index / RATE
        while known * EVERY <= now + 1:
            queue.append(next(cars))
            known += 1
        del queue[:-8]
        sights = [sight for car in queue if (true := box_of(car, now)) and (sight := look(car, true, SEEING, random))]
        script.sights = sights
        image = np.full((int(HEIGHT), int(WIDTH), 3), index % 256, np.uint8)
        result = pipeline.process(Frame(image, now, START, index))
        costs[index], busy[index] = result.seconds["vote"], bool(sights)
        finals += sum(event.kind == "final" for event in result.events)
        if index % (frames // 200) == 0 and index >= _SETTLED * frames:
            resident.append((index, _resident()))
    finals += len(pipeline.finish())
    slope, _ = linear_regression(*zip(*resident, strict=True))
    sizes = [size for _, size in resident]
    third = len(sizes) // 3
    return Cost(
        frames,
        int(busy.sum()),
        pipeline.started,
        finals,
        slope,
        (median(sizes[:third]), median(sizes[third:-third]), median(sizes[-third:])),
        float(costs.mean()),
        float(costs[busy].mean()),
        float(np.quantile(costs, 0.999)),
    )


def _resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=int, nargs="?", default=100_000)
    # wall time would count what else the machine does
    edge.pipeline.perf_counter = time.thread_time  # type: ignore[attr-defined]
    cost = run(parser.parse_args().frames)
    sys.stdout.write(
        f"{cost.frames} frames, {cost.busy} with plates; {cost.tracks} tracks, {cost.finals} final events\n"
        f"resident memory: {', '.join(f'{size / 2**20:.1f}' for size in cost.resident)} MiB in the first, second and "
        f"last third; {cost.growth:+.0f} bytes a frame\n"
        f"tracking and voting: {cost.mean * 1e3:.3f} ms a frame, {cost.per_busy * 1e3:.3f} ms with a plate, "
        f"{cost.worst * 1e3:.2f} ms in the worst of a thousand\n"
    )


if __name__ == "__main__":
    main()
