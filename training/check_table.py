"""Label files as they are, faults and all: what `training check` looks at.

`dataset.py` reads the same files for training and stops at the first fault; here nothing stops, so that one run tells
everything.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.errors import SourceError
from training.tables import LABEL_COLUMNS, META_COLUMNS, cells_fault, read_rows

Level = Literal["error", "warning", "note"]
UNKNOWN_COUNTRIES = ("", "XX")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a data set: where it is, what is wrong and what to do. `kind` is a short name for it."""

    level: Level
    kind: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of labels.csv (`number` counts from 1, the header is 1) and, if there is one, its line of meta.csv."""

    folder: Path
    number: int
    name: str
    """The picture as it should be named, such as `images/1.jpg`."""
    values: Mapping[str, str]
    meta: Mapping[str, str] | None
    fault: str = ""
    """Why it cannot be told what is in which column, here or in meta.csv; empty if it can."""

    @property
    def written(self) -> str:
        """The picture as labels.csv names it."""
        return self.values.get("image", "")

    @property
    def path(self) -> Path:
        """Where the picture should be."""
        return self.folder / self.name

    @property
    def outside(self) -> bool:
        """Whether the name leads out of the folder; a link in the folder does not, wherever it leads."""
        return Path(self.name).is_absolute() or self.name.split("/")[0] == ".."

    @property
    def plate(self) -> str:
        """The text as labels.csv has it."""
        return self.values.get("text", "")

    @property
    def country(self) -> str:
        """The country, empty if it is unknown."""
        country = self.values.get("country", "").upper()
        return "" if country in UNKNOWN_COUNTRIES else country

    @property
    def group(self) -> str:
        """What ties pictures together that must not be parted; from meta.csv, else from labels.csv."""
        return (self.meta or {}).get("group") or self.values.get("group", "")

    @property
    def lines(self) -> int:
        """Lines of characters; 1 where meta.csv says nothing usable."""
        return 2 if (self.meta or {}).get("lines", "").strip() == "2" else 1

    @property
    def where(self) -> str:
        """For people: file and line."""
        return f"{self.folder / 'labels.csv'}:{self.number}"


@dataclass(frozen=True, slots=True)
class LabelSet:
    """One folder with labels.csv; `split` is "train", "val" or, for a folder alone, empty."""

    folder: Path
    name: str
    split: str
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    """What was wrong with the files themselves."""
    meta: Mapping[str, tuple[int, Mapping[str, str]]]
    """Picture → line number and values in meta.csv."""
    has_meta: bool
    """Whether there is a meta.csv with the columns it needs."""

    @property
    def unusable(self) -> tuple[Finding, ...]:
        """Why labels.csv or meta.csv cannot be used at all; empty if they can."""
        return tuple(each for each in self.findings if each.level == "error" and each.kind in ("file", "column"))


def plain_name(folder: Path, name: str) -> str:
    """A picture's path from `folder` on, with `/`: also of an absolute path into the folder, and of one with `\\`.

    As it is if it leads elsewhere. Judged by the names alone, so that links are files of the folder like others.
    """
    slashed = name if (folder / name).is_file() else name.replace("\\", "/")
    for root in (os.path.abspath(folder), os.path.realpath(folder)):  # noqa: PTH100 - Path.resolve follows links
        below = os.path.relpath(os.path.join(root, slashed), root)  # noqa: PTH118
        if name and below.split("/")[0] != "..":
            return below
    return name


def find_sets(data: Path) -> tuple[LabelSet, ...]:
    """All label sets of `data`: a folder with labels.csv, or train and val below it, below NAME, or below reader/NAME.

    SourceError says what was looked for if there is none.
    """
    if (data / "labels.csv").is_file():
        split = data.name if data.name in ("train", "val") else ""
        return (read_set(data, data.parent.name if split else data.name, split),)
    for pattern in ("reader/*/{}", "*/{}", "{}"):
        found = [
            (folder, split)
            for split in ("train", "val")
            for folder in sorted(data.glob(pattern.format(split)))
            if (folder / "labels.csv").is_file()
        ]
        if found:
            return tuple(read_set(folder, folder.parent.name, split) for folder, split in found)
    raise SourceError(f"{data}: no labels.csv in it, nor in reader/NAME/train or val, NAME/train or val, train or val")


def read_set(folder: Path, name: str, split: str) -> LabelSet:
    """A folder with labels.csv and perhaps meta.csv; whatever cannot be used of them is among the findings."""
    findings: list[Finding] = []
    labels = _table(folder / "labels.csv", LABEL_COLUMNS, ("image", "text"), findings)
    has_meta = False
    table: list[tuple[int, dict[str, str], str]] = []
    meta: dict[str, tuple[int, Mapping[str, str]]] = {}
    path = folder / "meta.csv"
    if path.is_file():
        table = _table(path, META_COLUMNS, ("image", "lines"), findings)
        has_meta = not any(finding.level == "error" and finding.where == f"{path}:1" for finding in findings)
        for number, values, _ in table:
            image = plain_name(folder, values.get("image", ""))
            if image in meta:
                what = f"{image} has a row already, {meta[image][0]}; the last one counts in training"
                findings.append(Finding("warning", "meta-twice", f"{path}:{number}", what))
            meta[image] = (number, values)
    shifted = {number: f"meta.csv:{number}: {fault}" for number, _, fault in table if fault}
    rows = []
    for number, values, fault in labels:
        picture = plain_name(folder, values.get("image", ""))
        line, told = meta.get(picture, (0, None))
        rows.append(Row(folder, number, picture, values, told, fault or shifted.get(line, "")))
    return LabelSet(folder, name, split, tuple(rows), tuple(findings), meta, has_meta)


def _table(
    path: Path, columns: tuple[str, ...], needed: tuple[str, ...], findings: list[Finding]
) -> list[tuple[int, dict[str, str], str]]:
    """Line number, column → value and the fault of its cells of every row; nothing if the file cannot be used."""
    try:
        header, rows = read_rows(path, "CSV in UTF-8")
    except ValueError as error:
        findings.append(Finding("error", "file", f"{path}:1", str(error)))
        return []
    for column in columns:
        if column not in header:
            level: Level = "error" if column in needed else "warning"
            what = f"no column {column!r}; wanted {','.join(columns)}"
            findings.append(Finding(level, "column", f"{path}:1", what))
    if any(column not in header for column in needed):
        return []
    told: list[tuple[int, dict[str, str], str]] = []
    for number, row in rows:
        if fault := cells_fault(header, row):
            findings.append(Finding("error", "cells", f"{path}:{number}", fault))
        told.append((number, {name: value or "" for name, value in row.items() if name}, fault))
    return told
