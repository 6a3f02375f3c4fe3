"""The long bench: does this board keep its pace for an hour, and how often does it read a car that passes at X km/h?

Frames go through the same pipeline as in the service, motion gate included, as fast as they come. Each frame is one of
three kinds: the detector rested, it looked and found nothing, or there was a plate. What a kind costs is what the board
can do; how many there are of each depends on the lane.
"""

import math
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import linear_regression, mean, median
from typing import Literal

from edge.config import Config
from edge.detector import FINDABLE_WIDTH, PlateDetector
from edge.detector_choice import settled
from edge.doctor_board import hottest, throttling
from edge.doctor_machine import Machine
from edge.errors import SourceError
from edge.memory import memory_mb
from edge.motion import GatedDetector
from edge.pace import lower_limit
from edge.pipeline import Pipeline
from edge.reader import PlateReader
from edge.source import Source, open_source, starting

Kind = Literal["resting", "looking", "plate"]
KINDS: tuple[Kind, ...] = ("resting", "looking", "plate")
Stretch = Mapping[Kind, Sequence[float]]
"""Seconds of each frame of a part of the run, by kind."""
SPEEDS = (5.0, 10.0, 20.0, 30.0, 50.0)
SHARES = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Shares of frames with a plate for which frames a second are told; in the others the detector rests."""

_SAMPLES = 60
_LEAST_SAMPLE = 1.0
_WARM_UP = 5
_WIDEST = 0.2
"""Share of the picture's width that a plate has when it leaves the picture, as cameras beside a drive are hung."""
_SLOWER = 1.1
"""What counts as slower: no board is within less of itself from minute to minute."""
_NEAR_LIMIT = 3.0
"""°C below the limit from which on heat is the likely cause."""


@dataclass(frozen=True, slots=True)
class SoakSettings:
    """What is asked."""

    minutes: float
    speeds: tuple[float, ...] = SPEEDS
    """km/h."""
    fov: float = 60.0
    """Degrees that the camera sees from left to right. Raspberry Pi camera 2: 62, camera 3: 66, its wide one: 102."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A stretch of the run."""

    minute: float
    """When it ended, since the start."""
    frames: int
    plate_share: float
    frames_per_second: float
    """As fast as one frame after the other goes."""
    pace: float
    """What its frames took, against what such frames took in the first fifth of the run; 1.3 is 30 % slower."""
    degrees: float | None
    limit: float | None
    """°C from which the board slows itself down."""
    throttled: str
    """What the board says of being slowed down now; empty if nothing."""
    memory_mb: float
    """Without what the bench keeps of each frame, which grows and is none of the pipeline's."""


@dataclass(frozen=True, slots=True)
class Passing:
    """A car at a speed."""

    kmh: float
    seconds: float
    """How long its plate is wide enough to be read."""
    readings: int
    """Frames in that time, at the pace of the last fifth of the run."""


@dataclass(frozen=True, slots=True)
class SoakReport:
    """All that was measured, ready for JSON."""

    source: str
    minutes: float
    complete: bool
    """False if it was interrupted, or the source ended."""
    frames: int
    width: int
    height: int
    milliseconds: Mapping[Kind, float]
    """What a frame of each kind takes, median of the last fifth of the run; kinds that came."""
    by_plate_share: Mapping[str, float]
    """Frames a second by the share of frames with a plate."""
    camera_rate: float | None
    """Frames a second that come, at most source.fps; None for a clip without that, which has no pace of its own."""
    least_width: float
    """Pixels that a plate must be wide."""
    way: float
    """Metres on which it is."""
    passing: Sequence[Passing]
    needed: int
    """Readings that a pass needs for an answer (vote.consensus_readings)."""
    slower_from: float | None
    """The minute from which on it was slower; None if it kept its pace."""
    slower_by: float
    """By how much since then, 0.31 for 31 %."""
    memory_slope: float | None
    """MB by which memory grew in 100,000 frames, by the line through all samples but the first fifth; None if there
    were fewer than 1,000 frames."""
    samples: Sequence[Sample] = field(default=())


Tell = Callable[[Sample, float], None]
"""Called after each stretch, with the minutes that were asked for."""


