"""How many frames a second are taken of those that come."""

import math

_TOLERANCE = 1e-6
"""Seconds; times that were computed as index / fps are a little off."""


class Pace:
    """Which frames are taken: no more than `fps` a second, while at rest no more than it says; 0 is no limit."""

    def __init__(self, fps: float) -> None:
        self._fps, self._rest, self._due = fps, 0.0, -math.inf

    def rest(self, fps: float) -> None:
        """From now on no more than so many a second either; 0 ends that, with the very next frame."""
        if self._rest and not fps:
            self.restart()
        self._rest = fps

    def restart(self) -> None:
        """Take the next frame whatever its time is."""
        self._due = -math.inf

    def wants(self, time: float) -> bool:
        """Whether a frame of this moment, in seconds, is to be taken."""
        return time >= self._due - _TOLERANCE

    def took(self, time: float) -> None:
        """The frame of this moment was taken."""
        if limit := lower_limit(self._fps, self._rest):
            # what comes late makes no later one due earlier, so that a stream that stood still does not hurry
            self._due = (self._due if time < self._due + 1 / limit else time) + 1 / limit
        else:
            self.restart()


def lower_limit(fps: float, other: float) -> float:
    """The lower of two limits of the frames a second, of which 0 is none."""
    return min(filter(None, (fps, other)), default=0.0)
