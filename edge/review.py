"""The kept crops of passes without a sure answer: a folder with a JPEG and a JSON of the same name for each.

`kept_crops.py` fills the folder, `gatereader review` asks the owner what the plates are, `review_export.py` makes
training data of the answers. The JSON file makes the item: a picture without one is none. Files of other names than
`kept_crops.py` gives are somebody else's: nobody lists or removes them.
"""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from edge.alphabet import ALPHABET, plain
from edge.errors import ConfigError, OutputError
from edge.log_rows import TEXTS, is_of
from edge.whole_file import PARTIAL, write_whole

UNDECIDED = "?"
LONGEST = 12
"""Characters of the longest text that the reader can be taught."""
Kind = Literal["plate", "no_plate", "unreadable"]
WORDS: Mapping[str, Kind] = {"-": "no_plate", UNDECIDED: "unreadable"}
"""What the owner types for a crop that shows no plate, or one that nobody can read."""
_FRESH = 60.0
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\.(jpg|json)")
_SEPARATORS = str.maketrans("", "", " -.·_/")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the owner says about a crop; `text` is empty unless it is a plate."""

    kind: Kind
    text: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One kept crop."""

    id: str
    path: Path
    """The JSON file."""
    values: Mapping[str, Any]
    """What stands in it; docs/review.md lists the keys."""
    answer: Answer | None

    @property
    def picture(self) -> Path:
        """The crop."""
        return self.path.with_suffix(".jpg")

    @property
    def event_id(self) -> str:
        """Names the pass, as in its row."""
        return str(self.values.get("event_id") or "")

    @property
    def plate(self) -> str:
        """The answer of the vote, with its `?`, or what the single best reading said."""
        return str(self.values.get("plate") or self.values.get("plate_raw") or "")

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything in it that may be the plate's text; each may hold `?`."""
        reading = self.values.get("reading")
        read = reading.get("text", "") if isinstance(reading, dict) else ""
        named = [str(self.values.get(key) or "") for key in TEXTS]
        return tuple(text for text in (*named, str(read), self.answer.text if self.answer else "") if text)


def read_items(folder: Path) -> tuple[list[Item], list[str]]:
    """The items by time, and one line for each that cannot be used. A folder that is not there holds none."""
    items, problems = [], []
    for path in item_files(folder):
        try:
            items.append(read_item(path))
        except FileNotFoundError:
            continue  # the service made room just now
        except (OSError, ValueError) as error:
            problems.append(f"{path}: {error.strerror if isinstance(error, OSError) else error}")
    return items, problems


def item_files(folder: Path) -> list[Path]:
    """The JSON files of items, by name; none in a folder that is not there."""
    return sorted(path for path in folder.glob("*.json") if _NAME.fullmatch(path.name)) if folder.is_dir() else []


