"""Ends a program at each step of its writing, as `kill -9` or a power cut does.

The program is a function that runs in a forked process, whose calls that change the disk are counted; the process dies
right before the n-th of them, for every n. A power cut also takes what was written and not yet synchronised.
"""

import contextlib
import os
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

from edge import line_file

How = Literal["killed", "half written", "content lost", "zeros instead"]
"""How it ends: between two steps; with half of what the step was to write; and, after a power cut, with all content
gone that was not synchronised, or zeros in its place. Names reach the disk in the order in which they were made."""
HOWS: tuple[How, ...] = ("killed", "half written", "content lost", "zeros instead")
Tell = Callable[[str], None]
"""Says outside the process that something is done: from now on it must not get lost."""

_STEPS = ("write", "fsync", "ftruncate", "rename", "replace", "unlink", "mkdir", "rmdir", "utime")
_WRITABLE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Ended(NamedTuple):
    """A process that died at step `step`, in a folder of its own, after it told what it told."""

    step: int
    folder: Path
    told: list[str]


def at_every_step(base: Path, work: Callable[[Path, Tell], None], how: How) -> Iterator[Ended]:
    """One ended process for each step of `work`, which is given an empty folder, until it comes to its own end."""
    for step in count():
        folder = base / f"{step}"
        folder.mkdir(parents=True)
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests; none of them is needed here
            child = os.fork()
        if child == 0:
            _run(folder, work, writing, _Disk(folder, step, how))
        os.close(writing)
        with os.fdopen(reading) as told:
            lines = told.read().split()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL), f"step {step}: the process ended with {status}"
        yield Ended(step, folder, lines)
        shutil.rmtree(folder)
        if status == 0:
            assert step > 3, "nothing was counted"
            return


def _run(folder: Path, work: Callable[[Path, Tell], None], pipe: int, disk: "_Disk") -> None:
    write = os.write
    status = 1
    with contextlib.suppress(BaseException):
        disk.watch()
        work(folder, lambda text: (write(pipe, f"{text}\n".encode()), None)[1])
        status = 0
    os._exit(status)


class _Disk:
    """Counts the steps, knows what is synchronised, and ends the process."""

    def __init__(self, folder: Path, steps: int, how: How) -> None:
        self._folder, self._left, self._how = folder, steps, how
        self._safe: dict[int, int] = {}
        """Bytes that are on the disk, by the inode of each file that was written to."""
        self._truncate, self._real_write = os.ftruncate, os.write

    def watch(self) -> None:
        for name in _STEPS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        line_file._synchronise = os.fsync
        real_open = os.open

        def opened(path: Any, flags: int, *more: Any, **options: Any) -> int:
            if flags & _WRITABLE:
                self._step()
            return real_open(path, flags, *more, **options)

        os.open = opened

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **options: Any) -> Any:
            self._step(values if name == "write" else ())
            if name == "fsync":
                stat = os.fstat(values[0])
                self._safe[stat.st_ino] = stat.st_size
                return None  # nothing here needs the disk itself
            if name == "write":
                stat = os.fstat(values[0])
                self._safe.setdefault(stat.st_ino, stat.st_size)
            return real(*values, **options)

        return call

    def _step(self, write: tuple[Any, ...] = ()) -> None:
        self._left -= 1
        if self._left >= 0:
            return
        if write and self._how == "half written":
            self._real_write(write[0], bytes(write[1])[: len(write[1]) // 2])
        if self._how in ("content lost", "zeros instead"):
            self._lose()
        os.kill(os.getpid(), signal.SIGKILL)

    def _lose(self) -> None:
        for path in self._folder.rglob("*"):
            stat = path.stat()
            safe = self._safe.get(stat.st_ino)
            if path.is_file() and safe is not None and safe < stat.st_size:
                with path.open("r+b") as file:
                    file.truncate(safe)
                    if self._how == "zeros instead":
                        file.truncate(stat.st_size)
