"""A clock that nobody waits for, and waits that come to an end."""

import time
from collections.abc import Callable

from edge.source import Source


class FakeClock:
    """Its time passes only while somebody sleeps; `slept` says for how long each time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, duration: float) -> None:
        self.slept.append(duration)
        self.seconds += duration


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def take_until(source: Source, wanted: Callable[[], bool], seconds: float = 15.0) -> None:
    """Takes frames of a source that gives some, or None, again and again."""
    end = time.monotonic() + seconds
    for _ in source:
        if wanted():
            return
        assert time.monotonic() < end, source.state()
