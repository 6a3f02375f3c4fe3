"""Majority vote over the readings of one pass, character by character.

Readings are aligned to the one that is most like all the others. In each position every reading gives its weight,
times the confidence of its character, to that character and, times the runner-up's, to the runner-up. Shares of
the weight are averaged and never multiplied: the frames of one pass show the same dirt in the same light, so a second
frame that says the same is not a second witness. Laroca et al. (CIARP 2023, arXiv 2309.04331) found majority voting
with ties to the higher confidence the most robust rule.

An average of probabilities is too modest by itself (Ranjan & Gneiting 2010, "Combining probability forecasts"): ten
readings that all say B at 0.7 are right more often than in 7 of 10 cases. So its log-odds are stretched by the number
of looks that the readings are worth. Measured on passes (docs/voting.md) that is little: less than 1.2, however many
they are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from typing import NamedTuple

from edge.alignment import align, distance
from edge.formats import Ruled, Slot, check_formats, load_formats, rule
from edge.geometry import AT_EDGE_SHARE
from edge.records import PlateBox, PlateReading

UNDECIDED = "?"
_MEDOIDS = 5
_MOMENT = 0.25
_CORRELATION = 0.85
"""How much the readings of one pass err together, 0 to 1: fitted on simulated and on real passes (docs/voting.md)."""
_EARLY_DOUBT = 0.25
"""Share of the doubt that an answer may leave at the end of a pass that it may leave before."""
_DELETION = 0.3
"""What a reading that lacks a character weighs against one that has it: readers drop nine for each that they invent."""


@dataclass(frozen=True, slots=True)
class VoteSettings:
    """Which readings of a pass count, and when the answer is good enough."""

    accept_confidence: float = 0.8
    """A plate is accepted when its weakest character reaches this, 0 to 1; weaker characters show as `?`."""
    single_confidence: float = 0.92
    """The same where only one reading votes: nothing corrects it, and a box that cuts a character off reads well."""
    min_plate_width: int = 45
    """Pixels in the camera's frame; readings of narrower plates do not vote. A plate of two lines may be 1.7 times
    narrower, as its characters stand closer together."""
    min_sharpness: float = 35.0
    """Readings of crops less sharp than this (variance of the Laplacian of the prepared crop) do not vote."""
    edge_margin: float = AT_EDGE_SHARE
    """Plate widths; a plate whose box comes this near the frame's edge (2 pixels at least) may be cut off, so its
    readings do not vote."""
    min_characters: int = 3
    """Shorter texts are no plates."""
    max_characters: int = 10
    """Longer texts are no plates."""
    consensus_readings: int = 3
    """An answer before the end of the pass wants this many voting readings …"""
    consensus_agreement: float = 0.6
    """… of which this share says exactly the same, …"""
    consensus_confidence: float = 0.95
    """… with the weakest character at this, and at most a quarter of the doubt that `accept_confidence` allows: more
    than at the end, as a car still far away will come nearer, …"""
    consensus_span: float = 0.5
    """… over at least these seconds: three frames within a tenth of a second are nearly one and the same picture."""
    max_delay: float = 2.0
    """Seconds after the first voting reading when an acceptable answer is final even without consensus."""
    patience: float = 10.0
    """Seconds for which a plate may stand still, not acceptable and not becoming more legible, until it is given up;
    one that moves has until it leaves."""
    static_after: float = 5.0
    """Seconds that a text must stand still from the very first frame, changing, or where others came and went without
    moving, to be told from a parked car as part of the picture (a burnt-in clock)."""
    min_margin: float = 0.2
    """Share of the vote by which every character of an accepted plate must lead the second best."""
    max_votes: int = 10
    """The most legible readings of a pass that are kept and vote; more change nothing but the time it takes."""
    formats: tuple[str, ...] = ()
    """What plates look like here: country codes and examples, such as ["it", "AA000AA"] (A a letter, 0 a digit). A
    plate that nearly fits is taken to fit, at a price in confidence; one that fits none stays as it was read. Empty: no
    formats."""

    def __post_init__(self) -> None:
        for name in (
            "accept_confidence",
            "single_confidence",
            "consensus_agreement",
            "consensus_confidence",
            "min_margin",
        ):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted 0 to 1")
        for name in (
            *("min_plate_width", "min_sharpness", "edge_margin", "consensus_span", "max_delay"),
            *("patience", "static_after"),
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted 0 or more")
        for name in ("consensus_readings", "max_votes", "min_characters"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted 1 or more")
        if self.edge_margin > 1:
            raise ValueError(f"edge_margin is {self.edge_margin}, wanted plate widths, 0 to 1")
        if self.max_characters < self.min_characters:
            raise ValueError(f"max_characters is {self.max_characters}, wanted at least min_characters")
        try:
            check_formats(self.formats, self.min_characters, self.max_characters)
        except ValueError as error:
            raise ValueError(f"formats: {error}") from None

    def needed(self, voters: int) -> float:
        """What every character of an accepted plate must reach with so many readings voting."""
        return self.accept_confidence if voters > 1 else max(self.accept_confidence, self.single_confidence)

    @property
    def needed_early(self) -> float:
        """What every character must reach for an answer before the end of the pass."""
        return max(self.consensus_confidence, 1.0 - _EARLY_DOUBT * (1.0 - self.accept_confidence))


class Ballot(NamedTuple):
    """One reading of a pass; `weight`, 0 to 1, is how legible it was."""

    reading: PlateReading
    weight: float
    box: PlateBox
    time: float
    utc: datetime


class Vote(NamedTuple):
    """What the readings so far say. `answer` is the best text, `plate` the same with `?` where it is too weak.

    A place where too many readings have one character more than the answer is a `?` too, and counts for `confidence`.
    """

    answer: str
    plate: str
    characters: tuple[tuple[str, float], ...]
    confidence: float
    second: str
    margin: float
    agreement: float
    voters: int
    format: str = ""
    """Name of the format that the answer fits, if formats are set."""
    unruled: str = ""
    """What the answer was before a format changed it, or nothing."""


NO_VOTE = Vote("", "", (), 0.0, "", 0.0, 0.0, 0)


def count(ballots: Sequence[Ballot], settings: VoteSettings) -> Vote:
    """The majority's answer, character by character, and what the formats make of it."""
    if not ballots:
        return NO_VOTE
    total = sum(ballot.weight for ballot in ballots)
    if total <= 0.0:
        ballots, total = [ballot._replace(weight=1.0) for ballot in ballots], float(len(ballots))
    reference = _medoid(ballots)
    alignments = [align(reference, ballot.reading.text).slots for ballot in ballots]
    voted: list[Slot] = []
    claims: list[dict[str, float]] = []
    looks = _looks(ballots)
    for slots in zip(*alignments, strict=True):
        if any(start != end for start, end in slots):
            claimed = _claimed(ballots, slots)
            text, other = _winners(claimed, ballots, slots)
            # nothing at all has no confidence of its own: only those who see something speak against it
            absent = sum(ballot.weight for ballot, (start, end) in zip(ballots, slots, strict=True) if start == end)
            whole = total - (1.0 - _DELETION) * absent if text else claimed[text] + claimed.get(other, 0.0)
            claims.append({content: share / whole for content, share in claimed.items()})
            share = claims[-1][text]
            voted.append(Slot(text, share, other, claims[-1].get(other, 0.0) if other != text else 0.0))
    if not voted:
        return NO_VOTE
    unruled = "".join(slot.text for slot in voted)
    stretched = [slot._replace(confidence=_stretch(slot.confidence, looks)) for slot in voted]
    ruled = rule(stretched, claims, load_formats(settings.formats)) if settings.formats else Ruled(tuple(stretched), "")
    return _summed_up(ballots, voted, ruled, unruled, settings.needed(len(ballots)))


