"""Press dies: characters drawn from strokes, every set of them with proportions, corners and habits of its own.

Plates are not set in printers' type: an M is as narrow as an H, an I has serifs so that it fills its die, a 3 may be
flat at the top, an O is a zero or is not. No free font has these, and no list of fonts has all of them, so a die draws
its characters from skeletons.
"""

import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint8]
"""(H, W) coverage, 0 to 255."""

_HEIGHT = 192
"""Pixels that a character is drawn tall."""

_LATEST_END = 0.37
"""Where an arm of S, 3 or 6 ends at the latest, less a stroke, so that it does not touch the character's middle."""

_STEPS = 8
"""Straight pieces of a rounded corner."""

Point = tuple[float, float]
"""x and y, each from 0 (left, top) to 1."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points; its corners are `rounded` where a die's are, and `closed` joins its ends."""

    points: tuple[Point, ...]
    rounded: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Die:
    """How one set of dies looks; lengths are shares of a character's height unless told otherwise."""

    width: float
    stroke: float
    corner: float
    """How round corners are: shares of half the width, 0 to 1."""
    tall: float
    """How much higher than wide a corner's curve is."""
    flat_ends: bool
    opening: float
    """Where the arms of C, S and 3 end, as shares of the height."""
    middle: float
    """Where the bars of B, E, H and P are."""
    wide: float
    """Width of M and W, as shares of `width`."""
    valley: float
    """How deep the middle of M and W goes."""
    habits: int
    """Says which of its shapes each character takes."""

    def takes(self, character: str, count: int) -> int:
        """Which of `count` shapes the character has."""
        return random.Random(f"{self.habits} {character}").randrange(count)


def draw_die(random_: random.Random, american: bool) -> Die:
    """Random dies; American ones are narrower and of thinner strokes."""
    width = random_.uniform(0.34, 0.56) if american else random_.uniform(0.42, 0.66)
    stroke = min(random_.uniform(0.08, 0.135) if american else random_.uniform(0.1, 0.18), 0.3 * width)
    return Die(
        width=width,
        stroke=stroke,
        corner=random_.choice([random_.uniform(0.45, 0.7), random_.uniform(0.6, 1.0), 1.0]),
        tall=random_.uniform(1.0, 1.5),
        flat_ends=random_.random() < 0.5,
        opening=min(random_.uniform(0.16, 0.34), _LATEST_END - stroke),
        middle=random_.uniform(0.44, 0.54),
        wide=max(random_.choice([1.0, random_.uniform(1.0, 1.15), random_.uniform(1.1, 1.4)]), 4 * stroke / width),
        valley=random_.choice([random_.uniform(0.3, 0.6), random_.uniform(0.6, 1.0)]),
        habits=random_.randrange(1 << 30),
    )


def die_glyph(character: str, die: Die) -> Mask:
    """A character, A to Z or 0 to 9, cut to its ink; lower case is drawn as capitals."""
    character = character.upper()
    strokes, width = _SHAPES[character](die)
    thick = max(2, round(die.stroke * _HEIGHT))
    wide = max(thick + 1, round(width * die.width * _HEIGHT))
    mask = np.zeros((_HEIGHT, wide), dtype=np.uint8)
    inset = thick / 2
    span = np.array([wide - thick, _HEIGHT - thick], dtype=np.float64)
    radius = die.corner * die.width * _HEIGHT / 2 - inset / 2
    for stroke in strokes:
        points = np.array(stroke.points, dtype=np.float64) * span + inset
        line = _rounded(points, max(radius, 1.0), die.tall, stroke.closed) if stroke.rounded else points
        if die.flat_ends and not stroke.closed:
            line = _to_the_edge(line, inset, span)
        cv2.polylines(mask, [(line * 16).round().astype(np.int32)], stroke.closed, 255, thick, cv2.LINE_AA, 4)
        if die.flat_ends and not stroke.rounded:
            _square_corners(mask, points, inset)
    columns = np.flatnonzero(mask.max(axis=0))
    return mask[:, columns[0] : columns[-1] + 1]


