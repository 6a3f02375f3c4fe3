"""Answered crops → a folder that `python -m training train --data` takes: `images/`, `labels.csv` and `meta.csv`.

A folder that was exported into before is added to, so that answers outlive the crops' quota.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edge.clip import read_picture
from edge.errors import ConfigError, OutputError, SourceError
from edge.records import Image
from edge.review import Answer, Item, parse_answer
from edge.whole_file import write_whole

LABELS = ("image", "text", "country", "source")
META = ("image", "width", "height", "lines", "group", "note")
SOURCE = "review"
_SAME_PICTURE = 3.0
"""Grey levels, on average, by which two small copies of one plate's pictures differ if they teach the same."""
_SMALL = (40, 12)


class Exported(NamedTuple):
    """What an export came to."""

    plates: int
    empty: int
    """Crops without a plate; their text is empty."""
    duplicates: int
    """Crops of a plate that look like another one of it."""
    problems: tuple[str, ...]
    """One line for each picture that cannot be used: what is wrong with which file."""


class _Row(NamedTuple):
    label: Mapping[str, str]
    meta: Mapping[str, str]


def export_items(items: Iterable[Item], folder: Path) -> Exported:
    """Writes the answered crops of `items` into `folder`; what is unreadable or not answered stays out.

    A picture there that is damaged is written again from its crop; without one its row stays as it is, and is told.

    A plate's pictures share their `group`, so that training never learns from one and is judged by another.
    OutputError if the folder cannot be written.
    """
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        rows = _read(folder)
        problems, duplicates = _update(items, folder, rows)
        # labels last: a row is there only when its picture is
        _write(folder / "meta.csv", META, [row.meta for row in rows.values()])
        _write(folder / "labels.csv", LABELS, [row.label for row in rows.values()])
    except OSError as error:
        raise OutputError(f"cannot export to {folder}: {error.strerror or error}; name another folder") from None
    empty = sum(not row.label["text"] for row in rows.values())
    return Exported(len(rows) - empty, empty, duplicates, tuple(problems))


def _update(items: Iterable[Item], folder: Path, rows: dict[str, _Row]) -> tuple[list[str], int]:
    """Brings rows and pictures up to the items; what cannot be used, and how many are there already but for a bit."""
    wanted: list[tuple[str, str, Item]] = []
    for item in items:
        name = f"images/{item.picture.name}"
        text = item.answer.text if item.answer is not None and item.answer.kind != "unreadable" else None
        if name in rows and rows[name].label["text"] != text:  # the owner changed his mind
            del rows[name]
            (folder / name).unlink(missing_ok=True)
        if text is not None:
            wanted.append((name, text, item))
    prints, damaged = _prints(folder, rows)
    problems, duplicates = [], 0
    for name, text, item in wanted:
        if name in rows and name not in damaged:
            continue
        try:
            if item.answer != Answer("no_plate") and parse_answer(text).text != text:
                raise ConfigError(f"{text!r} is not the text of a plate")
            picture = read_picture(item.picture)
        except (ConfigError, SourceError) as error:
            problems.append(f"{item.picture}: {error}; left out")
            continue
        known, mine = prints.setdefault(text, []), _small(picture)
        if text and any(cv2.absdiff(mine, other).mean() <= _SAME_PICTURE for other in known):
            duplicates += 1
            continue
        known.append(mine)
        write_whole(folder / name, item.picture.read_bytes())
        rows.setdefault(name, _row(name, text, picture, item))
        damaged.pop(name, None)
    return [*problems, *damaged.values()], duplicates


def _prints(folder: Path, rows: Mapping[str, _Row]) -> tuple[dict[str, list[Image]], dict[str, str]]:
    """Text → small copies of its pictures; and name → what is wrong, of those that cannot be read."""
    prints: dict[str, list[Image]] = {}
    damaged = {}
    for name, row in rows.items():
        try:
            prints.setdefault(row.label["text"], []).append(_small(read_picture(folder / name)))
        except SourceError as error:
            damaged[name] = f"{folder / name}: {error}; delete it, and its row goes with the next export"
    return prints, damaged


def _row(name: str, text: str, picture: Image, item: Item) -> _Row:
    height, width = picture.shape[:2]
    reading = item.values.get("reading")
    lines = reading.get("lines", 1) if isinstance(reading, dict) else 1
    meta = {"width": str(width), "height": str(height), "lines": str(lines), "group": text or item.id, "note": ""}
    return _Row({"image": name, "text": text, "country": "", "source": SOURCE}, {"image": name, **meta})


def _small(picture: Image) -> Image:
    """A small grey copy, (12, 40), in which the same shot of a plate stays the same and another light does not."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, _SMALL, interpolation=cv2.INTER_AREA), np.uint8)


def _read(folder: Path) -> dict[str, _Row]:
    """The rows of an earlier export whose picture is there; OutputError for tables that are none of an export."""
    meta = {row["image"]: row for row in _table(folder / "meta.csv", ("image",))}
    rows = {}
    for label in _table(folder / "labels.csv", ("image", "text")):
        name = label["image"]
        if name and (folder / name).is_file():
            rows[name] = _Row(label, meta.get(name, {"image": name, "group": label["text"]}))
    return rows


def _table(path: Path, wanted: Sequence[str]) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write a mark
        reader = csv.DictReader(file)
        if not set(wanted) <= set(reader.fieldnames or ()):
            raise OutputError(f"{path.name} there is somebody else's, without {' and '.join(wanted)} in its first line")
        return [{key: value or "" for key, value in row.items() if key} for row in reader]


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """The usual columns first, then those that the owner has beside them."""
    text, more = io.StringIO(), dict.fromkeys(name for row in rows for name in row if name not in columns)
    writer = csv.DictWriter(text, [*columns, *more], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode(), durable=True)
