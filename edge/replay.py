"""A recording through the whole pipeline, as fast as it goes: the same passes as at the gate, without waiting."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from edge.config import Config
from edge.detector import PlateDetector
from edge.live_feed import event_values
from edge.pipeline import Pipeline
from edge.reader import PlateReader
from edge.records import Frame, PlateEvent
from edge.service import event_line
from edge.source import Source, open_source


def open_recording(config: Config, clip: str, fps: float | None = None) -> Source:
    """The source of `clip`, as fast as it goes; `fps` pictures a second if it is a folder, at most of a video."""
    settings = replace(config.source, source=clip, realtime=False)
    return open_source(settings if fps is None else replace(settings, fps=fps))


def replay(config: Config, source: Iterable[Frame | None]) -> Iterator[PlateEvent]:
    """The final events of a recording, in the order in which its passes end."""
    detector, reader = PlateDetector(config.detector), PlateReader(config.reader)
    pipeline = Pipeline(detector, reader, config.tracker, config.vote, config.service.camera)
    for frame in source:
        if frame is not None:
            yield from _finals(pipeline.process(frame).events)
    yield from _finals(pipeline.finish())


def _finals(events: tuple[PlateEvent, ...]) -> Iterator[PlateEvent]:
    return (event for event in events if event.kind == "final")


def event_text(event: PlateEvent) -> str:
    """One event for people, with its first and last sight in the recording."""
    return f"{event.first_seen:7.2f} to {event.last_seen:7.2f} s  {event_line(event)}"


def event_json(event: PlateEvent) -> str:
    """One event as JSON on one line; `first_seen`, `last_seen` and `best_seen` are seconds in the recording."""
    values = event_values(event)
    for name in ("first", "last", "best"):
        values[f"{name}_utc"] = values[f"{name}_seen"]
        values[f"{name}_seen"] = round(getattr(event, f"{name}_seen"), 3)
    return json.dumps(values, ensure_ascii=False)
