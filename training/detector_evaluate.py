"""Score an exported detector on real pictures, through the device's own code, and show what it gets wrong."""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from edge.card import shipped_model
from edge.detector import DetectorSettings, PlateDetector
from edge.errors import ConfigError
from training import detector_data as data
from training.detector_report import Judged, write_report
from training.detector_score import int8_finder, read_finder, report
from training.detector_tiles import false, missed, sheet
from training.detector_validation import Validation
from training.output import prepare_folder
from training.picture_file import write_picture


def seconds_a_call(model: Path, pictures: Sequence[data.Picture], threshold: float) -> dict[str, float]:
    """Processor time of `detect` on one thread, milliseconds: the least and the median."""
    detector = PlateDetector(DetectorSettings(str(model), threshold))
    times = []
    for picture in pictures[:100]:
        start = time.process_time()
        detector.detect(picture.image)
        times.append(1000 * (time.process_time() - start))
    return {"least": round(min(times), 2), "median": round(float(np.median(times)), 2)}


def _table(figures: dict[str, Any]) -> Table:
    table = Table("pictures", "plates", "AP50", "AP50-95", "recall", title=f"threshold {figures['threshold']}")
    for name in _sets(figures):
        row = figures[name]
        scores = (f"{100 * row[key]:.1f}" for key in ("ap50", "ap50_95", "recall"))
        table.add_row(f"{name} ({row['pictures']})", str(row["plates"]), *scores)
    for name, row in figures["by_width"].items():
        table.add_row(f"{name} wide", str(row["plates"]), "", "", f"{100 * row['recall']:.1f}")
    for name, row in figures["photographs"].items():
        table.add_row(f"{name} wide in photographs", str(row["plates"]), "", "", f"{100 * row['recall']:.1f}")
    row = figures["negatives"]
    table.add_row(f"without plates ({row['pictures']})", "0", "", "", f"{100 * row['boxed']:.1f} boxed")
    return table


def _sets(figures: dict[str, Any]) -> list[str]:
    """All pictures and each source: what a report has average precisions of."""
    return [name for name, row in figures.items() if isinstance(row, dict) and "ap50" in row]


def main(arguments: list[str]) -> int:
    """`evaluate`: see --help."""
    parser = argparse.ArgumentParser(prog="python -m training detector evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, help="an int8 .tflite with its card (the shipped one)")
    parser.add_argument("--threshold", type=float, default=0.0, help="instead of the card's")
    parser.add_argument("--sheets", type=Path, default=Path("runs/detector/sheets"), help="folder (%(default)s)")
    parser.add_argument(
        "--report", type=Path, metavar="FOLDER", help="write a page that shows what is missed: index.html, report.json"
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON on standard output")
    options = parser.parse_args(arguments)
    if not 0.0 <= options.threshold < 1.0:
        raise ConfigError(f"--threshold {options.threshold:g}: wanted more than 0 and less than 1, or 0 for the card's")
    prepare_folder(options.sheets, f"--sheets {options.sheets}")
    if options.report:
        prepare_folder(options.report, f"--report {options.report}")
    console = Console(stderr=True)
    model = options.model or shipped_model("detector.tflite")
    detector = PlateDetector(DetectorSettings(str(model), options.threshold))
    threshold, size = detector.threshold, detector.card.input.shape[1]
    console.log(f"scoring {model}")
    validation = Validation(data.require_data_folder())
    found, negatives = validation.run(int8_finder(model))
    figures = report(validation, found, negatives, size, threshold)
    as_read, negatives_as_read = validation.run(read_finder(model))
    together = report(validation, as_read, negatives_as_read, size, 0.5)
    figures["with_reader"] = {
        **{name: together[name]["recall"] for name in _sets(figures)},
        **{name: row["recall"] for name, row in together["photographs"].items()},
        "negatives_boxed": together["negatives"]["boxed"],
    }
    figures["milliseconds"] = seconds_a_call(model, validation.pictures, threshold)
    for name, mistakes in {
        "missed": missed(validation.pictures, found, threshold),
        "false": false(validation.pictures, found, threshold),
        "false_negatives_pictures": false(validation.negatives, negatives, threshold),
    }.items():
        write_picture(options.sheets / f"{name}.png", sheet(mistakes, threshold))
        console.log(f"{len(mistakes)} in {options.sheets / name}.png")
    if options.report:
        command = shlex.join(["python", "-m", "training", "detector", "evaluate", *arguments])
        judged = Judged(validation.pictures, validation.negatives, found, negatives, threshold, size)
        console.log(f"look at {write_report(options.report, detector.card, judged, figures, command)}")
    if options.json:
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    else:
        told = ", ".join(f"{name} {100 * share:.1f} %" for name, share in figures["with_reader"].items())
        Console().print(
            _table(figures),
            f"recall with the reader's help: {told}",
            f"detect: {figures['milliseconds']} ms of processor time",
        )
    return 0
