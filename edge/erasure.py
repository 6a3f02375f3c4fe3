"""Several files are replaced and deleted as one: a power cut leaves all of the old ones or all of the new ones.

The new files are written first, beside the old ones. Then a small journal is written that says which takes whose place
and what goes. From there on it is done, by whoever comes first: the program that began, or after a power cut the
service or the next command.
"""

import errno
import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from edge.log_files import counts_as, log_files
from edge.ownership import as_owner
from edge.torn_lines import torn_path
from edge.whole_file import PARTIAL, synchronise_folder, write_whole

log = logging.getLogger(__name__)

NEW = ".erase-new"
"""How the names of new files end until they take the place of the old ones."""
PICTURE = ".jpg"
"""How the names of files end that an erasure deletes."""


class _Plan(NamedTuple):
    replaced: dict[str, int]
    """Files by their names from the folder of the journal, each with the size of its new one."""
    deleted: list[Path]


def new_file(file: Path) -> Path:
    """What is to take the place of `file`."""
    return file.with_name(file.name + NEW)


def journal_path(path: Path) -> Path:
    """Where the journal of the log at `path` lies."""
    return path.with_name(f"{path.name}.erasing") if path.name else path / ".erasing"


def commit(journal: Path, replaced: Iterable[Path], deleted: Iterable[Path]) -> None:
    """`X.erase-new` takes the place of each X in `replaced`, and all in `deleted` goes, as one.

    The new files must be on the disk, each beside its X, or beside what X is a symbolic link to. The caller has the
    folder for itself (`folder_lock`). OSError if it cannot be done; if the journal was written by then, the rest is
    done later.
    """
    folder = journal.parent.resolve()  # a link on the way would lead `..` elsewhere
    replaced, deleted = [file.resolve() for file in replaced], [file.resolve() for file in deleted]
    for file in deleted:
        _require_deletable(file)
    for place in {file.parent for file in replaced}:
        synchronise_folder(place)
    plan = {
        "replace": {os.path.relpath(file, folder): new_file(file).stat().st_size for file in replaced},
        "delete": [os.path.relpath(file, folder) for file in deleted],
    }
    write_whole(journal, json.dumps(plan).encode(), durable=True)  # the folder's owner may have to finish it
    finish(journal)


def finish(journal: Path) -> bool:
    """Does what is left of an erasure that was cut short; False if there is none. OSError if it cannot be done, or if
    the journal names other files than an erasure does.

    A file whose new one is gone, or whose disk, stays as it is, and the log says so.
    """
    if not os.path.lexists(journal):
        return False
    with as_owner(journal):  # who wrote it could name any file in it
        _carry_out(journal, _read(journal))
    return True


def _carry_out(journal: Path, plan: _Plan) -> None:
    folder = journal.parent.resolve()
    touched = {folder}
    for name, size in plan.replaced.items():
        file = folder / name
        if new_file(file).exists():
            new_file(file).replace(file)
        elif not file.exists() or file.stat().st_size != size:  # else it was replaced before the power cut
            log.error("nothing was erased from %s: what was to take its place is gone; erase the plate again", file)
        touched.add(file.parent)
    for picture in plan.deleted:
        (folder / picture).unlink(missing_ok=True)
        touched.add((folder / picture).parent)
    for place in touched:
        if place.is_dir():
            synchronise_folder(place)
    journal.unlink(missing_ok=True)
    synchronise_folder(folder)


def discard(path: Path) -> None:
    """Removes new files of the log at `path` that no journal names: an erasure ended before it was decided. The folder
    is ours, or shared with others that append."""
    journal = journal_path(path)
    for partial in (f".{journal.name}{PARTIAL}", f"{journal.name}{PARTIAL}"):  # without the dot it was named before
        journal.with_name(partial).unlink(missing_ok=True)
    for file in path.parent.glob(f"*{NEW}"):
        name = file.name.removesuffix(NEW)
        if name == torn_path(path).name or counts_as(path, name):  # others are another log's, which shares the folder
            file.unlink(missing_ok=True)
    for file in log_files(path):
        if file.is_symlink():
            new_file(file.resolve()).unlink(missing_ok=True)


def _read(journal: Path) -> _Plan:
    """OSError if the journal is damaged, or names what no erasure does."""
    try:
        plan = json.loads(journal.read_text(encoding="utf-8"))
        replaced = {str(name): int(size) for name, size in plan["replace"].items()}
        deleted = [Path(name) for name in plan["delete"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise OSError(errno.EINVAL, "it is damaged; delete it and erase again", str(journal)) from None
    if strange := next((file for file in deleted if file.suffix != PICTURE), None):
        message = f"it would delete {strange}, which is no picture, so it is not ours; look at it, and delete it"
        raise OSError(errno.EINVAL, message, str(journal))
    return _Plan(replaced, deleted)


def _require_deletable(file: Path) -> None:
    """PermissionError now rather than when the journal is there, which would stop the service until it is done."""
    if not os.access(file.parent, os.W_OK | os.X_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
