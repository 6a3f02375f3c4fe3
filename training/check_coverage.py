"""How often each length, and each character at each position, is there to learn from."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.alphabet import ALPHABET
from training.check_table import Finding

LEAST_TEXTS = 36
"""Plates of a length from which on it is told which characters a position never has; with fewer, most are missing."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts over the texts of a split; a plate that is there several times counts once."""

    split: str
    plates: int
    lengths: dict[int, int]
    characters: dict[str, int]
    """Character → plates in which it stands."""
    positions: tuple[dict[str, int], ...]
    """For each position from the left, character → plates that have it there."""


def coverage(split: str, texts: Sequence[str]) -> Coverage:
    """Coverage of the different texts that are not empty and within the alphabet."""
    plates = sorted({text for text in texts if text and set(text) <= set(ALPHABET)})
    characters = Counter(character for text in plates for character in set(text))
    longest = max(map(len, plates), default=0)
    positions = tuple(Counter(text[place] for text in plates if len(text) > place) for place in range(longest))
    return Coverage(
        split=split,
        plates=len(plates),
        lengths=dict(sorted(Counter(map(len, plates)).items())),
        characters={character: characters[character] for character in ALPHABET},
        positions=tuple({character: counts[character] for character in ALPHABET} for counts in positions),
    )


def coverage_findings(covered: Coverage, least: int) -> Iterator[Finding]:
    """Notes: lengths, characters that fewer than `least` plates have, and characters that a position never has."""
    where = covered.split or "all"
    lengths = ", ".join(f"{length}: {count}" for length, count in covered.lengths.items())
    yield Finding("note", "lengths", where, f"{covered.plates} plates, by length {lengths or 'none'}")
    rare = [f"{character} {count}" for character, count in covered.characters.items() if count < least]
    if rare:
        yield Finding("note", "characters", where, f"on fewer than {least} plates: {', '.join(rare)}")
    for place, counts in enumerate(covered.positions, start=1):
        never = "".join(character for character, count in counts.items() if not count)
        total = sum(counts.values())
        if never and total >= LEAST_TEXTS:
            yield Finding("note", "positions", where, f"position {place} ({total} plates): never {never}")
