"""A log of chained lines that never stops the program: what the disk does not take waits in memory, in order.

Files are put aside by date, and the oldest are deleted when all of them are too large or too old.
"""

import calendar
import errno
import logging
import re
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Literal

from edge.ages import NO_DATE, Ages, check_days
from edge.chain import Form
from edge.clock import Now, utc_now
from edge.errors import ConfigError, OutputError
from edge.line_file import BusyError, LineFile
from edge.log_files import dated_files
from edge.ownership import whose

log = logging.getLogger(__name__)

Rotate = Literal["never", "daily", "monthly"]
_PARTS = 8
"""A file is put aside early when it has this part of what all may have, so that deleting one deletes little."""
_TOGETHER = 250
"""Lines that waited are written as one, after the first that the disk took: synchronised one by one, thousands of them
would hold the program up for longer than systemd's watchdog waits."""
_ERASURE_SECONDS = 5.0
"""For so long the end of the program waits with its last rows for a plate to be erased from the file."""
_NOT_THE_OWNERS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EBUSY)
"""A disk that is full, read-only or broken at start is no mistake in the configuration: it may come back. Nor is a
folder in which a plate is being erased."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long and how much of a log is kept."""

    rotate: Rotate
    max_bytes: int
    max_days: float
    """0: for ever."""
    keep_rows: int
    """Lines in memory, at most, while the disk takes none."""

    @classmethod
    def of(cls, rotate: Rotate, max_megabytes: float, max_days: float, keep_rows: int) -> "Keeping":
        """As settings have it."""
        return cls(rotate, round(1e6 * max_megabytes), max_days, keep_rows)

    def due(self, written: datetime, size: int, now: datetime) -> str:
        """The period under which a file last written at `written` is to be put aside now; empty if it is not."""
        if self.rotate == "never":
            return ""
        period = self._period(written)
        return period if period != self._period(now) or size >= self.max_bytes / _PARTS else ""

    def _period(self, moment: datetime) -> str:
        return moment.astimezone(UTC).strftime("%Y-%m-%d" if self.rotate == "daily" else "%Y-%m")


def check_path(path: str, example: str) -> None:
    """ConfigError for the path of a log that can only be a folder; an empty one is for the caller to understand."""
    if path and Path(path).name in ("", ".."):
        raise ConfigError(f'path = "{path}" is a folder; wanted a file, such as {example}')


def check_keeping(rotate: Rotate, max_megabytes: float, max_days: float, keep_rows: int) -> None:
    """ConfigError for what cannot be."""
    if max_megabytes <= 0:
        raise ConfigError(f"max_megabytes = {max_megabytes}: wanted more than 0")
    check_days("max_days", max_days)
    if max_days and rotate == "never":
        raise ConfigError(
            f"max_days = {max_days:g} deletes files that were put aside by date; "
            'write rotate = "daily" or "monthly" too, or max_days = 0'
        )
    if keep_rows < 1:
        raise ConfigError(f"keep_rows = {keep_rows}: wanted at least 1")


