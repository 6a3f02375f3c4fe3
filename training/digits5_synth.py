"""Draws the pictures of the classic exercise: a sheet to look at (`--preview`), or a data set (`--output`).

Five digits in a grey picture of 64×128 pixels, in 22 faces of sizes 18 to 25, evenly or loosely set. A data set is
`images/` and `labels.csv`, as every other one here, and `manifest.json` with the seed and every font and its licence.
"""

import argparse
import csv
import json
import logging
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from edge.errors import ConfigError
from edge.records import Image
from training.digits5 import digits, faces, photograph_digits
from training.output import replacing
from training.picture_file import prepare_picture, write_picture
from training.plates import load_fonts
from training.tables import LABEL_COLUMNS

log = logging.getLogger(__name__)

_ROWS, _COLUMNS = 8, 10


def preview(seed: int) -> Image:
    """A sheet, (H, W): half of it drawn in the learned faces, half photographed in the others."""
    learned, others = digits(seed, "learned"), digits(seed, "others")
    random_ = np.random.default_rng(seed)
    count = _ROWS * _COLUMNS
    pictures = [next(learned)[0] for _ in range(count)]
    pictures += [photograph_digits(next(others)[0], random_) for _ in range(count)]
    rows = (np.hstack(pictures[start : start + _COLUMNS]) for start in range(0, len(pictures), _COLUMNS))
    return np.vstack(list(rows))


def write_data_set(folder: Path, count: int, seed: int) -> None:
    """`count` drawn pictures with labels into `folder`; ConfigError if one is there already."""
    if (folder / "labels.csv").exists():
        raise ConfigError(f"{folder}: holds a data set already; choose another folder")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    drawn = digits(seed, "learned")
    with replacing(folder / "labels.csv") as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(LABEL_COLUMNS)
        for number in track(range(count), "pictures", console=Console(stderr=True)):
            picture, text = next(drawn)
            name = f"images/{number:06d}.png"
            write_picture(folder / name, picture)
            writer.writerow([name, text, "", "digits5"])
    used = {face.name for face in faces("learned")}
    families = [family for family in load_fonts() if used & {file.name for file in family.files}]
    fonts = [{"family": each.name, "licence": each.licence, "source": each.source} for each in families]
    manifest = {"profile": "digits5", "seed": seed, "count": count, "faces": sorted(used), "fonts": fonts}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """`python -m training synth --profile digits5`."""
    parser = argparse.ArgumentParser(prog="python -m training synth --profile digits5", description=__doc__)
    parser.add_argument("--preview", type=Path, metavar="PICTURE", help="write a sheet, drawn and photographed")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write a data set")
    parser.add_argument("--count", type=int, default=60_000, help="pictures in the data set (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    given = parser.parse_args(arguments)
    if not given.preview and not given.output:
        parser.error("say --preview PICTURE or --output FOLDER")
    if given.count < 1 or given.seed < 0:
        parser.error("--count: wanted 1 or more; --seed: 0 or more")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if given.preview:
        prepare_picture(given.preview, "--preview")
        write_picture(given.preview, preview(given.seed))
        log.info("wrote %s", given.preview)
    if given.output:
        write_data_set(given.output, given.count, given.seed)
        log.info("wrote %d pictures and their labels to %s", given.count, given.output)
    return 0
