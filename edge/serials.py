"""Which places of a plate are letters and which are digits, over all countries: a prior for every reading.

A reader knows the serials of the plates that it has learned from. Of a country or a camera that it has not seen, it
takes 1 for I, 0 for D and 8 for B where every person would know better: because nearly all plates with so many
characters have a digit there. So wherever a character's runner-up is of the other kind, both are weighed by how many
vehicles (`countries.py`) have a serial of that pattern. A pattern that no country has, as of vanity plates, keeps a
share: the prior re-ranks and never vetoes, and what it turned down is the runner-up. How much it is worth on cameras
that a reader has not seen, and how it was measured: docs/reader.md.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import product

from edge.countries import COUNTRIES, VEHICLES
from edge.formats import letter_shares
from edge.records import PlateReading

_WEIGHT = 0.7
"""How much the prior counts beside the reader, which has learned some of it: 1 would be as if it knew nothing."""
_UNKNOWN = 0.2
"""Share of plates whose pattern is in no country's serials; among those, one pattern is as likely as another."""
_MOST = 5
"""Characters of one reading, the least sure, that are weighed; 2 to this power are the texts compared."""
_LEAST_ODDS = 1e-3
"""Of a runner-up; with less it wins nothing."""

Pattern = tuple[bool, ...]
"""For each character, whether it is a letter."""


def plausible(reading: PlateReading) -> PlateReading:
    """The reading with letters and digits where plates have them; each character as sure as all patterns leave it."""
    pairs = list(zip(reading.characters, reading.runners_up, strict=False))
    odds = {
        place: second / first
        for place, ((character, first), (other, second)) in enumerate(pairs)
        if first > 0 and second / first > _LEAST_ODDS and other and character.isalpha() != other.isalpha()
    }
    if not odds:
        return reading
    places = sorted(odds, key=odds.__getitem__, reverse=True)[:_MOST]
    weights = {
        exchanged: _likelihood(reading.text, dict(zip(places, exchanged, strict=True)), odds)
        for exchanged in product((False, True), repeat=len(places))
    }
    best, total = max(weights, key=weights.__getitem__), sum(weights.values())
    for number, place in enumerate(places):
        share = sum(weight for each, weight in weights.items() if each[number] == best[number]) / total
        (character, first), (other, second) = pairs[place]
        winner, loser = (other, character) if best[number] else (character, other)
        pairs[place] = (winner, (first + second) * share), (loser, (first + second) * (1 - share))
    characters = tuple(character for character, _ in pairs)
    return replace(
        reading,
        text="".join(character for character, _ in characters),
        confidence=min(confidence for _, confidence in characters),
        characters=characters,
        runners_up=tuple(other for _, other in pairs),
    )


def _likelihood(text: str, exchanged: Mapping[int, bool], odds: Mapping[int, float]) -> float:
    """Of the text with these places exchanged for their runners-up, which are of the other kind."""
    pattern = tuple(character.isalpha() != exchanged.get(place, False) for place, character in enumerate(text))
    return math.prod(odds[place] for place, other in exchanged.items() if other) * math.pow(_prior(pattern), _WEIGHT)


@lru_cache(maxsize=4096)
def _prior(pattern: Pattern) -> float:
    """How many plates of this length have the pattern, 0 to 1."""
    known = sum(weight * _share(pattern, letters) for letters, weight in _serials().get(len(pattern), {}).items())
    return (1 - _UNKNOWN) * known + _UNKNOWN * 0.5 ** len(pattern)


def _share(pattern: Pattern, letters: Sequence[float]) -> float:
    return math.prod(share if letter else 1 - share for letter, share in zip(pattern, letters, strict=True))


@cache
def _serials() -> Mapping[int, Mapping[tuple[float, ...], float]]:
    """Length → the shares of letters in each place → the share of plates that have them.

    A country counts as the root of its vehicles, so that small ones are not lost; the states of the USA together as
    much as what they have in common.
    """
    states = sum("-" in code for code in COUNTRIES)
    serials: dict[int, dict[tuple[float, ...], float]] = defaultdict(lambda: defaultdict(float))
    for code, country in COUNTRIES.items():
        templates = country.templates.split()
        vehicles = math.sqrt(VEHICLES.get(code.partition("-")[0], 1)) / (states if "-" in code else 1)
        for shares in map(letter_shares, templates):
            for letters, count in shares.items():
                weight = vehicles * count / shares.total() / len(templates)
                serials[len(letters)][letters] += weight
    totals = {length: sum(each.values()) for length, each in serials.items()}
    return {
        length: {letters: weight / totals[length] for letters, weight in each.items()}
        for length, each in serials.items()
    }
