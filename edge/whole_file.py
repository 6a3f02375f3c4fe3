"""A file that is there as a whole or not at all, whatever happens while it is written; and where it would lie."""

import contextlib
import os
from pathlib import Path

PARTIAL = ".partial"
"""How the name of a file ends that is being written; one that stays behind is of a program that was killed."""


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def write_whole(path: Path, data: bytes, *, durable: bool = False, mode: int = 0o640) -> None:
    """Writes beside `path` and renames; OSError if the disk does not take it, and then nothing is left behind.

    The file is readable for its user and group, unless `mode` says otherwise. One that takes another's place takes its
    owner too, so that what root changes stays the service's. `durable` waits until the content is on the disk.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            with contextlib.suppress(OSError):
                before = path.stat()
                os.fchown(file, before.st_uid, before.st_gid)
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            if durable:
                os.fsync(file)
        finally:
            os.close(file)
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
