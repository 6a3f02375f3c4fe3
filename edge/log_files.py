"""The files of one log: the one that is written, those that were put aside by date, and those that others moved.

`plates.csv` is always the newest. Beside it lie `plates-2026-11.csv` (or `plates-2026-11-20.csv`, with `.2` and so on
if one did not suffice), `plates.1.csv` where a file had other columns, and `plates.csv.1`, `plates.csv-20261120`,
`plates-20261120.csv` or `plates-20261120-1795161600.csv`, which logrotate makes.
"""

import contextlib
import fcntl
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from edge.chain import START, CsvForm, Form, JsonForm

log = logging.getLogger(__name__)

_PERIOD = r"-(\d{4}-\d\d(?:-\d\d)?)(?:\.(\d+))?"
_MOVED = r"[._-]\d[\d._-]*"
"""What logrotate puts into a name: a number, or a date as its `dateformat` has it."""
_COMPRESSED = r"\.(gz|xz|zst|bz2|lz4|zip)"
_HEADER_BYTES = 65_536


class Ends(NamedTuple):
    """What a file says at its two ends."""

    before: str
    """The hash that its first line names."""
    last: str
    """The hash of its last line."""


def real_log(path: Path) -> Path:
    """Where the log at `path` lies if that is a symbolic link, else `path`: its other files are beside it there."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def set_aside_name(path: Path) -> Path:
    """`plates.1.csv`, or the next number that is free."""
    number = 1
    while (name := path.with_name(f"{path.stem}.{number}{path.suffix}")).exists():
        number += 1
    return name


def dated_name(path: Path, period: str) -> Path:
    """`plates-PERIOD.csv`, or with the number after the last one, for the oldest of a period may be deleted already."""
    numbers = [number for name, number, _ in _dated(path) if name == period]
    if not numbers:
        return path.with_name(f"{path.stem}-{period}{path.suffix}")
    return path.with_name(f"{path.stem}-{period}.{max(numbers) + 1}{path.suffix}")


def dated_files(path: Path) -> list[Path]:
    """The files that were put aside by date, oldest first by their names."""
    return [file for _, _, file in _dated(path)]


def log_files(path: Path) -> list[Path]:
    """All files of the log at `path` that can be read, oldest first by their names; `path` itself is the last."""
    aside, moved, dated = _aside(path), _moved(path), _dated_pattern(path)
    old, elsewhere = [], []
    for file in _siblings(path):
        if match := aside.fullmatch(file.name):
            old.append((int(match[1]), file))
        elif moved.fullmatch(file.name) and not dated.fullmatch(file.name):
            elsewhere.append((file.stat().st_mtime_ns, file))
    own = [path] if path.is_file() else []
    return [*(file for _, file in sorted(old)), *dated_files(path), *(file for _, file in sorted(elsewhere)), *own]


def packed_files(path: Path) -> list[Path]:
    """Files of the log that logrotate has compressed; nothing here looks into them."""
    pattern = _packed(path)
    return sorted(file for file in _siblings(path) if pattern.fullmatch(file.name))


def counts_as(path: Path, name: str) -> bool:
    """Whether a file of this name beside `path` is, or would be, taken for one of its log."""
    patterns = (_aside(path), _moved(path), _dated_pattern(path), _packed(path))
    return name == path.name or any(pattern.fullmatch(name) for pattern in patterns)


def others(path: Path) -> list[Path]:
    """Files beside `path` whose names begin as its own and do not count as its log's: another camera's record, an
    export, a copy, or what was renamed in a way that nothing here knows."""
    return sorted(
        file for file in _siblings(path) if file.name.startswith(path.stem) and not counts_as(path, file.name)
    )


def is_compressed(file: Path) -> bool:
    """By its name."""
    return re.search(_COMPRESSED + "$", file.name) is not None


def form_of(file: Path) -> Form | None:
    """How the lines of a file are chained; None if they are not."""
    with file.open("rb") as opened:
        start = opened.readline(_HEADER_BYTES)
    if start.startswith(b"{"):
        return JsonForm()
    form = CsvForm(start)
    return form if form.chained and start.endswith(b"\n") else None


def ends_of(file: Path) -> Ends | None:
    """Where a file hangs in its chain; None if it holds no line of one."""
    form = form_of(file)
    if form is None:
        return None
    with file.open("rb") as opened:
        opened.seek(len(form.header))
        first = next((link for link in map(form.link, opened) if link), None)
        return first and Ends(first.before, last_hash(opened.fileno(), form) or first.hash)


def last_hash(file: int, form: Form) -> str:
    """The hash of the last whole line that has one; empty if none does."""
    end = os.fstat(file).st_size
    tail = b""
    while True:
        start = max(0, end - len(tail) - 65_536)
        tail = os.pread(file, end - len(tail) - start, start) + tail
        lines = tail.splitlines(keepends=True)
        for line in reversed(lines if start == 0 else lines[1:]):
            if line.endswith(b"\n") and (link := form.link(line)):
                return link.hash
        if start == 0:
            return ""


def in_order(files: Sequence[Path]) -> list[Path]:
    """The files as their lines follow each other, where their chain says so; else as given. Unchained ones go first."""
    ends = {file: found for file in files if (found := ends_of(file))}
    ordered = [file for file in files if file not in ends]
    after: dict[str, list[Path]] = {}
    for file, found in ends.items():
        after.setdefault(found.before, []).append(file)
    known = {found.last for found in ends.values()}
    begins = [file for file, found in ends.items() if found.before == START or found.before not in known]
    for file in (*begins, *ends):
        following: Path | None = file
        while following is not None and following not in ordered:
            ordered.append(following)
            following = next((one for one in after.get(ends[following].last, ()) if one not in ordered), None)
    return ordered


def newest_hash(path: Path) -> str:
    """The last hash of the files beside `path`, for a new file to go on from; START if there is none."""
    found = [ends for file in in_order([file for file in log_files(path) if file != path]) if (ends := ends_of(file))]
    return found[-1].last if found else START


def ends_in(path: Path, last: str) -> bool:
    """Whether the line with the hash `last` is the end of a file of the log at `path`; false if that cannot be read."""
    with contextlib.suppress(OSError):
        return any((ends := ends_of(file)) and ends.last == last for file in reversed(log_files(path)))
    return False


@contextmanager
def folder_lock(folder: Path, exclusive: bool = False) -> Iterator[None]:
    """Whoever appends shares the folder, whoever erases has it alone; BlockingIOError if it is not to be had now.

    A file system that knows no locks does without.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock_now(handle, exclusive)
        yield
    finally:
        os.close(handle)