def soak(
    config: Config,
    settings: SoakSettings,
    tell: Tell,
    machine: Machine | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> SoakReport:
    """Run for so many minutes, or until Ctrl-C or the source's end, and report; SourceError without a first frame."""
    run = _Run(config, settings, machine or Machine(), clock)
    with open_source(replace(config.source, realtime=False, loop=True)) as source:
        try:
            run.through(source, tell)
            complete = run.over
        except KeyboardInterrupt:
            complete = False
        return run.report(source, complete)


class _Run:
    """The frames so far."""

    def __init__(self, config: Config, settings: SoakSettings, machine: Machine, clock: Callable[[], float]) -> None:
        self._config, self._settings, self._machine, self._clock = config, settings, machine, clock
        self._detector = PlateDetector(settled(config.detector, config.region), config.region)
        self._gate = GatedDetector(self._detector, config.motion, config.region) if config.motion.gate else None
        self._pipeline = Pipeline(self._gate or self._detector, PlateReader(config.reader), config.tracker, config.vote)
        self._every = max(_LEAST_SAMPLE, 60 * settings.minutes / _SAMPLES)
        self._stretch = _new_stretch()
        self._stretches: list[dict[Kind, array[float]]] = []
        self._samples: list[Sample] = []
        self._size = (0, 0)
        self._started = self._sampled = clock()
        self._seen_at_start = 0
        self.over = False

    def through(self, source: Source, tell: Tell) -> None:
        """All frames until the time is over."""
        for number, frame in enumerate(frame for frame in starting(source) if frame is not None or self._is_over()):
            if frame is None:
                break
            start = time.perf_counter()
            result = self._pipeline.process(frame)
            seconds = time.perf_counter() - start
            self._size = frame.image.shape[1], frame.image.shape[0]
            if number < _WARM_UP:  # the first inferences allocate, and must not count
                self._started = self._sampled = self._clock()
                self._seen_at_start = source.state().frames
                continue
            rested = self._gate is not None and not self._gate.stage_seconds
            self._stretch["plate" if result.boxes else "resting" if rested else "looking"].append(seconds)
            if self._clock() - self._sampled >= self._every:
                self._sample()
                tell(self._samples[-1], self._settings.minutes)
            if self._is_over():
                break

    def _is_over(self) -> bool:
        self.over = self._clock() - self._started >= 60 * self._settings.minutes
        return self.over

    def _sample(self) -> None:
        self._sampled = self._clock()
        stretch, self._stretch = self._stretch, _new_stretch()
        self._stretches.append(stretch)
        heat, slowed = hottest(self._machine), throttling(self._machine)
        count, total = _frames(stretch), sum(map(sum, stretch.values()))
        own = sum(one.itemsize * len(one) for part in self._stretches for one in part.values()) / 1e6
        self._samples.append(
            Sample(
                minute=round((self._sampled - self._started) / 60, 3),
                frames=count,
                plate_share=round(len(stretch["plate"]) / count, 3),
                frames_per_second=round(count / total, 1),
                pace=1.0,
                degrees=round(heat.degrees, 1) if heat else None,
                limit=heat.limit if heat else None,
                throttled=slowed.text if slowed.state == "bad" else "",
                memory_mb=round(memory_mb("VmRSS") - own, 2),
            )
        )

    def report(self, source: Source, complete: bool) -> SoakReport:
        """What it came to."""
        if _frames(self._stretch) and not self._samples:  # interrupted soon
            self._sample()
        if not self._samples:
            raise SourceError(f"{source.description}: no frame to measure: {source.state().cause or 'it has none'}")
        settings, vote = self._settings, self._config.vote
        elapsed = self._sampled - self._started
        samples = paced(self._samples, self._stretches)
        costs = costs_of(self._stretches[-fifth(len(self._stretches)) :], self._stretches)
        came = (source.state().frames - self._seen_at_start) / elapsed if source.live and elapsed else 0.0
        rate = lower_limit(came, self._config.source.fps) or None  # what comes is counted before the limit thins it out
        width, height = self._size
        least = max(float(vote.min_plate_width), FINDABLE_WIDTH / self._detector.canvas_scale(width, height))
        way = way_of(width, least, settings.fov, self._config.aim.plate_width)
        slower_from, slower_by = slowdown(samples)
        pace = min(1000 / costs[busiest(costs)], rate or math.inf)
        return SoakReport(
            source=source.description,
            minutes=round(elapsed / 60, 2),
            complete=complete,
            frames=sum(sample.frames for sample in samples),
            width=width,
            height=height,
            milliseconds={kind: round(value, 2) for kind, value in costs.items()},
            by_plate_share={f"{share:g}": round(rate_at(share, costs), 1) for share in SHARES},
            camera_rate=None if rate is None else round(rate, 1),
            least_width=round(least, 1),
            way=round(way, 1),
            passing=[passing(kmh, way, pace) for kmh in settings.speeds],
            needed=vote.consensus_readings,
            slower_from=slower_from,
            slower_by=round(slower_by, 3),
            memory_slope=memory_slope(samples),
            samples=samples,
        )


def _new_stretch() -> "dict[Kind, array[float]]":
    return {kind: array("d") for kind in KINDS}


def _frames(stretch: Stretch) -> int:
    return sum(map(len, stretch.values()))


def fifth(count: int) -> int:
    """A fifth of so many stretches, at least one."""
    return max(1, count // 5)


def costs_of(stretches: Iterable[Stretch], otherwise: Iterable[Stretch] = ()) -> dict[Kind, float]:
    """Milliseconds that a frame of each kind takes, median; of a kind that did not come there, from `otherwise`."""
    found: dict[Kind, float] = {}
    for parts in (list(stretches), list(otherwise)):
        for kind in KINDS:
            times = [seconds for part in parts for seconds in part.get(kind, ())]
            if times and kind not in found:
                found[kind] = 1000 * median(times)
    return found


def busiest(costs: Mapping[Kind, float]) -> Kind:
    """The kind of frame that a car makes: with a plate, where one came."""
    return next(kind for kind in ("plate", "looking", "resting") if kind in costs)


def rate_at(share: float, costs: Mapping[Kind, float]) -> float:
    """Frames a second if that share of the frames has a plate, and nothing moves in the others."""
    resting = costs.get("resting", costs.get("looking", costs[busiest(costs)]))
    return 1000 / (share * costs[busiest(costs)] + (1 - share) * resting)


def way_of(width: int, least: float, fov: float, plate_mm: float) -> float:
    """Metres on which a plate is wide enough and still in the picture; a pinhole camera: distance = f · real / seen.

    `width` and `least` in pixels, `fov` in degrees, `plate_mm` the plate's real width.
    """
    focal = width / 2 / math.tan(math.radians(fov) / 2)
    return max(0.0, focal * plate_mm / 1000 * (1 / least - 1 / (_WIDEST * width)))


def passing(kmh: float, way: float, rate: float) -> Passing:
    """What a car at that speed leaves time for."""
    seconds = way / (kmh / 3.6)
    return Passing(kmh, round(seconds, 2), int(seconds * rate))


def paced(samples: Sequence[Sample], stretches: Sequence[Stretch]) -> list[Sample]:
    """The samples with their pace: what their frames took, against frames of the same kinds at the beginning."""
    before = costs_of(stretches[: fifth(len(stretches))], stretches)
    paces = []
    for stretch in stretches:
        now = costs_of([stretch])
        counts = {kind: len(stretch[kind]) for kind in now}
        paces.append(sum(counts[kind] * now[kind] for kind in now) / sum(counts[kind] * before[kind] for kind in now))
    return [replace(sample, pace=round(pace, 3)) for sample, pace in zip(samples, paces, strict=True)]


def slowdown(samples: Sequence[Sample]) -> tuple[float | None, float]:
    """The minute from which on it stayed slower until the end, and by how much on average since then."""
    begin = len(samples)
    while begin > 0 and samples[begin - 1].pace >= _SLOWER:
        begin -= 1
    slow = samples[begin:]
    if not slow:
        return None, 0.0
    return (samples[begin - 1].minute if begin else 0.0), mean(sample.pace for sample in slow) - 1


def is_heat(sample: Sample) -> bool:
    """Whether the board says that it is slowed down, or is so warm that it will be."""
    warm = sample.degrees is not None and sample.limit is not None and sample.degrees >= sample.limit - _NEAR_LIMIT
    return warm or bool(sample.throttled)


def memory_slope(samples: Sequence[Sample]) -> float | None:
    """MB in 100,000 frames."""
    counted, points = 0, list[tuple[int, float]]()
    for sample in samples:
        counted += sample.frames
        points.append((counted, sample.memory_mb))
    points = points[fifth(len(points)) :]
    if counted < 1000 or len(points) < 3:
        return None
    return round(1e5 * linear_regression(*zip(*points, strict=True)).slope, 2)
