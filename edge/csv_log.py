"""One row for each pass in a CSV file that survives power cuts, full disks and other programs' files of its name.

A row is appended, flushed and synchronised before the next frame is looked at. What cannot be written is kept in memory
and written as soon as the disk takes it again. docs/csv.md explains the columns.
"""

import contextlib
import errno
import fcntl
import logging
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from edge.csv_rows import HEADER, row
from edge.errors import ConfigError, OutputError
from edge.records import PlateEvent, Status

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CsvSettings:
    """The CSV file: one row for each pass."""

    path: str = "plates.csv"
    """Where to write; empty for no file. The folder is created."""
    include: tuple[Status, ...] = ("accepted", "undecided", "rejected")
    """The statuses that get a row."""
    keep_rows: int = 10_000
    """Rows to keep in memory, at most, while the disk takes none (about 300 bytes each)."""

    def __post_init__(self) -> None:
        if not self.include:
            raise ConfigError('include is empty; name at least one status, or write path = "" for no file')
        if self.keep_rows < 1:
            raise ConfigError(f"keep_rows = {self.keep_rows}: wanted at least 1")


_synchronise = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class CsvLog:
    """Call it with each event; the final ones whose status is wanted become rows.

    Raises OutputError when made, if the file cannot be written. Later on nothing is raised: `error` says in one line
    what is wrong (empty: nothing), `waiting` how many rows are kept in memory, `lost` how many found no room there.
    """

    def __init__(self, settings: CsvSettings) -> None:
        self.error = ""
        self.lost = 0
        self._settings = settings
        self._path = Path(settings.path)
        self._rows: deque[bytes] = deque()
        self._file = -1
        self._size = 0
        self._dirty = False
        if settings.path:
            try:
                self._open()
            except OSError as error:
                raise OutputError(f"cannot write {self._path}: {_cause(error)}; set csv.path") from None

    def __call__(self, event: PlateEvent) -> None:
        """Writes the row of a final event, and those that are waiting."""
        if event.kind != "final" or not self._settings.path or event.status not in self._settings.include:
            return
        if len(self._rows) >= self._settings.keep_rows:
            self._rows.popleft()
            self.lost += 1
        self._rows.append(row(event))
        self.flush()

    @property
    def waiting(self) -> int:
        """Rows that are not on the disk yet."""
        return len(self._rows)

    def flush(self) -> None:
        """Tries to write the waiting rows, in order."""
        waiting = len(self._rows)
        try:
            while self._rows:
                self._append(self._rows[0])
                self._rows.popleft()
        except OSError as error:
            self._report(f"{self._path}: {_cause(error)}")
            return
        if self.error:
            log.warning("%s is written again: %d rows at once, %d were lost", self._path, waiting, self.lost)
            self.error = ""

    def close(self) -> None:
        """Tries once more what is waiting, and closes the file."""
        self.flush()
        if self._rows:
            log.error("%s: %d rows could not be written and are lost", self._path, len(self._rows))
        self._let_go()

    def _append(self, line: bytes) -> None:
        """All of the line is on the disk, or OSError and the file is as before (if need be once the disk is back)."""
        if self._file < 0 or self._is_elsewhere():
            self._open()
        elif self._dirty:
            os.ftruncate(self._file, self._size)
        elif os.fstat(self._file).st_size != self._size:
            self._open()  # somebody else wrote into it; see how it ends now
        self._dirty = True
        try:
            _write(self._file, line)
            _synchronise(self._file)
        except OSError:
            self._take_back()
            raise
        self._size += len(line)
        self._dirty = False

    def _take_back(self) -> None:
        """Cuts off half a row; where the disk refuses even that, the next attempt does it or opens the file anew."""
        try:
            os.ftruncate(self._file, self._size)
            self._dirty = False
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                self._let_go()

    def _is_elsewhere(self) -> bool:
        """Whether the file was moved or deleted (by logrotate, say) since it was opened."""
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return True
        ours = os.fstat(self._file)
        return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino)

    def _open(self) -> None:
        """Opens the file for appending: a header at its head, no torn row at its end, nobody else writing."""
        self._let_go()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and not self._path.is_file():
            raise OSError(errno.EINVAL, "it is not a file")
        _set_aside_other_format(self._path)
        # plates are personal data: others on the machine need not read them
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            _lock(self._file)
            _mend_end(self._file, self._path)
            if os.fstat(self._file).st_size == 0:
                _write(self._file, HEADER)
            os.fsync(self._file)
            _synchronise_folder(self._path.parent)
            self._size = os.fstat(self._file).st_size
            self._dirty = False
        except OSError:
            self._let_go()
            raise

    def _let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _report(self, cause: str) -> None:
        if cause != self.error:
            log.error("cannot write %s; %d rows wait in memory", cause, len(self._rows))
        self.error = cause


def _cause(error: OSError) -> str:
    if isinstance(error, BlockingIOError):
        return "another program is writing to it"
    return error.strerror or str(error)


def _lock(file: int) -> None:
    """BlockingIOError if another process holds the file; a file system that knows no locks does without."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        log.info("no lock on the CSV file: %s", error.strerror)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _set_aside_other_format(path: Path) -> None:
    """Renames a file that does not begin with our header; nothing of anybody's is overwritten or appended to."""
    try:
        with path.open("rb") as file:
            start = file.read(len(HEADER))
    except FileNotFoundError:
        return
    if HEADER.startswith(start):  # ours, or empty, or torn in the middle of its header
        return
    number = 1
    while (aside := path.with_name(f"{path.stem}.{number}{path.suffix}")).exists():
        number += 1
    path.rename(aside)
    log.warning("%s has other columns than this version writes; it is now %s, and a new file begins", path, aside.name)


def _mend_end(file: int, path: Path) -> None:
    """Moves a last line without its end, left by a power cut, to `<name>.torn`."""
    size = os.fstat(file).st_size
    torn = b""
    while len(torn) < size and b"\n" not in torn:
        start = max(0, size - len(torn) - 4096)
        torn = os.pread(file, size - len(torn) - start, start) + torn
    torn = torn[torn.rfind(b"\n") + 1 :]
    if not torn:
        return
    if torn.endswith(b"\r"):
        _write(file, b"\n")  # only the very last byte is missing
        return
    if not HEADER.startswith(torn):
        beside = path.with_name(f"{path.name}.torn")
        target = os.open(beside, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            _write(target, torn + b"\n")
            os.fsync(target)
        finally:
            os.close(target)
        log.warning("%s ended in half a row (a power cut?); moved its %d bytes to %s", path, len(torn), beside.name)
    os.ftruncate(file, size - len(torn))


def _synchronise_folder(folder: Path) -> None:
    """A new file's name must reach the disk as well as its content."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot
            os.fsync(handle)
    finally:
        os.close(handle)
