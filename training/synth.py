"""Draws synthetic plates: a sheet to look at (`--preview`), or pictures with labels (`--output`).

The labels are written as a data set that `training train` and any other program can read: `images/`, `labels.csv`,
`meta.csv`, and `manifest.json` with the seed and every font and its licence. The same seed gives the same bytes.
"""

import argparse
import csv
import json
import logging
import random
import sys
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from edge.errors import ConfigError
from edge.records import Image
from training.augment import photograph
from training.plates import Layout, load_fonts, load_layouts
from training.synthesize import Plate, draw_plate

log = logging.getLogger(__name__)

_CELL = (150, 76)


def find_layout(country: str) -> Layout | None:
    """The layout of a country code; None for an empty one, which stands for all of them."""
    if not country:
        return None
    layouts = {layout.country: layout for layout in load_layouts()}
    if country.upper() not in layouts:
        raise ConfigError(f"no layout for {country!r}; there are {', '.join(sorted(layouts))}")
    return layouts[country.upper()]


def preview(seed: int, layout: Layout | None, rows: int = 12, columns: int = 5) -> Image:
    """A sheet of plates, each drawn and, beside it, photographed: (H, W, 3) BGR."""
    draw_random, photo_random = random.Random(seed), np.random.default_rng(seed)
    lines = []
    for _ in range(rows):
        cells = []
        for _ in range(columns):
            plate = draw_plate(draw_random, layout)
            crop = photograph(plate.image, len(plate.text), photo_random)
            cells += [
                _cell(plate.image, f"{plate.text} {plate.country}"),
                _cell(cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR), ""),
            ]
        lines.append(np.hstack(cells))
    return np.vstack(lines)


def _cell(picture: cv2.typing.MatLike, caption: str) -> Image:
    width, height = _CELL
    scale = min((width - 4) / picture.shape[1], (height - 18) / picture.shape[0])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.full((height, width, 3), 255, dtype=np.uint8)
    cell[2 : 2 + small.shape[0], 2 : 2 + small.shape[1]] = small
    cv2.putText(cell, caption, (2, height - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return cell


def write_data_set(folder: Path, count: int, seed: int, layout: Layout | None) -> None:
    """`count` photographed plates with labels into `folder`."""
    if (folder / "labels.csv").exists():
        raise ConfigError(f"{folder}: holds a data set already; choose another folder")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    draw_random, photo_random = random.Random(seed), np.random.default_rng(seed)
    labels: list[list[object]] = []
    meta: list[list[object]] = []
    for number in track(range(count), "plates", console=Console(stderr=True)):
        plate = draw_plate(draw_random, layout)
        name = f"images/{number:06d}.png"
        height, width = _write(folder / name, plate, photo_random)
        labels.append([name, plate.text, plate.country, "synthetic"])
        meta.append([name, width, height, plate.lines, "", ""])
    _write_csv(folder / "labels.csv", ["image", "text", "country", "source"], labels)
    _write_csv(folder / "meta.csv", ["image", "width", "height", "lines", "group", "note"], meta)
    fonts = [{"family": f.name, "licence": f.licence, "source": f.source} for f in load_fonts()]
    manifest = {"seed": seed, "count": count, "country": layout.country if layout else "all", "fonts": fonts}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _write(path: Path, plate: Plate, photo_random: np.random.Generator) -> tuple[int, int]:
    crop = photograph(plate.image, len(plate.text), photo_random)
    if not cv2.imwrite(str(path), crop):
        raise ConfigError(f"{path}: cannot be written")
    return crop.shape[0], crop.shape[1]


def _write_csv(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def main(arguments: list[str]) -> int:
    """`python -m training synth`."""
    parser = argparse.ArgumentParser(prog="python -m training synth", description=__doc__)
    parser.add_argument(
        "--preview", type=Path, metavar="PICTURE", help="write a sheet of plates, drawn and photographed"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write a data set")
    parser.add_argument("--count", type=int, default=1000, help="plates in the data set (%(default)s)")
    parser.add_argument("--country", default="", help="only this country's layout, such as DE (default: all, mixed)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    given = parser.parse_args(arguments)
    if not given.preview and not given.output:
        parser.error("say --preview PICTURE or --output FOLDER")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    layout = find_layout(given.country)
    if given.preview:
        given.preview.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(given.preview), preview(given.seed, layout)):
            raise ConfigError(f"{given.preview}: cannot be written; a name such as sheet.png is wanted")
        log.info("wrote %s", given.preview)
    if given.output:
        write_data_set(given.output, given.count, given.seed, layout)
        log.info("wrote %d plates and their labels to %s", given.count, given.output)
    return 0