def read_item(path: Path) -> Item:
    """The item of one JSON file; ValueError says in a few words what is wrong with it."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ValueError("not the description of a crop (damaged by a power cut? delete it)") from None
    if not isinstance(values, dict) or not isinstance(values.get("id"), str):
        raise ValueError("not the description of a crop (no `id` in it)")
    if not path.with_suffix(".jpg").is_file():
        raise ValueError("its picture is missing; delete it")
    given = values.get("answer")
    answer = None
    if isinstance(given, dict) and given.get("kind") in ("plate", "no_plate", "unreadable"):
        answer = Answer(given["kind"], str(given.get("text", "")))
    return Item(values["id"], path, values, answer)


def find_item(items: Iterable[Item], name: str) -> Item:
    """The one item whose id, or the beginning of it, is `name`."""
    found = [item for item in items if name and (item.id.startswith(name) or item.path.stem == name)]
    if len(found) != 1:
        what = "no kept crop has" if not found else f"{len(found)} kept crops have"
        raise ConfigError(f"{what} the id {name!r}; `gatereader review --list` shows them")
    return found[0]


def parse_answer(text: str) -> Answer:
    """What the owner typed → the answer: a plate's text, `-` for no plate, `?` for an unreadable one.

    Small letters, spaces, hyphens and dots are as good; ConfigError for what no plate can be.
    """
    if kind := WORDS.get(text.strip()):
        return Answer(kind)
    plate = text.upper().translate(_SEPARATORS)
    for character in plate:
        if character not in ALPHABET:
            raise ConfigError(f"{character!r} in {text!r} is not on plates here; wanted letters A to Z and digits")
    if not 2 <= len(plate) <= LONGEST:
        raise ConfigError(
            f"{text!r} has {len(plate)} characters; wanted 2 to {LONGEST}, - for no plate, or ? for unreadable"
        )
    return Answer("plate", plate)


def record_answer(item: Item, answer: Answer | None) -> Item:
    """Writes the answer (None takes it back) into the item's file; OutputError if that cannot be done."""
    given = None
    if answer is not None:
        moment = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        given = {"kind": answer.kind, "text": answer.text, "time": moment}
    values = {**item.values, "answer": given}
    if not item.path.exists():
        raise OutputError(f"{item.path}: was removed meanwhile, by age or to make room")
    try:
        write_whole(item.path, (json.dumps(values, ensure_ascii=False) + "\n").encode(), durable=True)
    except OSError as error:
        raise OutputError(f"cannot write {item.path}: {error.strerror}") from None
    return Item(item.id, item.path, values, answer)


def passes_of(folder: Path, plate: str) -> set[str]:
    """The `event_id`s of the crops that are of `plate` by what was read or answered.

    As in rows, half of a text must be known: what goes by these is a whole pass, and no longer one crop.
    """
    wanted = plain(plate)
    items, _ = read_items(folder)
    return {item.event_id for item in items if any(is_of(plain(text), wanted) for text in item.texts)} - {""}


def erase(folder: Path, plate: str, passes: AbstractSet[str] = frozenset(), *, trial: bool = False) -> int:
    """Removes every kept crop that may be of `plate` or is of these passes (`event_id`s), and returns how many;
    OutputError if one cannot be removed.

    A `?` in what is known of a crop stands for any character: rather one crop too many. A description that cannot be
    read goes too, with its picture, because nobody can say whose it is. `trial` only counts.
    """
    wanted = plain(plate)

    def meant(item: Item | None) -> bool:
        return item is None or item.event_id in passes or any(may_be(text, wanted) for text in item.texts)

    return _erase(folder, meant, trial)


def erase_passes(folder: Path, passes: AbstractSet[str]) -> int:
    """As `erase`, but only the crops of these passes."""
    return _erase(folder, lambda item: item is not None and item.event_id in passes, trial=False)


def _erase(folder: Path, meant: Callable[[Item | None], bool], trial: bool) -> int:
    """`meant` gets None for what cannot be read."""
    removed = 0
    if not folder.is_dir():
        return removed
    try:
        for path in item_files(folder):
            item = None
            with contextlib.suppress(ValueError):
                item = read_item(path)
            if meant(item):
                removed += 1
                if not trial:
                    remove(path)
        for stray in () if trial else strays(folder):
            stray.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot remove kept crops in {folder}: {error.strerror}") from None
    return removed


def may_be(text: str, plate: str) -> bool:
    """Whether `text`, in which `?` is any character, can be this plate."""
    return len(text) == len(plate) and all(a in (UNDECIDED, b) for a, b in zip(text, plate, strict=True))


def remove(path: Path) -> None:
    """Takes an item out, the picture first, so that no plate's picture stays behind; OSError if that fails."""
    path.with_suffix(".jpg").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def strays(folder: Path) -> Iterator[Path]:
    """Files of items that were never finished: pictures without a description, and half-written files.

    One of the last minute may be of a program that is at it now.
    """
    partial = (path for path in folder.glob(f".*{PARTIAL}") if _NAME.fullmatch(path.name[1 : -len(PARTIAL)]))
    pictures = (path for path in folder.glob("*.jpg") if _NAME.fullmatch(path.name))
    alone = (path for path in pictures if not path.with_suffix(".json").exists())
    for path in (*partial, *alone):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _FRESH:
                yield path
