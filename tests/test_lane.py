"""Simulated cars on a lane, at every frame rate, through the pipeline: one pass, one track, one row.

The plates' numbers are the truth: which reading was of which car is known, whatever was read.
"""

from collections import Counter

import pytest
from lane import Car, Outcome, Seeing, driving, hidden, watch

from edge.tracker import TrackerSettings

A, B, NEARLY_A = "AB123CD", "XK940LM", "AB124CD"
RATES = [1, 2, 5, 10, 15, 30, 60]
POOR = Seeing(jitter=0.05, missed=0.3, misread=0.12)


def at_rates(most: int) -> pytest.MarkDecorator:
    """At all rates, those above `most` only where there is time."""
    return pytest.mark.parametrize("rate", [pytest.param(r, marks=pytest.mark.slow) if r > most else r for r in RATES])


rates, often = at_rates(30), at_rates(15)
others = pytest.mark.parametrize("other", [B, NEARLY_A])


def assert_one_row(outcome: Outcome, plate: str = A) -> None:
    """The car, if it was seen at all, is one track and one row, and not a wrong one."""
    assert len(outcome.tracks.get(plate, [])) == len(outcome.finals) <= 1, outcome.rows
    assert set(outcome.accepted) <= {plate}, outcome.rows


def assert_own_votes(outcome: Outcome, *plates: str) -> None:
    """No track counted readings of two cars, and no plate that never was is accepted."""
    assert not outcome.shared, outcome.rows
    assert set(outcome.accepted) <= set(plates), outcome.rows
    assert max(Counter(outcome.accepted).values(), default=0) <= 1, outcome.rows


@rates
@pytest.mark.parametrize("speed", [10.0, 20.0, 30.0, 50.0])
@pytest.mark.parametrize("seeing", [Seeing(), POOR], ids=["clear", "poor"])
def test_one_pass_is_one_row_at_any_speed_and_rate(rate: float, speed: float, seeing: Seeing) -> None:
    for far, aside in ((25.0, 0.3), (10.0, 2.5)):
        outcome = watch([Car(A, driving(speed, far), aside)], rate, far * 3.6 / speed + 1, seeing, seed=int(speed))
        assert_one_row(outcome)
        # six looks at a plate that can be read are enough
        if seeing is not POOR and (far - 1) * 3.6 / speed * rate > 12:
            assert outcome.accepted == [A], outcome.rows


@often
@pytest.mark.parametrize("speed", [10, 15, 25, 50])
@pytest.mark.parametrize("when", [0.3, 0.5, 0.7])
def test_a_second_behind_a_pillar_does_not_end_a_pass(rate: float, speed: float, when: float) -> None:
    if speed * when < 20 and rate < 3 and speed == 50:
        pytest.skip("seen once, as a dot, and then a second and 14 m later")
    whole = 25 * 3.6 / speed
    course = hidden(driving(speed, 25), when * whole, 1.0)
    assert_one_row(watch([Car(A, course)], rate, whole + 1, seed=3))


@often
def test_a_second_behind_a_person_who_hides_a_waiting_plate(rate: float) -> None:
    outcome = watch([Car(A, hidden(lambda _: 6.0, 2.0, 1.0))], rate, 8, Seeing(missed=0.2), seed=4)
    assert_one_row(outcome)


@rates
@others
@pytest.mark.parametrize("speed", [10, 18, 36, 50])
def test_bumper_to_bumper_no_vote_is_shared(rate: float, other: str, speed: float) -> None:
    """5 m apart; at 18 km/h and one frame a second, or 36 and two, each car stands where the one before stood."""
    behind = driving(speed, 25, at=5 * 3.6 / speed)
    for seed in (1, 2):
        outcome = watch([Car(A, driving(speed, 25), above=3), Car(other, behind, above=3)], rate, 30 * 3.6 / speed + 1,
                        seed=seed)  # fmt: skip
        assert_own_votes(outcome, A, other)
        if rate * 3.6 / speed >= 0.5:  # both were seen near enough, twice at least
            assert sorted(outcome.accepted) == sorted([A, other]), outcome.rows


@often
@others
def test_a_plate_that_the_car_before_hid_gets_its_own_row(rate: float, other: str) -> None:
    for speed in (10, 18, 30):
        first, second = driving(speed, 25, end=3), driving(speed, 25, at=5 * 3.6 / speed, end=3)
        behind = Car(other, lambda t, a=first, b=second: None if (a(t) or 0) > 3.8 else b(t))  # type: ignore[misc]
        outcome = watch([Car(A, first), behind], rate, 30 * 3.6 / speed + 1, seed=speed)
        assert_own_votes(outcome, A, other)
        if rate * 3.6 / speed >= 0.7:
            assert sorted(outcome.accepted) == sorted([A, other]), outcome.rows


@often
@others
def test_two_lanes_side_by_side(rate: float, other: str) -> None:
    for faster in (-5, 0, 5):
        left, right = Car(A, driving(20, 25), -1.2), Car(other, driving(20 + faster, 25, at=0.3), 1.8)
        outcome = watch([left, right], rate, 8, seed=5)
        assert_own_votes(outcome, A, other)
        assert sorted(outcome.accepted) == sorted([A, other]), outcome.rows


