"""Judges detector and reader together on whole photographs: what share of the readable plates comes out exact.

Data: `scenes/NAME/val` with `labels.csv` (`image,x,y,w,h,text,country`, pixels; an empty text is a plate that people
could not read either: it counts for finding, not for reading).
"""

import argparse
import json
import logging
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from edge.candidates import find_plates
from edge.detector import DetectorSettings, PlateDetector
from edge.errors import ConfigError, SourceError
from edge.geometry import overlap
from edge.looks import read_well
from edge.preprocess import crop_plate
from edge.reader import PlateReader, ReaderSettings
from edge.records import Image, PlateBox, PlateReading
from training.dataset import data_folder, load_picture, unlearnable
from training.picture_file import prepare_picture, write_picture
from training.sheet import cell, sheet
from training.tables import read_table

log = logging.getLogger(__name__)

LEAST_OVERLAP = 0.5
COLUMNS = ("image", "x", "y", "w", "h", "text")
"""Of labels.csv, without which nothing can be judged."""
_SHEET_COLUMNS = 7


@dataclass(frozen=True, slots=True)
class Labelled:
    """A plate in a photograph; `text` is empty if it is not readable."""

    image: Path
    box: PlateBox
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one labelled plate: found or not, read on the detector's box and on the true box."""

    plate: Labelled
    found: bool
    reading: PlateReading | None
    on_true_box: PlateReading


def read_labels(folder: Path) -> dict[Path, list[Labelled]]:
    """Picture → its plates; SourceError says what is missing or cannot be read, and where."""
    labels = folder / "labels.csv"
    if not labels.is_file():
        raise SourceError(f"{labels}: no such label file; set GATEREADER_DATA to where the real photographs lie")
    pictures: dict[Path, list[Labelled]] = defaultdict(list)
    for number, row in enumerate(read_table(labels, COLUMNS, f"{','.join(COLUMNS)},country"), start=2):
        try:
            x, y, w, h = (float(row[key]) for key in "xywh")
        except ValueError as error:
            raise SourceError(f"{labels}: row {number}: {error}; wanted x, y, w and h in pixels") from None
        if fault := unlearnable(row["text"]):
            raise SourceError(f"{labels}: row {number}: {fault}")
        path = folder / row["image"]
        pictures[path].append(Labelled(path, PlateBox(x, y, x + w, y + h, 1.0), row["text"]))
    if not pictures:
        raise SourceError(f"{labels}: no rows; wanted one for each plate")
    return pictures


def judge(picture: Image, plates: list[Labelled], detector: PlateDetector, reader: PlateReader) -> list[Outcome]:
    """Every labelled plate of one picture, matched with the best box that overlaps it enough."""
    free = list(find_plates(picture, detector, reader.read).plates)
    outcomes = []
    for plate in plates:
        best = max(free, key=lambda found: overlap(found[0], plate.box), default=None)
        if best is not None and overlap(best[0], plate.box) < LEAST_OVERLAP:
            best = None
        if best is not None:
            free.remove(best)
        on_true_box = read_well(crop_plate(picture, plate.box), reader.read)
        outcomes.append(Outcome(plate, best is not None, best[1] if best else None, on_true_box))
    return outcomes


def score(outcomes: list[Outcome]) -> dict[str, float | None]:
    """Shares of found and of exactly read plates; None of those that would be of no plates."""
    readable = [outcome for outcome in outcomes if outcome.plate.text]
    exact = [outcome.reading is not None and outcome.reading.text == outcome.plate.text for outcome in readable]
    on_true_boxes = [outcome.on_true_box.text == outcome.plate.text for outcome in readable]
    return {
        "plates": len(outcomes),
        "found": _share([outcome.found for outcome in outcomes]),
        "readable": len(readable),
        "readable_found": _share([outcome.found for outcome in readable]),
        "exact": _share(exact),
        "exact_on_true_boxes": _share(on_true_boxes),
    }


def _share(right: list[bool]) -> float | None:
    return round(float(np.mean(right)), 4) if right else None


def contact_sheet(outcomes: list[Outcome]) -> Image:
    """The true crops of plates that were not read exactly, with truth and outcome, (H, W, 3) BGR."""
    cells = []
    for outcome in outcomes:
        crop = crop_plate(load_picture(outcome.plate.image), outcome.plate.box, 0.2)
        read = outcome.reading.text if outcome.reading else "not found"
        cells.append(cell(crop, (f"{outcome.plate.text} {outcome.plate.box.width:.0f}px", read), (210, 100)))
    return sheet(cells, _SHEET_COLUMNS)


def main(arguments: list[str]) -> int:
    """`python -m training scenes`."""
    parser = argparse.ArgumentParser(prog="python -m training scenes", description=__doc__)
    parser.add_argument("--folder", type=Path, default=data_folder() / "scenes" / "openimages" / "val")
    parser.add_argument("--detector", default="", help="a detector.tflite (default: the shipped one)")
    parser.add_argument("--threshold", type=float, default=0.0, help="of the detector (default: its card's)")
    parser.add_argument("--reader", default="", help="a reader.tflite (default: the shipped one)")
    parser.add_argument("--sheet", type=Path, help="write a picture of every plate that was not read exactly")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if not 0 <= given.threshold < 1:
        raise ConfigError(f"--threshold {given.threshold:g}: wanted 0 or more and below 1")
    if given.sheet:
        prepare_picture(given.sheet, "--sheet")
    detector = PlateDetector(DetectorSettings(given.detector, given.threshold).of_stills)
    reader = PlateReader(ReaderSettings(given.reader))
    pictures = read_labels(given.folder)
    outcomes = []
    for path, plates in track(pictures.items(), "photographs", console=Console(stderr=True), transient=True):
        outcomes += judge(load_picture(path), plates, detector, reader)
    sys.stdout.write(json.dumps(score(outcomes)) + "\n")
    if given.sheet:
        missed = [o for o in outcomes if o.plate.text and (o.reading is None or o.reading.text != o.plate.text)]
        if missed:
            write_picture(given.sheet, contact_sheet(missed))
            log.info("%d plates not read exactly, in %s", len(missed), given.sheet)
        else:
            log.info("every plate read exactly: no %s was written", given.sheet)
    return 0
