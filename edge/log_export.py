"""Rows of the CSV files by time, plate and status, as CSV or JSON lines."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from edge.alphabet import plain
from edge.chain import CsvForm
from edge.csv_rows import COLUMNS, HEADER, csv_line, safe_text
from edge.errors import ConfigError
from edge.log_files import form_of, in_order, log_files, packed_files
from edge.log_rows import Row, is_of, read_rows

_NUMBERS = {
    *("schema", "track", "margin", "confidence", "readings", "votes", "agreement"),
    *("plate_w_px", "plate_h_px", "sharpness", "detection", "x", "y", "w", "h"),
}
_NEEDED = ("plate", "status", "first_seen_utc")
"""The columns that make a row, whatever other ones a file has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are wanted; what is empty or None does not matter."""

    since: datetime | None = None
    until: datetime | None = None
    """First sight of the plate, from `since` on and before `until`; both with a time zone."""
    plate: str = ""
    """The plate, with `*` for any characters; what a row has as `?` fits."""
    pseudonym: str = ""
    """What rows may have in the place of that plate."""
    statuses: tuple[str, ...] = ()

    def takes(self, values: Mapping[str, str], texts: tuple[str, ...]) -> bool:
        """Whether a row with these cells is wanted."""
        if self.statuses and values.get("status") not in self.statuses:
            return False
        wanted = [plate for plate in (self.plate, self.pseudonym) if plate]
        if wanted and not any(_fits(text, plate) for text in texts for plate in wanted):
            return False
        if self.since is None and self.until is None:
            return True
        try:
            seen = datetime.fromisoformat(values.get("first_seen_utc", ""))
        except ValueError:
            return False
        return (self.since is None or seen >= self.since) and (self.until is None or seen < self.until)


def export(path: Path, choice: Choice, as_json: bool = False) -> Iterator[bytes]:
    """The lines, the header first unless `as_json`; no cell is a formula, whoever wrote it."""
    if not as_json:
        yield HEADER
    for file in in_order(log_files(path)):
        form = form_of(file)
        rows = read_rows(file, form) if isinstance(form, CsvForm) else _other_rows(file)
        for row in rows:
            if row.line.endswith(b"\n") and row.values and choice.takes(row.values, row.texts):
                cells = {name: safe_text(row.values.get(name)) for name in COLUMNS}
                yield _json(cells) if as_json else csv_line(cells.values())


def left_out(path: Path) -> list[str]:
    """A line for each file of the log whose rows `export` cannot give."""
    told = [f"{file} is compressed; unpack it and export again" for file in packed_files(path)]
    cause = f"has no columns {', '.join(_NEEDED)} with commas between; restore it, or move it away"
    for file in log_files(path):
        if file.stat().st_size and not isinstance(form_of(file), CsvForm) and not _has_rows(file):
            told.append(f"{file} {cause}")
    return told


def parse_moment(text: str, is_end: bool = False) -> datetime:
    """`2026-11-20`, `2026-11-20T14:00` in local time, or with `Z` or an offset; a day as an end is its end."""
    try:
        moment = datetime.fromisoformat(text)
        if is_end and _is_day(text):
            moment = datetime.combine(moment.date() + timedelta(days=1), time())
        return moment.astimezone()
    except (ValueError, OverflowError):  # the latter: at the ends of the calendar, where a zone does not fit
        raise ConfigError(f"{text!r} is no time; wanted 2026-11-20, 2026-11-20T14:00 or 2026-11-20T14:00Z") from None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _fits(text: str, plate: str) -> bool:
    pattern = plain(plate.replace("*", "")) if "*" not in plate else "*".join(map(plain, plate.split("*")))
    return fnmatchcase(text, pattern) or is_of(text, pattern)


def _other_rows(file: Path) -> Iterator[Row]:
    """Rows of a file without a chain, if it has the columns that make a row."""
    if not _has_rows(file):
        return
    with file.open(newline="", encoding="utf-8", errors="replace") as opened:
        for values in csv.DictReader(opened):
            yield Row(b"\n", {name: cell or "" for name, cell in values.items() if name})


def _has_rows(file: Path) -> bool:
    with file.open(newline="", encoding="utf-8", errors="replace") as opened:
        try:
            return set(_NEEDED) <= set(csv.DictReader(opened).fieldnames or ())
        except csv.Error:  # no text at all
            return False


def _json(cells: Mapping[str, str]) -> bytes:
    values = {name: _value(name, cell) for name, cell in cells.items()}
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _value(name: str, cell: str) -> str | float | None:
    if name not in _NUMBERS:
        return cell
    try:
        number = float(cell)
    except ValueError:
        return None
    return int(number) if number.is_integer() and "." not in cell else number