def lock_now(handle: int, exclusive: bool = True) -> None:
    """BlockingIOError if another process has a lock that does not go with this one."""
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        log.info("no lock on the record: %s", error.strerror)


def _dated(path: Path) -> list[tuple[str, int, Path]]:
    """Period, number and path of the files that were put aside by date, in this order."""
    pattern = _dated_pattern(path)
    found = ((pattern.fullmatch(file.name), file) for file in _siblings(path))
    return sorted((match[1], int(match[2] or 1), file) for match, file in found if match)


def _aside(path: Path) -> re.Pattern[str]:
    return re.compile(re.escape(path.stem) + r"\.(\d+)" + re.escape(path.suffix))


def _moved(path: Path) -> re.Pattern[str]:
    stem, suffix = re.escape(path.stem), re.escape(path.suffix)
    return re.compile(rf"{re.escape(path.name)}{_MOVED}|{stem}[._-]\d{{4}}[._-]?\d\d[\d._-]*{suffix}")


def _dated_pattern(path: Path) -> re.Pattern[str]:
    return re.compile(re.escape(path.stem) + _PERIOD + re.escape(path.suffix))


def _packed(path: Path) -> re.Pattern[str]:
    stem, suffix = re.escape(path.stem), re.escape(path.suffix)
    return re.compile(rf"{stem}({_MOVED})?{suffix}.*{_COMPRESSED}")


def _siblings(path: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [file for file in path.parent.iterdir() if _is_file(file)]
    return []


def _is_file(file: Path) -> bool:
    """Also where nobody may look, behind a link: whoever opens it is told so."""
    try:
        return file.is_file()
    except PermissionError:
        return True
