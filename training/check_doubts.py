"""What `training check` asks the shipped reader: is that what is on the plate?

A wrong label is learned like a right one, and nobody looks at thousands of crops again. Those that the reader is sure
to read otherwise are few enough to look at: some are labels with a slip of the finger, some are plates that it has
still to learn.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from edge.looks import read_well
from edge.reader import PlateReader
from training.check_pictures import Picture
from training.check_rules import corrected
from training.check_table import Finding, LabelSet

SURE = 0.9
"""Confidence of the weakest character, once all looks have voted; below it the label is more often right."""


def doubted_labels(
    sets: Sequence[LabelSet], pictures: Mapping[Path, Picture | str], reader: PlateReader
) -> Iterator[Finding]:
    """A warning for each crop that `reader` surely reads otherwise than it is labelled."""
    rows = [row for labels in sets for row in labels.rows if isinstance(pictures[row.path], Picture)]
    for row in track(rows, "texts", console=Console(stderr=True), transient=True):
        crop = np.asarray(cv2.imread(str(row.path), cv2.IMREAD_COLOR), dtype=np.uint8)
        reading = read_well(crop, reader.read)
        label = corrected(row.plate) or row.plate
        if reading.text != label and reading.confidence >= SURE:
            told = f"labelled {row.plate}" if row.plate else "labelled as no plate"
            what = f"{row.name}: {told}, but the shipped reader reads {reading.text} ({reading.confidence:.2f}); look"
            yield Finding("warning", "label", row.where, what)
