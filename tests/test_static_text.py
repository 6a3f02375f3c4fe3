"""Text that the camera writes into its picture: a few rows, and then none; and no car is ever taken for it."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from core_fakes import Gate, Sight, box, reading

from edge.records import PlateBox, PlateEvent

PLATE = "XK940LM"
HOUR = 3600.0


def clock(time: float) -> str:
    """HHMMSS, from noon on."""
    seconds = 43_200 + int(time)
    return f"{seconds // 3600:02}{seconds // 60 % 60:02}{seconds % 60:02}"


def written(
    text: Callable[[float], str], seconds: float, found: Callable[[float], bool], rate: float = 5, shake: float = 0.0
) -> Iterator[tuple[float, Sequence[Sight]]]:
    """A text in one place, whose box shakes by so many pixels, as a detector finds it now and then."""
    for i in range(int(seconds * rate)):
        off = shake * (i % 3 - 1)
        time = i / rate
        yield time, [(box(300 + off, 300 + off / 2), reading(text(time)))] if found(time) else []


def standing(
    text: str, start: float, seconds: float = 8.0, place: PlateBox | None = None
) -> list[tuple[float, Sequence[Sight]]]:
    """A plate found when it stands already, at 5 frames a second, and lost while it still stands."""
    sights = [(place or box(300), reading(text))]
    return [(start + i / 5, sights) for i in range(int(5 * seconds))]


def leaving(text: str, start: float) -> list[tuple[float, Sequence[Sight]]]:
    """A plate that drives away from the place."""
    return [(start + i / 5, [(box(300 + 30 * i, 300 + 15 * i), reading(text))]) for i in range(20)]


def rows(gate: Gate) -> list[str]:
    return [event.reason or event.status for event in gate.finish()]


def finals(*parts: Sequence[tuple[float, Sequence[Sight]]]) -> list[PlateEvent]:
    gate = Gate()
    for part in parts:
        gate.watch(part)
    return gate.finish()


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(lambda t: not 2.5 <= t % 20 < 5, id="lost before it could be told"),
        pytest.param(lambda t: t >= 2.5 and not 12.5 <= t % 20 < 15, id="not there when the camera began to look"),
        pytest.param(lambda t: t >= 2.5, id="never lost"),
        pytest.param(lambda t: 2.5 <= t % 100 < 15, id="lost for longer than a pass is known"),
    ],
)
@pytest.mark.parametrize("shake", [0.0, 3.0])
def test_a_clock_is_static_text_from_its_second_appearance_on(found: Callable[[float], bool], shake: float) -> None:
    found_as = [row for row in rows(Gate().watch(written(clock, 300, found, shake=shake))) if row != "duplicate"]
    assert found_as[1:] == ["static_text"]


def test_a_clock_seen_in_single_frames_is_static_text() -> None:
    stream = written(clock, 300, lambda t: t % 5 < 0.1)
    *first, last = rows(Gate().watch(stream))
    assert len(first) <= 4
    assert last == "static_text"


def test_a_clock_at_a_frame_a_second_is_static_text() -> None:
    """There each second is a track of its own until the first ones are over."""
    found = Gate().watch(written(clock, 300, lambda t: t % 20 < 13, rate=1)).finish()
    assert "static_text" in [event.reason for event in found]
    assert max(event.first_seen for event in found) < 25


def test_a_clock_of_hours_and_minutes_is_static_text_after_a_few_of_them() -> None:
    stream = written(lambda t: clock(t)[:4], 600, lambda t: t % 20 < 15, rate=2)
    *first, last = rows(Gate().watch(stream))
    assert len(first) <= 4
    assert last == "static_text"


def test_a_clock_once_known_may_be_lost_for_hours() -> None:
    gate = Gate().watch(written(clock, 60, lambda t: not 2.5 <= t % 20 < 5))
    for hour in range(1, 30):
        gate.watch((hour * HOUR + i / 5, [(box(300), reading(clock(hour * HOUR + i / 5)))]) for i in range(50))
    assert rows(gate)[1:] == ["static_text"]


def test_a_clock_whose_first_loss_comes_between_verdict_and_row_is_known_after_an_hour_too() -> None:
    gate = Gate()
    for start in (0.0, HOUR, 2 * HOUR):
        gate.watch((start + i / 5, [(box(300), reading(clock(start + i / 5)))]) for i in range(35))
    assert rows(gate) == ["static_text"]


def test_a_caption_that_comes_again_and_again_has_two_rows_and_then_none() -> None:
    stream = written(lambda _: "GATE1", 1200, lambda t: t % 120 < 60, rate=2)
    assert rows(Gate().watch(stream)) == ["accepted", "accepted", "static_text"]


always, ticking = (pytest.param(text, id=name) for text, name in ((lambda _: "GATE1", "a caption"), (clock, "a clock")))


@pytest.mark.parametrize("text", [always, ticking])
@pytest.mark.parametrize("wait", [0.0, 8.0])
def test_what_moves_away_from_the_place_of_a_text_is_a_pass_of_its_own(
    text: Callable[[float], str], wait: float
) -> None:
    """Whatever was taken for a text there: if the text's own, a car that was only ever found standing."""
    gate = Gate().watch(written(text, 500, lambda t: t % 120 < 30, rate=2))
    assert gate.finals[-1].reason == "static_text"
    plate = text(1000.0)
    gate.watch([*standing(plate, 1000.0, wait), *leaving(plate, 1000.0 + wait)])
    assert [(event.plate, event.status) for event in gate.finish()][-1] == (plate, "accepted")


