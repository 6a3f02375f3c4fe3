"""Score an exported detector on real pictures, through the device's own code, and show what it gets wrong."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from edge.card import shipped_model
from edge.detector import DetectorSettings, PlateDetector
from edge.records import Image
from training import detector_data as data
from training.detector_metrics import Found, match
from training.detector_score import Validation, int8_finder, read_finder, report

_TILE = 240
_COLUMNS = 6
_MOST_TILES = 48


def miss_tiles(pictures: Sequence[data.Picture], found: Sequence[Found], threshold: float) -> list[Image]:
    """One tile for each missed plate: true boxes green, what was found and is wrong red; narrow plates first."""
    tiles: list[tuple[float, Image]] = []
    for picture, one in zip(pictures, found, strict=True):
        hits = match(_sure(one, threshold), picture.boxes, 0.5)
        for index, box in enumerate(picture.boxes):
            if index not in hits:
                tiles.append((float(box[2] - box[0]), _tile(picture, box, one, threshold)))
    return [tile for _, tile in sorted(tiles, key=lambda pair: pair[0])]


def false_tiles(pictures: Sequence[data.Picture], found: Sequence[Found], threshold: float) -> list[Image]:
    """One tile for each box that hits no plate, the most confident first."""
    tiles: list[tuple[float, Image]] = []
    for picture, one in zip(pictures, found, strict=True):
        sure = _sure(one, threshold)
        for index in np.flatnonzero(match(sure, picture.boxes, 0.5) < 0):
            tiles.append((-float(sure.scores[index]), _tile(picture, sure.boxes[index], one, threshold)))
    return [tile for _, tile in sorted(tiles, key=lambda pair: pair[0])]


def sheet(tiles: Sequence[Image]) -> Image:
    """Tiles side by side; with too many, every n-th."""
    chosen = list(tiles[:: max(1, -(-len(tiles) // _MOST_TILES))])
    blank = np.zeros((_TILE, _TILE, 3), np.uint8)
    chosen += [blank] * (-len(chosen) % _COLUMNS or (_COLUMNS if not chosen else 0))
    return np.vstack([np.hstack(chosen[row : row + _COLUMNS]) for row in range(0, len(chosen), _COLUMNS)])


def seconds_a_call(model: Path, pictures: Sequence[data.Picture], threshold: float) -> dict[str, float]:
    """Processor time of `detect` on one thread, milliseconds: the least and the median."""
    detector = PlateDetector(DetectorSettings(str(model), threshold))
    times = []
    for picture in pictures[:100]:
        start = time.process_time()
        detector.detect(picture.image)
        times.append(1000 * (time.process_time() - start))
    return {"least": round(min(times), 2), "median": round(float(np.median(times)), 2)}


def _sure(found: Found, threshold: float) -> Found:
    kept = found.scores >= threshold
    return Found(found.boxes[kept], found.scores[kept])


def _tile(picture: data.Picture, box: data.Boxes, found: Found, threshold: float) -> Image:
    """The surroundings of `box` with all boxes drawn; yellow: found, but with too little confidence."""
    height, width = picture.image.shape[:2]
    side = min(max(3.0 * float(box[2] - box[0]), 3.0 * float(box[3] - box[1]), 48.0), float(max(height, width)))
    scale = _TILE / side
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    origin = np.minimum(np.maximum(middle - side / 2, 0), np.maximum(np.array([width, height]) - side, 0))
    matrix = np.array([[scale, 0, -origin[0] * scale], [0, scale, -origin[1] * scale]])
    tile = np.asarray(cv2.warpAffine(picture.image, matrix, (_TILE, _TILE), flags=cv2.INTER_CUBIC), np.uint8)

    def draw(corners: data.Boxes, colour: tuple[int, int, int]) -> None:
        low, high = ((corners[:2] - origin) * scale).astype(int), ((corners[2:] - origin) * scale).astype(int)
        cv2.rectangle(tile, low.tolist(), high.tolist(), colour, 1)

    for truth in picture.boxes:
        draw(truth, (0, 255, 0))
    for corners, score in zip(found.boxes, found.scores, strict=True):
        if score >= 0.05:
            draw(corners, (0, 0, 255) if score >= threshold else (0, 255, 255))
    best = max((float(score) for score in found.scores), default=0.0)
    label = f"{picture.source[:4]} {box[2] - box[0]:.0f}px best {best:.2f}"
    cv2.putText(tile, label, (4, _TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0), 1, cv2.LINE_AA)
    return tile


def _table(figures: dict[str, Any]) -> Table:
    table = Table("pictures", "plates", "AP50", "AP50-95", "recall", title=f"threshold {figures['threshold']}")
    for name in ("all", *data.SOURCES):
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


def main(argv: list[str]) -> int:
    """`evaluate`: see --help."""
    parser = argparse.ArgumentParser(prog="python -m training detector evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, help="an int8 .tflite with its card (the shipped one)")
    parser.add_argument("--threshold", type=float, default=0.0, help="instead of the card's")
    parser.add_argument("--sheets", type=Path, default=Path("runs/detector/sheets"), help="folder (%(default)s)")
    parser.add_argument("--json", action="store_true", help="the figures as JSON on standard output")
    options = parser.parse_args(argv)
    console = Console(stderr=True)
    model = options.model or shipped_model("detector.tflite")
    detector = PlateDetector(DetectorSettings(str(model), options.threshold))
    threshold, size = detector.threshold, detector.card.input.shape[1]
    console.log(f"scoring {model}")
    validation = Validation(data.data_folder())
    found, negatives = validation.run(int8_finder(model))
    figures = report(validation, found, negatives, size, threshold)
    as_read, negatives_as_read = validation.run(read_finder(model))
    together = report(validation, as_read, negatives_as_read, size, 0.5)
    figures["with_reader"] = {
        **{name: together[name]["recall"] for name in ("all", *data.SOURCES)},
        **{name: row["recall"] for name, row in together["photographs"].items()},
        "negatives_boxed": together["negatives"]["boxed"],
    }
    figures["milliseconds"] = seconds_a_call(model, validation.pictures, threshold)
    options.sheets.mkdir(parents=True, exist_ok=True)
    for name, tiles in {
        "missed": miss_tiles(validation.pictures, found, threshold),
        "false": false_tiles(validation.pictures, found, threshold),
        "false_negatives_pictures": false_tiles(validation.negatives, negatives, threshold),
    }.items():
        cv2.imwrite(str(options.sheets / f"{name}.png"), sheet(tiles))
        console.log(f"{len(tiles)} in {options.sheets / name}.png")
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