def _rounded(points: npt.NDArray[np.float64], radius: float, tall: float, closed: bool) -> npt.NDArray[np.float64]:
    """The line with its corners rounded; of two corners that share a short piece each takes half of it."""
    count = len(points)
    line: list[npt.NDArray[np.float64]] = []
    for row, corner in enumerate(points):
        if not closed and row in (0, count - 1):
            line.append(corner)
            continue
        reaches = []
        for other, shared in ((points[row - 1], row - 1), (points[(row + 1) % count], (row + 1) % count)):
            way = other - corner
            length = float(np.hypot(*way))
            wanted = radius * (tall if abs(way[1]) > abs(way[0]) else 1.0)
            most = length if not closed and shared in (0, count - 1) else length / 2
            reaches.append(corner + way / max(length, 1e-6) * min(wanted, most))
        for step in np.linspace(0, 1, _STEPS):
            bent = (1 - step) ** 2 * reaches[0] + 2 * step * (1 - step) * corner + step**2 * reaches[1]
            arc = reaches[0] + (reaches[1] - reaches[0]) * step
            line.append(bent * 1.12 - arc * 0.12 if 0 < step < 1 else bent)  # fuller than a parabola
    return np.array(line)


def _to_the_edge(line: npt.NDArray[np.float64], inset: float, span: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ends at the top and at the bottom drawn out, so that the die's edge cuts them off flat; those within stay."""
    line = line.copy()
    for end, before in ((0, 1), (-1, -2)):
        way = line[end] - line[before]
        drawn = line[end] + way / max(float(np.hypot(*way)), 1e-6) * inset
        if not inset - 1 <= drawn[1] <= inset + span[1] + 1:
            line[end] = drawn
    return line


def _square_corners(mask: Mask, points: npt.NDArray[np.float64], inset: float) -> None:
    for row, (x, y) in enumerate(points[1:-1], start=1):
        ways = (points[row - 1] - points[row], points[row + 1] - points[row])
        if all(min(abs(way)) < 1 for way in ways):
            low, high = (round(x - inset), round(y - inset)), (round(x + inset) - 1, round(y + inset) - 1)
            cv2.rectangle(mask, low, high, 255, -1)


Drawn = tuple[Sequence[Stroke], float]
"""Strokes, and how wide the character is, as shares of the dies' width."""


def _line(*points: Point) -> Stroke:
    return Stroke(points)


def _curve(*points: Point) -> Stroke:
    return Stroke(points, rounded=True)


def _ring(x1: float, y1: float, x2: float, y2: float) -> Stroke:
    return Stroke(((x1, y1), (x2, y1), (x2, y2), (x1, y2)), rounded=True, closed=True)


_STEM = _line((0, 0), (0, 1))


def _a(die: Die) -> Drawn:
    bar = 0.66 + 0.1 * (die.middle - 0.5)
    if die.takes("A", 3) == 0:  # round, like an upturned U
        return (_curve((0, 1), (0, 0), (1, 0), (1, 1)), _line((0, 0.58), (1, 0.58))), 1.0
    top = (0.5, 0.5) if die.takes("A", 3) == 1 else (0.36, 0.64)
    slope = (1 - bar) * top[0]
    return (_line((0, 1), (top[0], 0), (top[1], 0), (1, 1)), _line((slope, bar), (1 - slope, bar))), 1.08


def _b(die: Die) -> Drawn:
    m, upper = die.middle, 1.0 - 0.12 * die.takes("B", 2)
    return (_STEM, _curve((0, 0), (upper, 0), (upper, m), (0, m)), _curve((0, m), (1, m), (1, 1), (0, 1))), 1.0


def _c(die: Die) -> Drawn:
    end = die.opening
    return (_curve((1, end), (1, 0), (0, 0), (0, 1), (1, 1), (1, 1 - end)),), 1.0


def _d(_: Die) -> Drawn:
    return (_STEM, _curve((0, 0), (1, 0), (1, 1), (0, 1))), 1.0


def _e(die: Die) -> Drawn:
    return (_line((1, 0), (0, 0), (0, 1), (1, 1)), _line((0, die.middle), (0.85, die.middle))), 0.94


def _f(die: Die) -> Drawn:
    return (_line((1, 0), (0, 0), (0, 1)), _line((0, die.middle), (0.85, die.middle))), 0.92


def _g(die: Die) -> Drawn:
    end, bar = min(die.opening, 0.2), 0.55
    arm = (_line((1, 1), (1, bar)),) if die.takes("G", 3) == 0 else ()
    return (
        _curve((1, end), (1, 0), (0, 0), (0, 1), (1, 1), (1, bar)),
        _line((1, bar), (0.5, bar)),
        *arm,
    ), 1.0


def _h(die: Die) -> Drawn:
    return (_STEM, _line((1, 0), (1, 1)), _line((0, die.middle), (1, die.middle))), 1.0


def _i(die: Die) -> Drawn:
    if die.takes("I", 2):
        return (_line((0.5, 0), (0.5, 1)), _line((0, 0), (1, 0)), _line((0, 1), (1, 1))), 0.72
    return (_line((0.5, 0), (0.5, 1)),), 0.0


def _j(die: Die) -> Drawn:
    hook = _curve((1, 0), (1, 1), (0, 1), (0, 0.72))
    if die.takes("J", 3) == 0:
        return (_curve((0.75, 0), (0.75, 1), (0, 1), (0, 0.74)), _line((0.45, 0), (1, 0))), 0.95
    return (hook,), 0.9


def _k(die: Die) -> Drawn:
    if die.takes("K", 2):
        return (_STEM, _line((1, 0), (0, 0.55)), _line((0.32, 0.38), (1, 1))), 1.04
    return (_STEM, _line((1, 0), (0.12, die.middle)), _line((0.12, die.middle), (1, 1))), 1.04


def _l(die: Die) -> Drawn:
    return (_line((0, 0), (0, 1), (1, 1)),), 0.9 + 0.08 * die.takes("L", 2)


def _m(die: Die) -> Drawn:
    if die.takes("M", 4) == 0:  # a comb
        return (_line((0, 1), (0, 0), (1, 0), (1, 1)), _line((0.5, 0), (0.5, 1))), max(die.wide, 1.25)
    return (_line((0, 1), (0, 0), (0.5, die.valley), (1, 0), (1, 1)),), die.wide


def _n(_: Die) -> Drawn:
    return (_line((0, 1), (0, 0), (1, 1), (1, 0)),), 1.0


def _o(die: Die) -> Drawn:
    return (_ring(0, 0, 1, 1),), (1.0, 1.0, 1.1)[die.takes("O", 3)]


def _p(die: Die) -> Drawn:
    m = die.middle + 0.06
    return (_STEM, _curve((0, 0), (1, 0), (1, m), (0, m))), 0.97


def _q(die: Die) -> Drawn:
    tails = (_line((0.55, 0.72), (1, 1)), _line((0.5, 0.62), (1.04, 1.04)), _line((0.72, 0.78), (1.0, 1.02)))
    return (_ring(0, 0, 1, 0.96), tails[die.takes("Q", 3)]), 1.02


def _r(die: Die) -> Drawn:
    m = die.middle + 0.03
    bowl = _curve((0, 0), (1, 0), (1, m), (0, m))
    if die.takes("R", 3) == 0:
        return (_STEM, bowl, _curve((0.4, m), (1, m), (1, 1))), 1.0
    return (_STEM, bowl, _line((0.42, m), (1, 1))), 1.02


def _s(die: Die) -> Drawn:
    end, m = die.opening, die.middle
    if die.takes("S", 3) == 0:  # a slope through its middle
        points = ((1, end), (1, 0), (0, 0), (0, 0.38), (1, 0.62), (1, 1), (0, 1), (0, 1 - end))
    else:
        points = ((1, end), (1, 0), (0, 0), (0, m), (1, m), (1, 1), (0, 1), (0, 1 - end))
    return (_curve(*points),), 1.0


def _t(_: Die) -> Drawn:
    return (_line((0, 0), (1, 0)), _line((0.5, 0), (0.5, 1))), 1.0


def _u(_: Die) -> Drawn:
    return (_curve((0, 0), (0, 1), (1, 1), (1, 0)),), 1.0


def _v(die: Die) -> Drawn:
    foot = (0.5, 0.5) if die.takes("V", 2) else (0.42, 0.58)
    return (_line((0, 0), (foot[0], 1), (foot[1], 1), (1, 0)),), 1.06


def _w(die: Die) -> Drawn:
    if die.takes("W", 4) == 0:  # an M upside down
        return (_line((0, 0), (0, 1), (0.5, 1 - die.valley), (1, 1), (1, 0)),), die.wide
    foot = (0.12, 0.18, 0.25)[die.takes("W feet", 3)]
    return (_line((0, 0), (foot, 1), (0.5, 1 - die.valley), (1 - foot, 1), (1, 0)),), die.wide * 1.04


def _x(_: Die) -> Drawn:
    return (_line((0, 0), (1, 1)), _line((1, 0), (0, 1))), 1.05


def _y(die: Die) -> Drawn:
    m = die.middle
    if die.takes("Y", 3) == 0:
        return (_curve((0, 0), (0, m), (1, m), (1, 0)), _line((0.5, m), (0.5, 1))), 1.0
    return (_line((0, 0), (0.5, m), (1, 0)), _line((0.5, m), (0.5, 1))), 1.06


def _z(die: Die) -> Drawn:
    bar = (_line((0.2, 0.5), (0.8, 0.5)),) if die.takes("Z", 6) == 0 else ()
    return (_line((0, 0), (1, 0), (0, 1), (1, 1)), *bar), 1.0


def _zero(die: Die) -> Drawn:
    kind = die.takes("0", 10)
    if kind == 0:
        return (_ring(0, 0, 1, 1), _line((0.15, 0.8), (0.85, 0.2))), 1.0
    return (_ring(0, 0, 1, 1),), 0.88 if kind < 4 else 1.0


def _one(die: Die) -> Drawn:
    kind = die.takes("1", 5)
    if kind == 0:
        return (_line((0.5, 0), (0.5, 1)),), 0.0
    if kind == 1:
        return (_line((0, 0.24), (1, 0), (1, 1)),), 0.45
    if kind == 2:
        return (_line((0, 0.2), (0.5, 0), (0.5, 1)), _line((0, 1), (1, 1))), 0.7
    if kind == 3:
        return (_line((0.1, 0), (0.5, 0), (0.5, 1)), _line((0, 1), (1, 1))), 0.66
    return (_line((0.2, 0.0), (1, 0), (1, 1)),), 0.4


def _two(die: Die) -> Drawn:
    end, m = die.opening, die.middle
    if die.takes("2", 4) == 0:
        return (_curve((0, end), (0, 0), (1, 0), (1, m), (0, m), (0, 1)), _line((0, 1), (1, 1))), 1.0
    return (_curve((0, end), (0, 0), (1, 0), (1, 0.42), (0, 1)), _line((0, 1), (1, 1))), 1.0


def _three(die: Die) -> Drawn:
    end, m = die.opening, die.middle
    if die.takes("3", 4) == 0:  # flat
        return (_line((0, 0), (1, 0), (0.42, 0.4)), _curve((0.42, 0.4), (1, 0.4), (1, 1), (0, 1), (0, 1 - end))), 1.0
    return (
        _curve((0, end), (0, 0), (1, 0), (1, m), (0.35, m)),
        _curve((0.35, m), (1, m), (1, 1), (0, 1), (0, 1 - end)),
    ), 1.0


def _four(die: Die) -> Drawn:
    kind = die.takes("4", 4)
    if kind == 0:
        return (_line((0.1, 0), (0, 0.62), (1, 0.62)), _line((0.74, 0.3), (0.74, 1))), 1.0
    bar = 0.66 + 0.12 * (kind - 2)
    return (_line((0.74, 1), (0.74, 0), (0, bar), (1, bar)),), 1.04


def _five(die: Die) -> Drawn:
    end, m = die.opening, die.middle - 0.06
    upper = _line((0.95, 0), (0.06, 0), (0.02, m))
    return (upper, _curve((0.02, m), (1, m), (1, 1), (0, 1), (0, 1 - end))), 1.0


def _six(die: Die) -> Drawn:
    end, m = die.opening, die.middle - 0.04
    if die.takes("6 and 9", 3) == 0:  # a slope down to its ring
        return (_ring(0, m, 1, 1), _curve((0.78, 0), (0.02, 0.42), (0, 0.75))), 1.0
    return (_curve((1, end), (1, 0), (0, 0), (0, 0.75)), _ring(0, m, 1, 1)), 1.0


def _seven(die: Die) -> Drawn:
    kind = die.takes("7", 4)
    if kind == 0:
        return (_line((0, 0), (1, 0), (1, 0.28), (0.4, 1)),), 1.0
    if kind == 1:
        return (_line((0, 0), (1, 0)), _curve((1, 0), (0.42, 0.4), (0.36, 1))), 1.0
    return (_line((0, 0), (1, 0), (0.3, 1)),), 1.0


def _eight(die: Die) -> Drawn:
    narrow = 0.07 * die.takes("8", 2)
    return (_ring(narrow, 0, 1 - narrow, die.middle), _ring(0, die.middle, 1, 1)), 1.0


def _nine(die: Die) -> Drawn:
    strokes, width = _six(die)
    turned = [
        Stroke(tuple((1 - x, 1 - y) for x, y in stroke.points), stroke.rounded, stroke.closed) for stroke in strokes
    ]
    return turned, width


_LETTERS = (_a, _b, _c, _d, _e, _f, _g, _h, _i, _j, _k, _l, _m, _n, _o, _p, _q, _r, _s, _t, _u, _v, _w, _x, _y, _z)
_DIGITS = (_zero, _one, _two, _three, _four, _five, _six, _seven, _eight, _nine)
_SHAPES: dict[str, Callable[[Die], Drawn]] = dict(
    zip(string.ascii_uppercase + string.digits, _LETTERS + _DIGITS, strict=True)
)
