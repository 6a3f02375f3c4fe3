"""Plate layouts by country, read from `plates.toml`, and random serials that follow them.

A layout says what a country's plates look like: serial patterns, size, colours, band, small lettering. Drawing them
is `synthesize.py`'s task.
"""

import random
import re
import string
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from edge.errors import ConfigError

LAYOUTS = Path(__file__).with_name("plates.toml")
FONTS = Path(__file__).with_name("fonts")
SEPARATORS = " -.*"
"""Drawn between characters, not part of the text; `*` is a round seal."""

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

_TOKEN = re.compile(r"\{[^}]*\}|.")


@dataclass(frozen=True, slots=True)
class Layout:
    """One country's plates; sizes in millimetres, which are drawn as pixels."""

    country: str
    serials: tuple[str, ...]
    size: tuple[int, int]
    square: tuple[str, ...]
    square_size: tuple[int, int]
    colours: tuple[tuple[Colour, Colour], ...]
    letters: str
    band: str
    band_right: str
    captions: tuple[str, ...]
    header: tuple[str, ...]
    height: tuple[float, float]
    busy: float
    fonts: str
    weight: float


@dataclass(frozen=True, slots=True)
class Serial:
    """What is written on a plate: lines of characters and separators, and the text that a reader should return."""

    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The characters alone, upper line first."""
        return "".join(character for line in self.lines for character in line if character not in SEPARATORS)


@cache
def load_layouts(path: Path = LAYOUTS) -> tuple[Layout, ...]:
    """All layouts; ConfigError names the country and what is wrong with it."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    colours = {name: _colour(value) for name, value in tables.pop("colours").items()}
    return tuple(_layout(path, country, table, colours) for country, table in tables.items())


def _colour(value: list[int]) -> Colour:
    red, green, blue = value
    return red, green, blue


def _layout(path: Path, country: str, table: dict[str, Any], colours: dict[str, Colour]) -> Layout:
    known = {"serials", "size", "square", "square_size", "colours", "letters", "band", "band_right", "captions"}
    unknown = table.keys() - known - {"header", "height", "busy", "fonts", "weight"}
    if unknown:
        raise ConfigError(f"{path}: unknown key {sorted(unknown)[0]!r} in [{country}]")
    try:
        pairs = tuple((colours[ground], colours[ink]) for ground, ink in table.get("colours", [["white", "black"]]))
        return Layout(
            country=country,
            serials=tuple(table["serials"]),
            size=(table["size"][0], table["size"][1]),
            square=tuple(table.get("square", ())),
            square_size=tuple(table.get("square_size", (280, 200))),
            colours=pairs,
            letters=table.get("letters", string.ascii_uppercase),
            band=table.get("band", ""),
            band_right=table.get("band_right", ""),
            captions=tuple(table.get("captions", ())),
            header=tuple(table.get("header", ())),
            height=tuple(table.get("height", (0.0, 0.0))),
            busy=float(table.get("busy", 0)),
            fonts=table.get("fonts", "any"),
            weight=float(table.get("weight", 1)),
        )
    except KeyError as error:
        raise ConfigError(f"{path}: [{country}] lacks or does not know {error}") from None


def draw_serial(pattern: str, letters: str, random_: random.Random) -> Serial:
    """A random serial that follows `pattern` (see plates.toml for the signs)."""
    lines = [""]
    for token in _TOKEN.findall(pattern):
        if token == "|":
            lines.append("")
            continue
        if token == "A":
            drawn = random_.choice(letters)
        elif token == "0":
            drawn = random_.choice(string.digits)
        elif token == "X":
            drawn = random_.choice(string.ascii_uppercase + string.digits)
        elif token.startswith("{"):
            drawn = random_.choice(token[1:-1].split(","))
        else:
            drawn = token.upper()
        lines[-1] += drawn
    return Serial(tuple(lines))


@dataclass(frozen=True, slots=True)
class FontFamily:
    """A free font family and its licence, as recorded in fonts/fonts.toml."""

    name: str
    files: tuple[Path, ...]
    classes: frozenset[str]
    licence: str
    source: str


@cache
def load_fonts(path: Path = FONTS / "fonts.toml") -> tuple[FontFamily, ...]:
    """All font families; every one must have its licence text beside it."""
    families = []
    for name, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
        if not path.with_name(f"{name}.LICENSE.txt").is_file():
            raise ConfigError(f"{path}: the licence of {name} is missing")
        files = tuple(path.with_name(file) for file in table["files"])
        families.append(FontFamily(name, files, frozenset(table["classes"]), table["licence"], table["source"]))
    return tuple(families)


@cache
def font_files(font_class: str) -> tuple[Path, ...]:
    """Files of the fonts of a class; "any" is all of them."""
    return tuple(f for family in load_fonts() if font_class in family.classes | {"any"} for f in family.files)
