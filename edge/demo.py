"""The built-in gate scene as a source: needs no camera and no download, and knows what it shows."""

import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil

from edge.demo_scene import DemoScene
from edge.demo_schedule import CYCLE
from edge.records import Frame
from edge.source_state import ClosedByWith, SourceState, turn, waiting

FPS = 15.0
"""Pictures a second of the scene's time."""
LEGIBLE = 25.0
"""A pass counts from where its plate is this wide, pixels, and wholly visible."""


@dataclass(frozen=True, slots=True)
class DemoPass:
    """A car that drove up, as it really was."""

    plate: str
    """Capital letters and digits."""
    first_seen: float
    last_seen: float
    """Frame times, seconds, of the first and last picture with the plate wholly visible and `LEGIBLE`."""
    width: float
    """Of the plate at its largest, pixels."""
    lines: int
    """Lines of the plate, 1 or 2."""


@lru_cache(maxsize=8)
def demo_truth(seed: int = 0, cycle: int = 0) -> tuple[DemoPass, ...]:
    """The passes of one minute of the scene, by first sight: every plate that is legible in any of its pictures."""
    scene = DemoScene(seed)
    seen: dict[tuple[int, int], DemoPass] = {}
    first = round(cycle * CYCLE * FPS)
    for index in range(first, first + round(CYCLE * FPS)):
        for plate in scene.plates_at(index / FPS):
            width = plate.x2 - plate.x1
            if plate.visible > 0.98 and width >= LEGIBLE:
                known = seen.get(plate.key)
                start, widest = (known.first_seen, known.width) if known else (index / FPS, 0.0)
                seen[plate.key] = DemoPass(plate.text, start, index / FPS, max(width, widest), plate.lines)
    return tuple(seen.values())


class DemoSource(ClosedByWith):
    """Iterates the scene of this seed, without end.

    With `realtime`, frames come at 15 a second; one that is late is left out and counted as dropped, as with a camera.
    `fps` takes fewer of them. A frame's time is the scene's own, from 0; its UTC is the moment the source was made plus
    that time.
    """

    skipped: tuple[tuple[str, str], ...] = ()

    def __init__(
        self,
        seed: int = 0,
        fps: float = 0.0,
        rotate: int = 0,
        realtime: bool = True,
        *,
        now: Callable[[], float] = clock.monotonic,
        sleep: Callable[[float], None] = clock.sleep,
    ) -> None:
        self.seed = seed
        self.live = realtime
        self.description = f"demo scene {seed}"
        self._step = max(1, ceil(FPS / fps)) if fps else 1
        self._rotate = rotate
        self._scene = DemoScene(seed)
        self._now, self._sleep = now, sleep
        self._state = SourceState(True, datetime.now(UTC), "", 0, 0)
        self._shown = 0.0

    @property
    def truth(self) -> tuple[DemoPass, ...]:
        """The passes that have begun so far, by first sight; the last of them may not be over."""
        cycles = range(int(self._shown // CYCLE) + 1)
        passes = [one for cycle in cycles for one in demo_truth(self.seed, cycle)]
        return tuple(one for one in passes if one.first_seen <= self._shown)

    def __iter__(self) -> Iterator[Frame | None]:
        """The frames; None now and then while the next one is waited for, as of a recording."""
        self._scene.frame_at(0.0)  # drawing the first one takes longer, and nobody should miss the first car for it
        origin, began = self._now(), datetime.now(UTC)
        index = 0
        while self._state.online:
            late = 0
            if self.live:
                yield from waiting(origin + index / FPS, self._now, self._sleep, lambda: not self._state.online)
                if not self._state.online:
                    return
                behind = self._now() - origin - index / FPS
                late = max(0, int(behind * FPS) // self._step)
                index += late * self._step
            image, _ = self._scene.frame_at(index / FPS)
            self._shown = index / FPS
            state = self._state
            self._state = SourceState(state.online, state.since, state.cause, state.frames + 1, state.dropped + late)
            utc = began + timedelta(seconds=self._shown)
            yield Frame(turn(image, self._rotate), self._shown, utc, index, self.description)
            index += self._step

    def state(self) -> SourceState:
        """Online until it is closed."""
        return self._state

    def rest(self, fps: float) -> None:
        """Goes on as before: its cars shall drive up smoothly."""

    def close(self) -> None:
        """End the iteration at its next step."""
        state = self._state
        self._state = SourceState(False, datetime.now(UTC), "closed", state.frames, state.dropped)
