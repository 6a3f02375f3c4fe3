from dataclasses import replace
from itertools import product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.nbest import Alternative, alternatives
from edge.records import PlateReading


def reading(*positions: tuple[str, float, str, float]) -> PlateReading:
    """(character, its confidence, runner-up, its confidence) for each position."""
    return PlateReading(
        "".join(one[0] for one in positions),
        min((one[1] for one in positions), default=0.0),
        tuple((one[0], one[1]) for one in positions),
        tuple((one[2], one[3]) for one in positions),
    )


def test_the_next_best_texts_come_in_order_with_their_odds() -> None:
    doubtful = reading(("A", 0.9, "4", 0.09), ("O", 0.5, "0", 0.4), ("7", 0.8, "1", 0.16))
    found = alternatives(doubtful, 4)
    assert [one.text for one in found] == ["A07", "AO1", "A01", "4O7"]
    assert [one.odds for one in found] == pytest.approx([0.8, 0.2, 0.16, 0.1])


@given(st.lists(st.tuples(st.floats(0.3, 1.0), st.floats(0.001, 0.3)), max_size=6), st.integers(1, 12))
def test_they_are_the_best_of_all_exchanges(confidences: list[tuple[float, float]], count: int) -> None:
    one = reading(*((chr(65 + i), first, chr(97 + i), second) for i, (first, second) in enumerate(confidences)))
    every = [
        prod(second / first for (first, second), swap in zip(confidences, swaps, strict=True) if swap)
        for swaps in product([False, True], repeat=len(confidences))
        if any(swaps)
    ]
    found = alternatives(one, count)
    assert [other.odds for other in found] == pytest.approx(sorted(every, reverse=True)[:count])
    assert len({other.text for other in found}) == len(found)


def test_what_other_looks_read_is_an_alternative_of_any_length() -> None:
    one = replace(reading(("B", 0.5, "8", 0.25), ("1", 0.8, "I", 0.4)), rivals=(("B11", 0.6), ("81", 0.1)))
    assert alternatives(one) == (Alternative("B11", 0.6), Alternative("81", 0.5), Alternative("BI", 0.5))


def test_nothing_read_and_no_runners_up_have_no_alternatives() -> None:
    assert alternatives(PlateReading("", 0.0, ())) == ()
    assert alternatives(PlateReading("A1", 0.9, (("A", 0.9), ("1", 0.9)))) == ()


def test_one_alternative_is_enough_where_one_is_wanted() -> None:
    assert alternatives(reading(("B", 0.5, "8", 0.25)), 1) == (Alternative("8", 0.5),)
