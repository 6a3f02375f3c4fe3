from collections.abc import Sequence
from hashlib import sha1
from itertools import pairwise

import pytest
from core_fakes import Gate, Sight, box, frame, objects_of, reading
from hypothesis import given
from hypothesis import strategies as st

from edge.geometry import closeness, completed, gap_in_widths, overlap, same_size, shifted
from edge.records import PlateBox, PlateEvent, PlateReading
from edge.tracker import Tracker, TrackerSettings

A = "AB123CD"
B = "XK940LM"


def drive(gate: Gate, frames: Sequence[Sequence[Sight]], rate: float, start: float = 0.0) -> list[list[int]]:
    """Show the frames; the track numbers of each, in the order of its sights."""
    return [[t.track for t in gate.see(start + i / rate, *sights).tracks] for i, sights in enumerate(frames)]


@pytest.mark.parametrize("rate", [1, 2, 5, 10, 25, 60])
def test_one_car_is_one_track_at_any_frame_rate(rate: float) -> None:
    gate = Gate()
    speed = 200.0  # pixels a second; at one frame a second nearly two plate widths from frame to frame
    frames = [[(box(50 + speed * i / rate, 100 + 0.3 * speed * i / rate), reading(A))] for i in range(int(4 * rate))]
    assert drive(gate, frames, rate) == [[1]] * len(frames)
    assert len(gate.finish()) == 1


def test_a_jumping_plate_at_one_frame_a_second_is_known_by_its_text() -> None:
    places = [(50, 60), (700, 500), (100, 400), (900, 80)]
    gate = Gate()
    frames = [[(box(x, y), reading(text))] for (x, y), text in zip(places, [A, A, "A8123CD", A], strict=True)]
    assert drive(gate, frames, rate=1) == [[1]] * 4


def test_another_plate_at_the_same_place_a_second_later_is_another_track() -> None:
    gate = Gate()
    drive(gate, [[(box(300), reading(A))], [(box(305), reading(B))]], rate=1)
    assert [event.plate for event in gate.finish()] == [A, B]


def test_two_plates_in_one_frame_are_two_tracks_even_with_the_same_text() -> None:
    gate = Gate()
    frames = [[(box(300 + i), reading(A)), (box(310 + i, y=305), reading(A))] for i in range(5)]
    for numbers in drive(gate, frames, rate=5):
        assert sorted(numbers) == [1, 2]


def test_two_plates_that_cross_keep_their_tracks() -> None:
    gate = Gate()
    frames = [[(box(100 + 40 * i), reading(A)), (box(900 - 40 * i, y=310), reading(B))] for i in range(20)]
    seen = drive(gate, frames, rate=10)
    assert seen == [[1, 2]] * 20
    assert {event.plate for event in gate.finish()} == {A, B}


def test_a_car_close_behind_on_the_track_of_a_decided_one_is_not_lost() -> None:
    # at 10 frames a second the second plate appears where the first one was: geometry alone would go on
    gate = Gate()
    frames = [[(box(300, 300 + 2 * i), reading(A))] for i in range(20)]
    frames += [[(box(300, 336 + 2 * i), reading(B))] for i in range(20)]
    drive(gate, frames, rate=10)
    assert [(event.plate, event.status) for event in gate.finish()] == [(A, "accepted"), (B, "accepted")]


def test_one_wrong_reading_does_not_split_a_track() -> None:
    gate = Gate()
    frames = [[(box(100 + 10 * i), reading(B if i == 7 else A))] for i in range(20)]
    assert drive(gate, frames, rate=10) == [[1]] * 20


@pytest.mark.parametrize(("rate", "gap", "ends"), [(30, 1.4, False), (30, 1.7, True), (1, 4.0, False), (1, 5.0, True)])
def test_a_track_ends_by_time_and_not_by_frames(rate: float, gap: float, ends: bool) -> None:
    tracker = Tracker(TrackerSettings(revisit=0.0))
    steps = int(5 * rate)
    for i in range(steps):
        tracker.advance(i / rate)
        tracker.update(frame(i / rate), [box(300)], [None])
    last = (steps - 1) / rate
    assert bool(tracker.advance(last + gap)) == ends
    assert bool(tracker.active) != ends


