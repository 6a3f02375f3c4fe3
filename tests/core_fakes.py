"""A scripted camera: what is found and read is said frame by frame, so that tests need no model."""

import gc
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import BuiltinFunctionType, FunctionType, ModuleType

import numpy as np

from edge.pipeline import Pipeline
from edge.records import Frame, FrameResult, Image, PlateBox, PlateEvent, PlateReading
from edge.tracker import TrackerSettings
from edge.vote import VoteSettings

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
IMAGE: Image = np.zeros((720, 1280, 3), np.uint8)

Sight = tuple[PlateBox, PlateReading]


def box(x: float, y: float = 300.0, width: float = 120.0, height: float = 28.0) -> PlateBox:
    return PlateBox(x, y, x + width, y + height, 0.9)


def reading(text: str, confidence: float = 0.97, sharpness: float = 2000.0, lines: int = 1) -> PlateReading:
    characters = tuple((c, confidence) for c in text)
    return PlateReading(
        text, confidence if text else 0.0, characters, tuple(("X", 0.01) for _ in text), lines, sharpness
    )


def frame(time: float, index: int = 0) -> Frame:
    return Frame(IMAGE, time, START + timedelta(seconds=time), index)


class Script:
    """Detector and reader in one: both say what `sights` holds for the frame that is being processed."""

    def __init__(self) -> None:
        self.sights: Sequence[Sight] = ()
        self.reads = 0
        self._image = IMAGE

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        self._image = image
        return tuple(found for found, _ in self.sights)

    def read(self, crop: Image) -> PlateReading:
        self.reads += 1
        # crops are views into the frame: where one begins says which box it is of
        offset = crop.__array_interface__["data"][0] - self._image.__array_interface__["data"][0]
        y, x = divmod(offset // 3, self._image.shape[1])
        return min(self.sights, key=lambda sight: abs(sight[0].x1 - x) + abs(sight[0].y1 - y))[1]


class Gate:
    """A pipeline with a scripted camera, and all that came out of it."""

    def __init__(
        self,
        tracker: TrackerSettings | None = None,
        vote: VoteSettings | None = None,
        *,
        keep_frames: bool = False,
    ) -> None:
        self.script = Script()
        self.pipeline = Pipeline(self.script, self.script, tracker, vote, "test", keep_frames=keep_frames)
        self.results: list[FrameResult] = []
        self.events: list[PlateEvent] = []

    def see(self, time: float, *sights: Sight) -> FrameResult:
        self.script.sights = sights
        result = self.pipeline.process(frame(time, len(self.results)))
        self.results.append(result)
        self.events += result.events
        return result

    def watch(self, stream: Iterable[tuple[float, Sequence[Sight]]]) -> "Gate":
        for time, sights in stream:
            self.see(time, *sights)
        return self

    def finish(self) -> list[PlateEvent]:
        """End the stream; all final events of it."""
        self.events += self.pipeline.finish()
        return self.finals

    @property
    def finals(self) -> list[PlateEvent]:
        return [event for event in self.events if event.kind == "final"]

    @property
    def tracks_seen(self) -> set[int]:
        return {track.track for result in self.results for track in result.tracks}


def objects_of(root: object) -> int:
    """How many objects hang on this one, and on those, and so on; code is not counted."""
    found, waiting = {id(root)}, [root]
    while waiting:
        for held in gc.get_referents(waiting.pop()):
            if id(held) not in found and not isinstance(held, type | ModuleType | FunctionType | BuiltinFunctionType):
                found.add(id(held))
                waiting.append(held)
    return len(found)
