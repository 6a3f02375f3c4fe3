"""Letters and digits where plates have them: weighed, never vetoed, and nothing is lost."""

import numpy as np
import pytest

from edge.countries import COUNTRIES
from edge.formats import expand, letter_shares
from edge.nbest import alternatives
from edge.records import PlateReading
from edge.serials import plausible


def reading(text: str, others: dict[int, tuple[str, float]]) -> PlateReading:
    """Sure of every character, whose runner-up is of its own kind, but for these: place → (runner-up, its share)."""
    runners_up = [others.get(place, ("X" if c.isalpha() else "7", 0.01)) for place, c in enumerate(text)]
    pairs = enumerate(zip(text, runners_up, strict=True))
    characters = tuple((c, 1 - share if place in others else 0.95) for place, (c, (_, share)) in pairs)
    confidence = min(confidence for _, confidence in characters)
    return PlateReading(text, confidence, characters, tuple(runners_up), 2, 80.0, (("X", 0.1),))


@pytest.mark.parametrize(
    ("read", "place", "other", "meant"),
    [
        ("KYO3D07", 4, "0", "KYO3007"),
        ("1RC7529", 0, "I", "IRC7529"),
        ("HBN8G28", 4, "6", "HBN8628"),
        ("AB12C0E", 5, "D", "AB12CDE"),
        ("8A123BC", 0, "B", "BA123BC"),
    ],
)
def test_what_no_country_gives_out_becomes_what_many_do(read: str, place: int, other: str, meant: str) -> None:
    found = plausible(reading(read, {place: (other, 0.4)}))
    assert found.text == meant
    assert found.characters[place][0] == other
    assert 0.5 < found.characters[place][1] < 1.0
    assert found.runners_up[place][0] == read[place]
    assert read in [each.text for each in alternatives(found, 2)]  # what was read is kept
    assert (found.lines, found.sharpness, found.rivals) == (2, 80.0, (("X", 0.1),))
    assert found.confidence == min(confidence for _, confidence in found.characters)


def test_a_sure_reading_stays_whatever_the_pattern() -> None:
    for text, place, other in (("KYO3D07", 4, "0"), ("TOOLAZY", 1, "0"), ("1MLT", 0, "I")):
        found = plausible(reading(text, {place: (other, 0.002)}))
        assert found.text == text
    assert plausible(reading("TOOLAZY", {1: ("0", 0.3)})).text == "TOOLAZY"  # nor do digits improve a word


def test_two_that_are_read_wrongly_come_right_together() -> None:
    found = plausible(reading("1RC7S29", {0: ("I", 0.3), 4: ("5", 0.4)}))
    assert found.text == "IRC7529"


def test_what_speaks_for_no_other_kind_changes_nothing() -> None:
    same = reading("AB123CD", {2: ("7", 0.45), 5: ("G", 0.4)})
    assert plausible(same) is same
    empty = PlateReading("", 0.0, ())
    assert plausible(empty) is empty
    without = PlateReading("AB12", 0.5, tuple((c, 0.5) for c in "AB12"))
    assert plausible(without) is without


def test_a_pattern_that_fits_makes_surer_and_one_that_does_not_less_so() -> None:
    fits = plausible(reading("KYO3007", {5: ("D", 0.2)}))
    assert fits.text == "KYO3007"
    assert fits.characters[5][1] > 0.9
    assert sum(p for _, p in (fits.characters[5], fits.runners_up[5])) == pytest.approx(1.0)
    not_so = plausible(reading("KYO30D7", {5: ("0", 0.02)}))
    assert not_so.text == "KYO30D7"
    assert not_so.characters[5][1] < 0.9


def test_many_doubts_take_no_time_and_long_texts_no_harm() -> None:
    long = "1" * 30
    found = plausible(reading(long, dict.fromkeys(range(30), ("I", 0.3))))
    assert found.text == long


def test_shares_of_letters_are_those_of_all_shapes() -> None:
    letters = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    for template in (template for country in COUNTRIES.values() for template in country.templates.split()):
        shapes = [tuple(len(allowed & letters) / len(allowed) for allowed in shape) for shape in expand(template)]
        counted = letter_shares(template)
        assert counted.total() == len(shapes)
        assert set(counted) == set(shapes)
        some = shapes[np.random.default_rng(len(shapes)).integers(len(shapes))]
        assert counted[some] == shapes.count(some)