def surely(characters: Sequence[tuple[str, float]], accept: float) -> str:
    """The text with `?` for each character that is read with less than `accept`."""
    return "".join(character if sure >= accept else UNDECIDED for character, sure in characters)


def rule_reading(reading: PlateReading, formats: tuple[str, ...]) -> tuple[PlateReading, str]:
    """A single reading as the formats would have it, and the name of the format that it then fits, if any."""
    if not formats or not reading.text:
        return reading, ""
    pairs = list(zip_longest(reading.characters, reading.runners_up, fillvalue=("", 0.0)))
    slots = [Slot(c, p, other, share) for (c, p), (other, share) in pairs]
    claims = [{c: p, other: share} if other else {c: p} for (c, p), (other, share) in pairs]
    ruled = rule(slots, claims, load_formats(formats))
    characters = tuple((slot.text, slot.confidence) for slot in ruled.slots)
    changed = replace(
        reading,
        text="".join(character for character, _ in characters),
        confidence=min(confidence for _, confidence in characters),
        characters=characters,
        runners_up=tuple((slot.other, slot.other_share) for slot in ruled.slots) if reading.runners_up else (),
    )
    return changed, ruled.format


def _summed_up(ballots: Sequence[Ballot], voted: Sequence[Slot], ruled: Ruled, unruled: str, accept: float) -> Vote:
    found = ruled.slots
    answer = "".join(slot.text for slot in found)
    margins = [
        (now.confidence if now.text != was.text else was.confidence) - now.other_share
        for was, now in zip(voted, found, strict=True)
    ]
    weakest = min(range(len(found)), key=margins.__getitem__)
    second = "".join(slot.other if index == weakest else slot.text for index, slot in enumerate(found))
    return Vote(
        answer=answer,
        plate="".join(slot.text if slot.confidence >= accept else UNDECIDED * max(1, len(slot.text)) for slot in found),
        characters=tuple((c, slot.confidence) for slot in found for c in slot.text),
        confidence=min(slot.confidence for slot in found) if answer else 0.0,
        second=second if found[weakest].other_share > 0 else "",
        margin=max(0.0, margins[weakest]),
        agreement=sum(ballot.reading.text == unruled for ballot in ballots) / len(ballots),
        voters=len(ballots),
        format=ruled.format,
        unruled=unruled if unruled != answer else "",
    )


