"""Text from outside, such as a file's name, made fit for one line of a terminal or of the log.

Cameras upload into folders, and a file's name may hold anything: a line break in it would begin a line of its own that
looks like a pass, and an escape sequence would steer the terminal.
"""

import unicodedata


def printable(text: str) -> str:
    """The text with `\\n`, `\\x1b`, `\\u2028` and so on written out; spaces of all kinds and letters stay."""
    if text.isprintable():  # nearly every text
        return text
    return "".join(character if _is_printable(character) else _escaped(character) for character in text)


def _is_printable(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
