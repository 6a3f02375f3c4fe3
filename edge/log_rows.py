"""Reads what stands in a log, and tells which rows are of a plate."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edge.alphabet import plain
from edge.chain import ERASED, CsvForm, Form

TEXTS = ("plate", "plate_raw", "unruled", "second")
"""Where a plate's text can stand."""
_KNOWN_SHARE = 0.5
"""Of a text with `?` at least this much must be known, lest a pass that was hardly read be anybody's."""


class Row(NamedTuple):
    """One line and what it says."""

    line: bytes
    values: Mapping[str, Any]
    """By columns or keys; empty if it was erased or says nothing."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything in it that may be the plate's text, in capital letters, digits and `?`."""
        found = [self.values.get(name) for name in TEXTS]
        texts = (plain(str(one.get("plate", "") if isinstance(one, dict) else one or "")) for one in found)
        return tuple(text for text in texts if text)

    @property
    def event_id(self) -> str:
        """Names the pass."""
        return str(self.values.get("event_id") or "")

    @property
    def pictures(self) -> tuple[str, ...]:
        """Paths of its pictures, from the folder of the file."""
        return tuple(str(self.values[name]) for name in ("crop", "frame") if self.values.get(name))


def read_rows(file: Path, form: Form) -> Iterator[Row]:
    """The lines of a chained file, without its header; the last one may lack its end."""
    with file.open("rb") as opened:
        opened.seek(len(form.header))
        for line in opened:
            yield Row(line, _cells(line, form.columns) if isinstance(form, CsvForm) else _object(line))


def is_of(text: str, plate: str) -> bool:
    """Whether `text`, in which `?` is any character, is this plate; both as `plain` gives them."""
    if len(text) != len(plate) or len(text.replace("?", "")) < _KNOWN_SHARE * len(text):
        return False
    return all(a in ("?", b) for a, b in zip(text, plate, strict=True))


def is_like(text: str, plate: str) -> bool:
    """Whether `text` may be a misreading of this plate: one character differs, or one holds the other."""
    if is_of(text, plate) or min(len(text), len(plate)) < 4:
        return False
    if len(text) == len(plate):
        return sum(a not in ("?", b) for a, b in zip(text, plate, strict=True)) <= 1 and text.count("?") < 2
    return text in plate or plate in text


def _cells(line: bytes, columns: tuple[str, ...]) -> dict[str, str]:
    cells = next(csv.reader([line.decode("utf-8", "replace").rstrip("\r\n").replace("\0", " ")]), [])
    values = dict(zip(columns, cells, strict=False))
    return {} if values.get("status") == ERASED else values


def _object(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError:
        return {}
    return values if isinstance(values, dict) and values.get("type") != ERASED else {}
