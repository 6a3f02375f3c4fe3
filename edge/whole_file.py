"""A file that is there as a whole or not at all, whatever happens while it is written; and where it would lie."""

import contextlib
import errno
import os
from pathlib import Path

_STANDARD_OUTPUT = 1
PARTIAL = ".partial"
"""How the name of a file ends that is being written; one that stays behind is of a program that was killed."""


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def free_bytes(folder: Path) -> int:
    """What is free on the folder's disk for a program that is not root's; the folder need not be there yet."""
    disk = os.statvfs(existing(folder))
    return disk.f_bavail * disk.f_frsize


def lacking_bytes(folder: Path, least_megabytes: float, size: int) -> float:
    """Bytes that are not free on the folder's disk but should be once `size` more are written."""
    return 1e6 * least_megabytes + size - free_bytes(folder)


def require_free(folder: Path, least_megabytes: float, size: int, setting: str) -> None:
    """OSError (ENOSPC) if writing `size` bytes would leave less free than the setting, `section.key`, wants."""
    if lacking_bytes(folder, least_megabytes, size) > 0:
        message = f"less than {least_megabytes:g} MB are free on the disk ({setting})"
        raise OSError(errno.ENOSPC, message)


def synchronise_folder(folder: Path) -> None:
    """A new file's name must reach the disk as well as its content."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot
            os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Makes the folder and those above it that lack; each that root makes belongs to the owner of the one above."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=mode, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _give(handle, folder.parent)
        finally:
            os.close(handle)


def create(path: Path, mode: int = 0o640) -> int:
    """A new file to write into, in the place of what was there; never what a link there leads to. OSError."""
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    _give(file, path.parent)
    return file


def open_file(path: Path, flags: int) -> int:
    """Opens a file with these flags; OSError. One that it makes is readable and owned as those of `write_whole`."""
    flags |= os.O_CREAT | os.O_CLOEXEC
    try:
        file = os.open(path, flags | os.O_EXCL, 0o640)
    except FileExistsError:
        return os.open(path, flags, 0o640)
    _give(file, path.parent)
    return file


def _give(file: int, folder: Path) -> None:
    """What root has just made in a folder belongs to the folder's owner."""
    if os.geteuid() == 0:
        owner = folder.stat()
        with contextlib.suppress(OSError):  # some file systems know no owners
            os.fchown(file, owner.st_uid, owner.st_gid)


def write_whole(path: Path, data: bytes, *, durable: bool = False, mode: int = 0o640) -> None:
    """Writes beside `path` and renames; OSError if the disk does not take it, and then nothing is left behind.

    The file is readable for its user and group, unless `mode` says otherwise. One that takes another's place takes its
    owner too, and what root makes anew belongs to the folder's owner, so that what root does stays the service's.
    `durable` waits until content and name are on the disk.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        file = create(partial, mode)
        try:
            with contextlib.suppress(OSError):
                before = path.stat()
                os.fchown(file, before.st_uid, before.st_gid)
            write_all(file, data)
            if durable:
                os.fsync(file)
        finally:
            os.close(file)
        partial.replace(path)
        if durable:
            synchronise_folder(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def write_named(path: Path, data: bytes, *, mode: int = 0o640) -> None:
    """`write_whole` where a user says, who may also name a device, a pipe, a link of his own to a file, or whatever
    standard output is; OSError."""
    if _is_standard_output(path):
        write_all(_STANDARD_OUTPUT, data)
        return
    if path.exists() and not path.is_file():
        with path.open("wb") as device:  # which another file in its place would destroy
            device.write(data)
        return
    if path.is_symlink() and path.lstat().st_uid in (0, os.geteuid()):  # not one that somebody else laid out
        path = Path(os.path.realpath(path))
    write_whole(path, data, mode=mode)


def _is_standard_output(path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(_STANDARD_OUTPUT))
    except OSError:
        return False


def append_whole(path: Path, data: bytes) -> None:
    """Adds `data` to the end of a file, all of it or nothing; OSError if the disk does not take it."""
    file = open_file(path, os.O_WRONLY | os.O_APPEND)
    try:
        size = os.fstat(file).st_size
        try:
            write_all(file, data)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


def write_all(file: int, data: bytes) -> None:
    """All of `data` into an open file, however little the disk takes at once; OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
