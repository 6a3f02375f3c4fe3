"""What `training check` asks the shipped reader: is this plate in one line, or in two?

An exported crop says what the reader took it for, and those that are corrected are those that it misread: a plate in
two lines that was read as one would be taught as one squeezed line.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from edge.alphabet import decode_greedy
from edge.preprocess import TWO_LINE_ASPECT, plate_view
from edge.reader import PlateReader
from edge.records import Image
from training.check_pictures import Picture
from training.check_rules import corrected
from training.check_table import Finding, LabelSet, Row
from training.scores import edit_distance


def better_lines(
    sets: Sequence[LabelSet], pictures: Mapping[Path, Picture | str], reader: PlateReader
) -> dict[str, int]:
    """Where a row is → the lines, 1 or 2, that it should say: those as which `reader` reads it nearer to its label.

    Only rows are in it that say otherwise, or nothing and are in two lines. Looked at are crops narrow enough for the
    device to look for two lines; most are read as they are labelled, and then the other view is not read at all.
    """
    rows = [row for labels in sets for row in labels.rows if row.plate and _may_have_two(pictures[row.path])]
    better = {}
    for row in track(rows, "lines", console=Console(stderr=True), transient=True):
        crop = np.asarray(cv2.imread(str(row.path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
        other = 3 - row.lines
        misread = _errors(reader, crop, row, row.lines)
        if misread and _errors(reader, crop, row, other) < misread:
            better[row.where] = other
    return better


def _may_have_two(picture: Picture | str) -> bool:
    return isinstance(picture, Picture) and picture.width < TWO_LINE_ASPECT * picture.height


def _errors(reader: PlateReader, crop: Image, row: Row, lines: int) -> int:
    read = decode_greedy(reader.logits(plate_view(crop, lines))).text
    return edit_distance(read, corrected(row.plate) or row.plate)


def lines_findings(sets: Sequence[LabelSet], better: Mapping[str, int]) -> Iterator[Finding]:
    """A warning for each row that `better_lines` is about."""
    words = {1: "one line", 2: "two lines"}
    for row in (row for labels in sets for row in labels.rows if row.where in better):
        lines = better[row.where]
        what = (
            f"{row.name}: taken as {words[row.lines]} of characters, but as {words[lines]} the shipped reader reads "
            f"nearer to {row.plate}; --fix writes lines = {lines}"
        )
        yield Finding("warning", "lines", row.where, what)
