"""A recording through the whole pipeline, as fast as it goes: the same passes as at the gate, without waiting."""

import json
from collections.abc import Iterator
from dataclasses import replace

from edge.config import Config
from edge.detector import PlateDetector
from edge.live_feed import event_values
from edge.pipeline import Pipeline
from edge.reader import PlateReader
from edge.records import PlateEvent
from edge.source import open_source


def replay(config: Config, clip: str, fps: float | None = None) -> Iterator[PlateEvent]:
    """The final events of `clip`, in the order in which they end; `fps` frames a second if it is a folder."""
    settings = replace(config.source, source=clip, realtime=False)
    if fps is not None:
        settings = replace(settings, fps=fps)
    detector, reader = PlateDetector(config.detector), PlateReader(config.reader)
    pipeline = Pipeline(detector, reader, config.tracker, config.vote, config.service.camera)
    with open_source(settings) as source:
        for frame in source:
            if frame is not None:
                yield from _finals(pipeline.process(frame).events)
    yield from _finals(pipeline.finish())


def _finals(events: tuple[PlateEvent, ...]) -> Iterator[PlateEvent]:
    return (event for event in events if event.kind == "final")


def event_json(event: PlateEvent) -> str:
    """One event as JSON on one line; `first_seen`, `last_seen` and `best_seen` are seconds in the recording."""
    seconds = {name: round(getattr(event, name), 3) for name in ("first_seen", "last_seen", "best_seen")}
    return json.dumps(event_values(event) | seconds, ensure_ascii=False)
