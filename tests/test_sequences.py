"""The real Romanian rides, about a frame a second, through the shipped models: each track is one event."""

import csv
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from edge.detector import PlateDetector
from edge.pipeline import Pipeline
from edge.reader import PlateReader
from edge.records import Frame, PlateEvent
from training.dataset import data_folder

SEQUENCES = data_folder() / "sequences" / "romania" / "val"

pytestmark = pytest.mark.skipif(not SEQUENCES.is_dir(), reason=f"no real sequences in {SEQUENCES}; set GATEREADER_DATA")


def rides() -> dict[str, dict[int, tuple[Path, set[str]]]]:
    """Ride → second → the frame and the plates that people can read in it."""
    texts: dict[str, set[str]] = defaultdict(set)
    with (SEQUENCES / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            texts[row["image"]].add(row["text"])
    frames: dict[str, dict[int, tuple[Path, set[str]]]] = defaultdict(dict)
    for image, readable in texts.items():
        ride, second = Path(image).stem.rsplit("_t", 1)
        frames[ride][int(second)] = (SEQUENCES / image, readable - {""})
    return frames


def events_of(frames: dict[int, tuple[Path, set[str]]]) -> tuple[list[PlateEvent], int]:
    pipeline = Pipeline(PlateDetector(), PlateReader())
    events: list[PlateEvent] = []
    for index, (second, (path, _)) in enumerate(sorted(frames.items())):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert picture is not None, path
        utc = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
        events += pipeline.process(Frame(np.asarray(picture, np.uint8), float(second), utc, index)).events
    events += pipeline.finish()
    return [event for event in events if event.kind == "final"], pipeline.started


@pytest.fixture(scope="module")
def ridden() -> list[tuple[list[PlateEvent], int, set[str]]]:
    """Of each ride the final events, the tracks started, and the plates that people can read."""
    return [
        (*events_of(frames), set().union(*(readable for _, readable in frames.values()))) for frames in rides().values()
    ]


def test_every_track_is_one_event(ridden: list[tuple[list[PlateEvent], int, set[str]]]) -> None:
    assert ridden
    for events, started, _ in ridden:
        assert len(events) == started == len({event.track for event in events})


def test_most_plates_are_accepted_and_right(ridden: list[tuple[list[PlateEvent], int, set[str]]]) -> None:
    """A floor, at what was measured: 6 of 7 plates right, no wrong one."""
    right: set[str] = set()
    wrong: set[str] = set()
    known: set[str] = set()
    for events, _, truth in ridden:
        accepted = {event.plate for event in events if event.status == "accepted"}
        right, wrong, known = right | accepted & truth, wrong | accepted - truth, known | truth
    assert len(right) >= 6, f"right {right} of {known}"
    assert not wrong
