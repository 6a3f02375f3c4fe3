"""What power cuts left of half-written lines: kept beside the log in `NAME.torn`, each with a note of its place."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edge.whole_file import write_all

_NOTE = re.compile(rb"# (\S+) after ([0-9a-f]{64}), (\d+) bytes\n")


class Torn(NamedTuple):
    """Half a line."""

    moment: str
    """When it was moved away, UTC."""
    before: str
    """The hash of the last whole line before it."""
    piece: bytes
    """What there was of it; empty once a plate was erased from the log, for half a line may hold half a plate."""


def torn_path(path: Path) -> Path:
    """Where the torn lines of the log at `path` lie."""
    return path.with_name(f"{path.name}.torn")


def torn_text(torn: Torn) -> bytes:
    """A note and the piece, as they stand in the file."""
    note = f"# {torn.moment} after {torn.before}, {len(torn.piece)} bytes\n"
    return note.encode() + torn.piece + b"\n"


def write_torn(path: Path, torn: Torn) -> None:
    """Adds a piece to the torn lines of the log at `path`, on the disk when it returns; OSError."""
    file = os.open(torn_path(path), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        write_all(file, torn_text(torn))
        os.fsync(file)
    finally:
        os.close(file)


def read_torn(path: Path) -> Iterator[Torn]:
    """The torn lines of the log at `path`; what a power cut tore in this file, too, is passed over."""
    try:
        data = torn_path(path).read_bytes()
    except FileNotFoundError:
        return
    position = 0
    while found := _NOTE.search(data, position):
        moment, before, length = found.groups()
        end = found.end() + int(length)
        yield Torn(moment.decode("ascii", "replace"), before.decode(), data[found.end() : end])
        position = end
