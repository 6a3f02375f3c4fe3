"""Plates whose text somebody chose: words, names, words cut short, and what only sounds like one.

A reader that has seen nothing but serials takes the I of a word for a 1 and the O for a 0.
"""

import random
from pathlib import Path

LONGEST_WORD = 7
"""Letters and digits; what most states allow."""

_WORDS = tuple(Path(__file__).with_name("vanity.txt").read_text(encoding="ascii").split())
_STARTS = (
    *"BCDFGHJKLMNPRSTVWYZ",
    "BL",
    "BR",
    "CH",
    "CL",
    "DR",
    "FL",
    "GR",
    "PR",
    "QU",
    "SH",
    "SL",
    "ST",
    "TH",
    "TR",
    "WH",
)
_SOUNDS = (*"AEIOUY", "AI", "EA", "EE", "OO", "OU")
_ENDS = ("", "", *"BDGLMNPRSTXZ", "CK", "LL", "NG", "RD", "SS", "ST")
_JOINTS = ("", " ", "-", "*")
_SHORT = {"ATE": "8", "FOR": "4", "TO": "2", "YOU": "U", "ARE": "R", "EASY": "EZ", "AND": "N"}


def vanity(random_: random.Random) -> str:
    """A text of 2 to `LONGEST_WORD` letters and digits, words of it perhaps parted by a gap or a sign."""
    kind = random_.random()
    if kind < 0.35:
        text = random_.choice(_WORDS)
    elif kind < 0.6:
        text = random_.choice(_WORDS) + _joint(random_) + random_.choice([*_WORDS, *_SHORT.values(), "ME", "MY"])
    elif kind < 0.7:
        text = random_.choice(["I", "MY", "BE", "ITS", "IM", "THE", "GO", "NO", "2", "4"]) + _joint(random_)
        text += random_.choice(_WORDS)
    else:
        text = "".join(
            random_.choice(_STARTS) + random_.choice(_SOUNDS) + random_.choice(_ENDS)
            for _ in range(random_.choice([1, 2, 2, 3]))
        )
    if random_.random() < 0.2:  # as those write whose word was taken
        text = text[0] + "".join(letter for letter in text[1:] if letter not in "AEIOU")
    if random_.random() < 0.15:
        text += _joint(random_) + str(random_.choice([1, 2, 3, 4, 7, 8, 9, 11, 21, 55, 64, 66, 69, 77, 88, 99]))
    while sum(letter not in _JOINTS for letter in text) > LONGEST_WORD or text[-1] in _JOINTS:
        text = text[:-1]
    return text if len(text) > 1 else text + random_.choice(_WORDS)[:6]


def _joint(random_: random.Random) -> str:
    """What stands between two words: nothing, a gap, a dash, or a sign such as a heart."""
    return random_.choices(_JOINTS, (0.45, 0.35, 0.1, 0.1))[0]
