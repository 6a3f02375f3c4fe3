"""Press dies that draw characters from strokes."""

import itertools
import random
import string
from dataclasses import replace

import cv2
import numpy as np
import pytest

from training.dies import Die, die_glyph, draw_die

CHARACTERS = string.ascii_uppercase + string.digits


def on_paper(character: str, die: Die) -> np.ndarray:
    """The glyph in a square of 64 px, its proportions kept."""
    glyph = die_glyph(character, die)
    paper = np.zeros((64, 64), dtype=np.uint8)
    width = min(64, max(1, round(glyph.shape[1] / 3)))
    paper[:, 32 - width // 2 : 32 - width // 2 + width] = cv2.resize(glyph, (width, 64), interpolation=cv2.INTER_AREA)
    return paper


@pytest.mark.parametrize("seed", range(12))
def test_every_character_is_drawn_and_fills_its_height(seed: int) -> None:
    die = draw_die(random.Random(seed), american=seed % 2 == 0)
    for character in CHARACTERS:
        glyph = die_glyph(character, die)
        assert glyph.max() == 255
        rows = np.flatnonzero(glyph.max(axis=1))
        assert rows[0] < 0.06 * len(glyph), character
        assert rows[-1] > 0.94 * len(glyph), character
        assert glyph.min() < 255 or character in "I1", character


@pytest.mark.parametrize("seed", range(12))
def test_what_differs_to_the_eye_differs(seed: int) -> None:
    """But for those that presses stamp alike, or nearly: O, 0, Q and D, I and 1."""
    die = draw_die(random.Random(seed), american=seed % 2 == 0)
    drawn = {character: on_paper(character, die).astype(float) / 255 for character in CHARACTERS}
    for one, other in itertools.combinations(CHARACTERS, 2):
        if not {one, other} <= set("0ODQ") and {one, other} != {"I", "1"}:
            assert np.abs(drawn[one] - drawn[other]).mean() > 0.008, one + other


def test_the_same_dies_draw_the_same_and_others_differ() -> None:
    first, again, other = (draw_die(random.Random(seed), american=True) for seed in (1, 1, 2))
    assert first == again
    before = die_glyph("R", first)
    assert np.array_equal(before, die_glyph("r", again))
    assert before.shape != die_glyph("R", other).shape or (before != die_glyph("R", other)).any()


@pytest.mark.parametrize("seed", range(60))
def test_open_characters_stay_open(seed: int) -> None:
    """A 5 is open at its left below the middle, a 6 at its right above it: closed they would be a 6 and an 8."""
    die = replace(draw_die(random.Random(seed), american=seed % 2 == 0), flat_ends=True)
    five, six, letter = (die_glyph(character, die) for character in "56A")
    rows = range(round(0.3 * len(five)), round(0.95 * len(five)))
    assert min(five[row, : five.shape[1] // 4].max() for row in rows) == 0
    rows = range(round(0.05 * len(six)), round(0.6 * len(six)))
    assert min(six[row, -(six.shape[1] // 4) :].max() for row in rows) == 0
    bar = letter[round(0.6 * len(letter)) : round(0.75 * len(letter))]
    foot = letter[-round(0.05 * len(letter)) :]
    assert np.flatnonzero(bar.max(axis=0))[0] >= np.flatnonzero(foot.max(axis=0))[0]  # its bar does not stick out


def test_american_dies_are_narrower_and_thinner() -> None:
    random_ = random.Random(5)
    american, other = ([draw_die(random_, each) for _ in range(200)] for each in (True, False))
    assert np.mean([die.width for die in american]) < np.mean([die.width for die in other]) - 0.05
    assert np.mean([die.stroke for die in american]) < np.mean([die.stroke for die in other]) - 0.02
