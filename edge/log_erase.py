"""Takes every trace of a plate out of the record, and leaves a chain that can still be verified.

What takes the place of an erased line keeps its two hashes and nothing else. The new files take the place of the old
ones as one (`erasure.py`). While this goes on a running service keeps its rows in memory.
"""

import csv
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from edge import erasure
from edge.alphabet import plain
from edge.chain import START, Form, JsonForm, Link
from edge.csv_rows import csv_line
from edge.errors import ConfigError, OutputError
from edge.log_files import counts_as, folder_lock, form_of, is_compressed, log_files, others, packed_files
from edge.log_rows import Row, is_like, is_of, read_rows
from edge.ownership import whose
from edge.pictures import unnamed_pictures
from edge.torn_lines import Torn, read_torn, torn_path, torn_text
from edge.whole_file import create

_PATIENCE = 10.0
"""Seconds to wait until nobody is writing or erasing."""


@dataclass(slots=True)
class Erased:
    """What was found, and unless it was a trial is gone."""

    rows: int = 0
    pictures: int = 0
    torn: int = 0
    """Half rows, which go whatever they held."""
    alike: dict[str, int] = field(default_factory=dict)
    """Texts that may be misreadings of the plate and stay, with the number of rows."""
    missing: int = 0
    """Pictures that its rows name and that are nowhere: gone by age or size, or moved away."""
    left: list[str] = field(default_factory=list)
    """Files that could not be looked into, or pictures that are not ours to delete."""
    passes: set[str] = field(default_factory=set)
    """The `event_id`s of what was to go, those that the caller named among them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the record is: its logs, the folder of its pictures, and the journal of erasures."""

    logs: tuple[Path, ...]
    pictures: Path
    journal: Path


def erase_plate(
    place: Place,
    plate: str,
    passes: AbstractSet[str] = frozenset(),
    first: Callable[[AbstractSet[str]], None] | None = None,
    *,
    trial: bool = False,
) -> Erased:
    """Erases the plate from all files of the logs, and the pictures that its rows name; `trial` only counts.

    `passes` are `event_id`s that go whatever their rows say. `first` gets all that go before any does, but not in a
    trial: what only a row leads to must be gone before that row, lest a second try not find it.

    OutputError if another program has the folder for too long, or a file cannot be written; then nothing is changed.
    """
    wanted = plain(plate)
    if len(wanted) < 2 or "?" in wanted:
        raise ConfigError(f"{plate!r} is no plate to erase; wanted its letters and digits, such as AB123CD")
    folders = {log.parent.resolve() for log in place.logs if log.parent.is_dir()}
    with _alone(folders):
        try:
            erasure.finish(place.journal)
            for log in place.logs:
                erasure.discard(log)
            return _Eraser(place, wanted, passes).run(trial, first)
        except OutputError:  # what `first` says
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            state = "the rest follows with the next try" if place.journal.exists() else "nothing was changed"
            cause = f"{error.strerror or error}; {owner}" if (owner := whose(error)) else str(error.strerror or error)
            raise OutputError(f"cannot erase: {where}{cause}; {state}") from None


