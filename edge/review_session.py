"""`gatereader review` in a terminal: one crop after the other, and what the owner says about it.

Each answer is on the disk before the next question; whoever comes back is asked what is left.
"""

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TextIO

from edge.clip import read_picture
from edge.errors import ConfigError, OutputError, SourceError
from edge.half_blocks import colours_of, picture_lines
from edge.printable import printable
from edge.review import UNDECIDED, WORDS, Item, may_be, parse_answer, record_answer

_SEEN = "Type only what is on the picture: a character that it lacks would teach the reader a wrong text."
_CUT = "cut by the picture's edge: type only what is left of the plate, or ? if a character is cut through"
HELP = "Enter: it is right · or type the plate · - no plate · ? unreadable · s skip · b back · q quit"
_WIDEST, _HIGHEST = 96, 20
_INDENT = 2


class Session:
    """Asks about `items`, one after the other. `ask` shows a prompt and returns a line, or raises EOFError."""

    def __init__(self, items: Sequence[Item], output: TextIO, ask: Callable[[str], str] = input) -> None:
        self._answered: set[str] = set()
        self._items = list(items)
        self._output, self._ask = output, ask

    @property
    def answered(self) -> int:
        """Crops answered so far, each counted once."""
        return len(self._answered)

    def run(self) -> None:
        """Until everything is answered or skipped, or the owner quits."""
        self._say(_SEEN)
        self._say(HELP)
        place = 0
        while 0 <= place < len(self._items):
            self._show(place)
            step = self._question(place)
            if step is None:
                break
            place = max(0, place + step)

    def _question(self, place: int) -> int | None:
        """One answer; how many crops to go on, None to end."""
        item = self._items[place]
        suggested = suggestion(item)
        while True:
            try:
                typed = self._ask(printable(f"plate [{suggested}]: ") if suggested else "plate: ").strip()
            except EOFError:
                self._say("")
                return None
            if typed.lower() in ("q", "s", "b"):
                return {"q": None, "s": 1, "b": -1}[typed.lower()]
            if not typed and not suggested:
                self._say(f"nothing to confirm here. {HELP}")
                continue
            try:
                answer = parse_answer(typed or suggested)
            except ConfigError as error:
                self._say(str(error))
                continue
            try:
                self._items[place] = record_answer(item, answer)
            except OutputError as error:
                if item.path.exists():
                    raise
                self._say(str(error))
            else:
                self._answered.add(item.id)
            return 1

    def _show(self, place: int) -> None:
        item = self._items[place]
        self._say("")
        self._say(f"{place + 1} of {len(self._items)}  {item.id}  {item_words(item)}")
        try:
            image = read_picture(item.picture)
            columns, rows = shutil.get_terminal_size()
            size = min(_WIDEST, columns - _INDENT), max(4, min(_HIGHEST, rows - 10))
            for line in picture_lines(image, *size, colours_of(self._output)):
                self._write(" " * _INDENT + line)  # with the escapes of its colours
        except SourceError as error:
            self._say(f"  {item.picture.name}: {error}")
        self._say(f"  {item.picture}")
        for name, text in _answers(item):
            self._say(f"  {name:<8}{text}")
        if item.values.get("reason") == "edge_cut":
            self._say(f"  {_CUT}")

    def _say(self, line: str) -> None:
        self._write(printable(line))

    def _write(self, line: str) -> None:
        self._output.write(line + "\n")
        self._output.flush()


def suggestion(item: Item) -> str:
    """What Enter takes: the owner's answer so far, the vote's where it is whole, else a single reading that fits it."""
    if item.answer is not None:
        return item.answer.text or next(word for word, kind in WORDS.items() if kind == item.answer.kind)
    plate, raw = item.plate, str(item.values.get("plate_raw") or "")
    if plate and UNDECIDED not in plate:
        return plate
    return raw if may_be(plate, raw) else ""


def item_words(item: Item) -> str:
    """When and where it was, and what came of it, in a few words."""
    values = item.values
    reason = f" ({values['reason']})" if values.get("reason") else ""
    parts = [_local(str(values.get("time", ""))), str(values.get("camera", "")), f"{values.get('status', '')}{reason}"]
    if values.get("why") in ("small_margin", "disagreement"):
        parts.append(str(values["why"]).replace("_", " "))
    if item.answer is not None:
        parts.append(f"answered: {item.answer.text or item.answer.kind.replace('_', ' ')}")
    return ", ".join(part for part in parts if part)


def _answers(item: Item) -> list[tuple[str, str]]:
    confidence = item.values.get("confidence")
    sure = f"  {100 * confidence:.0f} %" if isinstance(confidence, int | float) else ""
    told = [("answer", f"{item.plate or '-'}{sure}")]
    raw, second = str(item.values.get("plate_raw") or ""), str(item.values.get("second") or "")
    if raw and raw != item.plate:
        told.append(("reading", raw))
    if second:
        told.append(("second", second))
    return told


def _local(utc: str) -> str:
    try:
        return datetime.fromisoformat(utc).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return utc
