"""Several files are replaced and deleted as one: a power cut leaves all of the old ones or all of the new ones.

The new files are written first, beside the old ones. Then a small journal is written that says which takes whose place
and what goes. From there on it is done, by whoever comes first: the program that began, or after a power cut the
service or the next command.
"""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from edge.whole_file import PARTIAL, synchronise_folder

NEW = ".erase-new"
"""How the names of new files end until they take the place of the old ones."""


def new_file(file: Path) -> Path:
    """What is to take the place of `file`."""
    return file.with_name(file.name + NEW)


def journal_path(path: Path) -> Path:
    """Where the journal of the log at `path` lies."""
    return path.with_name(f"{path.name}.erasing") if path.name else path / ".erasing"


def commit(journal: Path, replaced: Iterable[Path], deleted: Iterable[Path]) -> None:
    """`X.erase-new` takes the place of each X in `replaced`, and all in `deleted` goes, as one.

    The new files must be on the disk. The caller has the folder for itself (`folder_lock`). OSError if it cannot be
    done; if the journal was written by then, the rest is done later.
    """
    folder = journal.parent.resolve()  # a link on the way would lead `..` elsewhere
    replaced = list(replaced)
    for place in {file.parent for file in replaced}:
        synchronise_folder(place)
    plan = {
        "replace": [os.path.relpath(file.resolve(), folder) for file in replaced],
        "delete": [os.path.relpath(file.resolve(), folder) for file in deleted],
    }
    _write(journal, json.dumps(plan).encode())
    finish(journal)


def finish(journal: Path) -> bool:
    """Does what is left of an erasure that was cut short; False if there is none. OSError if it cannot be done."""
    try:
        plan = json.loads(journal.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    folder = journal.parent.resolve()
    touched = {folder}
    for name in plan["replace"]:
        file = folder / name
        if new_file(file).exists():
            new_file(file).replace(file)
        touched.add(file.parent)
    for name in plan["delete"]:
        (folder / name).unlink(missing_ok=True)
        touched.add((folder / name).parent)
    for place in touched:
        if place.is_dir():
            synchronise_folder(place)
    journal.unlink(missing_ok=True)
    synchronise_folder(folder)
    return True


def discard(log: Path) -> None:
    """Removes new files of the log that no journal names: an erasure ended before it was decided. The folder is ours,
    or shared with others that append."""
    unfinished = [*log.parent.glob(f"*{NEW}"), *log.parent.glob(f"*.erasing{PARTIAL}")]
    for file in unfinished:
        if file.name.startswith((log.name, f"{log.stem}-", f"{log.stem}.")):
            file.unlink(missing_ok=True)


def _write(journal: Path, data: bytes) -> None:
    """The journal is there as a whole or not at all, and belongs to the folder's owner, who may have to finish it."""
    partial = journal.with_name(journal.name + PARTIAL)
    with partial.open("wb") as file:
        state = journal.parent.stat()
        with contextlib.suppress(OSError):
            os.fchown(file.fileno(), state.st_uid, state.st_gid)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(journal)
    synchronise_folder(journal.parent)
