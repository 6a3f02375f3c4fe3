"""The keys of a layout, and what each of them may be; what they mean is told at the head of plates.toml."""

import string
from collections.abc import Callable
from math import inf
from typing import Any

GROUND_KINDS = ("band", "fade", "hills", "disc")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_letters(value: object) -> bool:
    return isinstance(value, str) and bool(value) and set(value) <= set(string.ascii_uppercase)


def _is_size(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, int) and 40 <= v <= 1200 for v in value)


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_height(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_share, value)) and value[0] <= value[1]


def _is_pairs(value: object) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(_is_texts(pair) and len(pair) == 2 for pair in value)


def _is_ground(value: object) -> bool:
    if not isinstance(value, list) or not _is_texts(value):
        return False
    parts = [line.split() for line in value]
    return all(len(part) == 3 and part[0] in GROUND_KINDS and part[1] in ("top", "bottom") for part in parts)


_TEXTS = ("a list of texts", _is_texts)
_SIZE = ("[width, height] in millimetres, 40 to 1200", _is_size)
_TEXT = ("a text", _is_text)
KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "serials": ('a list of patterns, such as ["AA 000"]', lambda value: _is_texts(value) and len(value) > 0),
    "size": _SIZE,
    "square": _TEXTS,
    "square_size": _SIZE,
    "motorcycle": _TEXTS,
    "motorcycle_size": _SIZE,
    "colours": ('a list of [ground, characters], such as [["white", "black"]]', _is_pairs),
    "letters": ("letters from A to Z, at least one", _is_letters),
    "band": _TEXT,
    "band_right": _TEXT,
    "captions": _TEXTS,
    "above": _TEXTS,
    "below": _TEXTS,
    "header": _TEXTS,
    "ground": ('a list such as ["fade top sky"]: fade, band, hills or disc; top or bottom; a colour', _is_ground),
    "height": ("[least, greatest], each 0 to 1", _is_height),
    "vanity": ("0 to 1", _is_share),
    "busy": ("0 to 1", _is_share),
    "fonts": _TEXT,
    "weight": ("a number above 0", lambda value: isinstance(value, int | float) and 0 < value < inf),
}
"""Key → what is wanted, for people, and whether a value is that."""
