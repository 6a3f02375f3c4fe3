"""Boxes that the detector is not sure of count only if the reader finds a plate's text in them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from core_fakes import IMAGE, Gate, Script, frame, reading

from edge.candidates import find_plates, is_plate
from edge.demo_plates import STYLES, draw_plate
from edge.detector import PlateDetector
from edge.pipeline import Pipeline
from edge.reader import PlateReader
from edge.records import Image, PlateBox, PlateReading
from edge.stills import read_still

THRESHOLD = 0.6


def faint(x: float = 400.0, confidence: float = 0.3) -> PlateBox:
    return PlateBox(x, 300.0, x + 120.0, 328.0, confidence)


@pytest.mark.parametrize(
    ("confidence", "text", "certainty", "counts"),
    [
        (0.6, "", 0.0, True),
        (0.3, "AB123CD", 0.9, True),
        (0.3, "AB123CD", 0.4, False),
        (0.3, "AB1", 0.99, False),
        (0.59, "", 0.0, False),
    ],
)
def test_a_box_counts_by_confidence_or_by_text(confidence: float, text: str, certainty: float, counts: bool) -> None:
    assert is_plate(faint(confidence=confidence), reading(text, certainty), THRESHOLD) is counts


class Seen:
    """Finds these boxes, and those from further away."""

    threshold = THRESHOLD

    def __init__(self, boxes: Sequence[PlateBox], far: Sequence[PlateBox] = ()) -> None:
        self._boxes, self._far = tuple(boxes), tuple(far)

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        return self._boxes

    def detect_small(self, image: Image) -> tuple[PlateBox, ...]:
        return self._far


def gate() -> Gate:
    watched = Gate()
    watched.script.threshold = THRESHOLD  # type: ignore[attr-defined]
    return watched


def test_a_faint_grille_starts_no_track() -> None:
    watched = gate()
    for step in range(10):
        watched.see(step * 0.1, (faint(), reading("I1", 0.3)))
    assert not watched.finish()
    assert watched.pipeline.started == 0


def test_a_grille_is_not_read_again_while_the_gate_rests() -> None:
    watched = gate()
    resting, looked = faint(), faint()
    for step, box in enumerate([resting, resting, resting, looked]):
        watched.see(step * 0.1, (box, reading("I1", 0.3)))
    assert watched.script.reads == 2  # the same box given again is the gate's; a new one was looked for anew


def test_a_grille_in_the_second_stream_is_not_read_again_either() -> None:
    script = Script()
    script.threshold = THRESHOLD  # type: ignore[attr-defined]
    script.sights = ((faint(), reading("I1", 0.3)),)
    small = np.zeros((360, 640, 3), np.uint8)
    boxes: tuple[PlateBox, ...] = (faint(200),)
    script.detect = lambda image: boxes  # type: ignore[method-assign]
    pipeline = Pipeline(script, script)
    for step in range(5):
        pipeline.process(replace(frame(step * 0.1), small=small))
    assert script.reads == 1


def test_a_faint_plate_is_a_pass() -> None:
    watched = gate()
    for step in range(10):
        watched.see(step * 0.1, (faint(400 + 5 * step), reading("AB123CD")))
    assert [event.plate for event in watched.finish()] == ["AB123CD"]


def test_a_plate_that_is_followed_may_be_faint_and_illegible_for_a_while() -> None:
    watched = gate()
    watched.see(0.0, (faint(), reading("AB123CD")))
    result = watched.see(0.1, (faint(), reading("", 0.0)))
    assert len(result.tracks) == 1
    assert len(watched.finish()) == 1


def test_an_unsure_reading_of_a_still_picture_is_made_again() -> None:
    looks = []

    def read(crop: Image) -> PlateReading:
        looks.append(crop.shape[1])
        return reading("AB123C", 0.7) if len(looks) == 1 else reading("AB123CD", 0.8)

    ((_, found),) = find_plates(IMAGE, Seen([faint(confidence=0.9)]), read).plates
    assert found.text == "AB123CD"
    assert found.confidence == pytest.approx(0.8 * 4.8 / 5.5), "one of seven looks lacks the last character"
    assert looks[0] == 130  # the box's 120 pixels and 4 % on either side
    assert len(looks) > 1


class LeftOnly:
    """Reads what lies in the left of the picture."""

    def read(self, crop: Image) -> PlateReading:
        column = (crop.ctypes.data - IMAGE.ctypes.data) // 3 % IMAGE.shape[1]
        return reading("AB123CD" if np.shares_memory(crop, IMAGE) and column < 400 else "", 0.9)


def test_a_still_picture_keeps_no_faint_box_without_text() -> None:
    still = read_still(Path("gate.jpg"), frame(0.0), Seen([faint(100.0), faint(700.0)]), LeftOnly())
    assert [read.text for _, read in still.plates] == ["AB123CD"]


def test_a_still_picture_in_which_nothing_is_found_is_looked_at_from_further_away() -> None:
    near, far = [faint(700.0)], [faint(100.0, 0.9), faint(700.0, 0.9)]
    still = read_still(Path("gate.jpg"), frame(0.0), Seen(near, far), LeftOnly())
    assert [(box.x1, read.text) for box, read in still.plates] == [(100.0, "AB123CD")]  # sure, but without a text: no
    assert still.detect_seconds > 0
    found = read_still(Path("gate.jpg"), frame(0.0), Seen([faint(120.0)], far), LeftOnly())
    assert [box.x1 for box, _ in found.plates] == [120.0]


@pytest.mark.parametrize("share", [0.5, 0.75, 0.95])
def test_a_picture_of_nothing_but_a_plate_is_read(share: float) -> None:
    """The network cannot reach around a plate of two thirds of the picture's width, and would cut it."""
    plate = draw_plate("AB 123 CD", STYLES[0], np.random.default_rng(1))
    width = round(640 * share)
    height = round(plate.shape[0] * width / plate.shape[1])
    picture = np.full((480, 640, 3), (70, 60, 55), np.uint8)
    x, y = (640 - width) // 2, (480 - height) // 2
    picture[y : y + height, x : x + width] = cv2.resize(plate, (width, height), interpolation=cv2.INTER_AREA)
    soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)
    found = find_plates(soft, PlateDetector(), PlateReader().read)
    assert [reading.text for _, reading in found.plates] == ["AB123CD"]