class LineLog:
    """`write` lines and forget about them.

    Raises OutputError when made, if the file cannot be written for a reason that is the owner's to mend. Later on
    nothing is raised: `error` says in one line what is wrong (empty: nothing), `waiting` how many lines are kept in
    memory, `lost` how many found no room there since the disk took one. `setting` is what the owner can change about
    the path.
    """

    def __init__(
        self,
        path: Path,
        form: Form,
        keeping: Keeping,
        *,
        setting: str,
        journal: Path,
        now: Now = utc_now,
    ) -> None:
        self._unwritten = self._untidy = ""
        self.lost = 0
        self.path = path
        self._keeping, self._now = keeping, now
        self._lines: deque[bytes] = deque()
        self._erasing = False
        self._told_size = False
        self._ages = Ages(keeping.max_days, now, _last_change(path))
        self._file = LineFile(path, form, journal, keeping.due, now)
        try:
            self._file.open()
        except OSError as error:
            if isinstance(error, BusyError) or error.errno not in _NOT_THE_OWNERS:
                cure = f"{owner}, or set {setting}" if (owner := whose(error)) else f"set {setting}"
                raise OutputError(f"cannot write {path}: {error.strerror or error}; {cure}") from None
            self._report(f"{path}: {error.strerror}")
        self.tidy()

    @property
    def error(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        if self._unwritten and self.lost:
            return f"{self._unwritten} ({self.lost} older ones are lost, beyond keep_rows)"
        return self._unwritten or self._file.trouble or self._untidy

    @property
    def astray(self) -> bool:
        """Whether the lines go to another disk than before."""
        return bool(self._file.trouble)

    @property
    def waiting(self) -> int:
        """Lines that are not on the disk yet."""
        return len(self._lines)

    def write(self, body: bytes) -> None:
        """Writes a line, and those that are waiting."""
        self._lines.append(body)
        self.flush()
        if len(self._lines) > self._keeping.keep_rows:
            self._lines.popleft()
            if not self.lost:
                log.error("%s: keep_rows = %d rows wait, and each more costs the oldest", self.path, len(self._lines))
            self.lost += 1

    def flush(self) -> None:
        """Tries to write the waiting lines, in order."""
        waiting, put_aside = len(self._lines), self._file.put_aside
        try:
            together = 1
            while self._lines:
                batch = list(islice(self._lines, together))
                self._file.append(*batch)
                for _ in batch:
                    self._lines.popleft()
                together = _TOGETHER
        except OSError as error:
            self._erasing = error.errno == errno.EBUSY
            self._report(f"{self.path}: {error.strerror or error}")
            return
        if self._unwritten:
            log.warning("%s is written again: %d rows at once, %d were lost", self.path, waiting, self.lost)
            self._unwritten, self.lost = "", 0
        if self._file.put_aside != put_aside or self._untidy:
            self.tidy()

    def tidy(self) -> None:
        """Deletes the oldest files if all are too large or too old; also at the start, and after one was put aside."""
        try:
            if self._keeping.rotate == "never":
                self._tell_size()
            else:
                self._delete_oldest()
        except OSError as error:
            cause = f"{self.path}: old files cannot be deleted: {error.strerror or error}"
            if cause != self._untidy:
                log.error("%s", cause)
            self._untidy = cause
        else:
            self._untidy = ""

    def close(self) -> None:
        """Tries once more what is waiting, for a while if it is for an erasure's end, and closes the file."""
        end = time.monotonic() + _ERASURE_SECONDS
        self.flush()
        while self._lines and self._erasing and time.monotonic() < end:
            time.sleep(0.02)
            self.flush()
        if self._lines:
            log.error("%s: %d rows could not be written and are lost", self.path, self.lost + len(self._lines))
        self._file.close()

    def _delete_oldest(self) -> None:
        oldest = self._ages.oldest()
        if oldest is not None:  # the newest file, too, grows old where no line comes
            self._file.put_aside_if_due()
        ends = {file: self._end_of(file) for file in dated_files(self.path)}
        total = sum(file.stat().st_size for file in ends) + self._keeping.max_bytes / _PARTS
        # those of one moment, made while the clock was wrong, stay in the order of their names
        for file in sorted(ends, key=lambda file: ends[file]):
            too_old = oldest is not None and ends[file] < oldest
            if total <= self._keeping.max_bytes and not too_old:
                break
            total -= file.stat().st_size
            file.unlink(missing_ok=True)
            log.warning("deleted %s: %s", file, "too old (max_days)" if too_old else "too large (max_megabytes)")

    def _end_of(self, file: Path) -> datetime:
        """When the period in a file's name ended; for one that cannot be, when that was noticed."""
        begin, end = _period_of(file, self.path)
        born = self._ages.born(file, begin)
        return end if born == begin else born

    def _tell_size(self) -> None:
        if self.path.exists() and self.path.stat().st_size > self._keeping.max_bytes and not self._told_size:
            self._told_size = True
            log.warning(
                '%s has more than max_megabytes; with rotate = "never" it is yours to move away or to delete', self.path
            )

    def _report(self, cause: str) -> None:
        if cause != self._unwritten:
            log.error("cannot write %s; %d rows wait in memory", cause, len(self._lines))
        self._unwritten = cause


def _last_change(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None


def _period_of(file: Path, path: Path) -> tuple[datetime, datetime]:
    """Begin and end of the period in the name of a file that was put aside."""
    found = re.match(r"(\d{4})-(\d\d)(?:-(\d\d))?", file.name.removeprefix(f"{path.stem}-"))
    assert found is not None, "dated_files() gives such names only"
    year, month = int(found[1]), int(found[2])
    try:
        first = date(year, month, int(found[3] or 1))
        days = 1 if found[3] else calendar.monthrange(year, month)[1]
        begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
        return begin, begin + timedelta(days=days)
    except (ValueError, OverflowError, calendar.IllegalMonthError):  # somebody else's file with a date that is none
        return NO_DATE, NO_DATE
