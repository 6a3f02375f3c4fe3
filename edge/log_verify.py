"""Follows the chain of a log from its first line to its last: what is whole, what was erased, what was changed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from edge.chain import START, Form
from edge.log_files import form_of, in_order, log_files, packed_files
from edge.torn_lines import read_torn, torn_path


class FileReport(NamedTuple):
    """What was found in one file."""

    file: Path
    rows: int = 0
    """Lines with content that are whole, up to the first bad one."""
    erased: int = 0
    """Lines that were erased, which left their hashes."""
    notes: tuple[str, ...] = ()
    """What the owner may want to know and is no fault."""
    bad_line: int = 0
    """Number of the first line that does not belong, counted from 1 with the header; 0: there is none."""
    cause: str = ""
    """What is wrong with that line."""


class Report(NamedTuple):
    """What was found in a log. After a bad line nothing is looked at."""

    files: tuple[FileReport, ...]
    head: str
    """The hash of the last line; START if there is none."""
    notes: tuple[str, ...]
    found: bool
    """Whether the hash that was asked for is there; true if none was."""

    @property
    def broken(self) -> FileReport | None:
        """The file with a bad line."""
        return next((report for report in self.files if report.bad_line), None)


def verify_log(path: Path, wanted: str = "") -> Report:
    """All files of the log at `path`, in the order of their chain; `wanted` is a hash that must be among theirs."""
    report = verify_files(in_order(log_files(path)), wanted, tuple(torn.before for torn in read_torn(path)))
    notes = [
        f"a power cut left half a row {_after(torn.before, report.places)}; "
        + (f"its {len(torn.piece)} bytes are in {torn_path(path).name}" if torn.piece else "it is erased")
        for torn in read_torn(path)
    ]
    notes += [f"{file.name} is compressed and was not looked at; unpack it first" for file in packed_files(path)]
    return report.report._replace(notes=tuple(notes))


class _Followed(NamedTuple):
    report: Report
    places: dict[str, str]


def verify_files(files: Sequence[Path], wanted: str = "", places: Sequence[str] = ()) -> _Followed:
    """The files, in this order; also says where the lines with the hashes `places` stand."""
    chain = _Chain(wanted, frozenset(places))
    reports = []
    for file in files:
        reports.append(chain.follow(file))
        if reports[-1].bad_line:
            break
    return _Followed(Report(tuple(reports), chain.head or START, (), chain.found), chain.places)


class _Chain:
    """The chain as far as it was followed; `head` is empty before the first line."""

    def __init__(self, wanted: str, sought: frozenset[str]) -> None:
        self.head = ""
        self.found = wanted in ("", START)
        self.places: dict[str, str] = {}
        self._wanted, self._sought = wanted, sought

    def follow(self, file: Path) -> FileReport:
        if file.stat().st_size == 0:
            return FileReport(file, notes=("empty",))
        form = form_of(file)
        if form is None:
            return FileReport(file, notes=("without a chain, made by another version or another program; not checked",))
        with file.open("rb") as opened:
            first = 1 + bool(form.header)
            opened.seek(len(form.header))
            return self._lines(file, form, enumerate(opened, first))

    def _lines(self, file: Path, form: Form, lines: Iterable[tuple[int, bytes]]) -> FileReport:
        rows, erased, notes = 0, 0, []
        for number, line in lines:
            if not line.endswith(b"\n"):
                notes.append(f"half a row in line {number}, its last: it is being written, or a power cut tore it")
                break
            link = form.link(line)
            cause, note = "", ""
            if link is None:
                cause = "no row of this record"
            elif not link.whole:
                cause = "this row was changed: its hash is not that of its content"
            elif link.before != self.head:
                cause, note = self._gap(link.before, not rows + erased)
            if cause or link is None:
                return FileReport(file, rows, erased, tuple(notes), number, cause)
            notes += [note] if note else []
            rows, erased = rows + (not link.erased), erased + link.erased
            self._pass(link.hash, f"{file.name}:{number}")
        return FileReport(file, rows, erased, tuple(notes))

    def _gap(self, before: str, is_first: bool) -> tuple[str, str]:
        """Why a row does not follow the one before it: a fault, or else a note."""
        if not is_first:
            return "this row does not follow the one before it: rows are missing, or were moved or put in", ""
        if before == START:
            return "", "a new chain begins here" if self.head else ""
        if not self.head:
            return "", "begins after rows that are gone: older files were deleted (by age or size), or moved"
        return "this row does not follow the file before it: rows or a whole file are missing", ""

    def _pass(self, own: str, place: str) -> None:
        self.head = own
        self.found = self.found or own == self._wanted
        if own in self._sought:
            self.places[own] = place


def _after(before: str, places: dict[str, str]) -> str:
    if before == START:
        return "before the first row"
    return f"after {places[before]}" if before in places else "after a row that is gone"
