"""The pictures in a folder, and a line for what else is in it; for a run, a replay and single pictures alike."""

import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge.clip import PICTURES, list_folder
from edge.errors import SourceError
from edge.recorded import EVENTS, MARKER, SIGHTS

log = logging.getLogger(__name__)

DRAWN = ".plates.jpg"
"""How the drawings end that `gatereader read --save` writes: no pictures of a gate, but copies of some."""
_BESIDE = (EVENTS, SIGHTS, MARKER, "labels.csv", "meta.csv")
"""What the program itself writes beside pictures; nobody expects it to be looked at."""
_NAMED = 3


def find_pictures(folder: Path) -> list[Path]:
    """The pictures in the folder by name, frame2 before frame10; SourceError if there are none.

    Hidden files are none of them, nor are drawings (`DRAWN`). A warning names what else is left out.
    """
    there = list_folder(folder)
    pictures = sorted((path for path in there if _is_picture(path)), key=_place)
    if not pictures:
        raise SourceError(_nothing_in(folder, _left_out(there, ())))
    _tell(folder, _left_out(there, pictures))
    return pictures


def tell_left_out(folder: Path, taken: Iterable[Path]) -> None:
    """A warning that names what of the folder is not among `taken`, unless it is hidden or the program's own."""
    _tell(folder, _left_out(list_folder(folder), taken))


def _is_picture(path: Path) -> bool:
    name = path.name
    return path.suffix.lower() in PICTURES and name[0] != "." and not name.endswith(DRAWN) and _is_file(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # it lies, or leads, where one may not look: who reads it tells so
        return True


def _place(path: Path) -> tuple[list[tuple[str, int]], str]:
    """Where a name stands among others: its numbers count as such, and those of one value by their letters."""
    pieces = re.findall(r"([^0-9]*)([0-9]*)", path.name)
    return [(text, int(number or -1)) for text, number in pieces], path.name


def _left_out(there: Iterable[Path], taken: Iterable[Path]) -> list[str]:
    """Names, those of sub-folders with a slash."""
    known = set(taken)
    left = (path for path in there if path not in known and path.name[0] != "." and path.name not in _BESIDE)
    return [f"{path.name}/" if _is_folder(path) else path.name for path in sorted(left, key=_place)]


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path's raises where one may not look


def _tell(folder: Path, left: Sequence[str]) -> None:
    if left:
        log.warning("%s: not looked at: %s; name one itself to read it", folder, _shown(left))


def _nothing_in(folder: Path, left: Sequence[str]) -> str:
    if left and all(name.endswith(DRAWN) for name in left):
        return f"{folder}: no pictures in this folder but NAME{DRAWN}, which are drawings of earlier ones"
    others = f", only {_shown(left)}: name a clip or a folder itself" if left else ""
    return f"{folder}: no pictures in this folder{others}; wanted files that end in {', '.join(PICTURES)}"


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
