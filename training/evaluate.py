"""Judges an exported reader on real plates, through the device's own code: what the gate will see, nothing else."""

import argparse
import json
import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge.errors import ConfigError, SourceError
from edge.looks import look_again
from edge.preprocess import PlateView
from edge.reader import PlateReader, ReaderSettings
from edge.records import Image, PlateReading
from training.dataset import Sample, boxed_samples, data_folder, load_crop, read_samples
from training.own import NAME, is_own, real_samples
from training.picture_file import prepare_picture, write_picture
from training.scores import Judged, score
from training.sheet import cell, sheet
from training.versus import compare, comparison_lines, comparison_table, run
from training.versus_readers import CropReader, contender, own

if TYPE_CHECKING:
    from training.float_reader import FloatReader
    from training.photographed import Again

log = logging.getLogger(__name__)

CELL_WIDTH, CELL_HEIGHT = 220, 96
_SHEET_COLUMNS = 7


def evaluate_reader(reader: PlateReader, samples: list[Sample]) -> dict[str, Any]:
    """Scores of all samples together and of each set, "exact" and, with only one look at each crop, "once"."""
    return _scores(samples, *read_all(reader, [load_crop(sample) for sample in samples]))


def read_all(reader: CropReader, crops: Sequence[Image]) -> tuple[list[PlateReading], list[PlateReading]]:
    """Every crop as `gatereader read --crops` reads it, and at the first look."""
    once = [reader.read(crop) for crop in track(crops, "reading", console=Console(stderr=True), transient=True)]
    return [look_again(first, crop, reader.read) for first, crop in zip(once, crops, strict=True)], once


def _scores(samples: list[Sample], well: Sequence[PlateReading], once: Sequence[PlateReading]) -> dict[str, Any]:
    scores: dict[str, Any] = score(samples, [reading.text for reading in well])
    for name, row in score(samples, [reading.text for reading in once]).items():
        scores[name]["once"] = row["exact"]
    return scores


def contact_sheet(judged: Judged, rows: Sequence[int]) -> Image:
    """The crops of these rows with truth and reading below each, (H, W, 3) BGR."""
    return sheet([_cell(judged.samples[row], judged.crops[row], judged.readings[row]) for row in rows], _SHEET_COLUMNS)


def _cell(sample: Sample, crop: Image, reading: PlateReading) -> Image:
    lines = (f"{sample.text} {sample.set}", f"{reading.text} {reading.confidence:.2f} ({reading.lines})")
    return cell(crop, lines, (CELL_WIDTH, CELL_HEIGHT))


def _score_table(scores: dict[str, Any]) -> Table:
    table = Table("set", "crops", "plates", "exact", "95 % interval", "characters", "one look")
    for name, row in scores.items():
        low, high = row["interval"]
        counts = (str(row["crops"]), str(row["plates"]))
        exact, characters, once = (f"{row[key]:.1%}" for key in ("exact", "characters", "once"))
        table.add_row(name, *counts, exact, f"{low:.1%} – {high:.1%}", characters, once)
    return table


def _write_sheet(path: Path, judged: Judged) -> None:
    missed = np.flatnonzero(~judged.right).tolist()
    if missed:
        write_picture(path, contact_sheet(judged, missed))
        log.info("%d misread crops in %s", len(missed), path)
    else:
        log.info("no crop misread: no %s was written", path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training evaluate", description=__doc__)
    parser.add_argument(
        "--model", default="", help="a reader.tflite with its card beside it (default: the shipped one)"
    )
    parser.add_argument("--run", type=Path, help="judge a run's best weights in float instead, of any architecture")
    parser.add_argument(
        "--data", type=Path, default=data_folder(), help="folder with reader/*/val, or own crops (%(default)s)"
    )
    parser.add_argument(
        "--split",
        default="val",
        choices=("val", "train", "all"),
        help="of own crops, val is the fifth that training holds back and train the others, each with the usual crops "
        "of that split; all is every crop in --data and no others (%(default)s)",
    )
    parser.add_argument(
        "--boxed",
        action="store_true",
        help="judge by the plates of detector/*/val whose texts are in training/boxed_plates.csv",
    )
    parser.add_argument(
        "--again",
        type=int,
        default=0,
        metavar="N",
        help="judge also by N photographs of each crop, moved, blurred, darkened, made smaller",
    )
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    parser.add_argument("--sheet", type=Path, help="write a picture of every misread crop, with truth and reading")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FOLDER",
        help="write a page that shows what is misread: index.html, report.json, …",
    )
    parser.add_argument(
        "--versus",
        action="append",
        default=[],
        metavar="READER",
        help="let another reader read the same crops: `tesseract`, an .onnx of fast-plate-ocr with its .yaml beside "
        "it, or a .tflite of ours; may be given again",
    )
    return parser


