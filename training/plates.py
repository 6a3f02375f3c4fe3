"""Plate layouts by country, read from `plates.toml`, and random serials that follow them.

A layout says what a country's plates look like: serial patterns, size, colours, band, small lettering. Drawing them
is `synthesize.py`'s task.
"""

import random
import re
import string
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import ImageFont

from edge.alphabet import ALPHABET
from edge.errors import ConfigError
from training.plate_keys import KEYS
from training.vanity import LONGEST_WORD, vanity

LAYOUTS = Path(__file__).with_name("plates.toml")
FONTS = Path(__file__).with_name("fonts")
LONGEST_SERIAL = 12
"""Characters; more than these the reader does not learn."""
SEPARATORS = " -.*#"
"""Drawn between characters, not part of the text; `*` is a round seal, `#` a character of another script."""

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

VANITY = "{vanity}"
"""In a pattern: a word or two that somebody chose, or what sounds like one."""

LETTERING = {
    "band": "din",
    "band_right": "din",
    "captions": "any",
    "above": "any",
    "below": "any",
    "header": "din",
}
"""Key of small lettering → the class of the fonts that it is drawn with."""

_THIN, _OFTEN_THIN = "I1", 0.12
"""Characters that look like the edge or are lost beside a broad one, and how often one stands where it may at either
end of a line, and at one more place."""
_SEALED = 0.2
"""How often there are seals where a layout has spaces, dashes or dots, or beside the upper of two lines: a reader meets
some that no layout has."""

_TOKEN = re.compile(r"\{[^}]*\}|.")
_SIGNS = {"0": string.digits, "1": string.digits[1:], "X": string.ascii_uppercase + string.digits}
_PROPORTIONS = (0.8, 8.0)
_LEAST_HEIGHT = 60


@dataclass(frozen=True, slots=True)
class Ground:
    """Something coloured behind the serial: a `kind` of GROUND_KINDS at a `place`, "top" or "bottom"."""

    kind: str
    place: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Layout:
    """Plates of one kind; sizes in millimetres, which are drawn as pixels. `name` is a country's code, or one of its
    parts: "US-CA" is of the country "US"."""

    name: str
    serials: tuple[str, ...]
    size: tuple[int, int]
    square: tuple[str, ...]
    square_size: tuple[int, int]
    motorcycle: tuple[str, ...]
    motorcycle_size: tuple[int, int]
    colours: tuple[tuple[Colour, Colour], ...]
    letters: str
    band: str
    band_right: str
    captions: tuple[str, ...]
    above: tuple[str, ...]
    below: tuple[str, ...]
    header: tuple[str, ...]
    ground: tuple[Ground, ...]
    height: tuple[float, float]
    vanity: float
    busy: float
    fonts: str
    weight: float

    @property
    def country(self) -> str:
        """The two-letter code."""
        return self.name.partition("-")[0]


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
    """All layouts of a file; one of your own may use the colours of ours and add to them.

    ConfigError names the file, the country and the key that is wrong with it.
    """
    tables = _tables(path)
    colours = {name: _colour(f"{path}: [colours] {name}", value) for name, value in _colours(path, tables).items()}
    if path != LAYOUTS:
        colours = {name: _colour(name, value) for name, value in _tables(LAYOUTS)["colours"].items()} | colours
    if not tables:
        raise ConfigError(f"{path}: no layout in it; wanted a section such as [XY] with serials and size")
    return tuple(_layout(f"{path}: [{name}]", name, table, colours) for name, table in tables.items())


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None


def _colours(path: Path, tables: dict[str, Any]) -> dict[str, Any]:
    """Takes the section with the colours out of the tables."""
    colours = tables.pop("colours", {})
    if not isinstance(colours, dict):
        raise ConfigError(f"{path}: colours must be a section, [colours]")
    return colours


def _colour(where: str, value: object) -> Colour:
    if isinstance(value, list) and len(value) == 3 and all(isinstance(v, int) and 0 <= v <= 255 for v in value):
        return value[0], value[1], value[2]
    raise ConfigError(f"{where} = {value!r}: wanted [red, green, blue], each 0 to 255")


