"""How long the plate detector's network takes beside well-known ones of the same input, in one run.

Each network is built untrained (its time does not hang on its weights), exported here, and run in turn with the others,
so that whatever else the machine does meets all of them. All are cut before their boxes are decoded, as ours is on the
device: decoding and the suppression of overlapping boxes are in none of the times.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from edge.errors import ConfigError
from edge.runtime import open_interpreter
from training.detector_export import quantize, to_litert
from training.detector_network import CutNetwork, build_foreign, build_network

FOREIGN = {"yolo11n": "yolo11n.yaml", "YOLOv9-t": "yolov9t.yaml"}
"""Name and ultralytics' own description of the network."""
OURS = "gatereader"
FLOAT, INT8, ONNX = "LiteRT float", "LiteRT int8", "onnxruntime float"
_CALIBRATION = 2
_LEAST_SIZE = 64


@dataclass(frozen=True, slots=True)
class Contestant:
    """One network in one runtime, and one run of it on a picture that lies ready."""

    network: str
    runtime: str
    weights: int
    """How many numbers were learned."""
    size_bytes: int
    """Of its file."""
    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """Processor milliseconds a run, and how many times those of our int8 file that is."""

    network: str
    runtime: str
    weights: int
    size_bytes: int
    median: float
    p95: float
    ratio: float


def race(contestants: Sequence[Contestant], rounds: int) -> list[Timing]:
    """Let each run once a round, after two rounds that do not count; ratios of medians to the first contestant's."""
    spent = np.zeros((rounds, len(contestants)))
    for turn in range(-2, rounds):
        for column, contestant in enumerate(contestants):
            before = time.process_time()
            contestant.run()
            if turn >= 0:
                spent[turn, column] = 1000 * (time.process_time() - before)
    medians = np.median(spent, axis=0)
    return [
        Timing(
            each.network, each.runtime, each.weights, each.size_bytes, round(float(median), 2), round(float(slow), 2),
            round(float(median / medians[0]), 2),
        )
        for each, median, slow in zip(contestants, medians, np.quantile(spent, 0.95, axis=0), strict=True)
    ]  # fmt: skip


def build(size: int, folder: Path, console: Console) -> list[Contestant]:
    """All networks in all runtimes, exported into `folder`; ours in int8 comes first."""
    canvases = [np.random.default_rng(seed).random((1, size, size, 3), np.float32) for seed in range(_CALIBRATION)]
    contestants = []
    makers: dict[str, Callable[[], Any]] = {OURS: build_network}
    makers |= {name: partial(build_foreign, yaml) for name, yaml in FOREIGN.items()}
    for name, make in makers.items():
        console.log(f"{name}: exporting")
        network = _still(make)
        weights = sum(value.numel() for value in network.parameters())
        floats, ints, onnx = (folder / f"{name}.{ending}" for ending in ("float.tflite", "tflite", "onnx"))
        to_litert(network, size, floats)
        quantize(floats, canvases, ints)
        for runtime, path in ((INT8, ints), (FLOAT, floats)):
            contestants.append(Contestant(name, runtime, weights, path.stat().st_size, _litert(path)))
        torch.onnx.export(_still(make), (torch.rand(1, size, size, 3),), str(onnx), dynamo=False)
        contestants.append(Contestant(name, ONNX, weights, onnx.stat().st_size, _onnx(onnx, size)))
    return contestants


def _still(make: Callable[[], Any]) -> torch.nn.Module:
    return CutNetwork(make().fuse(verbose=False)).eval().requires_grad_(False)


def _litert(path: Path) -> Callable[[], object]:
    interpreter = open_interpreter(path, 1)[0]
    details = interpreter.get_input_details()[0]
    kind = np.dtype(details["dtype"])
    random_ = np.random.default_rng(0)
    picture = random_.random(details["shape"], np.float32) if kind == np.float32 else random_.integers(
        -128, 128, details["shape"], kind
    )  # fmt: skip
    interpreter.set_tensor(details["index"], picture)
    return interpreter.invoke  # type: ignore[no-any-return]


def _onnx(path: Path, size: int) -> Callable[[], object]:
    import onnxruntime  # noqa: PLC0415 - an extra that only comparisons need

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: np.random.default_rng(0).random((1, size, size, 3), np.float32)}
    return lambda: session.run(None, feed)


def table(timings: Sequence[Timing], size: int) -> Table:
    """What `race` measured, for the terminal."""
    shown = Table(title=f"{size}×{size}, one thread, processor ms a picture")
    for heading in ("network", "runtime", "M weights", "MB", "median", "p95", "ratio"):
        shown.add_column(heading, justify="left" if heading in ("network", "runtime") else "right")
    for each in timings:
        shown.add_row(
            each.network, each.runtime, f"{each.weights / 1e6:.2f}", f"{each.size_bytes / 1e6:.2f}",
            f"{each.median:.1f}", f"{each.p95:.1f}", f"{each.ratio:.2f}",
        )  # fmt: skip
    return shown


def main(arguments: list[str]) -> int:
    """`versus`: see --help."""
    parser = argparse.ArgumentParser(prog="python -m training detector versus", description=__doc__)
    parser.add_argument("--size", type=int, default=416, help="pixels of the square input (%(default)s)")
    parser.add_argument("--rounds", type=int, default=60, help="runs of each that count (%(default)s)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args(arguments)
    if options.size < _LEAST_SIZE or options.size % 32:
        raise ConfigError(f"--size is {options.size}, wanted a multiple of 32, {_LEAST_SIZE} or more")
    if options.rounds < 1:
        raise ConfigError(f"--rounds is {options.rounds}, wanted 1 or more")
    for package in ("onnx", "onnxruntime"):
        if find_spec(package) is None:
            raise ConfigError(f"detector versus needs {package}: pip install -e '.[training,versus]'")
    torch.set_num_threads(1)
    console = Console(stderr=True)
    with TemporaryDirectory() as folder:
        contestants = build(options.size, Path(folder), console)
        console.log(f"{len(contestants)} contestants, {options.rounds} rounds")
        timings = race(contestants, options.rounds)
    Console().print(table(timings, options.size))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in timings], indent=1) + "\n", encoding="utf-8")
    return 0