def test_a_parked_car_that_is_lost_for_a_while_is_the_same_pass() -> None:
    gate = Gate()
    drive(gate, [[(box(300), reading(A))]] * 20, rate=5)
    drive(gate, [[]] * 100, rate=5, start=4.0)
    assert drive(gate, [[(box(330), reading(A))]] * 20, rate=5, start=24.0) == [[1]] * 20
    assert len(gate.finish()) == 1


def test_the_same_plate_after_the_revisit_time_or_elsewhere_is_another_pass() -> None:
    for where, when in ((box(300), 60.0), (box(1100, 600), 10.0)):
        gate = Gate()
        drive(gate, [[(box(300), reading(A))]] * 20, rate=5)
        drive(gate, [[]] * int(5 * (when - 4)), rate=5, start=4.0)
        drive(gate, [[(where, reading(A))]] * 40, rate=5, start=when)
        assert [event.status for event in gate.finish()] == ["accepted", "accepted"]


def test_the_next_car_with_a_nearly_equal_plate_gets_its_own_pass() -> None:
    gate = Gate()
    drive(gate, [[(box(300 + 5 * i), reading("AB123CD"))] for i in range(20)], rate=5)
    drive(gate, [[]] * 20, rate=5, start=4.0)
    drive(gate, [[(box(300 + 5 * i), reading("AB124CD"))] for i in range(20)], rate=5, start=8.0)
    assert [(e.plate, e.status) for e in gate.finish()] == [("AB123CD", "accepted"), ("AB124CD", "accepted")]


def test_a_false_box_that_flickers_in_one_place_is_one_track() -> None:
    gate = Gate()
    for burst in range(10):
        drive(gate, [[(box(300), reading("1I", 0.4))]] * 3, rate=5, start=8.0 * burst)
    finals = gate.finish()
    assert [(event.status, event.reason) for event in finals] == [("rejected", "low_confidence")]


def test_a_plate_given_up_while_it_waits_far_away_gets_a_second_chance_when_it_comes_near() -> None:
    gate = Gate()
    far = [(box(600, 100, width=56, height=14), reading("A8123C0", 0.6))]
    drive(gate, [far] * 75, rate=5)
    assert [event.status for event in gate.finals] == ["undecided"]
    drive(
        gate, [[(box(600 - 4 * i, 100 + 6 * i, 56 + i, 14 + i / 4), reading("A8123C0", 0.6))] for i in range(40)], 5, 15
    )
    drive(gate, [[(box(440, 344, 96, 24), reading(A))]] * 20, rate=5, start=23.0)
    assert [(event.plate, event.status) for event in gate.finish()][1:] == [(A, "accepted")]


def glared(clearer: PlateReading, seconds: float = 60.0) -> Gate:
    """A car drives up, stands in the glare, is given up at 14 s, and reads so from 16 s on."""
    gate = Gate()
    for i in range(int(10 * seconds)):
        time = i / 10
        dull = reading([A, "A8123CD"][i % 2], 0.6)
        gate.see(time, (box(700 - 100 * time if time < 4 else 300), clearer if time >= 16 else dull))
    return gate


def test_a_plate_given_up_where_it_stands_is_read_again_and_gets_a_second_chance_when_the_glare_is_gone() -> None:
    gate = glared(reading(A))
    assert [(event.plate, event.status) for event in gate.finals][1:] == [(A, "accepted")]
    assert gate.finals[0].status == "undecided"
    assert gate.finals[1].last_seen <= 16 + TrackerSettings().reread + 1.0
    assert len(gate.finish()) == gate.pipeline.started == 2


@pytest.mark.parametrize(
    "seen", [reading(A, 0.65), reading(A, 0.97, sharpness=30.0), reading("", 0.0), reading("AB12", 0.97)]
)
def test_a_plate_given_up_that_becomes_no_more_legible_stays_one_row_and_is_read_every_few_seconds(
    seen: PlateReading,
) -> None:
    shorter, longer = glared(seen, 20.0), glared(seen, 80.0)
    assert [event.status for event in longer.finish()] == ["undecided"]
    assert 60 / 3.2 <= longer.script.reads - shorter.script.reads <= 60 / 3.0 + 1


