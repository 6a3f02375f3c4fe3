"""An unsure reading is made again by other looks at the crop, and the looks vote."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from core_fakes import reading

from edge.looks import other_looks, read_well
from edge.reader import PlateReader
from edge.records import Image, PlateReading
from edge.slant import Slant, slant, upright

CROP = np.zeros((40, 160, 3), np.uint8)
LOOKS = 6
"""At a crop that is not seen slanted."""


def script(*readings: tuple[str, float]) -> Callable[[Image], PlateReading]:
    """Reads these, one after the other."""
    left = iter(readings)
    return lambda crop: reading(*next(left))


def test_a_sure_reading_is_made_once() -> None:
    assert read_well(CROP, script(("AB123CD", 0.9))).text == "AB123CD"


@pytest.mark.parametrize(
    ("readings", "text"),
    [
        ([("AB123C", 0.7), ("AB123CD", 0.6), ("AB123CD", 0.66), ("AB123CD", 0.5)], "AB123CD"),
        ([("AB123C", 0.7), ("AB123CD", 0.2), ("AB123CD", 0.2), ("AB123CD", 0.2)], "AB123C"),
        ([("AB123C", 0.2), ("AB123CD", 0.98), ("AB123C", 0.2), ("AB123C", 0.2), ("AB123C", 0.2)], "AB123CD"),
        ([], ""),
    ],
    ids=["three agree", "three doubt it", "one is sure", "nothing"],
)
def test_the_looks_vote(readings: list[tuple[str, float]], text: str) -> None:
    nothing = [("", 0.0)] * (1 + LOOKS - len(readings))
    assert read_well(CROP, script(*readings, *nothing)).text == text


@pytest.mark.parametrize(
    ("others", "confidences"),
    [
        ([], [0.8, 0.8, 0.8, 0.8]),
        (["A812", "A812"], [0.8, 0.8 * 5 / 7, 0.8, 0.8]),
        (["AB2", "AB2"], [0.8, 0.8, 0.8 * 5 / 7, 0.8]),
        (["AB142"], [0.8, 0.8, 0.8, 0.8]),
        (["AB142", "AB142"], [0.8, 0.8, 5 / 7, 0.8]),
        (["1AB12", "1AB12"], [5 / 7, 0.8, 0.8, 0.8]),
    ],
    ids=["all agree", "two have another", "two lack one", "one has one more", "two have one more", "two at the end"],
)
def test_a_character_that_other_looks_contradict_is_less_sure(others: list[str], confidences: list[float]) -> None:
    same = ["AB12"] * (1 + LOOKS - len(others))
    found = read_well(CROP, script(*((text, 0.8) for text in (*same, *others))))
    assert found.text == "AB12"
    assert [confidence for _, confidence in found.characters] == pytest.approx(confidences)
    assert found.confidence == min(confidence for _, confidence in found.characters)


def test_sharpness_is_that_of_the_crop_as_it_is() -> None:
    sharp = iter((100.0, *range(900, 900 - LOOKS, -1)))
    found = read_well(CROP, lambda _: reading("AB123CD", 0.8, next(sharp)))
    assert found.sharpness == 100.0


def test_the_reader_looks_again_at_what_it_read() -> None:
    reader = PlateReader()
    crop: Image = np.full((44, 150, 3), 190, np.uint8)
    cv2.putText(crop, "AB123CD", (8, 32), cv2.FONT_HERSHEY_SIMPLEX, 0.95, (90, 90, 90), 2)
    crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), 3.4), np.uint8)
    first = reader.read(crop)
    assert first.confidence < 0.9, "else there is nothing to look at again"
    assert reader.read_again(crop, first) == read_well(crop, reader.read) != first


def test_what_lost_is_a_rival_of_the_reading() -> None:
    looks = [("AB123CD", 0.8), ("AB123CD", 0.7), ("A8123CD", 0.6)]
    found = read_well(CROP, script(("AB123C", 0.5), *looks, *[("", 0.0)] * (LOOKS - len(looks))))
    assert found.text == "AB123CD"
    assert [text for text, _ in found.rivals] == ["A8123CD", "AB123C"]
    assert [share for _, share in found.rivals] == pytest.approx([0.4, 1 / 3])
    assert read_well(CROP, script(("AB123CD", 0.9))).rivals == ()


def test_the_looks_are_tighter_wider_and_turned_either_way() -> None:
    crop = np.full((60, 240), 200, np.uint8)
    cv2.line(crop, (0, 30), (239, 30), 0, 3)
    tight, low, lowest, wide, *turned = other_looks(crop)
    assert tight.shape == (56, 222)  # without the 4 % around the box
    assert low.shape == (50, 236)
    assert lowest.shape == (42, 240)
    assert wide.shape == (72, 288)
    assert (wide[6:-6, 24:-24] == crop).all()
    for look, sign in zip(turned, (1, -1), strict=True):
        assert look.shape == (64, 260)  # so that turning cuts nothing
        left, right = (int(look[:, column].argmin()) for column in (10, 249))
        assert sign * (left - right) == pytest.approx(239 * np.tan(np.radians(3.0)), abs=2)


def lettering(slope: float = 0.0, lean: float = 0.0) -> Image:
    """A plate of seven strokes with bars, (60, 240) grey, slanted by so many degrees."""
    crop = np.full((60, 240), 220, np.uint8)
    for x in range(40, 201, 26):
        cv2.line(crop, (x, 20), (x, 40), 20, 4)
        cv2.line(crop, (x, 20), (x + 12, 20), 20, 3)
        cv2.line(crop, (x, 40), (x + 12, 40), 20, 3)
    return upright(crop, Slant(-slope, -lean))


@pytest.mark.parametrize(("slope", "lean", "looks"), [(0, 0, 6), (3, 0, 6), (10, 0, 10), (-12, 5, 10), (0, 15, 10)])
def test_what_is_seen_slanted_is_also_read_upright(slope: float, lean: float, looks: int) -> None:
    made = list(other_looks(lettering(slope, lean)))
    assert len(made) == looks
    for look in made[LOOKS : LOOKS + 1]:
        seen = slant(look)
        assert seen is not None
        assert max(abs(seen.slope), abs(seen.lean)) < 3


def test_upright_keeps_size_and_colour() -> None:
    crop = np.zeros((40, 160, 3), np.uint8)
    crop[..., 2] = 200
    stood = upright(crop, Slant(12, -8))
    assert stood.shape == crop.shape
    assert (stood == crop).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 3, 3), (5, 400), (3000, 2), (30, 12), (9, 14, 3)])
def test_no_crop_is_too_small_to_be_looked_at_again(shape: tuple[int, ...]) -> None:
    crop = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    assert all(look.size for look in other_looks(crop))
