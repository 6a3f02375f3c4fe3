"""Recorded readings of passes, one JSON object a line: what the bench of voting rules works on.

A line is one frame of one pass; a frame in which no plate was found has a `box` of null. Lines of one pass follow each
other in the order of time. Keys: `pass`, `truth`, `conditions`, `time` (seconds), `frame` [width, height], `box` [x1,
y1, x2, y2, confidence], `text`, `confidences` (one for each character), `runners_up` [[character, confidence], …],
`lines`, `sharpness`.
"""

import errno
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from edge.errors import SourceError
from edge.records import PlateBox, PlateReading
from training.output import replacing, writing


@dataclass(frozen=True, slots=True)
class Sight:
    """One frame of a pass; `box` and `reading` are None where no plate was found."""

    time: float
    frame_size: tuple[int, int]
    """Width and height, pixels."""
    box: PlateBox | None
    reading: PlateReading | None


@dataclass(frozen=True, slots=True)
class RecordedPass:
    """One plate from first to last sight, with what is truly written on it."""

    name: str
    truth: str
    conditions: Mapping[str, Any]
    """`light`, `fps`, `speed` (km/h), `country`, … as far as known."""
    sights: tuple[Sight, ...]


def write_passes(path: Path, passes: Iterable[RecordedPass]) -> int:
    """Write passes as they come; returns their number.

    The file is there as a whole or as it was before, whatever ends the passes; OutputError if it cannot be written.
    """
    written = 0
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
            for one in passes:
                written += 1
                file.writelines(json.dumps(_values(one, sight)) + "\n" for sight in one.sights)
    return written


def read_passes(path: Path) -> Iterator[RecordedPass]:
    """The passes of a file; SourceError names the line that is none."""
    if not path.is_file():
        raise SourceError(f"{path}: no such file of readings; `python -m training passes {path}` makes one")
    with path.open(encoding="utf-8") as file:
        lines = (_parse(path, number, line) for number, line in enumerate(file, start=1) if line.strip())
        for name, group in groupby(lines, key=lambda values: values["pass"]):
            rows = list(group)
            sights = tuple(_sight(values) for values in rows)
            yield RecordedPass(name, rows[0]["truth"], rows[0].get("conditions", {}), sights)


def _values(one: RecordedPass, sight: Sight) -> dict[str, Any]:
    values: dict[str, Any] = {
        "pass": one.name,
        "truth": one.truth,
        "conditions": dict(one.conditions),
        "time": round(sight.time, 4),
        "frame": list(sight.frame_size),
        "box": None,
    }
    box, reading = sight.box, sight.reading
    if box is not None and reading is not None:
        values["box"] = [round(value, 2) for value in (box.x1, box.y1, box.x2, box.y2, box.confidence)]
        values["text"] = reading.text
        values["confidences"] = [round(p, 4) for _, p in reading.characters]
        values["runners_up"] = [[c, round(p, 4)] for c, p in reading.runners_up]
        values["lines"] = reading.lines
        values["sharpness"] = round(reading.sharpness, 1)
    return values


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
        missing = {"pass", "truth", "time", "frame", "box"} - values.keys()
    except (ValueError, AttributeError):
        raise SourceError(f"{path}:{number}: not a JSON object") from None
    if missing:
        raise SourceError(f"{path}:{number}: lacks {', '.join(sorted(missing))}")
    return dict(values)


def _sight(values: Mapping[str, Any]) -> Sight:
    width, height = values["frame"]
    if values["box"] is None:
        return Sight(values["time"], (width, height), None, None)
    characters = tuple(zip(values["text"], values["confidences"], strict=True))
    reading = PlateReading(
        values["text"],
        min(values["confidences"], default=0.0),
        characters,
        tuple((c, p) for c, p in values["runners_up"]),
        values["lines"],
        values["sharpness"],
    )
    return Sight(values["time"], (width, height), PlateBox(*values["box"]), reading)
