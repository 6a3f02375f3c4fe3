"""A file of chained lines that survives power cuts, full disks and other programs' files of its name.

A line is appended, flushed and synchronised before `append` returns. While nobody holds the file it is repaired when
it is opened: half a line at its end goes to `NAME.torn`, with a note of where it was.
"""

import errno
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from edge import erasure
from edge.chain import START, Form, utc_text
from edge.log_files import (
    dated_name,
    ends_in,
    folder_lock,
    last_hash,
    lock_now,
    newest_hash,
    set_aside_name,
)
from edge.torn_lines import Torn, torn_path, write_torn
from edge.whole_file import make_folder, open_file, synchronise_folder, write_all

log = logging.getLogger(__name__)

Due = Callable[[datetime, int, datetime], str]
"""When a file was written last, its size in bytes, and the moment now → the period to put it aside under, or ""."""

_DISK_GONE = "its disk is gone"
_TRIES = 3
"""Files that are opened, at most, until one is still the one of its name: a file system may never say so."""
_synchronise = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class BusyError(OSError):
    """Another program writes to the file."""


class _Left(NamedTuple):
    """A disk that the file was on, and is no more."""

    device: int
    head: str
    """The hash of the last line there."""


class LineFile:
    """One file at `path`, opened when it is first needed; `journal` is that of an erasure that may touch it."""

    def __init__(self, path: Path, form: Form, journal: Path, due: Due, now: Callable[[], datetime]) -> None:
        self.path = path
        self.put_aside = 0
        """Files that were put aside by date so far."""
        self._form, self._journal, self._due, self._now = form, journal, due, now
        self._file = -1
        self._size = 0
        self._dirty = False
        self._head = ""
        self._written = now()
        self._identity: tuple[int, int] | None = None
        """Device and inode of the file that was written last."""
        self._left: _Left | None = None

    @property
    def trouble(self) -> str:
        """That the lines go to another disk than before, until that one is back; empty if they do not."""
        return f"{self.path}: {_DISK_GONE}; rows go to a new file in {self._folder}" if self._left else ""

    def open(self) -> None:
        """Opens the file for appending: a header at its head, no torn line at its end, nobody else writing; OSError."""
        self._make_folder()
        with _shared(self.path.parent):
            self._open()

    def append(self, *bodies: bytes) -> None:
        """All of the lines are on the disk, or OSError and the file is as before (if need be once the disk is back)."""
        self._make_folder()
        with _shared(self.path.parent):
            self._make_ready()
            lines, head = b"", self._head
            for body in bodies:
                line = self._form.seal(body, head)
                link = self._form.link(line)
                assert link is not None, "a line that was sealed has its hashes"
                lines, head = lines + line, link.hash
            self._dirty = True
            try:
                write_all(self._file, lines)
                _synchronise(self._file)
            except OSError:
                self._take_back()
                raise
            self._size += len(lines)
            self._dirty = False
            self._written = self._now()
            self._head = head

    def put_aside_if_due(self) -> None:
        """What the next line would do: a file whose period is over gets its date, and a new one begins; OSError."""
        self._make_folder()
        with _shared(self.path.parent):
            self._make_ready()

    def close(self) -> None:
        """Lets the file go; the next line opens it again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def _folder(self) -> Path:
        """Where the file lies, in words."""
        return self.path.parent.absolute()

    def _make_folder(self) -> None:
        make_folder(self.path.parent)

    def _make_ready(self) -> None:
        if self._file < 0 or self._is_elsewhere() or self._journal.exists():
            self._open()
        elif self._dirty:
            os.ftruncate(self._file, self._size)
            self._dirty = False
        elif os.fstat(self._file).st_size != self._size:
            self._open()  # somebody else wrote into it; see how it ends now
        if self._size > len(self._form.header) and (period := self._due(self._written, self._size, self._now())):
            aside = dated_name(self.path, period)
            self.path.rename(aside)
            synchronise_folder(self.path.parent)
            log.info("%s is now %s, and a new file begins", self.path, aside.name)
            self.put_aside += 1
            self._open()

    def _take_back(self) -> None:
        """Cuts off half a line; where the disk refuses even that, the next attempt does it or opens the file anew."""
        try:
            os.ftruncate(self._file, self._size)
            self._dirty = False
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                self.close()

    def _is_elsewhere(self) -> bool:
        """Whether the file was moved, replaced or deleted (by logrotate, say) since it was opened."""
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return True
        ours = os.fstat(self._file)
        return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino)

    def _open(self) -> None:
        self.close()
        if erasure.finish(self._journal):
            log.warning("an erasure that was cut short is done now (%s)", self._journal)
        erasure.discard(self.path)
        if self.path.exists() and not self.path.is_file():
            raise OSError(errno.EINVAL, "it is not a file")
        try:
            self._open_locked()
            if not _is_of_form(self.path, self._form):
                self._set_aside()
            self._take_over()
        except OSError:
            self.close()
            raise

    def _open_locked(self) -> None:
        """Opens the file, or a new one, for us alone: from here on no other program may rename it or write to it."""
        for _ in range(_TRIES):
            self.close()
            # plates are personal data: others on the machine need not read them
            self._file = open_file(self.path, os.O_RDWR | os.O_APPEND)
            try:
                lock_now(self._file)
            except BlockingIOError:
                raise BusyError(errno.EAGAIN, "another program is writing to it") from None
            if not self._is_elsewhere():  # else who had it put it aside meanwhile
                return

    def _set_aside(self) -> None:
        """Renames a file that is not of our form; nothing of anybody's is overwritten or appended to."""
        aside = set_aside_name(self.path)
        self.path.rename(aside)
        log.warning(
            "%s has other columns than this version writes; it is now %s, and a new file begins", self.path, aside.name
        )
        self._open_locked()

    def _take_over(self) -> None:
        """The file as it is becomes ours: mended, with a header, and we know where its chain ends."""
        state = os.fstat(self._file)
        self._written = datetime.fromtimestamp(state.st_mtime, UTC)
        _mend_end(self._file, self.path, self._form, self._now())
        if os.fstat(self._file).st_size == 0:
            write_all(self._file, self._form.header)
        os.fsync(self._file)
        synchronise_folder(self.path.parent)
        self._size = os.fstat(self._file).st_size
        self._dirty = False
        if self._identity not in (None, (state.st_dev, state.st_ino)):
            self._tell_other_file(state.st_dev)
        self._identity = state.st_dev, state.st_ino
        self._head = last_hash(self._file, self._form) or self._head or newest_hash(self.path)

    def _tell_other_file(self, device: int) -> None:
        """Tells that the record splits; it does not where our last line is at hand: the file was put aside by date, or
        a plate was erased from it."""
        assert self._identity is not None, "there was another file"
        if self._left and (device == self._left.device or ends_in(self.path, self._left.head)):
            self._head, self._left = self._left.head, None
            log.warning(
                "%s: its disk is back; rows that were written meanwhile lie on the other one, under %s",
                *(self.path, self._folder),
            )
        elif ends_in(self.path, self._head):
            return
        elif device != self._identity[0]:
            self._left = self._left or _Left(self._identity[0], self._head)
            log.warning(
                "%s: %s, or another one is in its place: a new file begins in %s",
                *(self.path, _DISK_GONE, self._folder),
            )
        else:
            log.warning("%s was moved or deleted: a new file begins in %s", self.path, self._folder)