@pytest.mark.parametrize("text", [always, ticking])
def test_another_plate_in_the_place_of_a_text_is_a_pass_of_its_own(text: Callable[[float], str]) -> None:
    """Of a clock: one with letters."""
    gate = Gate().watch(written(text, 500, lambda t: t % 120 < 30, rate=2))
    gate.watch(standing("XKT4LM", 1000.0))
    *_, static, last = gate.finish()
    assert (static.reason, last.plate, last.status, last.first_seen) == ("static_text", "XKT4LM", "accepted", 1000.0)


def test_a_car_that_is_found_every_night_in_one_place_is_accepted_every_night() -> None:
    nights = [standing(PLATE, night * 12 * HOUR) for night in range(6)]
    assert [event.status for event in finals(*nights)] == ["accepted"] * 6


@pytest.mark.parametrize(
    "plates",
    [
        ["AB123CD", "XK940LM", "B12345", "LU4711", "TR88ZZ", "MI900X"],
        ["1234567", "7012384", "9945120", "3380051", "6127733"],
    ],
)
def test_cars_that_are_only_ever_found_standing_in_one_place_are_no_clock(plates: list[str]) -> None:
    assert [event.plate for event in finals(*(standing(plate, 20.0 * i) for i, plate in enumerate(plates)))] == plates


def test_a_dirty_plate_that_the_detector_loses_again_and_again_is_no_clock() -> None:
    misread = ["AB128CD", "A8123CD", "AB123C0", "AB1Z3CD", "A8128CD"]
    visits = [
        [(60.0 * visit + i / 5, [(box(300), reading(misread[(i + visit) % 5], 0.85))]) for i in range(40)]
        for visit in range(1, 7)
    ]
    assert "static_text" not in [event.reason for event in finals([(0.0, [])], *visits)]


def test_a_car_that_drove_to_its_place_is_no_text_however_often_it_is_lost_there() -> None:
    """It is read in this way and in that: as a clock would be, but for its way."""
    coming = [(i / 5, [(box(700 - 20 * i), reading("AB12" + str(i % 7) + "CD", 0.9))]) for i in range(21)]
    parked = [
        [(100.0 * visit + i / 5, [(box(300), reading(f"AB12{(i + visit) % 7}CD", 0.9))]) for i in range(40)]
        for visit in range(1, 8)
    ]
    assert "static_text" not in [event.reason for event in finals(coming, *parked)]


def test_the_places_remembered_are_bounded() -> None:
    gate = Gate()
    for i in range(200):
        gate.see(60.0 * i, (box(20 + 5.5 * i, y=20 + 30 * (i % 20)), reading(f"AB{i:03}CD")))
    places = gate.pipeline._tracker._places
    assert len(places._texts) == 32
    for i in range(200):
        gate.watch(
            (20_000.0 + 60 * i + j / 5, [(box(20 + 5 * i + 20 * j, y=20 + 30 * (i % 20)), reading(f"XK{i:03}LM"))])
            for j in range(3)
        )
    assert len(places._driven) == 32
    assert len(places._texts) <= 32
