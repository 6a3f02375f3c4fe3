"""What plates look like at one's gate: templates by country and by example, as a prior for the vote.

A template is written as an example: `A` stands for a letter, `0` for a digit, `X` for either; every other capital,
every small letter and the digits 1 to 9 stand for themselves (`a` is the letter A); `[BDF]` is one of these characters
and `{b,cj}` one of these texts, which may be empty; spaces and dashes mean nothing.

Templates re-rank and never veto. Where the answer of a vote fits none, but would with characters that the readings
claim too (B or 8, S or 5, Z or 2) or that many fonts draw alike (O and 0, I and 1), both texts are weighed: a plate
that fits is `_ODDS` times as likely as one that does not. The winner pays with its confidence for what speaks for the
other. An answer that cannot be made to fit stays as it was read.
"""

import difflib
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from edge.countries import ALPHA_3, COUNTRIES

_DIGITS = frozenset("0123456789")
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TOKEN = re.compile(r"\[([A-Za-z0-9]+)\]|\{([^{}]*)\}|([A-Za-z0-9])")
_ODDS = 100.0
_SAME_SHAPE = 0.08
"""How often a reader is sure of one of two characters that many fonts draw alike, while it is the other."""
_TWINS = {"0": "OQD", "O": "0", "1": "I", "I": "1", "Q": "0", "D": "0"}
_MOST_SHAPES = 5000

Shape = tuple[frozenset[str], ...]
"""The characters that may stand in each position."""


class Slot(NamedTuple):
    """One place of a vote: its content (nothing, or one or more characters), how sure, and the best of the others."""

    text: str
    confidence: float
    other: str
    other_share: float


class Ruled(NamedTuple):
    """The places after the formats had their say, and the name of the format that the text now fits, if any."""

    slots: tuple[Slot, ...]
    format: str


@dataclass(frozen=True, slots=True)
class Template:
    """One template: the country or example it comes from, and its shape."""

    name: str
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Formats:
    """Templates by their length."""

    by_length: Mapping[int, tuple[Template, ...]]

    def fit(self, text: str) -> Template | None:
        """The first template that a text fits."""
        for template in self.by_length.get(len(text), ()):
            if all(c in allowed for c, allowed in zip(text, template.shape, strict=True)):
                return template
        return None


@lru_cache(maxsize=64)
def load_formats(names: tuple[str, ...]) -> Formats:
    """The templates of country codes and examples; ValueError says what is wrong with one, and what was meant."""
    by_length: dict[int, dict[Shape, Template]] = {}
    for name in names:
        for text in _texts(name):
            for shape in expand(text):
                by_length.setdefault(len(shape), {}).setdefault(shape, Template(name, shape))
    return Formats({length: tuple(templates.values()) for length, templates in by_length.items()})


def check_formats(names: tuple[str, ...], least: int, most: int) -> None:
    """ValueError for a name that is no format, or of which no plate has `least` to `most` characters."""
    for name in names:
        lengths = load_formats((name,)).by_length
        if not any(least <= length <= most for length in lengths):
            told = ", ".join(map(str, sorted(lengths)))
            raise ValueError(
                f"{name!r} has plates of {told} characters, which min_characters = {least} and max_characters = {most} "
                "never accept; change these or leave it out"
            )


def expand(template: str) -> Iterator[tuple[frozenset[str], ...]]:
    """All shapes of a template; ValueError if it is not written as this module says."""
    return (tuple(position for shape in shapes for position in shape) for shapes in product(*_parts(template)))


def letter_shares(template: str) -> Counter[tuple[float, ...]]:
    """How many shapes of a template have these shares of letters, 0 to 1, in their places; quicker than `expand`."""
    counts: Counter[tuple[float, ...]] = Counter({(): 1})
    for part in _parts(template):
        longer: Counter[tuple[float, ...]] = Counter()
        for shares, count in counts.items():
            for shape in part:
                longer[(*shares, *(len(allowed & _LETTERS) / len(allowed) for allowed in shape))] += count
        counts = longer
    return counts


def _parts(template: str) -> list[list[Shape]]:
    """The shapes that each token of a template may have; ValueError if it is not written as this module says."""
    cleaned = re.sub(r"[\s-]", "", template)
    parts: list[list[Shape]] = []
    end = 0
    for token in _TOKEN.finditer(cleaned):
        if token.start() != end:
            break
        end = token.end()
        one_of, texts, single = token.groups()
        if one_of:
            parts.append([(frozenset(one_of.upper()),)])
        elif texts is not None:
            parts.append([shape for text in texts.split(",") for shape in expand(text)] or [()])
        else:
            parts.append([(_class_of(single),)])
    if end != len(cleaned):
        raise ValueError(
            f"{template!r}: the character {cleaned[end]!r} says nothing; wanted an example such as AA000AA"
        )
    if math.prod(len(part) for part in parts) > _MOST_SHAPES:
        raise ValueError(f"{template!r}: has more than {_MOST_SHAPES} shapes")
    return parts


def rule(slots: Sequence[Slot], claims: Sequence[Mapping[str, float]], formats: Formats) -> Ruled:
    """Weigh what was voted against what the formats make of it.

    `claims` has for each slot all that readings claim of it, with their shares, the slot's own content among them.
    """
    text = "".join(slot.text for slot in slots)
    found = formats.fit(text)
    if found is not None:
        return Ruled(_strengthened(slots, claims, text, formats), found.name)
    candidate = _best_candidate(slots, claims, formats)
    if candidate is None:
        return Ruled(tuple(slots), "")
    odds = _ODDS * candidate.likelihood
    share = odds / (1.0 + odds)
    ruled = tuple(
        slot if slot.text == content else _weighed(slot, content, claim.get(content, 0.0), share)
        for slot, content, claim in zip(slots, candidate.contents, claims, strict=True)
    )
    return Ruled(ruled, candidate.template.name if odds > 1.0 else "")


