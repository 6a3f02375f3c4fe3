"""What else a reading may say: its next best texts, for who checks or matches against a list."""

import heapq
from typing import NamedTuple

from edge.records import PlateReading

_IMPOSSIBLE = 1e-6


class Alternative(NamedTuple):
    """Another text for the same crop."""

    text: str
    odds: float
    """How probable it is beside the text read, 0 to 1: the product, over the characters exchanged, of the runner-up's
    confidence by the character's own; or, if other looks at the crop read it, their vote by that for the text."""


def alternatives(reading: PlateReading, count: int = 3) -> tuple[Alternative, ...]:
    """The `count` most probable other texts, best first: what other looks at the crop read, and what comes of
    exchanging characters for their runners-up.

    Texts that are longer or shorter than the one read are among them only if another look read them.
    """
    odds = dict(_exchanges(reading, count))
    for text, share in reading.rivals:
        odds[text] = max(share, odds.get(text, 0.0))
    return tuple(Alternative(*each) for each in sorted(odds.items(), key=lambda each: -each[1])[:count])


def _exchanges(reading: PlateReading, count: int) -> list[Alternative]:
    pairs = zip(reading.characters, reading.runners_up, strict=False)
    odds = [min(1.0, second / first) if first > 0 else 0.0 for (_, first), (_, second) in pairs]
    order = sorted((index for index, value in enumerate(odds) if value > _IMPOSSIBLE), key=lambda i: -odds[i])
    # Best first: each set of exchanges leads to two next, its last one moved on, or one more added. As the positions
    # are in falling order of odds, no set comes before a better one, and none twice.
    queue: list[tuple[float, tuple[int, ...]]] = [(-odds[order[0]], (0,))] if order else []
    found: list[Alternative] = []
    while queue and len(found) < count:
        negative, chosen = heapq.heappop(queue)
        found.append(Alternative(_exchanged(reading, [order[rank] for rank in chosen]), -negative))
        last = chosen[-1]
        if last + 1 < len(order):
            after = odds[order[last + 1]]
            heapq.heappush(queue, (negative * after, (*chosen, last + 1)))
            heapq.heappush(queue, (negative / odds[order[last]] * after, (*chosen[:-1], last + 1)))
    return found


def _exchanged(reading: PlateReading, positions: list[int]) -> str:
    text = list(reading.text)
    for position in positions:
        text[position] = reading.runners_up[position][0]
    return "".join(text)