class _Eraser:
    def __init__(self, place: Place, plate: str, passes: AbstractSet[str]) -> None:
        self._place, self._plate = place, plate
        self._done = Erased()
        self._ids = set(passes)
        self._pictures: set[Path] = set()
        self._missing: set[Path] = set()
        self._by_name: dict[str, list[Path]] | None = None
        self._written: list[Path] = []
        self._now = datetime.now(UTC)

    def run(self, trial: bool, first: Callable[[AbstractSet[str]], None] | None) -> Erased:
        files = [file for log in self._place.logs for file in log_files(log)]
        for file in files:
            self._note_passes(file)
        try:
            for file in files:
                self._rewrite(file)
            for log in self._place.logs:
                self._empty_torn(log)
                self._done.left += [f"{file} is compressed; unpack it and erase again" for file in packed_files(log)]
            marks = self._note_unnamed()
            self._look_at_others()
            self._done.pictures, self._done.missing = len(self._pictures), len(self._missing)
            self._done.passes = self._ids
            if first and not trial:
                first(self._ids)
            if not trial and (self._written or self._pictures):
                written, self._written = self._written, []  # from here on they are the journal's
                erasure.commit(self._place.journal, written, self._pictures)
            for mark in () if trial else marks:
                mark.unlink(missing_ok=True)
        finally:
            for file in self._written:
                erasure.new_file(file).unlink(missing_ok=True)
        return self._done

    def _note_passes(self, file: Path) -> None:
        """Its previews and its row are of one pass: where one is of the plate, all of them are."""
        for row in _rows_of(file):
            if any(is_of(text, self._plate) for text in row.texts):
                self._ids.add(row.event_id)
        self._ids.discard("")

    def _is_meant(self, row: Row) -> bool:
        return row.event_id in self._ids or any(is_of(text, self._plate) for text in row.texts)

    def _rewrite(self, file: Path) -> None:
        """Writes what takes the place of this file, if anything in it is to go."""
        form = form_of(file)
        if form is None:
            self._rewrite_unchained(file)
            return
        if not any(self._is_meant(row) or not row.line.endswith(b"\n") for row in read_rows(file, form)):
            for row in read_rows(file, form):
                self._note_alike(row)
            return
        self._write_new(file, self._lines(file, form))

    def _lines(self, file: Path, form: Form) -> Iterator[bytes]:
        yield form.header
        before = START
        for row in read_rows(file, form):
            link = form.link(row.line)
            if not row.line.endswith(b"\n"):
                self._done.torn += 1  # nobody is writing now: a power cut left it
                continue
            if not self._is_meant(row):
                self._note_alike(row)
                yield row.line
            else:
                self._done.rows += 1
                self._note_pictures(file, row)
                # a line that somebody changed has perhaps no hashes; what comes after it names the one that it had
                yield form.tombstone(link or Link(before, before, True, True), self._now)
            before = link.hash if link else before

    def _rewrite_unchained(self, file: Path) -> None:
        """A file of an older version, or another program's: its rows go without a trace."""
        text = file.read_bytes().decode("utf-8", "replace")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if not rows or "plate" not in rows[0]:
            if self._plate in plain(text):
                self._done.left.append(f"{file} is not a file of this program; look at it yourself")
            return
        kept = [row for row in rows if not self._is_meant(Row(b"", dict(zip(rows[0], row, strict=False))))]
        if len(kept) < len(rows):
            self._done.rows += len(rows) - len(kept)
            self._write_new(file, map(csv_line, kept))

    def _look_at_others(self) -> None:
        """What may be of the record by its content and not by its name is not ours to change, but to tell."""
        for file in sorted({file for log in self._place.logs for file in others(log)}):
            folder = file.parent.resolve()
            if any(log.parent.resolve() == folder and counts_as(log, file.name) for log in self._place.logs):
                continue
            if is_compressed(file):
                self._leave(f"{file} is compressed, and not named as the record's files are; unpack it and look at it")
            elif not os.access(file, os.R_OK, effective_ids=True):
                self._leave(f"{file} may be of the record, and cannot be read; look at it yourself")
            elif any(self._is_meant(row) for row in _rows_of(file)):
                option = "--set json.path=" if isinstance(form_of(file), JsonForm) else "--csv "
                self._leave(
                    f"{file} holds the plate, and is not named as the record's files are (an export? another "
                    f"camera's?); delete it, or erase with {option}{file}"
                )

    def _empty_torn(self, log: Path) -> None:
        """Half a row may hold half a plate, and whose it is nobody can say: of all of them only the notes stay."""
        torn = list(read_torn(log))
        if any(one.piece for one in torn):
            self._done.torn += sum(bool(one.piece) for one in torn)
            self._write_new(torn_path(log), (torn_text(Torn(one.moment, one.before, b"")) for one in torn))

    def _note_alike(self, row: Row) -> None:
        for text in {text for text in row.texts if is_like(text, self._plate)}:
            self._done.alike[text] = self._done.alike.get(text, 0) + 1

    def _note_pictures(self, file: Path, row: Row) -> None:
        """The pictures that a row names, if they are below the folder of pictures: a row could name any file."""
        folder = self._place.pictures.resolve()
        for name in row.pictures:
            picture = (file.parent / name).resolve()
            if folder in picture.parents and picture.suffix == erasure.PICTURE and picture.exists():
                self._pictures.add(picture)
                continue
            moved = self._named(picture.name)  # the file or the pictures may have been moved since
            self._pictures.update(moved)
            if folder not in picture.parents and picture.exists():
                self._leave(f"{picture} is not below {folder}; delete it yourself")
            elif not folder.is_dir():
                self._leave(f"{picture} is not there, nor is {folder}; if its disk is missing, delete it yourself")
            elif not moved:
                self._missing.add(picture)

    def _note_unnamed(self) -> set[Path]:
        """The pictures of passes whose row was never written: whose they are nobody can say. What is beside all of
        them, and beside those that a row names after all."""
        found = {picture.resolve(): mark for picture, mark in unnamed_pictures(self._place.pictures).items()}
        by_name = {picture.name: picture for picture in found if self._place.pictures.resolve() in picture.parents}
        for folder in {log.parent for log in self._place.logs if found}:
            for file in folder.iterdir():  # another camera's record may share the pictures
                if file.is_file() and os.access(file, os.R_OK, effective_ids=True):
                    for row in _rows_of(file):
                        for name in row.pictures:
                            by_name.pop(Path(name).name, None)
        self._pictures.update(by_name.values())
        return set(found.values())

    def _named(self, name: str) -> list[Path]:
        """The pictures of this name, wherever below the folder of pictures they are."""
        if self._by_name is None:
            self._by_name = {}
            for picture in self._place.pictures.resolve().rglob(f"*{erasure.PICTURE}"):
                if not picture.is_symlink():
                    self._by_name.setdefault(picture.name, []).append(picture)
        return self._by_name.get(name, [])

    def _leave(self, told: str) -> None:
        if told not in self._done.left:  # a row and its line name the same picture
            self._done.left.append(told)

    def _write_new(self, file: Path, lines: Iterable[bytes]) -> None:
        file = file.resolve()  # a link stays one, and leads to the new file
        self._written.append(file)
        state = file.stat()
        with os.fdopen(create(erasure.new_file(file)), "wb") as new:
            os.fchmod(new.fileno(), state.st_mode & 0o777)
            if (state.st_uid, state.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(new.fileno(), state.st_uid, state.st_gid)  # what root changes stays the service's
            new.writelines(lines)
            new.flush()
            os.fsync(new.fileno())
        os.utime(erasure.new_file(file), ns=(state.st_atime_ns, state.st_mtime_ns))  # by it the file is dated


def _rows_of(file: Path) -> Iterator[Row]:
    form = form_of(file)
    return read_rows(file, form) if form else iter(())


@contextmanager
def _alone(folders: Iterable[Path]) -> Iterator[None]:
    """All of the folders for ourselves."""
    end = time.monotonic() + _PATIENCE
    with ExitStack() as stack:
        for folder in sorted(folders):
            while True:
                try:
                    stack.enter_context(folder_lock(folder, exclusive=True))
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise OutputError(f"another program is erasing in {folder}; try again") from None
                    time.sleep(0.02)
        yield