def _layout(where: str, name: str, table: object, colours: dict[str, Colour]) -> Layout:
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: wanted a section with serials and size, not {table!r}")
    if unknown := table.keys() - KEYS.keys():
        raise ConfigError(f"{where}: unknown key {sorted(unknown)[0]!r}; there are {', '.join(KEYS)}")
    if lacking := [key for key in ("serials", "size") if key not in table]:
        raise ConfigError(f"{where}: lacks {lacking[0]!r}")

    def read(key: str, default: object) -> Any:
        wanted, fits = KEYS[key]
        if not fits(value := table.get(key, default)):
            raise ConfigError(f"{where} {key} = {value!r}: wanted {wanted}")
        return tuple(value) if isinstance(value, list) else value

    def known(key: str, colour: str) -> Colour:
        if colour not in colours:
            raise ConfigError(
                f"{where} {key}: no colour {colour!r}; there are {', '.join(colours)}, or add it to [colours]"
            )
        return colours[colour]

    if not font_files(fonts := read("fonts", "any")):
        classes = sorted({each for family in load_fonts() for each in family.classes})
        raise ConfigError(f"{where} fonts = {fonts!r}: wanted any, or one of {', '.join(classes)}")
    layout = Layout(
        name=name,
        serials=read("serials", ()),
        size=read("size", ()),
        square=read("square", []),
        square_size=read("square_size", [280, 200]),
        motorcycle=read("motorcycle", []),
        motorcycle_size=read("motorcycle_size", [178, 102]),
        colours=tuple(
            (known("colours", ground), known("colours", ink)) for ground, ink in read("colours", [["white", "black"]])
        ),
        letters=read("letters", string.ascii_uppercase),
        band=read("band", ""),
        band_right=read("band_right", ""),
        captions=read("captions", []),
        above=read("above", []),
        below=read("below", []),
        header=read("header", []),
        ground=tuple(
            Ground(kind, place, known("ground", colour))
            for kind, place, colour in (line.split() for line in read("ground", []))
        ),
        height=read("height", [0.0, 0.0]),
        vanity=float(read("vanity", 0)),
        busy=float(read("busy", 0)),
        fonts=fonts,
        weight=float(read("weight", 1)),
    )
    _check_sizes(where, layout)
    _check_serials(where, layout)
    _check_lettering(where, layout)
    return layout


def _check_lettering(where: str, layout: Layout) -> None:
    """Whether every font that may draw the small lettering has its signs."""
    for key, font_class in LETTERING.items():
        value = getattr(layout, key)
        for text in (value,) if isinstance(value, str) else value:
            tokens = [token[1:-1].split(",") if token.startswith("{") else [token] for token in _TOKEN.findall(text)]
            if key.startswith("band") and tokens:  # whose first * is for stars, which no font draws
                tokens[0] = [choice.removeprefix("*") for choice in tokens[0]]
            signs = {sign for choices in tokens for sign in "".join(choices)}
            if signs == {" "} or (key == "header" and not signs):
                raise ConfigError(f"{where} {key}: {text!r} has nothing to draw; leave it out")
            for sign in sorted(signs - {" "}):
                lacking = [file.name for file in font_files(font_class) if not _has(file, sign)]
                if lacking:
                    raise ConfigError(
                        f"{where} {key}: {text!r}: {len(lacking)} of the fonts that may draw it have no {sign!r}, such "
                        f"as {lacking[0]}; write it with other signs, or leave it out"
                    )


@cache
def _has(font: Path, sign: str) -> bool:
    """Whether the font draws something for the sign, and not what it draws for those that it lacks."""
    drawn = _drawn(font, sign)
    return any(drawn) and drawn != _drawn(font, "\uffff")  # which is no character and never will be


def _drawn(font: Path, sign: str) -> bytes:
    return bytes(_face(font).getmask(sign))


@cache
def _face(font: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font), 32)


def _check_sizes(where: str, layout: Layout) -> None:
    """Whether the plates have room for a serial."""
    least, most = _PROPORTIONS
    for key in ("size", "square_size", "motorcycle_size"):
        width, height = size = getattr(layout, key)
        if height < _LEAST_HEIGHT or not least <= width / height <= most:
            raise ConfigError(
                f"{where} {key} = {list(size)}: wanted a height of {_LEAST_HEIGHT} or more, "
                f"and a width of {least:g} to {most:g} times the height"
            )


