"""`gatereader review`: answers from the command line, a list, an export, or one crop after the other in a terminal."""

import importlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError, OutputError
from edge.ownership import as_owner, user_name
from edge.review import Answer, Item, find_item, parse_answer, read_items, record_answer
from edge.review_export import Exported, export_items
from edge.review_session import Session, item_words
from edge.whole_file import existing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the owner asks for; with nothing of it, a session in the terminal."""

    answers: tuple[str, ...] = ()
    """ID=TEXT each; without a text the answer is taken back."""
    listing: bool = False
    export: Path | None = None
    everything: bool = False
    """Also what was answered before."""
    as_json: bool = False


def review(folder: Path, wishes: Wishes) -> Iterator[str]:
    """The lines to print; what cannot be used in the folder is logged. Root has the rights of the folder's owner.

    ConfigError for an answer that no crop or plate fits (then none of the answers is written), OutputError where the
    disk refuses, and at the end if a picture could not be exported.
    """
    with as_owner(folder):
        yield from _review(folder, wishes)


def _review(folder: Path, wishes: Wishes) -> Iterator[str]:
    items, problems = read_items(folder)
    for problem in problems:
        log.warning("%s", problem)
    answers = [_answer(text, items) for text in wishes.answers]
    for item, answer in answers:
        written = record_answer(item, answer)
        yield json.dumps(_values(written), ensure_ascii=False) if wishes.as_json else _line(written)
    if wishes.answers:
        items, _ = read_items(folder)
    left_out = 0
    if wishes.export is not None:
        done = _export(items, wishes.export)
        left_out = len(done.problems)
        yield _exported(done, wishes.export, wishes.as_json)
    chosen = [item for item in items if wishes.everything or item.answer is None]
    if wishes.listing:
        for item in chosen:
            yield json.dumps(_values(item), ensure_ascii=False) if wishes.as_json else _line(item)
        if not wishes.as_json:
            yield _wait(items, folder)
    elif not wishes.answers and wishes.export is None:
        yield from _ask(chosen, folder)
    if left_out:
        pictures = "1 picture" if left_out == 1 else f"{left_out} pictures"
        raise OutputError(f"{pictures} could not be exported to {wishes.export}; the lines above say why")


def _ask(chosen: Sequence[Item], folder: Path) -> Iterator[str]:
    if not chosen:
        yield _wait([], folder)
        return
    if not sys.stdin.isatty():
        raise ConfigError("review asks in a terminal, and this is none; use --list, --set ID=TEXT or --export DIR")
    try:
        importlib.import_module("readline")  # lets the owner edit what he types
    except ImportError:
        log.debug("no readline")
    if all(item.answer is None for item in chosen):
        yield _wait(chosen, folder)
    session = Session(chosen, sys.stdout)
    session.run()
    left = sum(item.answer is None for item in read_items(folder)[0])
    yield f"{session.answered} answered, {left} wait; `gatereader review --export DIR` makes training data of answers"


def _export(items: Sequence[Item], folder: Path) -> Exported:
    there = existing(folder)
    if not os.access(there, os.W_OK, effective_ids=True):
        user = user_name(os.geteuid())
        raise OutputError(f"{user} cannot write into {there}; export into a folder of {user}'s, and take it from there")
    done = export_items(items, folder)
    for problem in done.problems:
        log.warning("%s", problem)
    return done


def _exported(done: Exported, folder: Path, as_json: bool) -> str:
    if as_json:
        return json.dumps({"folder": str(folder), **done._asdict()}, ensure_ascii=False)
    return (
        f"{folder} holds {done.plates} plates and {done.empty} crops without one ({done.duplicates} left out as the "
        f"same again); go on with: python -m training train --from WEIGHTS --data {folder}"
    )


def _answer(text: str, items: Sequence[Item]) -> tuple[Item, Answer | None]:
    name, separator, answer = text.partition("=")
    if not separator:
        raise ConfigError(
            f"--set {text}: wanted ID=TEXT, with - for no plate, ? for an unreadable one, and nothing to take it back"
        )
    return find_item(items, name.strip()), parse_answer(answer) if answer.strip() else None


def _values(item: Item) -> dict[str, object]:
    return {**item.values, "picture": str(item.picture)}


def _line(item: Item) -> str:
    second = str(item.values.get("second") or "")
    return f"{item.id}  {item.plate or '-':<10}  {second:<10}  {item_words(item)}  {item.picture}"


def _wait(items: Sequence[Item], folder: Path) -> str:
    waiting = sum(item.answer is None for item in items)
    return f"{waiting or 'no'} {'crop waits' if waiting == 1 else 'crops wait'} in {folder}"
