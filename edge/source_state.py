"""What every source has in common: its state, and what others ask of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Literal, Protocol, Self

import cv2
import numpy as np

from edge.records import Frame, Image

Cause = Literal[
    "",
    "connecting",
    "refused",
    "unauthorised",
    "unknown host",
    "unreachable",
    "timeout",
    "no such device",
    "no such stream",
    "no permission",
    "no password",
    "busy",
    "no picture",
    "lost",
    "ended",
    "closed",
]
"""Why no pictures come. Fixed words, never an address or a name, so that anybody may be told; empty while they do."""

_LONGEST_SLEEP = 0.5
"""Seconds without a frame after which whoever plays something at its own speed gets a word."""
_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a source is at this moment."""

    online: bool
    """Whether pictures come."""
    since: datetime
    """When that last changed, UTC."""
    cause: Cause
    """Why no pictures come, in a word or two; empty while they do."""
    frames: int
    """Frames that arrived from the camera or were read from the file."""
    dropped: int
    """Frames that nobody took before a newer one came."""


class ClosedByWith(ABC):
    """A source that is closed where its `with` ends."""

    @abstractmethod
    def close(self) -> None:
        """Let go of whatever it holds; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Source(Protocol):
    """Iterated for `Frame`, or for None where a live camera has had nothing new for half a second."""

    @property
    def live(self) -> bool:
        """Whether its frames come by the clock; a clip that is read as fast as it goes is not live."""

    @property
    def description(self) -> str:
        """The source in words, never with a password."""

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """(name, reason) of each picture that should have come and could not be read; empty for a camera."""

    def state(self) -> SourceState:
        """How it is now; may be asked from any thread."""

    def close(self) -> None:
        """Release the device; the iteration ends. Never waits longer than two seconds."""

    def rest(self, fps: float) -> None:
        """From now on give at most so many frames a second, if it comes by the clock; 0 ends that."""

    def __iter__(self) -> Iterator[Frame | None]: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


def turn(image: Image, degrees: int) -> Image:
    """The picture turned clockwise by 0, 90, 180 or 270 degrees."""
    return np.asarray(cv2.rotate(image, _TURNS[degrees]), np.uint8) if degrees else image


def waiting(
    due: float, now: Callable[[], float], sleep: Callable[[float], None], ended: Callable[[], bool]
) -> Iterator[None]:
    """Sleep until it is `due`, a moment of the clock `now`, or `ended`; None now and then, lest a stop wait for it."""
    while (ahead := due - now()) > 0:
        sleep(min(ahead, _LONGEST_SLEEP))
        if ended():
            return
        if ahead > _LONGEST_SLEEP:
            yield None
