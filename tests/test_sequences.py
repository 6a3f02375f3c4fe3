"""The real Romanian rides, about a frame a second, through the shipped models: each track is one event."""

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from edge.detector import PlateDetector
from edge.geometry import overlap
from edge.pipeline import Pipeline
from edge.reader import PlateReader
from edge.records import Frame, PlateBox, PlateEvent
from training.dataset import data_folder

SEQUENCES = data_folder() / "sequences" / "romania"

pytestmark = [
    pytest.mark.skipif(not SEQUENCES.is_dir(), reason=f"no real sequences in {SEQUENCES}; set GATEREADER_DATA"),
    pytest.mark.timeout(600),  # the fixture's quarter of a minute is several on a busy machine
]
UNLABELLED = {"B414TMR"}
"""A plate in view for two seconds that no label knows; hardly legible, it may be B614TMR."""


class Labels(NamedTuple):
    """The plates in one frame: those that people can read, by their text, and those that they cannot."""

    readable: dict[str, PlateBox]
    unreadable: list[PlateBox]


@dataclass
class Ridden:
    """What became of one ride."""

    events: list[PlateEvent] = field(default_factory=list)
    started: int = 0
    known: set[str] = field(default_factory=set)
    """The plates that people can read."""
    sights: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Plate → the seconds in which a box lay on it, each with that box's track."""
    unreadable: dict[int, list[PlateBox]] = field(default_factory=dict)
    """Second → the plates in it whose text is not known."""

    def judged(self, event: PlateEvent) -> bool:
        """Whether it is known what an event's plate is: people could not read all that the reader can."""
        there = self.unreadable.get(round(event.best_seen), [])
        return event.plate in self.known or all(overlap(event.box, box) < 0.5 for box in there)


def rides(part: str) -> dict[str, dict[int, tuple[Path, Labels]]]:
    """Ride → second → the frame and the plates in it."""
    labels: dict[str, Labels] = defaultdict(lambda: Labels({}, []))
    with (SEQUENCES / part / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            x, y, width, height = (float(row[key]) for key in "xywh")
            plates, box = labels[row["image"]], PlateBox(x, y, x + width, y + height, 1.0)
            if row["text"]:
                plates.readable[row["text"]] = box
            else:
                plates.unreadable.append(box)
    frames: dict[str, dict[int, tuple[Path, Labels]]] = defaultdict(dict)
    for image, plates in labels.items():
        ride, second = Path(image).stem.rsplit("_t", 1)
        frames[ride][int(second)] = (SEQUENCES / part / image, plates)
    return frames


def ride_through(frames: dict[int, tuple[Path, Labels]]) -> Ridden:
    pipeline, ridden = Pipeline(PlateDetector(), PlateReader()), Ridden()
    events: list[PlateEvent] = []
    for index, (second, (path, plates)) in enumerate(sorted(frames.items())):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert picture is not None, path
        utc = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
        result = pipeline.process(Frame(np.asarray(picture, np.uint8), float(second), utc, index))
        events += result.events
        ridden.known |= set(plates.readable)
        ridden.unreadable[second] = plates.unreadable
        for text, where in plates.readable.items():
            here = [shown.track for shown in result.tracks if overlap(shown.box, where) >= 0.5]
            ridden.sights.setdefault(text, []).extend((second, track) for track in here[:1])
    events += pipeline.finish()
    ridden.events = [event for event in events if event.kind == "final"]
    ridden.started = pipeline.started
    return ridden


@pytest.fixture(scope="module", params=["val", pytest.param("train", marks=pytest.mark.slow)])
def part(request: pytest.FixtureRequest) -> tuple[str, list[Ridden]]:
    """The name of a part of the rides, and what became of each of its rides."""
    return request.param, [ride_through(frames) for frames in rides(request.param).values()]


def test_every_track_is_one_event(part: tuple[str, list[Ridden]]) -> None:
    assert part[1]
    for ridden in part[1]:
        assert len(ridden.events) == ridden.started == len({event.track for event in ridden.events})


def test_no_track_is_of_two_plates_and_a_plate_in_view_is_one_track(part: tuple[str, list[Ridden]]) -> None:
    """The tracker's share, whatever the detector misses: it rides along in traffic, at a frame a second.

    Two of the 48 tracks of `train` may be torn: where a plate jumps and is read clearly as another within a second, no
    tracker can tell it from the next car. Measured were two. And one may be of two plates, as long as it is accepted as
    neither: B60JRB, seen once three seconds after B61RCV where that had been, is taken for it and makes it undecided.
    """
    name, all_ridden = part
    torn: dict[str, list[tuple[int, int]]] = defaultdict(list)
    shared: list[int] = []
    for ridden in all_ridden:
        plates_of = Counter(track for sights in ridden.sights.values() for track in {track for _, track in sights})
        of_two = {track for track, plates in plates_of.items() if plates > 1}
        assert not any(event.status == "accepted" for event in ridden.events if event.track in of_two), ridden.sights
        shared += of_two
        for text, sights in ridden.sights.items():
            if gaps := [(a[0], b[0]) for a, b in pairwise(sights) if b[0] - a[0] <= 2 and a[1] != b[1]]:
                torn[text] += gaps
    assert len(shared) <= (0 if name == "val" else 1), shared
    assert len(torn) <= (0 if name == "val" else 2), torn
    assert sum(map(len, torn.values())) <= 3, torn


def test_most_plates_are_accepted_and_right(part: tuple[str, list[Ridden]]) -> None:
    """A floor below what was measured (all 7 plates right, no wrong one)."""
    name, all_ridden = part
    if name != "val":
        pytest.skip("not all plates that can be read are labelled there")
    right: set[str] = set()
    wrong: set[str] = set()
    known: set[str] = set()
    for ridden in all_ridden:
        truth = ridden.known
        accepted = {event.plate for event in ridden.events if event.status == "accepted" and ridden.judged(event)}
        right, wrong, known = right | accepted & truth, wrong | accepted - truth, known | truth
    assert len(right) >= 6, f"right {right} of {known}"
    assert not wrong - UNLABELLED