def _check_serials(where: str, layout: Layout) -> None:
    """Whether every pattern gives only texts that a reader can be taught."""
    for key, patterns in (("serials", layout.serials), ("square", layout.square), ("motorcycle", layout.motorcycle)):
        for pattern in patterns:
            wrong = f"{where} {key}: {pattern!r}"
            tokens = [token for token in _TOKEN.findall(pattern) if token not in ("|", VANITY)]
            choices = [_choices(token, layout.letters) for token in tokens]
            if strange := sorted(set("".join(map("".join, choices))) - set(ALPHABET + SEPARATORS)):
                raise ConfigError(
                    f"{wrong}: {strange[0]!r} cannot be read; wanted A to Z, 0 to 9, signs as in plates.toml"
                )
            lengths = [[len(Serial((each,)).text) for each in some] for some in choices]
            words = pattern.count(VANITY)
            if not words and not sum(map(min, lengths)):
                raise ConfigError(f"{wrong}: no character in it; wanted A to Z, 0 to 9, signs as in plates.toml")
            if any(not _may_be_read(line, layout.letters) for line in pattern.split("|")[:2]):
                raise ConfigError(f"{wrong}: a line without a character; wanted A to Z, 0 to 9 in each")
            if (longest := LONGEST_WORD * words + sum(map(max, lengths))) > LONGEST_SERIAL:
                raise ConfigError(f"{wrong}: {longest} characters; the reader learns {LONGEST_SERIAL} at most")
            lines = 1 + pattern.count("|")
            if lines > (1 if key == "serials" else 2):
                advice = "wanted one; two go into square or motorcycle" if key == "serials" else "wanted two at most"
                raise ConfigError(f"{wrong} has {lines} lines; {advice}")


def _may_be_read(line: str, letters: str) -> bool:
    """Whether a line of a pattern has something that the reader should return, whatever is chosen."""
    tokens = _TOKEN.findall(line)
    return VANITY in tokens or any(all(Serial((each,)).text for each in _choices(one, letters)) for one in tokens)


def _choices(token: str, letters: str) -> Sequence[str]:
    """What a sign of a pattern, or a choice in braces, may become."""
    if token.startswith("{") and token.endswith("}"):
        return token[1:-1].upper().split(",")
    return letters if token == "A" else _SIGNS.get(token, (token.upper(),))


def draw_serial(pattern: str, letters: str, random_: random.Random) -> Serial:
    """A random serial that follows `pattern` (see plates.toml for the signs)."""
    lines = [_draw_line(_TOKEN.findall(line), letters, random_) for line in pattern.split("|")]
    if len(lines) > 1 and random_.random() < _SEALED:
        lines[0] = random_.choice([f"{lines[0]}*", f"*{lines[0]}"])
    return Serial(tuple(lines))


def _draw_line(tokens: Sequence[str], letters: str, random_: random.Random) -> str:
    parts = [vanity(random_) if token == VANITY else random_.choice(_choices(token, letters)) for token in tokens]
    for place in {0, len(tokens) - 1, random_.randrange(len(tokens))}:
        thin = [sign for sign in _choices(tokens[place], letters) if sign in _THIN]
        if thin and random_.random() < _OFTEN_THIN:
            parts[place] = random_.choice(thin)
    if random_.random() < _SEALED:
        parts = ["*" if part in (" ", "-", ".") else part for part in parts]
    return "".join(parts)


def draw_text(pattern: str, random_: random.Random) -> str:
    """Small lettering: as written, but for choices in braces."""
    return "".join(
        random_.choice(token[1:-1].split(",")) if token.startswith("{") else token for token in _TOKEN.findall(pattern)
    )


@dataclass(frozen=True, slots=True)
class FontFamily:
    """A free font family and its licence, as recorded in fonts/fonts.toml."""

    name: str
    files: tuple[Path, ...]
    classes: frozenset[str]
    licence: str
    source: str


@cache
def load_fonts() -> tuple[FontFamily, ...]:
    """All font families; every one must have its licence text beside it."""
    families = []
    path = FONTS / "fonts.toml"
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
