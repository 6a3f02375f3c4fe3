"""Two runs over one recording, pass by pass: what is the same, fixed, broken, newly missed, newly found or changed.

Passes belong together by time and text. With the truth at hand "fixed" and "broken" are meant against it; without it
nobody knows which of two texts is right, and a difference is "changed".
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal, NamedTuple

from edge.alignment import distance
from edge.passes import Pass

Verdict = Literal[
    "same",
    "fixed",
    "broken",
    "newly missed",
    "newly found",
    "changed",
    "right",
    "wrong",
    "undecided",
    "missed",
    "extra",
]
SLACK = 1.0
"""Seconds that two passes may lie apart and still be one: a frame at one frame a second."""
_ALIKE = 0.5
_MOSTLY = 0.5


class Grade(IntEnum):
    """What a run made of a true pass, the worst first: a wrong plate opens the gate to a stranger."""

    WRONG = 0
    MISSED = 1
    UNDECIDED = 2
    RIGHT = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """One pass in both runs and in truth; None where it is not. `worse` counts for the exit status."""

    verdict: Verdict
    worse: bool
    before: Pass | None
    after: Pass | None
    truth: Pass | None = None

    @property
    def first(self) -> float:
        """When it was first seen, by whoever was first."""
        return min(one.first for one in (self.before, self.after, self.truth) if one is not None)

    def values(self) -> dict[str, Any]:
        """As one JSON object."""
        truth = None
        if self.truth is not None:
            truth = {name: self.truth.values()[name] for name in ("plate", "first_seen", "last_seen")}
        before, after = (None if one is None else one.values() for one in (self.before, self.after))
        return {"verdict": self.verdict, "worse": self.worse, "before": before, "after": after, "truth": truth}


class _Triple(NamedTuple):
    before: Pass | None
    after: Pass | None
    truth: Pass | None


def compare(before: Sequence[Pass], after: Sequence[Pass], truth: Sequence[Pass] | None = None) -> list[Difference]:
    """The differences between two runs, by time; with `truth`, against it."""
    if truth is None:
        found = [_changed(*pair) for pair in _pair(before, after)]
    else:
        triples, extra = _join(before, after, truth)
        found = [_judged(triple) for triple in triples] + [_extra(*pair) for pair in extra]
    return sorted(found, key=lambda one: one.first)


def examine(run: Sequence[Pass], truth: Sequence[Pass]) -> list[Difference]:
    """One run against the truth: right, wrong, undecided, missed, or extra where there is no such plate."""
    words: dict[Grade, Verdict] = {
        Grade.WRONG: "wrong",
        Grade.MISSED: "missed",
        Grade.UNDECIDED: "undecided",
        Grade.RIGHT: "right",
    }
    found = []
    for true, one in _pair(truth, run):
        if true is None:
            found.append(Difference("extra", one is not None and one.accepted, None, one))
        else:
            grade = _grade(one, true)
            found.append(Difference(words[grade], grade is not Grade.RIGHT, None, one, true))
    return sorted(found, key=lambda one: one.first)


def summary(found: Sequence[Difference]) -> dict[str, int]:
    """Verdict → how many passes, the most frequent first."""
    return dict(Counter(str(one.verdict) for one in found).most_common())


def _changed(before: Pass | None, after: Pass | None) -> Difference:
    """Without truth: a sure plate that is no longer given is worse, and so is a car that is no longer noted."""
    if before is None:
        return Difference("newly found", False, before, after)
    if after is None:
        return Difference("newly missed", before.status in ("accepted", "undecided"), before, after)
    if _same(before, after):
        return Difference("same", False, before, after)
    return Difference("changed", before.accepted, before, after)


def _judged(triple: _Triple) -> Difference:
    before, after, truth = triple
    assert truth is not None
    old, new = _grade(before, truth), _grade(after, truth)
    verdict: Verdict
    if old is new:
        verdict = "same" if old is Grade.RIGHT or _same(before, after) else "changed"
    elif new is Grade.MISSED:
        verdict = "newly missed"
    elif new < old:
        verdict = "broken"
    elif old is Grade.MISSED:
        verdict = "newly found"
    else:
        verdict = "fixed" if new is Grade.RIGHT else "changed"
    return Difference(verdict, new < old, before, after, truth)


def _extra(before: Pass | None, after: Pass | None) -> Difference:
    """Passes that are none in truth: a plate accepted there is wrong."""
    was, now = before is not None and before.accepted, after is not None and after.accepted
    if was is not now:
        return Difference("broken" if now else "fixed", now, before, after)
    return Difference(_changed(before, after).verdict, False, before, after)


def _same(before: Pass | None, after: Pass | None) -> bool:
    """Whether both runs say the same, be it nothing."""
    if before is None or after is None:
        return before is after
    return (before.plate, before.status) == (after.plate, after.status)


def _grade(found: Pass | None, truth: Pass) -> Grade:
    if found is None:
        return Grade.MISSED
    if not found.accepted:
        return Grade.UNDECIDED
    return Grade.RIGHT if found.plate == truth.plate else Grade.WRONG


def _join(
    before: Sequence[Pass], after: Sequence[Pass], truth: Sequence[Pass]
) -> tuple[list[_Triple], list[tuple[Pass | None, Pass | None]]]:
    """The true passes with what each run made of them, and the pairs of what is none in truth."""
    olds, news = _pair(truth, before), _pair(truth, after)
    old_of = {id(true): one for true, one in olds if true is not None}
    new_of = {id(true): one for true, one in news if true is not None}
    triples = [_Triple(old_of[id(true)], new_of[id(true)], true) for true in truth]
    rest_before = [one for true, one in olds if true is None and one is not None]
    rest_after = [one for true, one in news if true is None and one is not None]
    return triples, _pair(rest_before, rest_after)


def _pair(left: Sequence[Pass], right: Sequence[Pass]) -> list[tuple[Pass | None, Pass | None]]:
    """Each pass with the one that it is in the other list, the most alike first; None where there is none."""
    order = sorted(range(len(right)), key=lambda index: right[index].first)
    firsts = [right[index].first for index in order]
    longest = max((one.last - one.first for one in right), default=0.0)
    likely: list[tuple[float, int, int]] = []
    for row, one in enumerate(left):
        for place in range(bisect_left(firsts, one.first - longest - SLACK), len(order)):
            if firsts[place] > one.last + SLACK:
                break
            likeness = _likeness(one, right[order[place]])
            if likeness is not None:
                likely.append((-likeness, row, order[place]))
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for _, row, column in sorted(likely):
        if row not in partner and column not in taken:
            partner[row] = column
            taken.add(column)
    pairs: list[tuple[Pass | None, Pass | None]] = [
        (one, right[partner[row]] if row in partner else None) for row, one in enumerate(left)
    ]
    return pairs + [(None, one) for column, one in enumerate(right) if column not in taken]


def _likeness(a: Pass, b: Pass) -> float | None:
    """How sure it is that two passes are one; None if they are not. Text counts twice what time does."""
    if max(a.first, b.first) - min(a.last, b.last) > SLACK:
        return None
    together = min(a.last, b.last) - max(a.first, b.first) + SLACK
    share = together / (max(a.last, b.last) - min(a.first, b.first) + SLACK)
    text = max(_similarity(one, other) for one in (a.plate, a.raw or a.plate) for other in (b.plate, b.raw or b.plate))
    silent = not (a.plate or a.raw) or not (b.plate or b.raw)
    if text < _ALIKE and share < _MOSTLY and not silent:
        return None
    return 2 * text + share + 0.1 * (a.accepted and b.accepted)


def _similarity(a: str, b: str) -> float:
    return 1 - distance(a, b) / max(len(a), len(b)) if a and b else 0.0
