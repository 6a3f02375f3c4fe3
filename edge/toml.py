"""TOML values ↔ the fields of settings: conversion by a field's type, and the file that documents every field."""

import ast
import inspect
import json
import math
import textwrap
import types
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

_WIDTH = 110
_MOST = 2**63 - 1
"""TOML's whole numbers have 64 bits; and whatever is reckoned with larger fractions would overflow."""
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    Path: "a path in quotes",
}
_FOUND: dict[type, str] = {
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    tuple: "a list",
    dict: "a table",
}


def convert(value: object, wanted: Any) -> Any:
    """A value of the file as a field's type; ValueError says what was found and what was wanted."""
    _check_reach(value)
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        inner = [option for option in get_args(wanted) if option is not type(None)]
        return convert(value, inner[0])
    if origin is Literal:
        # by type too, for to Python true is 1 and 90.0 is 90
        if not any(value == choice and type(value) is type(choice) for choice in get_args(wanted)):
            choices = ", ".join(show(choice) for choice in get_args(wanted))
            raise ValueError(f"found {show(value)}, wanted one of {choices}")
        return value
    if origin is tuple:
        _check_brackets(value, wanted)
        return _convert_list(value, get_args(wanted))
    if wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if wanted is Path and isinstance(value, str):
        return Path(value)
    if wanted in _KINDS and type(value) is wanted:
        return value
    if wanted not in _KINDS:
        raise TypeError(f"settings of type {wanted} cannot be written in TOML")
    raise ValueError(f"found {_found(value, wanted)}, wanted {_KINDS[wanted]}")


def _found(value: object, wanted: Any) -> str:
    """A value of the wrong type; only its kind where it may be a password, an address or a plate: errors are logged."""
    if isinstance(value, bool) or (isinstance(value, int | float) and wanted in (bool, int, float)):
        return show(value)
    return _FOUND.get(type(value), "a date or time")


def _check_reach(value: object) -> None:
    """ValueError for what TOML can say and no setting can be."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"found {value}, wanted a finite number")
    if isinstance(value, int | float) and abs(value) > _MOST:
        raise ValueError(f"found a number beyond {_MOST:.1e}, wanted a smaller one")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("found a text with a null character, wanted one without")


def _check_brackets(value: object, wanted: Any) -> None:
    """ValueError for lists that lack their outermost brackets, as one polygon does where some are wanted."""
    lacking = _levels(wanted) - (found := _nesting(value))
    if found and lacking > 0:
        more = "one more pair" if lacking == 1 else f"{lacking} more pairs"
        raise ValueError(f"wanted {_shape(wanted)}: {more} of brackets")


def _levels(wanted: Any) -> int:
    """How many lists there are around one value of the type."""
    return 1 + _levels(get_args(wanted)[0]) if get_origin(wanted) is tuple else 0


def _nesting(value: object) -> int:
    """How many lists there are around the innermost value; 0 where all of them are empty."""
    if not isinstance(value, list | tuple):
        return 0
    return max(
        (_nesting(item) + 1 for item in value if not isinstance(item, list | tuple) or _nesting(item)), default=0
    )


def _shape(wanted: Any) -> str:
    """The type as it is written: `[[a number, a number], …]`."""
    if get_origin(wanted) is not tuple:
        return _KINDS.get(wanted, "a value")
    return f"[{', '.join('…' if item is Ellipsis else _shape(item) for item in get_args(wanted))}]"


def _convert_list(value: object, item_types: Sequence[Any]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"found {_found(value, tuple)}, wanted a list in [ ]")
    if len(item_types) == 2 and item_types[1] is Ellipsis:
        item_types = [item_types[0]] * len(value)
    if len(value) != len(item_types):
        raise ValueError(f"found a list of {len(value)}, wanted {len(item_types)} values")
    return tuple(
        _convert_item(number, item, item_type)
        for number, (item, item_type) in enumerate(zip(value, item_types, strict=True), start=1)
    )


def _convert_item(number: int, item: object, wanted: Any) -> Any:
    try:
        return convert(item, wanted)
    except ValueError as error:
        raise ValueError(f"item {number}: {error}") from None


def syntax_hint(message: str, line: str) -> str:
    """What is probably meant where `tomllib` says `message` of a line; empty if nobody knows."""
    name, equals, value = (part.strip() for part in line.partition("="))
    if message.startswith("Cannot"):
        return f"; {line.strip()} stands twice, keep one of them" if name[:1] == "[" else f"; `{name}` stands twice"
    if "Unescaped" in message or "hex" in message:
        return "; a \\ has a meaning of its own in \"…\": write the text in '…', or / in place of \\"
    if not equals:
        return "; wanted KEY = VALUE, or [SECTION]" if message.startswith(("Expected", "Invalid statement")) else ""
    return _value_hint(message, name, value.split("#")[0].strip())


def _value_hint(message: str, name: str, value: str) -> str:
    opened = value[:1] in ("'", '"', "[", "{")
    if opened and message.startswith(("Unterminated", "Invalid value", "Unclosed", 'Expected "', "Illegal")):
        return f"; what begins with {value[0]} is not closed, or a comma or quote in it is amiss"
    if opened or not message.startswith(("Invalid value", "Expected newline")):
        return ""
    if not value:
        return f'; `{name}` has no value, an empty text is ""'
    if value.lower() in ("true", "false", "yes", "no", "on", "off"):
        return "; wanted true or false, in small letters"
    if value.strip("+-0123456789.,") == "":
        return "; wanted a number such as 7 or 1.5"
    return f'; a text stands in quotes: {name} = "…"'  # not the text itself, which may be a password


def default_file(config: Any) -> str:
    """The configuration file with every key, its default and the field's own docstring above it."""
    blocks = [
        "# The configuration of gatereader: every key with its default. Keep what you change, delete the rest.\n"
        "# Try it with `gatereader check --config gatereader.toml`. docs/configuration.md says more.\n"
    ]
    for section in fields(config):
        settings = getattr(config, section.name)
        words = _field_words(type(settings))
        lines = [*_comment((inspect.getdoc(type(settings)) or "").split("\n\n")[0]), f"[{section.name}]"]
        for entry in fields(settings):
            lines += _comment(words.get(entry.name, ""))
            value = getattr(settings, entry.name)
            required = entry.default is MISSING and entry.default_factory is MISSING
            lines.append(f"# {entry.name} =" if value is None or required else f"{entry.name} = {show(value)}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _field_words(cls: type[Any]) -> dict[str, str]:
    """The docstring below each field of a dataclass, which Python itself forgets."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    if not isinstance(body, ast.ClassDef):
        return {}
    words = {}
    for entry, following in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(entry, ast.AnnAssign)
            and isinstance(entry.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            words[entry.target.id] = following.value.value
    return words


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), _WIDTH)]


def show(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {show(item)}" for key, item in value.items()) + " }"
    return str(value)
