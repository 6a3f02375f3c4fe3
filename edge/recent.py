"""The passes from before the start, as the JSON lines tell of them, for the live page's list."""

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edge.json_rows import SCHEMA
from edge.log_files import dated_files

_TAIL_BYTES = 262_144
"""Of each file, from its end; some hundred events."""
_FILES = 3
_LARGEST_CROP = 200_000
"""Bytes of a picture; one of a plate has some ten thousand."""


Veil = Callable[[Mapping[str, Any]], dict[str, Any]]


class RecentPass(NamedTuple):
    """A pass that has ended, as `event_values` tells it, and its plate's picture as JPEG; empty if there is none."""

    values: dict[str, Any]
    crop: bytes


def recent_passes(lines: Path | None, most: int, *, veil: Veil, pictures: Path | None) -> list[RecentPass]:
    """The last passes of the JSON lines in the file and in those put aside by date, newest first.

    `veil` takes out what may not be shown any more, `pictures` is the folder of their pictures; None for none. What
    cannot be read is passed over: the record itself is checked and repaired elsewhere.
    """
    found: list[RecentPass] = []
    if lines is None:
        return found
    for file in reversed([*dated_files(lines), lines][-_FILES:]):
        for line in reversed(_last_lines(file)):
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
                told = json.loads(line)
                if told["schema"] == SCHEMA and told["type"] == "final" and isinstance(told["event_id"], str):
                    values = veil(_values(told))
                    named = file.parent / told["crop"] if told["crop"] and not values["veiled"] else None
                    found.append(RecentPass(values, _picture(named, pictures)))
            if len(found) >= most:
                return found
    return found


def _last_lines(file: Path) -> list[bytes]:
    """The whole lines at the end of a file; none if it cannot be read."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            start = max(0, size - _TAIL_BYTES)
            opened.seek(start)
            lines = opened.read().splitlines(keepends=True)
    except OSError:
        return []
    return [line for line in lines[1 if start else 0 :] if line.endswith(b"\n")]


def _picture(file: Path | None, folder: Path | None) -> bytes:
    """What the file holds, if it is a picture in the folder: a line could name any file."""
    if file is None or folder is None:
        return b""
    with contextlib.suppress(OSError):
        file = file.resolve()
        ours = file.suffix == ".jpg" and file.is_relative_to(folder.resolve()) and file.is_file()
        if ours and file.stat().st_size <= _LARGEST_CROP:
            return file.read_bytes()
    return b""


def _values(told: dict[str, Any]) -> dict[str, Any]:
    """What a JSON line tells, by the keys of `event_values`."""
    geometry, votes, time = told["geometry"], told["votes"], told["time"]
    x, y, width, height = geometry["box"]
    same = ("event_id", "track", "camera", "status", "reason", "plate", "plate_raw", "confidence", "known", "moved")
    return {
        **{key: told[key] for key in same},
        "unruled": told.get("unruled", ""),
        "format": told.get("format", ""),
        "kind": told["type"],
        "veiled": told.get("veiled", False),
        "direction": told.get("direction"),
        "second": told["second"]["plate"],
        "margin": told["second"]["margin"],
        "characters": [[one["c"], one["p"]] for one in told["chars"]],
        "readings": votes["readings"],
        "votes": votes["used"],
        "agreement": votes["agreement"],
        "rejected_readings": votes["rejected"],
        **{f"{key}_seen": time[key] for key in ("first", "last", "best")},
        "local_time": time["local"],
        "box": [x, y, x + width, y + height],
        "detection": geometry["detection"],
        "sharpness": geometry["sharpness"],
    }
