"""Draws synthetic plates: a sheet to look at (`--preview`), or pictures with labels (`--output`).

The labels are written as a data set that `training train` and any other program can read: `images/`, `labels.csv`,
`meta.csv`, and `manifest.json` with the seed, the layouts and every font and its licence. The same seed gives the same
bytes, however many processes draw. A country of your own is a few lines in a file of your own (`--layouts`).
"""

import argparse
import csv
import json
import logging
import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import Progress

from edge.errors import ConfigError, OutputError
from edge.records import Image
from training.augment import photograph
from training.dataset import characters_across, side_by_side
from training.picture_file import prepare_picture, write_picture
from training.plates import Layout, load_fonts, load_layouts
from training.profiles import run_profile
from training.sheet import cell, sheet
from training.synthesize import draw_plate
from training.tables import LABEL_COLUMNS, META_COLUMNS

log = logging.getLogger(__name__)

_CELL = (150, 76)
_ROWS, _COLUMNS = 12, 5
_CHUNK = 250
"""Plates that are drawn from one seed of their own, so that any process may draw them."""


def find_layouts(country: str, own: Path | None = None) -> tuple[Layout, ...]:
    """The layouts of a country code, of a part of it ("US-CA"), or for an empty one those of your own file, else all.

    Where both have a code, your own file's layout counts. ConfigError names the codes that there are.
    """
    layouts = {layout.name: layout for layout in load_layouts()}
    if own is not None:
        mine = {layout.name: layout for layout in load_layouts(own)}
        if not country:
            return tuple(mine.values())
        layouts |= mine
    if not country:
        return tuple(layouts.values())
    wanted = country.upper()
    found = tuple(each for each in layouts.values() if wanted in (each.name.upper(), each.country.upper()))
    if not found:
        raise ConfigError(f"no layout for {country!r}; there are {', '.join(sorted(layouts))}")
    return found


def _choose(layouts: Sequence[Layout], random_: random.Random) -> Layout:
    return random_.choices(layouts, [layout.weight for layout in layouts])[0]


def preview(seed: int, layouts: Sequence[Layout]) -> Image:
    """A sheet of plates, each drawn and, beside it, photographed: (H, W, 3) BGR."""
    draw_random, photo_random = random.Random(seed), np.random.default_rng(seed)
    cells = []
    for _ in range(_ROWS * _COLUMNS):
        layout = _choose(layouts, draw_random)
        plate = draw_plate(draw_random, layout)
        crop = photograph(plate.image, characters_across(plate.text, plate.lines), photo_random)
        cells += [
            cell(plate.image, (f"{plate.text} {layout.name}",), _CELL),
            cell(np.asarray(cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR), np.uint8), ("",), _CELL),
        ]
    return sheet(cells, 2 * _COLUMNS)


def write_data_set(folder: Path, count: int, seed: int, layouts: Sequence[Layout], processes: int = 1) -> None:
    """`count` photographed plates with labels into `folder`, the same whatever the number of processes.

    ConfigError if there is a data set already, OutputError if a file cannot be written.
    """
    if (folder / "labels.csv").exists():
        raise ConfigError(f"{folder}: holds a data set already; choose another folder")
    labels: list[list[object]] = []
    meta: list[list[object]] = []
    drawn: Counter[str] = Counter()
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        for name, country, text, lines, (height, width) in _draw_all(folder, count, seed, layouts, processes):
            labels.append([name, text, country, "synthetic"])
            meta.append([name, width, height, lines, "", ""])
            drawn[country] += 1
        _write_csv(folder / "meta.csv", META_COLUMNS, meta)
        _write_csv(folder / "labels.csv", LABEL_COLUMNS, labels)
        manifest = _manifest(seed, count, layouts, drawn)
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from None


Drawn = tuple[str, str, str, int, tuple[int, int]]
"""A picture's name, the plate's country, text and lines, and the picture's height and width."""


def _draw_all(folder: Path, count: int, seed: int, layouts: Sequence[Layout], processes: int) -> list[Drawn]:
    starts = range(0, count, _CHUNK)
    rows: list[Drawn] = []
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("plates", total=count)
        jobs = [(folder, start, min(_CHUNK, count - start), seed, tuple(layouts)) for start in starts]
        if processes == 1 or len(jobs) == 1:
            for job in jobs:
                rows += _draw_chunk(*job)
                progress.update(bar, completed=len(rows))
            return rows
        with side_by_side([(_draw_chunk, job) for job in jobs], min(processes, len(jobs))) as running:
            for each in running:
                rows += each.result()
                progress.update(bar, completed=len(rows))
    return rows


def _draw_chunk(folder: Path, start: int, count: int, seed: int, layouts: tuple[Layout, ...]) -> list[Drawn]:
    """Draws and writes the plates from number `start` on; they depend on nothing but `seed` and `start`."""
    cv2.setNumThreads(1)
    draw_random, photo_random = random.Random(f"{seed}/{start}"), np.random.default_rng([seed, start])
    rows: list[Drawn] = []
    for number in range(start, start + count):
        plate = draw_plate(draw_random, _choose(layouts, draw_random))
        name = f"images/{number:06d}.png"
        crop = photograph(plate.image, characters_across(plate.text, plate.lines), photo_random)
        if not cv2.imwrite(str(folder / name), crop):
            raise OutputError(f"{folder / name}: cannot be written")
        rows.append((name, plate.country, plate.text, plate.lines, (crop.shape[0], crop.shape[1])))
    return rows


def _manifest(seed: int, count: int, layouts: Sequence[Layout], drawn: Counter[str]) -> dict[str, object]:
    """What the set was made of and with: enough to make it again, and the licences that come with the fonts."""
    return {
        "seed": seed,
        "count": count,
        "layouts": [layout.name for layout in layouts],
        "layouts_sha256": sha256(repr(tuple(layouts)).encode()).hexdigest(),
        "drawn": dict(sorted(drawn.items())),
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "fonts": [{"family": f.name, "licence": f.licence, "source": f.source} for f in load_fonts()],
    }


def _write_csv(path: Path, header: Sequence[str], rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def main(arguments: list[str]) -> int:
    """`python -m training synth`."""
    if (status := run_profile("synth", arguments)) is not None:
        return status
    parser = argparse.ArgumentParser(prog="python -m training synth", description=__doc__)
    parser.add_argument(
        "--preview", type=Path, metavar="PICTURE", help="write a sheet of plates, drawn and photographed"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write a data set")
    parser.add_argument("--count", type=int, default=1000, help="plates in the data set (%(default)s)")
    parser.add_argument(
        "--country",
        default="",
        help="only this country's layouts, such as DE, or a part's, US-CA (default: all, mixed)",
    )
    parser.add_argument(
        "--layouts", type=Path, metavar="FILE", help="layouts of your own, written as in training/plates.toml"
    )
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="that draw the data set side by side (%(default)s)"
    )
    given = parser.parse_args(arguments)
    if not given.preview and not given.output:
        parser.error("say --preview PICTURE or --output FOLDER")
    if min(given.count, given.processes) < 1 or given.seed < 0:
        parser.error("--count and --processes: wanted 1 or more; --seed: 0 or more")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    layouts = find_layouts(given.country, given.layouts)
    if given.preview:
        prepare_picture(given.preview, "--preview")
        write_picture(given.preview, preview(given.seed, layouts))
        log.info("wrote %s", given.preview)
    if given.output:
        write_data_set(given.output, given.count, given.seed, layouts, given.processes)
        log.info("wrote %d plates and their labels to %s", given.count, given.output)
    return 0
