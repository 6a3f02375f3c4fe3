import pytest

from edge.pace import Pace, lower_limit


def taken(pace: Pace, times: list[float]) -> list[float]:
    seen = []
    for time in times:
        if pace.wants(time):
            pace.took(time)
            seen.append(time)
    return seen


def test_without_a_limit_all_are_taken() -> None:
    assert taken(Pace(0.0), [0.0, 0.001, 0.002]) == [0.0, 0.001, 0.002]


def test_a_limit_holds_on_average_although_the_frames_do_not_fall_on_it() -> None:
    assert len(taken(Pace(10.0), [index / 25 for index in range(250)])) == 100
    assert taken(Pace(5.0), [index / 25 for index in range(25)]) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])


def test_after_a_pause_there_is_no_hurry() -> None:
    assert taken(Pace(10.0), [0.0, 5.0, 5.01, 5.02, 5.11, 5.12]) == [0.0, 5.0, 5.11]


def test_a_rest_ends_with_the_very_next_frame() -> None:
    pace = Pace(10.0)
    pace.rest(1.0)
    assert taken(pace, [0.0, 0.5, 1.0, 1.1]) == [0.0, 1.0]
    pace.rest(0.0)
    assert taken(pace, [1.2, 1.25, 1.3]) == [1.2, 1.3]


def test_another_round_begins_with_its_first_frame() -> None:
    pace = Pace(1.0)
    assert taken(pace, [0.0, 9.0]) == [0.0, 9.0]
    pace.restart()
    assert taken(pace, [0.0, 0.5, 1.0]) == [0.0, 1.0]


@pytest.mark.parametrize(("fps", "other", "limit"), [(0, 0, 0), (15, 0, 15), (0, 5, 5), (15, 5, 5)])
def test_the_lower_limit_counts_and_zero_is_none(fps: float, other: float, limit: float) -> None:
    assert lower_limit(fps, other) == limit
