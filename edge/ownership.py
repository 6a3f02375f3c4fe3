"""Whose files are whose: root works with the rights of the owner whose folder it is in, and a refusal names the owner.

Whoever owns a folder can put links and names into it that lead root to any file of the machine.
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import OutputError
from edge.whole_file import existing


@contextmanager
def as_owner(path: Path) -> Iterator[None]:
    """Root has the rights of the owner of `path` and no more, until the end; for others, or where it is root's, nothing
    changes. Of what is not there the nearest folder above counts, and of a link whoever made it.

    OutputError where that cannot be, or where something inside needs more.
    """
    owner = _owner(path) if os.geteuid() == 0 else None
    if owner is None:
        yield
        return
    name, there = user_name(owner.st_uid), existing(path)
    group, groups = os.getegid(), os.getgroups()
    try:
        os.setgroups(_groups(owner))
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
    except OSError as error:
        message = f"root cannot take the rights of {name}, the owner of {path}: {error.strerror}; run it as {name}"
        raise OutputError(message) from None
    try:
        if not os.access(there, os.R_OK, effective_ids=True):
            raise OutputError(f"{path} belongs to {name}, who cannot get there; root works there with his rights only")
        yield
    except PermissionError as error:
        raise OutputError(f"{error.filename}: {error.strerror}; {whose(error) or f'{name} may not'}") from None
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def whose(error: OSError) -> str:
    """Whose the file is that somebody else's rights keep from us, and what to do; empty for any other error."""
    if not isinstance(error, PermissionError) or not error.filename:
        return ""
    file = Path(error.filename).absolute()
    try:
        there = existing(file)
        folder = there.parent if there == file else there
        owner, folders_owner = there.stat().st_uid, folder.stat().st_uid
    except OSError:
        return ""
    if owner == os.geteuid():
        return ""
    told = f"{there} belongs to {user_name(owner)}"
    if folders_owner == os.geteuid():
        told += f": sudo chown -R {user_name(folders_owner)} {folder}"
    return told


def user_name(uid: int) -> str:
    """The user's name, or his number if he has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _owner(path: Path) -> os.stat_result | None:
    """Who owns the path, or the nearest folder above it; None for root."""
    if not path.is_symlink():
        path = existing(path)
    states = [path.lstat()] + ([path.stat()] if path.exists() else [])
    return next((state for state in states if state.st_uid), None)


def _groups(owner: os.stat_result) -> list[int]:
    try:
        return os.getgrouplist(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    except KeyError:
        return [owner.st_gid]
