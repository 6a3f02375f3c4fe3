"""How alike two readings are: edit distance that knows which characters look alike, and the alignment behind it."""

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

_LOOK_ALIKE_GROUPS = (
    "0ODQ", "0OCG", "CGO6", "1ILT", "1IJ", "1T7", "17YZ", "2Z7", "5S", "38B", "8BRS", "8A4", "689", "9GP", "VYU", "VW",
    "MNW", "NHM", "KXH", "EFB", "FPR", "BDP", "CL", "JU",
)  # fmt: skip
_LOOK_ALIKE = frozenset(frozenset(pair) for group in _LOOK_ALIKE_GROUPS for pair in combinations(group, 2))
_LOOK_ALIKE_COST = 0.5


class Alignment(NamedTuple):
    """How `text` lies along `reference`, n characters long.

    `slots` holds 2n + 1 pieces of `text` as (start, end): slot 2k + 1 is what stands for character k of the reference
    (empty where it is missing), slot 2k what `text` has more before it; together they are all of `text`, in order.
    """

    distance: float
    slots: tuple[tuple[int, int], ...]


def look_alike(a: str, b: str) -> bool:
    """Whether readers are known to take one of two characters for the other."""
    return frozenset((a, b)) in _LOOK_ALIKE


@lru_cache(maxsize=1024)
def align(reference: str, text: str) -> Alignment:
    """The cheapest alignment; a missing or an extra character costs 1, a wrong one 1, one that looks alike 0.5."""
    rows, columns = len(reference) + 1, len(text) + 1
    cost = [[float(column) for column in range(columns)]]
    for row in range(1, rows):
        above, line = cost[-1], [float(row)]
        wanted = reference[row - 1]
        for column in range(1, columns):
            swap = above[column - 1] + _swap_cost(wanted, text[column - 1])
            line.append(min(swap, above[column] + 1, line[-1] + 1))
        cost.append(line)
    return Alignment(cost[-1][-1], _slots(cost, reference, text))


def distance(a: str, b: str) -> float:
    """Edit distance of two texts; characters that look alike are half a step apart."""
    return align(a, b).distance


def similar(a: str, b: str) -> bool:
    """Whether two texts may be one plate, read twice: at most one step apart, and long enough for that to mean much."""
    return a == b or (min(len(a), len(b)) >= 5 and distance(a, b) <= 1.0)


def related(a: str, b: str) -> bool:
    """Whether two texts may be two poor readings of one plate: three characters in ten may differ or be missing."""
    return min(len(a), len(b)) >= 5 and distance(a, b) <= 0.3 * max(len(a), len(b))


def contradict(a: str, b: str) -> bool:
    """Whether two texts cannot be one plate: of the shorter one, three characters or more are not in the longer.

    A plate cut short by a pillar or the frame's edge contradicts nothing.
    """
    return distance(a, b) - abs(len(a) - len(b)) > 2.0


def _swap_cost(a: str, b: str) -> float:
    if a == b:
        return 0.0
    return _LOOK_ALIKE_COST if frozenset((a, b)) in _LOOK_ALIKE else 1.0


def _slots(cost: list[list[float]], reference: str, text: str) -> tuple[tuple[int, int], ...]:
    """The way back through the table of costs, as slots; replacing is preferred to leaving out and adding."""
    row, column = len(reference), len(text)
    slots: list[tuple[int, int]] = []
    end = column
    while row > 0:
        here = cost[row][column]
        if column > 0 and here == cost[row - 1][column - 1] + _swap_cost(reference[row - 1], text[column - 1]):
            slots += [(column, end), (column - 1, column)]
            row, column = row - 1, column - 1
            end = column
        elif here == cost[row - 1][column] + 1:
            slots += [(column, end), (column, column)]
            row -= 1
            end = column
        else:
            column -= 1
    slots.append((0, end))
    return tuple(reversed(slots))
