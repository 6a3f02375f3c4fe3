"""Records the readings of passes, for `vote-bench`: simulated approaches, or real sequences of frames.

The plates are read by the int8 reader, through the device's own code. Simulated passes need no detector: their boxes
are the true ones, as loose and as unsteady as a detector's.
"""

import argparse
import logging
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from edge.detector import PlateDetector
from edge.errors import ConfigError, SourceError
from edge.geometry import overlap
from edge.poll import refusal_of
from edge.preprocess import crop_plate
from edge.reader import PlateReader, ReaderSettings
from edge.records import Image, PlateBox, PlateReading
from edge.vote import VoteSettings
from training.dataset import load_picture
from training.pass_scene import FRAME, GATES, draw_approach, glimpses
from training.readings import RecordedPass, Sight, write_passes
from training.scenes import read_labels
from training.tables import read_table

log = logging.getLogger(__name__)


def simulate(reader: PlateReader, gate: str, seed: int, count: int) -> Iterator[RecordedPass]:
    """`count` simulated passes at a `gate` of `GATES`; the same seed gives the same passes."""
    for number in range(count):
        approach = draw_approach(GATES[gate], seed, number)
        random_ = np.random.default_rng([seed, number, 1])
        sights = tuple(
            Sight(seen.time, FRAME, seen.box, None if seen.crop is None else _read(reader, seen.crop, seen.box, FRAME))
            for seen in glimpses(approach, random_)
        )
        yield RecordedPass(f"{gate}/{seed}/{number}", approach.text, approach.conditions, sights)


def ride(reader: PlateReader, folder: Path, detector: PlateDetector | None = None) -> Iterator[RecordedPass]:
    """The passes of a folder with `labels.csv` and `tracks.csv`; a frame lies between two sights for each second.

    Without a detector the boxes are the labelled ones. With one, a pass has the box that lies on the labelled plate;
    where none does, the plate was not found.
    """
    labelled = {(plate.image, plate.text): plate.box for plates in read_labels(folder).values() for plate in plates}
    for name, rows in _tracks(folder).items():
        truth = rows[0][1]["text"]
        sights = []
        for time, row in rows:
            path = folder / row["image"]
            if (path, truth) not in labelled:
                raise SourceError(f"{folder / 'labels.csv'}: no {truth} in {row['image']}, where track {name} has it")
            sights.append(_look(time, load_picture(path), labelled[path, truth], reader, detector))
        yield RecordedPass(name, truth, {"ride": rows[0][1]["ride"], "fps": 1}, tuple(sights))


def _look(time: float, image: Image, box: PlateBox, reader: PlateReader, detector: PlateDetector | None) -> Sight:
    size = (image.shape[1], image.shape[0])
    found: PlateBox | None = box
    if detector is not None:
        near = [each for each in detector.detect(image) if overlap(each, box) >= 0.4]
        found = max(near, key=lambda each: each.confidence, default=None)
    reading = None if found is None else _read(reader, crop_plate(image, found), found, size)
    return Sight(time, size, found, reading)


def _read(reader: PlateReader, crop: Image, box: PlateBox | None, size: tuple[int, int]) -> PlateReading:
    """As the device reads it in a pass; `size` is the frame's, (width, height)."""
    first = reader.read(crop)
    may_vote = box is not None and refusal_of(first, box, size, VoteSettings()) is None
    return reader.read_again(crop, first) if may_vote else first


def _tracks(folder: Path) -> dict[str, list[tuple[float, dict[str, str]]]]:
    """Track → the seconds and the row of each of its frames, in the order of time."""
    path = folder / "tracks.csv"
    tracks: dict[str, list[tuple[float, dict[str, str]]]] = defaultdict(list)
    for number, row in enumerate(read_table(path, ("track", "ride", "text", "t_seconds", "image")), start=2):
        try:
            tracks[row["track"]].append((float(row["t_seconds"]), row))
        except ValueError as error:
            raise SourceError(f"{path}: row {number}: t_seconds: {error}") from None
    return {name: sorted(rows, key=lambda timed: timed[0]) for name, rows in tracks.items()}


def main(arguments: list[str]) -> int:
    """`python -m training passes`."""
    parser = argparse.ArgumentParser(prog="python -m training passes", description=__doc__)
    parser.add_argument("output", type=Path, help="file of readings to write (JSON lines)")
    parser.add_argument("--count", type=int, default=1000, help="simulated passes (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument(
        "--gate", default="good", choices=tuple(GATES), help="how well the camera was put up (%(default)s)"
    )
    parser.add_argument("--sequences", type=Path, metavar="FOLDER", help="real frames with labels.csv and tracks.csv")
    parser.add_argument("--detect", action="store_true", help="boxes of the shipped detector, not the labelled ones")
    parser.add_argument("--reader", default="", metavar="MODEL", help="a reader.tflite (default: the shipped one)")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if given.count < 1:
        raise ConfigError(f"--count {given.count}: wanted 1 or more")
    if given.seed < 0:
        raise ConfigError(f"--seed {given.seed}: wanted 0 or more")
    if given.sequences and not given.sequences.is_dir():
        raise ConfigError(f"--sequences {given.sequences}: no such folder; wanted one with labels.csv and tracks.csv")
    cv2.setNumThreads(1)  # small pictures: more threads only get in the way of what else runs
    reader = PlateReader(ReaderSettings(model=given.reader))
    if given.sequences:
        passes = ride(reader, given.sequences, PlateDetector() if given.detect else None)
    else:
        console = Console(stderr=True)
        passes = simulate(reader, given.gate, given.seed, given.count)
        passes = iter(track(passes, "passes", total=given.count, console=console))
    written = write_passes(given.output, passes)
    log.info("wrote the readings of %d passes to %s", written, given.output)
    return 0
