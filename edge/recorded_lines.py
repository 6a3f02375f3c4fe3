"""The lines beside recorded frames, `events.jsonl` and `sights.jsonl`: one program appends while another erases."""

import errno
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.log_files import lock_now
from edge.recorded import EVENTS, MARKER, SIGHTS
from edge.whole_file import append_whole, open_file, write_whole

PROGRAM = "gatereader"
"""What the marker of our recordings says under `program`."""
_PATIENCE = 2.0
"""Seconds to wait until nobody else appends to a file or rewrites it, which takes milliseconds."""


def check_names(folder: Path) -> None:
    """OSError if another program's file has a name that a recording needs. An empty file is nobody's."""
    if _is_marked(folder):
        return
    theirs = [folder / name for name in (EVENTS, SIGHTS) if not read_lines(folder / name)]
    for path in (folder / MARKER, *theirs):
        if path.is_file() and path.stat().st_size:
            message = f"{path.name} there is another program's; name another folder (recording.folder, --record)"
            raise OSError(errno.EEXIST, message)


def line_of(values: Mapping[str, Any]) -> bytes:
    """A pass, or a sight of one, as it stands in its file."""
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def read_lines(file: Path) -> list[dict[str, Any]]:
    """The recorded passes, or sights of them; half a line, left by a power cut, is none. OSError."""
    values = []
    if file.is_file():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                one = json.loads(line)
            except ValueError:
                continue
            if isinstance(one, dict) and {"session", "first_seen", "last_seen"} <= one.keys():
                values.append(one)
    return values


def append_lines(file: Path, *lines: bytes) -> None:
    """Adds all of the lines or none; OSError. Not while somebody rewrites the file, who would lose them."""
    with _alone(file):
        append_whole(file, b"".join(lines))


def keep_lines(folder: Path, name: str, stays: Callable[[Mapping[str, Any]], bool]) -> None:
    """Rewrites a file without the lines that do not stay; OSError. One of another program stays as it is."""
    file = folder / name
    if not file.is_file():
        return
    with _alone(file):
        passes = read_lines(file)
        if passes or _is_marked(folder):
            words = b"".join(line_of(values) for values in passes if stays(values))
            if words != file.read_bytes():  # once an hour, and mostly nothing is to be removed
                write_whole(file, words, durable=True)


def _is_marked(folder: Path) -> bool:
    """Whether the folder's `recording.json` is that of a recording of ours."""
    try:
        values = json.loads((folder / MARKER).read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(values, dict) and values.get("program") == PROGRAM


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """The file for ourselves, which is made if it lacks; OSError if another program keeps it.

    The file and not its folder: in that may lie the record, which an erasure has for itself while it comes here.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        handle = open_file(file, os.O_WRONLY | os.O_APPEND)
        try:
            if _is_taken(handle, file):
                yield
                return
        finally:
            os.close(handle)
        if time.monotonic() > end:
            raise OSError(errno.EBUSY, f"another program is writing to {file.name}")
        time.sleep(0.005)


def _is_taken(handle: int, file: Path) -> bool:
    """Whether the open file is ours alone now, and still the one of its name."""
    try:
        lock_now(handle)
        return os.path.samestat(os.fstat(handle), file.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
