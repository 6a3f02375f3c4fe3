"""Boxes that the detector is not sure of count only if the reader finds a plate's text in them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from core_fakes import IMAGE, Gate, Script, frame, reading

from edge.candidates import is_plate, read_plates
from edge.pipeline import Pipeline
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

    ((_, found),) = read_plates(IMAGE, [faint(confidence=0.9)], read, THRESHOLD)
    assert found.text == "AB123CD"
    assert found.confidence == pytest.approx(0.8 * 4.8 / 5.5), "one of seven looks lacks the last character"
    assert looks[0] == 130  # the box's 120 pixels and 4 % on either side
    assert len(looks) > 1


def test_a_still_picture_keeps_no_faint_box_without_text() -> None:
    class Two:
        threshold = THRESHOLD

        def detect(self, image: Image) -> tuple[PlateBox, ...]:
            return faint(100.0), faint(700.0)

        def read(self, crop: Image) -> PlateReading:
            column = (crop.ctypes.data - IMAGE.ctypes.data) // 3 % IMAGE.shape[1]
            return reading("AB123CD" if np.shares_memory(crop, IMAGE) and column < 400 else "", 0.9)

    still = read_still(Path("gate.jpg"), frame(0.0), Two(), Two())
    assert [read.text for _, read in still.plates] == ["AB123CD"]