def _looks(ballots: Sequence[Ballot]) -> float:
    """How many independent looks at the plate the readings are worth, 1 to 2: n / (1 + (n - 1) ρ), the design effect
    of samples that correlate by ρ. Readings of one quarter of a second count as one."""
    times = [ballot.time for ballot in ballots]
    moments = min(len(times), 1 + int((max(times) - min(times)) / _MOMENT))
    return moments / (1 + (moments - 1) * _CORRELATION)


def _stretch(probability: float, factor: float) -> float:
    """The probability whose log-odds are `factor` times as large; one below a half is left alone."""
    if probability <= 0.5:
        return probability
    for_it, against_it = math.pow(probability, factor), math.pow(max(0.0, 1.0 - probability), factor)
    return for_it / (for_it + against_it)


def _medoid(ballots: Sequence[Ballot]) -> str:
    """The text with the least weighted distance to all the others, among those with the most weight behind them."""
    weights: dict[str, float] = {}
    for ballot in ballots:
        weights[ballot.reading.text] = weights.get(ballot.reading.text, 0.0) + ballot.weight
    candidates = sorted(weights, key=lambda text: weights[text], reverse=True)[:_MEDOIDS]
    return min(candidates, key=lambda text: sum(w * distance(text, other) for other, w in weights.items()))


def _claimed(ballots: Sequence[Ballot], slots: Sequence[tuple[int, int]]) -> dict[str, float]:
    """Every content claimed for one slot of the alignment, with its weight; to hold nothing is a claim too."""
    weight: dict[str, float] = {}
    for ballot, (start, end) in zip(ballots, slots, strict=True):
        for text, confidence in _claims(ballot.reading, start, end):
            weight[text] = weight.get(text, 0.0) + ballot.weight * confidence
    return weight


def _winners(
    weight: Mapping[str, float], ballots: Sequence[Ballot], slots: Sequence[tuple[int, int]]
) -> tuple[str, str]:
    """Best and second best content of one slot; nothing where there is no second."""
    best = max(weight, key=weight.__getitem__)
    tied = [text for text, amount in weight.items() if amount == weight[best]]
    if len(tied) > 1:
        best = max(tied, key=lambda text: _highest(text, ballots, slots))
    return best, max((text for text in weight if text != best), key=weight.__getitem__, default="")


def _claims(reading: PlateReading, start: int, end: int) -> tuple[tuple[str, float], ...]:
    """What a reading says of a slot that holds characters `start` to `end` of its text."""
    if end == start + 1:
        return reading.characters[start], *reading.runners_up[start:end]
    if end == start:
        return (("", _absence(reading, start)),)
    return ((reading.text[start:end], min(p for _, p in reading.characters[start:end])),)


def _highest(wanted: str, ballots: Sequence[Ballot], slots: Sequence[tuple[int, int]]) -> float:
    """The highest confidence with which any reading claims that a slot holds `wanted`."""
    claims = (
        c for ballot, (start, end) in zip(ballots, slots, strict=True) for c in _claims(ballot.reading, start, end)
    )
    return max(confidence for text, confidence in claims if text == wanted)


def _absence(reading: PlateReading, place: int) -> float:
    """How sure a reading is that nothing stands between two of its characters: as sure as of these."""
    neighbours = reading.characters[max(0, place - 1) : place + 1]
    return _DELETION * min((confidence for _, confidence in neighbours), default=reading.confidence)
