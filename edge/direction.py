"""Whether a car comes nearer or goes away: its plate grows or shrinks."""

from collections import deque
from statistics import median

from edge.records import Direction

_SIGHTS = 3
"""Of so many sights the median counts, first and last: one box may be off by a fifth."""
_GROWTH = 1.15
"""How many times as wide a plate must have become, or been. Boxes of one that stands differ by less."""


class Widths:
    """The first and the last widths of a plate in pixels; only of sights of all of it."""

    __slots__ = ("_first", "_last")

    def __init__(self) -> None:
        self._first: list[float] = []
        self._last: deque[float] = deque(maxlen=_SIGHTS)

    def add(self, width: float) -> None:
        """Take in how wide it is now."""
        if len(self._first) < _SIGHTS:
            self._first.append(width)
        self._last.append(width)

    @property
    def direction(self) -> Direction | None:
        """Where the car goes, seen from the camera; None while that cannot be told."""
        if len(self._first) < _SIGHTS:
            return None
        first, last = median(self._first), median(self._last)
        if last >= _GROWTH * first:
            return "approaching"
        return "leaving" if first >= _GROWTH * last else None
