"""What each stage costs on this machine: processor and wall time, frames a second, memory."""

import json
import os
import platform
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import NamedTuple, ParamSpec, TypeVar

from edge import __version__
from edge.config import Config
from edge.detector import PlateDetector
from edge.detector_choice import settled
from edge.doctor_machine import Machine
from edge.errors import SourceError
from edge.jpeg import encode_jpeg
from edge.memory import memory_mb
from edge.overlay import draw
from edge.pipeline import Pipeline
from edge.preprocess import crop_plate, letterbox
from edge.reader import PlateReader
from edge.records import Frame, Image, PlateBox, PlateReading
from edge.source import arriving, open_source
from edge.versions import OPENCV, installed

P = ParamSpec("P")
T = TypeVar("T")

STAGES = {
    "letterbox": "frame",
    "detect": "frame",
    "crop": "plate",
    "read": "plate",
    "vote": "frame",
    "draw": "watched frame",
    "encode": "watched frame",
}
"""Stages in the order of the signal, and what one call of each is for; `vote` includes the tracking, and its processor
time is an upper bound where the machine is busy with other things."""

_WARM_UP = 3
_PACKAGES = ("numpy", OPENCV, "simplejpeg", "ai-edge-litert")


class Times(NamedTuple):
    """Seconds of processor and wall."""

    processor: float
    wall: float

    def less(self, other: "Times") -> "Times":
        """What remains without `other`, which was measured on its own and may by chance be more."""
        return Times(max(0.0, self.processor - other.processor), max(0.0, self.wall - other.wall))


@dataclass(frozen=True, slots=True)
class StageReport:
    """Milliseconds of one call."""

    per: str
    calls: int
    processor_median: float
    processor_p95: float
    wall_median: float
    wall_p95: float


@dataclass(frozen=True, slots=True)
class BenchReport:
    """All that was measured, ready for JSON."""

    source: str
    frames: int
    width: int
    height: int
    plates: int
    """Plates read, over all frames."""
    passes: int
    threads: int
    stages: Mapping[str, StageReport]
    frame: StageReport
    """A frame from letterbox to vote, all its plates included."""
    frames_per_second: float
    """As fast as one frame after the other goes, nobody watching."""
    memory_mb: float
    memory_peak_mb: float
    machine: Mapping[str, str]
    versions: Mapping[str, str]