@contextmanager
def _shared(folder: Path) -> Iterator[None]:
    """The folder, together with others that append; OSError (EBUSY) while somebody erases in it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(folder))
        except BlockingIOError:
            raise OSError(errno.EBUSY, "a plate is being erased from it") from None
        yield


def _is_of_form(path: Path, form: Form) -> bool:
    """Whether the file is ours by its head; one that is empty, or torn in its first line, is."""
    with path.open("rb") as file:
        start = file.read(len(form.header))
        line = file.readline()
    return form.header.startswith(start) and (bool(form.header) or not line.endswith(b"\n") or bool(form.link(line)))


def _mend_end(file: int, path: Path, form: Form, now: datetime) -> None:
    """Half a line at the end, left by a power cut, goes to the torn file; one that lacks only its end gets it."""
    size = os.fstat(file).st_size
    torn = b""
    while len(torn) < size and b"\n" not in torn:
        start = max(0, size - len(torn) - 4096)
        torn = os.pread(file, size - len(torn) - start, start) + torn
    torn = torn[torn.rfind(b"\n") + 1 :]
    if not torn:
        return
    if (link := form.link(torn)) and link.whole:
        whole = form.seal(b"", link.before)
        end = whole[len(whole.rstrip(b"\r\n")) :]
        os.ftruncate(file, size - len(torn) + len(torn.rstrip(b"\r")))
        write_all(file, end)
        return
    if not form.header.startswith(torn):
        # noted before it is cut off: after a second power cut it is there twice rather than not at all
        write_torn(path, Torn(utc_text(now), last_hash(file, form) or START, torn))
        log.warning(
            "%s ended in half a row (a power cut?); moved its %d bytes to %s", path, len(torn), torn_path(path).name
        )
    os.ftruncate(file, size - len(torn))