@often
@pytest.mark.parametrize(("plate", "other"), [("ZH12345", "ZH1234"), ("WW1234", "W1234"), ("M123", "M12")])
def test_a_plate_that_is_the_end_of_the_one_before_has_its_own_row(rate: float, plate: str, other: str) -> None:
    outcome = watch([Car(plate, driving(15, 20)), Car(other, driving(15, 20, at=12.0))], rate, 20, seed=1)
    assert outcome.accepted == [plate, other], outcome.rows


def test_cars_with_short_plates_are_told_apart_by_a_slow_camera() -> None:
    fleet = ["1234", "5678", "9024", "4831", "7360", "2915"]
    for seed in range(5):
        cars = [Car(plate, up_and_wait(15, 8.0 * number, 4.0).distance) for number, plate in enumerate(fleet)]
        outcome = watch(cars, 1, 60, Seeing(missed=0.1), seed=seed)
        assert outcome.accepted == fleet, outcome.rows


def up_and_wait(speed: float, at: float, wait: float, place: float = 5.0) -> Car:
    """From 22 m up to `place`, there for `wait` seconds, and through."""
    arrival = at + (22 - place) * 3.6 / speed
    before, after = driving(speed, at=at, end=place), driving(speed, start=place, at=arrival + wait)
    return Car(A, lambda t: before(t) or (place if arrival - 0.01 <= t < arrival + wait else after(t)))


@often
@pytest.mark.parametrize(("place", "wait"), [(7.0, 4.0), (7.0, 15.0), (17.0, 12.0)])
def test_a_car_that_stops_and_goes_on_is_one_pass(rate: float, place: float, wait: float) -> None:
    """At 17 m nobody can read the plate: it waits in the queue for longer than one would wait for a dirty one."""
    for speed in (10, 20):
        car = up_and_wait(speed, 0.0, wait, place)
        outcome = watch([car], rate, 22 * 3.6 / speed + wait + 1, Seeing(missed=0.1), seed=6)
        assert_one_row(outcome)
        assert outcome.accepted == [A], outcome.rows


@often
@others
def test_a_car_leaves_as_the_next_takes_its_place(rate: float, other: str) -> None:
    first = up_and_wait(15, 0.0, 5.0)
    follower = up_and_wait(15, 7.0, 5.0)
    outcome = watch([first, Car(other, follower.distance)], rate, 20, seed=7)
    assert_own_votes(outcome, A, other)
    assert outcome.accepted == [A, other], outcome.rows


@pytest.mark.parametrize("rate", [1, 5, 15])
@pytest.mark.parametrize("seeing", [Seeing(), POOR], ids=["clear", "poor"])
def test_cars_that_stop_one_after_the_other_at_one_barrier_are_no_burnt_in_text(rate: float, seeing: Seeing) -> None:
    """To the centimetre, and of one fleet: their plates are as near each other as the times of a clock."""
    cars = [Car(f"AB12{number}CD", up_and_wait(15, 12.0 * number, 6.0).distance) for number in range(8)]
    outcome = watch(cars, rate, 98, seeing, seed=12)
    assert "static_text" not in [event.reason for event in outcome.finals], outcome.rows
    assert set(outcome.accepted) <= {car.plate for car in cars}, outcome.rows
    assert seeing is POOR or len(outcome.accepted) == 8, outcome.rows


@often
def test_a_car_that_turns_back_in_view_and_comes_again_is_one_pass(rate: float) -> None:
    def distance(time: float) -> float | None:
        way = 3.0 * time
        away = 20 - way if way < 15 else 5 + (way - 15) if way < 25 else 15 - (way - 25)
        return away if away > 1 else None

    outcome = watch([Car(A, distance)], rate, 14, Seeing(missed=0.1), seed=8)
    assert_one_row(outcome)
    assert outcome.accepted == [A]


@pytest.mark.parametrize(("away", "rows"), [(20.0, 1), (60.0, 2)])
def test_a_car_that_drives_off_and_comes_again_is_a_new_pass_after_the_revisit_time(away: float, rows: int) -> None:
    first, again = driving(15, 15, end=4), driving(15, 15, at=2.7 + away, end=4)
    outcome = watch([Car(A, lambda t: first(t) or again(t))], 10, away + 8, seed=9)
    assert outcome.accepted == [A] * rows, outcome.rows


@pytest.mark.parametrize("rate", [1, 5, 15])
@pytest.mark.parametrize("missed", [0.0, 0.1])
def test_a_parked_car_is_reported_once_and_not_read_again(rate: float, missed: float) -> None:
    car = Car(A, lambda t: max(6.0, 20 - 4 * t))
    outcome = watch([car], rate, 20, Seeing(missed=missed), seed=10)
    longer = watch([car], rate, 100, Seeing(missed=missed), seed=10)
    assert outcome.accepted == longer.accepted == [A]
    assert len(longer.finals) == 1
    again = longer.gate.script.reads - outcome.gate.script.reads
    # one that was out of sight for two frames in a row may be another
    assert again <= 2 * missed**2 * 80 * rate
    assert outcome.gate.script.reads <= 5 * rate + 2


def test_a_plate_in_the_queue_is_read_now_and_then() -> None:
    outcome = watch([Car(A, lambda _: 17.0)], 10, 100, seed=11, tracker=TrackerSettings(reread=5.0))
    assert outcome.gate.script.reads <= 10 * 30
    assert [event.reason for event in outcome.finals] == ["too_small"]