def _report_writer() -> Callable[..., Path]:
    """`write_report`, imported only where it is wanted: matplotlib is slow to import, and not everybody has it."""
    try:
        from training.report import write_report  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(f"--report: {error.name} is not installed; pip install -e '.[training]'") from None
    return write_report


def _float_reader(given: argparse.Namespace) -> "FloatReader":
    if given.model or given.report:
        raise ConfigError("--run goes with neither --model nor --report: it judges weights, not an exported reader")
    from training.float_reader import FloatReader  # noqa: PLC0415 - Keras is slow to import, and seldom wanted

    return FloatReader(given.run)


def _again(reader: "PlateReader | FloatReader", samples: list[Sample], times: int) -> "Again":
    """What the reader makes of the crops photographed again; Keras is slow to import, and seldom wanted."""
    from training.photographed import judge, photographed  # noqa: PLC0415

    pool = photographed(samples, times)
    if isinstance(reader, PlateReader):
        logits = np.stack([reader.logits(PlateView(pixels, 1)) for pixels in pool.views])
    else:
        logits = reader.logits(pool.views)
    return judge(logits, pool)


def _samples(given: argparse.Namespace, split: str) -> list[Sample]:
    if given.boxed:
        splits = ("train", "val") if split == "all" else (split,)
        return [sample for each in splits for sample in boxed_samples(given.data / "detector", each)]
    return real_samples(given.data, split)


def _judged_by(given: argparse.Namespace, found: Sequence[Sample], judged: Sequence[Sample]) -> str:
    """One line: how many crops of how many are judged by, and where they come from."""
    own = not given.boxed and is_own(given.data)
    part = [sample for sample in judged if sample.set == NAME] if own else judged
    total = len(read_samples(given.data) if own else _samples(given, "all"))
    told = f"judged by {len(part)} of {total} crops in {given.data} (split {given.split})"
    if len(part) < len(judged):
        usual = f"{len(judged) - len(part)} usual ones in {data_folder()}"
        told += f" and {usual}; --split all judges by all of the folder alone"
    empty = len(found) - len(judged)
    return f"{told}; {empty} without a plate {'is' if empty == 1 else 'are'} left out" if empty else told


def main(arguments: list[str]) -> int:
    """`python -m training evaluate`."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if given.sheet:
        prepare_picture(given.sheet, "--sheet")
    exported = None if given.run else PlateReader(ReaderSettings(model=given.model))
    reader = exported or _float_reader(given)
    write_report = _report_writer() if given.report else None
    others = [contender(what) for what in given.versus]
    found = _samples(given, given.split)
    samples = [sample for sample in found if sample.text]
    if given.again < 0:
        raise ConfigError(f"--again {given.again}: wanted 1 or more photographs of each crop")
    if not samples:
        advice = "" if given.split == "all" else "; --split all judges by every crop there is"
        raise SourceError(f"{given.data}: no plate to judge by in {given.split}{advice}")
    log.info("%s", _judged_by(given, found, samples))
    crops = [load_crop(sample) for sample in samples]
    well, once = read_all(reader, crops)
    judged = Judged(samples, crops, well)
    scores = _scores(samples, well, once)
    again = _again(reader, samples, given.again) if given.again else None
    versus = {}
    if others:
        ours = run(own(reader, "ours"), crops)
        versus = compare(samples, ours, [run(other, crops) for other in others])
    if given.json:
        told = scores | ({"again": again._asdict()} if again else {}) | ({"versus": versus} if versus else {})
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        Console().print(_score_table(scores))
        if again:
            Console().print(
                f"photographed again: {again.views} views, {again.exact:.2%} exact, doubt {again.doubt:.4f}"
            )
        if versus:
            Console().print(comparison_table(versus), *comparison_lines(versus), sep="\n", markup=False)
    if given.sheet:
        _write_sheet(given.sheet, judged)
    if write_report and exported:
        command = shlex.join(["python", "-m", "training", "evaluate", *arguments])
        page = write_report(given.report, exported, judged, versus, command)
        log.info("look at %s", page)
    return 0
