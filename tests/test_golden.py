"""The demo scene's first minute through the shipped models, as fast as it goes: every car is one row, read right."""

from collections.abc import Sequence

import pytest

from edge.demo import DemoPass, DemoSource, demo_truth
from edge.demo_schedule import CYCLE
from edge.detector import PlateDetector
from edge.pipeline import Pipeline
from edge.reader import PlateReader
from edge.records import PlateEvent

pytestmark = pytest.mark.timeout(600)  # the fixture's half minute is several on a busy machine

FPS = 3.0
READ_RIGHT = 0.95


@pytest.fixture(scope="module")
def minute() -> tuple[list[PlateEvent], int]:
    """All final events, and how many tracks were started."""
    pipeline = Pipeline(PlateDetector(), PlateReader())
    events: list[PlateEvent] = []
    with DemoSource(0, fps=FPS, realtime=False) as source:
        for frame in filter(None, source):
            if frame.time >= CYCLE:
                break
            events += pipeline.process(frame).events
    events += pipeline.finish()
    return [event for event in events if event.kind == "final"], pipeline.started


def seen_together(event: PlateEvent, one: DemoPass) -> bool:
    return event.first_seen <= one.last_seen and one.first_seen <= event.last_seen


def told(events: Sequence[PlateEvent]) -> str:
    return "\n".join(
        f"{event.first_seen:5.1f}–{event.last_seen:5.1f} {event.plate or '-'} {event.status} {event.reason or ''} "
        f"{event.confidence:.2f}, {event.readings} readings, {event.box.width:.0f} pixels"
        for event in events
    )


def test_every_track_ends_as_one_event(minute: tuple[list[PlateEvent], int]) -> None:
    events, started = minute
    assert len(events) == started == len({event.track for event in events})


def test_the_plates_are_read_right(minute: tuple[list[PlateEvent], int]) -> None:
    events, _ = minute
    truth = demo_truth(0)
    assert len(truth) >= 10
    missed = [
        one
        for one in truth
        if not any(
            event.status == "accepted" and event.plate == one.plate and seen_together(event, one) for event in events
        )
    ]
    assert len(missed) <= (1 - READ_RIGHT) * len(truth), f"missed {[one.plate for one in missed]} of\n{told(events)}"


def test_no_pass_gives_two_rows_and_none_a_wrong_one(minute: tuple[list[PlateEvent], int]) -> None:
    events, _ = minute
    accepted = [event for event in events if event.status == "accepted"]
    plates = [event.plate for event in accepted]
    assert len(plates) == len(set(plates)), told(accepted)
    known = {one.plate for one in demo_truth(0)}
    wrong = [event for event in accepted if event.plate not in known]
    assert not wrong, told(wrong)