class _Candidate(NamedTuple):
    """What a template makes of the slots; the likelihood is relative to that of the text as voted."""

    likelihood: float
    contents: tuple[str, ...]
    template: Template


def _weighed(slot: Slot, content: str, claimed: float, share: float) -> Slot:
    """A slot for which two contents compete; `share` is how much of both belongs to the new one."""
    both = min(1.0, slot.confidence + claimed)
    if share > 0.5:
        return Slot(content, both * share, slot.text, both * (1.0 - share))
    return Slot(slot.text, slot.confidence * (1.0 - share), content, both * share)


def _strengthened(
    slots: Sequence[Slot], claims: Sequence[Mapping[str, float]], text: str, formats: Formats
) -> tuple[Slot, ...]:
    """The slots of a text that fits: what would make it fit nothing speaks with less weight against it."""
    result = []
    position = 0
    for slot, claim in zip(slots, claims, strict=True):
        end = position + len(slot.text)
        rest = 1.0 - slot.confidence
        against = sum(share for content, share in claim.items() if content != slot.text)
        unfit = sum(
            share
            for content, share in claim.items()
            if content != slot.text and formats.fit(text[:position] + content + text[end:]) is None
        )
        if unfit > 0.0 and rest > 0.0:
            rest *= 1.0 - (1.0 - 1.0 / _ODDS) * min(1.0, unfit / max(against, 1e-9)) * min(1.0, against / rest)
            slot = slot._replace(confidence=1.0 - rest)  # noqa: PLW2901
        result.append(slot)
        position = end
    return tuple(result)


def _best_candidate(
    slots: Sequence[Slot], claims: Sequence[Mapping[str, float]], formats: Formats
) -> _Candidate | None:
    options = [_options(slot, claim) for slot, claim in zip(slots, claims, strict=True)]
    least = sum(min(len(content) for content in option) for option in options)
    most = sum(max(len(content) for content in option) for option in options)
    best: _Candidate | None = None
    for template in (each for length in range(least, most + 1) for each in formats.by_length.get(length, ())):
        made = _follow(template, slots, options)
        if made is not None and (best is None or made.likelihood > best.likelihood):
            best = made
    return best


def _options(slot: Slot, claim: Mapping[str, float]) -> dict[str, float]:
    """Contents that a slot may have instead, with their likelihood relative to its own."""
    own = max(claim.get(slot.text, 0.0), 1e-3)
    options = {content: min(1.0, share / own) for content, share in claim.items() if share > 0.02 * own}
    for character in _TWINS.get(slot.text, ""):
        options[character] = max(options.get(character, 0.0), _SAME_SHAPE)
    options[slot.text] = 1.0
    return options


def _follow(template: Template, slots: Sequence[Slot], options: Sequence[Mapping[str, float]]) -> _Candidate | None:
    """The likeliest way along a template, slot by slot; the same mistake made twice counts once: it is the font's."""
    ways: dict[int, tuple[float, tuple[str, ...]]] = {0: (1.0, ())}
    for slot, option in zip(slots, options, strict=True):
        further: dict[int, tuple[float, tuple[str, ...]]] = {}
        for place, (likelihood, contents) in ways.items():
            for content, factor in option.items():
                end = place + len(content)
                if end > len(template.shape):
                    continue
                if any(c not in allowed for c, allowed in zip(content, template.shape[place:end], strict=True)):
                    continue
                made = zip(slots, contents, strict=False)
                again = content != slot.text and any(s.text == slot.text and c == content for s, c in made)
                value = likelihood * (1.0 if again else factor)
                if value > further.get(end, (0.0, ()))[0]:
                    further[end] = (value, (*contents, content))
        if not further:
            return None
        ways = further
    likelihood, contents = ways.get(len(template.shape), (0.0, ()))
    return _Candidate(likelihood, contents, template) if likelihood > 0.0 else None


def _class_of(character: str) -> frozenset[str]:
    if character == "A":
        return _LETTERS
    if character == "0":
        return _DIGITS
    if character == "X":
        return _LETTERS | _DIGITS
    return frozenset(character.upper())


def _texts(name: str) -> tuple[str, ...]:
    """The templates behind one entry of the configuration."""
    if name in COUNTRIES:
        return tuple(COUNTRIES[name].templates.split())
    small = name.lower()
    is_code = small in COUNTRIES or small in ALPHA_3
    if is_code or (name == small and name.replace("-", "").replace(" ", "").isalpha()):
        raise ValueError(f"no country {name!r}{_nearest(small)}; an example such as AA000AA will do for any")
    shapes = list(expand(name))
    if not all(3 <= len(shape) <= 12 for shape in shapes):
        raise ValueError(f"{name!r} is no plate of 3 to 12 characters{_nearest(small)}")
    return (name,)


def _nearest(word: str) -> str:
    """`; did you mean "it" (Italy)?`, or what there is."""
    names = {country.name.lower(): code for code, country in COUNTRIES.items()}
    near = difflib.get_close_matches(ALPHA_3.get(word, word), [*COUNTRIES, *names], n=1, cutoff=0.6)
    if not near:
        return f"; known are {', '.join(COUNTRIES)}"
    code = names.get(near[0], near[0])
    return f'; did you mean "{code}" ({COUNTRIES[code].name})?'
