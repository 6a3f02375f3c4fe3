"""Events and results for the tests of what gatereader puts out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from edge.entry import Entry
from edge.records import Frame, FrameResult, Image, PlateBox, PlateEvent, TrackedPlate

MOMENT = datetime(2026, 11, 20, 14, 3, 22, 123_456, tzinfo=UTC)

EVENT = PlateEvent(
    event_id="0b9c5a1e-7d53-5f0e-9a43-3f1d2c0a7b10",
    track=7,
    kind="final",
    status="accepted",
    reason=None,
    plate="AB123CD",
    plate_raw="AB1Z3CD",
    second="AB128CD",
    margin=0.61234,
    confidence=0.97,
    characters=tuple((character, 0.98) for character in "AB123CD"),
    readings=9,
    votes=7,
    agreement=0.857142,
    rejected_readings={"blurred": 2},
    first_seen=10.0,
    last_seen=12.5,
    best_seen=11.0,
    first_utc=MOMENT,
    last_utc=MOMENT.replace(second=25),
    best_utc=MOMENT.replace(second=23),
    box=PlateBox(100.4, 200.6, 218.0, 230.0, 0.91),
    sharpness=210.04,
    camera="gate",
    moved=True,
    direction="approaching",
)


def event(**changes: Any) -> PlateEvent:
    return replace(EVENT, **changes)


def entry(**changes: Any) -> Entry:
    """The entry of an event, recorded two seconds after its last sight."""
    return Entry(event(**changes), recorded=MOMENT.replace(second=27), clock_synced=True)


def result(
    image: Image | None = None,
    tracks: Sequence[TrackedPlate] = (),
    boxes: Sequence[PlateBox] = (),
    events: Sequence[PlateEvent] = (),
    index: int = 0,
) -> FrameResult:
    if image is None:
        image = np.full((90, 160, 3), 40 + index % 200, dtype=np.uint8)
    frame = Frame(image, float(index), MOMENT, index)
    return FrameResult(frame, tuple(boxes), tuple(tracks), tuple(events))