def test_a_second_chance_in_one_place_is_the_last_one() -> None:
    """The plate becomes clearer and clearer, and its readings never agree."""
    gate = Gate()
    for i in range(1200):
        text = [A, "A8123CD", "AB123C0", "4B1Z3CD"][i % 4]
        gate.see(i / 10, (box(700 - 10 * i if i < 40 else 300), reading(text, min(0.99, 0.5 + i / 2400))))
    assert [event.status for event in gate.finish()] == ["undecided"] * 2
    assert gate.script.reads < 700


def test_the_number_of_passes_remembered_is_bounded() -> None:
    gate = Gate()
    for i in range(400):
        gate.see(
            i / 10, (box(300 * (i % 4), y=50 + 200 * (i % 3)), reading(sha1(bytes([i % 256])).hexdigest()[:8].upper()))
        )
    tracker = gate.pipeline._tracker
    for second in range(40, 100):
        gate.see(float(second), (box(100 + 200 * (second % 5)), reading("")))
    assert tracker.started > 64
    assert len(tracker._dormant) <= 64
    assert all(100 - track.last_time <= 48 for track in tracker._dormant)


@pytest.mark.parametrize("confidence", [0.3, *(pytest.param(value, marks=pytest.mark.slow) for value in (0.6, 0.97))])
def test_a_lorry_that_waits_for_an_hour_costs_no_memory(confidence: float) -> None:
    """Fifteen frames a second, of which a tenth is shown: all that hangs on the pipeline is counted, not only lists."""
    gate, counts, finals = Gate(), list[int](), list[PlateEvent]()
    for minute in range(60):
        for i in range(90):
            text = [A, "A8123CD", "AB123C0"][i % 3] if confidence < 0.9 else A
            shake = 3 * (i % 4)  # its engine runs: sometimes it stands still, sometimes hardly
            gate.script.sights = [(box(300 + shake), reading(text, confidence))]
            finals += [e for e in gate.pipeline.process(frame(60 * minute + i / 1.5)).events if e.kind == "final"]
        counts.append(objects_of(gate.pipeline))
    # 30 000 readings more, and not one of them kept: what differs is which of them are the best
    assert max(counts[5:]) <= 1.1 * counts[4] < 2000
    finals += gate.pipeline.finish()
    assert len(finals) == gate.pipeline.started == 1


WIDE, TALL = 1280, 720


def nearing(at: float, left: bool) -> PlateBox | None:
    """What of a plate shows that comes nearer for 2.2 s and leaves at a lower corner of the frame; None when it has."""
    near = 1.0 / (1.0 - 0.4 * at)
    across = WIDE / 2 + (-120 if left else 120) * near**2
    whole = PlateBox(across - 40 * near, 200 * near - 9 * near, across + 40 * near, 200 * near + 9 * near, 0.9)
    seen = PlateBox(max(whole.x1, 0.0), whole.y1, min(whole.x2, WIDE), min(whole.y2, TALL), 0.9)
    return seen if seen.width > 8 and seen.height > 8 else None


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("rate", [5, 8, 12, 25])
def test_what_the_edge_leaves_of_a_plate_is_no_plate_of_its_own(rate: float, left: bool) -> None:
    gate = Gate()
    boxes = [nearing(i / rate, left) for i in range(int(2.4 * rate))]
    cut = [seen for seen in boxes if seen and (seen.x1 <= 0 or seen.x2 >= WIDE) and seen.width < 0.8 * 80]
    texts = [reading(A if seen and seen.x1 > 0 and seen.x2 < WIDE else "F", 0.95) for seen in boxes]
    frames = [[(seen, text)] if seen else [] for seen, text in zip(boxes, texts, strict=True)]
    assert {number for numbers in drive(gate, frames, rate) for number in numbers} == {1}
    assert cut or rate < 25
    assert [event.plate for event in gate.finish()] == [A]