class _Stopwatch:
    """Adds up what calls cost. With one thread it asks for that thread's time only, so that a camera's thread or the
    drawing of the demo scene does not count."""

    def __init__(self, threads: int) -> None:
        self.calls: dict[str, list[Times]] = defaultdict(list)
        self._clock = time.thread_time if threads == 1 else time.process_time

    def __call__(self, stage: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` and remember what it took under `stage`."""
        wall, processor = time.perf_counter(), self._clock()
        result = function(*args, **kwargs)
        self.calls[stage].append(Times(self._clock() - processor, time.perf_counter() - wall))
        return result

    def total(self, stage: str, calls: int) -> Times:
        """The sum of the last `calls` calls."""
        last = self.calls[stage][-calls:] if calls else []
        return Times(sum(times.processor for times in last), sum(times.wall for times in last))


class _WatchedDetector:
    """The detector under the stopwatch. Letterboxing again shows its share of the whole."""

    def __init__(self, detector: PlateDetector, stopwatch: _Stopwatch) -> None:
        self._detector, self._stopwatch = detector, stopwatch
        self.threshold = detector.threshold

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        return self._stopwatch("detect", self._detector.detect, image)


class _WatchedReader:
    def __init__(self, reader: PlateReader, stopwatch: _Stopwatch) -> None:
        self._reader, self._stopwatch = reader, stopwatch

    def read(self, crop: Image) -> PlateReading:
        return self._stopwatch("read", self._reader.read, crop)


def bench(config: Config, frames: int) -> BenchReport:
    """Send `frames` frames of the source through the real pipeline and report; SourceError if none come."""
    threads = max(config.detector.threads, config.reader.threads)
    stopwatch = _Stopwatch(threads)
    detector, reader = PlateDetector(settled(config.detector, config.region), config.region), PlateReader(config.reader)
    size = detector.card.input.shape[1]
    pipeline = Pipeline(
        _WatchedDetector(detector, stopwatch), _WatchedReader(reader, stopwatch), config.tracker, config.vote
    )
    shape, passes = (0, 0), 0
    with open_source(replace(config.source, realtime=False)) as source:
        description = source.description
        for number, frame in enumerate(islice(arriving(source), frames + _WARM_UP)):
            if number == _WARM_UP:  # the first inferences allocate, and must not count
                stopwatch.calls.clear()
            passes += _measure(pipeline, stopwatch, frame, config, size)
            shape = frame.image.shape[:2]
    if not stopwatch.calls:
        raise SourceError(f"{description}: no frame to measure")
    whole = stopwatch.calls.pop("frame")
    return BenchReport(
        source=description,
        frames=len(whole),
        width=shape[1],
        height=shape[0],
        plates=len(stopwatch.calls["read"]),
        passes=passes + sum(event.kind == "final" for event in pipeline.finish()),
        threads=threads,
        stages={stage: _report(per, stopwatch.calls[stage]) for stage, per in STAGES.items()},
        frame=_report("frame", whole),
        frames_per_second=round(len(whole) / sum(times.wall for times in whole), 1),
        memory_mb=memory_mb("VmRSS"),
        memory_peak_mb=memory_mb("VmHWM"),
        machine=_machine(),
        versions=_versions(reader.backend),
    )


def _measure(pipeline: Pipeline, stopwatch: _Stopwatch, frame: Frame, config: Config, size: int) -> int:
    """One frame; how many passes ended with it."""
    calls = stopwatch.calls
    reads_before = len(calls["read"])
    result = stopwatch("frame", pipeline.process, frame)
    reads = len(calls["read"]) - reads_before
    # Letterbox and crop are parts of what was just measured: done once more alone, they can be told from the rest.
    stopwatch("letterbox", letterbox, frame.image, size)
    for box in result.boxes:
        stopwatch("crop", crop_plate, frame.image, box)
    detect, read = stopwatch.total("detect", 1), stopwatch.total("read", reads)
    crop = stopwatch.total("crop", len(result.boxes))
    left = stopwatch.total("frame", 1).less(detect).less(read).less(crop)
    # Part of what is left is this measuring. The pipeline knows what voting took, but by the wall clock alone.
    voted = result.seconds["vote"]
    calls["vote"].append(Times(min(voted, left.processor), voted))
    calls["detect"][-1] = detect.less(stopwatch.total("letterbox", 1))
    picture = stopwatch("draw", draw, result, config.live.width)
    stopwatch("encode", encode_jpeg, picture, config.live.quality)
    return sum(event.kind == "final" for event in result.events)


def _report(per: str, calls: Sequence[Times]) -> StageReport:
    processor = sorted(1000 * times.processor for times in calls)
    wall = sorted(1000 * times.wall for times in calls)
    return StageReport(
        per, len(calls), *(round(value, 3) for kind in (processor, wall) for value in (_median(kind), _p95(kind)))
    )


def _median(ordered: Sequence[float]) -> float:
    return statistics.median(ordered) if ordered else 0.0


def _p95(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] if ordered else 0.0


def _machine() -> dict[str, str]:
    machine = Machine()
    model = re.search(r"^model name\s*: *(.*\S)", machine.text("proc/cpuinfo") or "", re.MULTILINE)
    return {
        "processor": model[1] if model else platform.processor() or platform.machine(),
        "board": machine.text("proc/device-tree/model") or "",
        "cores": str(os.cpu_count()),
        "architecture": platform.machine(),
        "system": platform.platform(),
    }


def _versions(backend: str) -> dict[str, str]:
    versions = {"gatereader": __version__, "python": platform.python_version(), "backend": backend}
    return versions | {package: installed(package) or "not installed" for package in _PACKAGES}


def bench_json(report: BenchReport) -> str:
    """The report as one JSON object; times in milliseconds."""
    return json.dumps(asdict(report), ensure_ascii=False)


def bench_text(report: BenchReport) -> str:
    """The report as a table for a terminal."""
    machine, versions = report.machine, report.versions
    lines = [
        f"{report.source}: {report.frames} frames {report.width}x{report.height}, {report.plates} plates read, "
        f"{report.passes} passes, {report.threads} thread{'s' if report.threads > 1 else ''}",
        f"{'':10} {'processor ms':>18} {'wall ms':>18}",
        f"{'stage':10} {'median':>9}{'p95':>9} {'median':>9}{'p95':>9}   calls",
    ]
    for name, stage in [*report.stages.items(), ("frame", report.frame)]:
        lines.append(
            f"{name:10} {stage.processor_median:9.2f}{stage.processor_p95:9.2f} "
            f"{stage.wall_median:9.2f}{stage.wall_p95:9.2f}   {stage.calls}, one a {stage.per}"
        )
    lines += [
        f"{report.frames_per_second:g} frames/s; {report.memory_mb:.0f} MB, at most {report.memory_peak_mb:.0f} MB",
        f"{machine['board'] or machine['processor']}, {machine['cores']} cores, {machine['architecture']}",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    return "\n".join(lines)
