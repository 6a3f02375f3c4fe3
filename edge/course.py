"""Where a plate will be if its car goes on as before: constant velocity, in the world and not in the picture.

A plate that comes towards the camera does not run evenly over the picture: it creeps far away and races near by, and
grows. Its distance is as 1 / width, its place in the world as centre / width. These three are even in time for a car
that drives straight on, wherever the camera looks, and so a line is laid through each of them by least squares.
"""

from collections import deque
from collections.abc import Collection
from operator import mul
from typing import NamedTuple

from edge.records import PlateBox

_SIGHTS = 8
_SPACING = 0.08
_SPAN = 2.5
_STALE = 1.0
_CALM = 0.05
_MOST_GROWTH = 3.0


class _Sight(NamedTuple):
    time: float
    across: float
    down: float
    depth: float


class _Lines(NamedTuple):
    """The lines through across, down and depth: their values at `middle`, seconds, and what they change by a second."""

    middle: float
    means: tuple[float, float, float]
    slopes: tuple[float, float, float]


class Course:
    """The last sights of a plate, a bounded number of them, and the lines through them."""

    __slots__ = ("_lines", "_sights")

    def __init__(self) -> None:
        self._sights: deque[_Sight] = deque(maxlen=_SIGHTS)
        self._lines: _Lines | None = None
        """None until they are asked for."""

    @property
    def known(self) -> bool:
        """Whether there are sights enough to tell a velocity."""
        return len(self._sights) > 1

    def stale(self, time: float) -> bool:
        """Whether the whole plate was last seen so long ago that it may have turned or stopped since."""
        return bool(self._sights) and time - self._sights[-1].time > _STALE

    def add(self, time: float, box: PlateBox) -> None:
        """Take in where the plate is now; the whole plate, as a cut one tells neither its size nor its middle.

        Of sights in quick succession only some are kept: eight within a tenth of a second tell the jitter of the
        detector, not the speed of a car. The last one is always the newest.
        """
        width = max(box.width, 1.0)
        sight = _Sight(time, (box.x1 + box.x2) / 2 / width, (box.y1 + box.y2) / 2 / width, 1.0 / width)
        while self._sights and time - self._sights[0].time > _SPAN:
            self._sights.popleft()
        if len(self._sights) > 1 and time - self._sights[-2].time < _SPACING:
            self._sights.pop()
        self._sights.append(sight)
        self._lines = None

    def clear(self) -> None:
        """Forget what was: the plate was out of sight, and nobody knows how it went on."""
        self._sights.clear()
        self._lines = None

    def expected(self, time: float, box: PlateBox) -> PlateBox:
        """Where the plate is at `time` if it goes on; its last box, `box`, where no velocity is known yet."""
        if not self.known:
            return box
        self._lines = self._lines or _lines_through(self._sights)
        middle, (across, down, depth), (across_rise, down_rise, depth_rise) = self._lines
        width, ahead = max(box.width, 1.0), time - middle
        # nothing comes through the camera: a plate so near, or so far, has left the picture before
        if depth_rise < 0:
            ahead = min(ahead, max(0.0, (depth - 1.0 / (_MOST_GROWTH * width)) / -depth_rise))
        elif depth_rise > 0:
            ahead = min(ahead, max(0.0, (_MOST_GROWTH / width - depth) / depth_rise))
        depth += depth_rise * ahead
        x, y = (across + across_rise * ahead) / depth, (down + down_rise * ahead) / depth
        half_width = 0.5 / depth
        half_height = half_width * box.height / width
        return PlateBox(x - half_width, y - half_height, x + half_width, y + half_height, box.confidence)


def _lines_through(sights: Collection[_Sight]) -> _Lines:
    """Lines by least squares; towards level ones where the sights are so close that their jitter would decide."""
    times, *fields = zip(*sights, strict=True)
    middle = sum(times) / len(times)
    offsets = [time - middle for time in times]
    spread = sum(offset * offset for offset in offsets) + _CALM**2
    across, down, depth = ((sum(values) / len(values), sum(map(mul, offsets, values)) / spread) for values in fields)
    return _Lines(middle, (across[0], down[0], depth[0]), (across[1], down[1], depth[1]))