def test_a_car_behind_that_the_edge_cuts_is_not_the_one_before() -> None:
    gate = Gate()
    frames = [[(box(20 - 9 * i, 300, 80, 18), reading("", 0.0))] for i in range(6)]
    frames.append([(PlateBox(0, 306, 8, 313, 0.9), reading("", 0.0))])
    assert [numbers[0] for numbers in drive(gate, frames, rate=10)] == [1] * 6 + [2]


def test_a_box_that_ends_a_little_before_the_edge_is_cut_too() -> None:
    like = PlateBox(0, 0, 290, 60, 0.9)
    assert completed(PlateBox(1.5, 600, 100, 660, 0.5), like, 1280, 720).x1 == -190
    assert completed(PlateBox(20, 600, 100, 660, 0.5), like, 1280, 720).x1 == 20


def test_completed_adds_what_the_edge_hides_and_nothing_else() -> None:
    like = PlateBox(0, 0, 100, 20, 0.9)
    size = (640, 480)
    assert completed(PlateBox(0, 50, 30, 70, 0.5), like, *size) == PlateBox(-70, 50, 30, 70, 0.5)
    assert completed(PlateBox(600, 470, 640, 480, 0.5), like, *size) == PlateBox(600, 470, 700, 490, 0.5)
    assert completed(PlateBox(300, 0, 400, 5, 0.5), like, *size) == PlateBox(300, -15, 400, 5, 0.5)
    assert completed(PlateBox(0, 50, 130, 80, 0.5), like, *size) == PlateBox(0, 50, 130, 80, 0.5)
    assert completed(PlateBox(200, 50, 230, 70, 0.5), like, *size) == PlateBox(200, 50, 230, 70, 0.5)


def test_velocity_carries_a_plate_over_missed_frames() -> None:
    gate = Gate()
    frames: list[list[Sight]] = [[(box(50 + 60 * i), reading("", 0.0))] for i in range(18)]
    frames[8:12] = [[]] * 4  # five steps of half a plate: out of reach of the last place, but not of the expected one
    assert {n for numbers in drive(gate, frames, rate=10) for n in numbers} == {1}


sides = st.floats(-50, 50)


@given(st.tuples(sides, sides, sides, sides))
def test_overlap_is_a_symmetric_share(corners: tuple[float, float, float, float]) -> None:
    one = PlateBox(-10, -5, 10, 5, 1)
    x1, y1, dx, dy = corners
    other = PlateBox(x1, y1, x1 + abs(dx) + 1, y1 + abs(dy) + 1, 1)
    assert 0.0 <= overlap(one, other) <= 1.0
    assert overlap(one, other) == pytest.approx(overlap(other, one))
    assert overlap(other, other) == pytest.approx(1.0)


def test_distances_are_in_plate_widths() -> None:
    one = box(100)
    assert gap_in_widths(one, shifted(one, 240, 0)) == pytest.approx(2.0)
    near = [closeness(one, shifted(one, 12 * step, 0), reach=1.5) for step in range(16)]
    assert all(later < earlier for earlier, later in pairwise(near))
    assert near[-1] == 0.0
    assert same_size(one, box(0, width=200, height=50))
    assert not same_size(one, box(0, width=250))
    assert not same_size(one, box(0, height=90))


@pytest.mark.parametrize("wrong", [{"expiry": -1.0}, {"clear_confidence": 2.0}, {"reach": -0.1}])
def test_settings_name_what_is_wrong(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrackerSettings(**wrong)


def test_a_plate_that_comes_back_at_the_end_of_a_stream_is_a_duplicate_as_at_any_time() -> None:
    ends = []
    for by_time in (True, False):
        gate = Gate()
        drive(gate, [[(box(300 + i), reading(A)), (box(310 + i, y=305), reading(A))] for i in range(20)], rate=10)
        if by_time:
            gate.events += gate.pipeline.idle(60.0)
        ends.append(sorted((event.status, event.reason or "") for event in gate.finish()))
    assert ends == [[("accepted", ""), ("rejected", "duplicate")]] * 2
