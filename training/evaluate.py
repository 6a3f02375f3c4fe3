"""Judges an exported reader on real plates, through the device's own code: what the gate will see, nothing else."""

import argparse
import json
import logging
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge.reader import PlateReader, ReaderSettings
from edge.records import Image, PlateReading
from training.dataset import Sample, data_folder, load_picture
from training.own import real_samples
from training.scores import character_accuracy, exact_share

log = logging.getLogger(__name__)

CELL_WIDTH, CELL_HEIGHT = 220, 96


def evaluate_reader(reader: PlateReader, samples: list[Sample]) -> dict[str, Any]:
    """Scores of all samples together and of each set; see `score`."""
    return score(samples, read_all(reader, samples))


def read_all(reader: PlateReader, samples: list[Sample]) -> list[PlateReading]:
    """Every sample's crop as the device reads it."""
    console = Console(stderr=True)
    return [
        reader.read(load_picture(sample.image)) for sample in track(samples, "reading", console=console, transient=True)
    ]


def score(samples: list[Sample], readings: list[PlateReading]) -> dict[str, Any]:
    """{"all": …, set: …}: number of crops, exact share with its 95 % bootstrap interval, character accuracy."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, sample in enumerate(samples):
        groups["all"].append(row)
        groups[sample.set].append(row)
        if sample.lines == 2:
            groups["two lines"].append(row)
    result = {}
    for name, rows in groups.items():
        read = [readings[row].text for row in rows]
        truth = [samples[row].text for row in rows]
        right = np.array([a == b for a, b in zip(read, truth, strict=True)])
        resampled = np.random.default_rng(0).choice(right, (2000, len(right))).mean(axis=1)
        low, high = np.percentile(resampled, [2.5, 97.5])
        result[name] = {
            "crops": len(rows),
            "exact": round(exact_share(read, truth), 4),
            "interval": [round(float(low), 3), round(float(high), 3)],
            "characters": round(character_accuracy(read, truth), 4),
        }
    return result


def contact_sheet(samples: list[Sample], readings: list[PlateReading], columns: int = 7) -> Image:
    """The crops with truth and reading below each, (H, W, 3) BGR."""
    cells = [_cell(sample, reading) for sample, reading in zip(samples, readings, strict=True)]
    blank = np.full((CELL_HEIGHT, CELL_WIDTH, 3), 255, dtype=np.uint8)
    cells += [blank] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[row : row + columns]) for row in range(0, len(cells), columns)])


def _cell(sample: Sample, reading: PlateReading) -> Image:
    crop = load_picture(sample.image)
    scale = min((CELL_WIDTH - 6) / crop.shape[1], (CELL_HEIGHT - 38) / crop.shape[0])
    crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    cell = np.full((CELL_HEIGHT, CELL_WIDTH, 3), 255, dtype=np.uint8)
    cell[2 : 2 + crop.shape[0], 2 : 2 + crop.shape[1]] = crop
    lines = (f"{sample.text} {sample.set}", f"{reading.text} {reading.confidence:.2f} ({reading.lines})")
    for row, (text, colour) in enumerate(zip(lines, ((0, 0, 0), (0, 0, 200)), strict=True)):
        place = (3, CELL_HEIGHT - 22 + 16 * row)
        cv2.putText(cell, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return cell


def main(arguments: list[str]) -> int:
    """`python -m training evaluate`."""
    parser = argparse.ArgumentParser(prog="python -m training evaluate", description=__doc__)
    parser.add_argument(
        "--model", default="", help="a reader.tflite with its card beside it (default: the shipped one)"
    )
    parser.add_argument(
        "--data", type=Path, default=data_folder(), help="folder with reader/*/val, or own crops (%(default)s)"
    )
    parser.add_argument("--split", default="val", choices=("train", "val"), help="(%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    parser.add_argument("--sheet", type=Path, help="write a picture of every misread crop, with truth and reading")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    reader = PlateReader(ReaderSettings(model=given.model))
    samples = real_samples(given.data, given.split)
    readings = read_all(reader, samples)
    scores = score(samples, readings)
    if given.json:
        sys.stdout.write(json.dumps(scores) + "\n")
    else:
        table = Table("set", "crops", "exact", "95 % interval", "characters")
        for name, row in scores.items():
            low, high = row["interval"]
            table.add_row(
                name, str(row["crops"]), f"{row['exact']:.1%}", f"{low:.1%} – {high:.1%}", f"{row['characters']:.1%}"
            )
        Console().print(table)
    if given.sheet:
        missed = [row for row, sample in enumerate(samples) if readings[row].text != sample.text]
        if missed:
            given.sheet.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(given.sheet), contact_sheet([samples[i] for i in missed], [readings[i] for i in missed]))
        log.info("%d misread crops in %s", len(missed), given.sheet)
    return 0
