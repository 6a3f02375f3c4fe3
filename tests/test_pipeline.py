import ast
import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import soak
from core_fakes import IMAGE, Gate, Script, Sight, box, frame, objects_of, reading
from hypothesis import given, settings
from hypothesis import strategies as st

import edge.pipeline
from edge.pipeline import Pipeline
from edge.preprocess import crop_plate
from edge.records import Image, PlateBox, PlateEvent, PlateReading
from edge.tracker import TrackerSettings
from edge.vote import VoteSettings

A = "AB123CD"


def passing(
    gate: Gate, text: str = A, frames: int = 20, rate: float = 10, start: float = 0.0, confidence: float = 0.97
) -> Gate:
    stream = ((start + i / rate, [(box(100 + 20 * i), reading(text, confidence))]) for i in range(frames))
    return gate.watch(stream)


def only_final(gate: Gate) -> PlateEvent:
    (final,) = gate.finish()
    return final


def test_a_pass_is_one_accepted_event_with_the_numbers_behind_it() -> None:
    gate = passing(Gate(), frames=30)
    event = only_final(gate)
    assert (event.plate, event.status, event.reason, event.kind) == (A, "accepted", None, "final")
    assert 0.97 <= event.confidence < 1.0
    assert event.plate_raw == A
    assert event.agreement == 1.0
    assert event.votes >= 3
    assert event.first_seen == 0.0
    assert event.first_seen <= event.best_seen <= event.last_seen
    assert event.camera == "test"
    assert (event.last_utc - event.first_utc).total_seconds() == pytest.approx(event.last_seen - event.first_seen)


def test_final_comes_early_when_readings_agree_and_only_once() -> None:
    gate = passing(Gate(), frames=60)
    assert len(gate.finals) == 1
    assert gate.finals[0].last_seen < 1.0
    assert len(gate.finish()) == 1


def test_a_preview_comes_before_the_final_and_shares_its_id() -> None:
    gate = passing(Gate())
    kinds = [event.kind for event in gate.events]
    assert kinds == ["preview", "final"]
    assert gate.events[0].event_id == gate.events[1].event_id
    assert gate.events[0].last_seen < gate.events[1].last_seen


def trembling(i: int) -> Sight:
    """The plate of a car that stands, as a detector's boxes have it."""
    dx, dy, wider = (i % 5 - 2) * 1.5, i % 3 - 1, (i % 4) * 1.5
    return box(300 + dx, 300 + dy, 120 + wider, 28 - dy), reading(A)


def behind_a_van(i: int) -> Sight:
    """The same, while what stood before it drives away."""
    left = max(300, 372 - 24 * i)
    return box(left, 300, 420 - left), reading(A)


def on_the_axis(i: int) -> Sight:
    return box(600 - 3 * i, 300 - i, 80 + 6 * i, 20 + 2 * i), reading(A)


def to_the_stop_line(i: int) -> Sight:
    return box(300, 300 + 4 * min(i, 4)), reading(A)


def driving_out(i: int) -> Sight:
    return box(420 + 3 * i, 380 - i, max(60, 240 - 12 * i), max(15, 60 - 3 * i)), reading(A)


def shaken(i: int) -> Sight:
    """A car that comes nearer, in boxes of which every third is off by a fifth."""
    (plate, text), wider = on_the_axis(2 * i), 0.2 if i % 3 == 1 else 0.0
    return box(plate.x1, plate.y1, plate.width * (1 + wider), plate.height), text


@pytest.mark.parametrize(
    ("where", "moved", "direction"),
    [
        (trembling, False, None),
        (behind_a_van, False, None),
        (to_the_stop_line, True, None),
        (on_the_axis, True, "approaching"),
        (shaken, True, "approaching"),
        (driving_out, True, "leaving"),
    ],
)
def test_a_pass_tells_whether_its_plate_moved_and_where_to(
    where: Callable[[int], Sight], moved: bool, direction: str | None
) -> None:
    gate = Gate().watch((i / 10, [where(i)]) for i in range(100))
    event = only_final(gate)
    assert (event.plate, event.status, event.moved, event.direction) == (A, "accepted", moved, direction)


def test_a_parked_car_that_was_not_seen_for_long_is_a_new_pass_that_did_not_move() -> None:
    gate = passing(Gate())
    for start in (20.0, 90.0):
        gate.watch((start + i / 10, [trembling(i)]) for i in range(30))
    finals = gate.finish()
    assert len({event.event_id for event in finals}) == 2
    assert [(event.status, event.moved) for event in finals] == [("accepted", True), ("accepted", False)]


def test_ids_differ_between_passes_and_repeat_for_the_same_recording() -> None:
    def ids() -> list[str]:
        gate = passing(passing(Gate()), "XK940LM", start=30.0)
        return [event.event_id for event in gate.finish()]

    assert len(set(ids())) == 2
    assert ids() == ids()


def test_recordings_of_one_time_share_no_id_wherever_they_lie() -> None:
    """Pictures from an archive, or from a camera without a clock, with the same time and the same name."""

    def identity(name: str, grey: int) -> str:
        gate = Gate()
        gate.script.sights = [(box(300), reading(A))]
        gate.pipeline.process(replace(frame(0.0), image=np.full_like(IMAGE, grey), name=name))
        return only_final(gate).event_id

    one = identity("1.jpg", 90)
    assert identity("1.jpg", 90) == one
    assert len({one, identity("1.jpg", 91), identity("2.jpg", 90)}) == 3


@pytest.mark.parametrize(("confidence", "status"), [(0.95, "accepted"), (0.88, "undecided"), (0.6, "undecided")])
def test_a_single_reading_is_judged_by_its_weakest_character(confidence: float, status: str) -> None:
    gate = Gate()
    gate.see(0.0, (box(300), reading(A, confidence)))
    event = only_final(gate)
    assert (event.status, event.votes) == (status, 1)
    assert event.plate == (A if status == "accepted" else "?" * 7)
    assert event.plate_raw == A


def test_a_sign_that_reads_as_garbage_is_rejected() -> None:
    gate = Gate()
    for i, text in enumerate(["PARK1NG", "P4RKI", "FARNTMG", "PAKING"]):
        gate.see(i / 10, (box(300 + i), reading(text, 0.3)))
    event = only_final(gate)
    assert (event.status, event.reason, event.votes) == ("rejected", "low_confidence", 4)


def test_readings_that_disagree_leave_a_question_mark() -> None:
    gate = Gate()
    for i in range(12):
        gate.see(i / 10, (box(100 + 20 * i), reading(["AB123CD", "A8123CD"][i % 2])))
    event = only_final(gate)
    assert (event.plate, event.status, event.reason) == ("A?123CD", "undecided", "no_consensus")
    assert {event.second} <= {"AB123CD", "A8123CD"}


def test_agreeing_but_unsure_readings_are_undecided_for_low_confidence() -> None:
    event = only_final(passing(Gate(), confidence=0.6))
    assert (event.status, event.reason) == ("undecided", "low_confidence")
    assert event.confidence < 0.8


@pytest.mark.parametrize(
    ("found", "read", "status", "reason"),
    [
        (box(0.0), reading("123CD"), "undecided", "edge_cut"),
        (box(300, width=30, height=8), reading(A), "undecided", "too_small"),
        (box(300, width=30, height=8), reading(""), "rejected", "too_small"),
        (box(300), reading(A, sharpness=3.0), "undecided", "blurred"),
        (box(300), reading(""), "rejected", "low_confidence"),
        (box(300), reading("1I", 0.5), "rejected", "low_confidence"),
        (box(300), reading(A, 0.3, sharpness=3.0), "rejected", "blurred"),
    ],
)
def test_a_pass_without_a_single_vote_says_why(found: PlateBox, read: PlateReading, status: str, reason: str) -> None:
    gate = Gate()
    for i in range(3):
        gate.see(i / 10, (found, read))
    event = only_final(gate)
    assert (event.status, event.reason, event.votes) == (status, reason, 0)
    assert event.rejected_readings == {reason: 3}
    assert event.plate_raw == read.text


def test_cut_readings_do_not_spoil_the_vote() -> None:
    gate = Gate()
    for i in range(6):
        gate.see(i / 10, (PlateBox(0, 300, 60 + 10 * i, 328, 0.9), reading("23CD", 0.99)))
    for i in range(6, 12):
        gate.see(i / 10, (box(20 * (i - 5)), reading(A)))
    event = only_final(gate)
    assert (event.plate, event.status) == (A, "accepted")
    assert event.rejected_readings == {"edge_cut": 6}


def test_a_text_too_long_for_a_plate_is_rejected() -> None:
    event = only_final(passing(Gate(), "WELCOMETOTHEGATE"))
    assert (event.status, event.reason) == ("rejected", "format")


def test_without_consensus_the_answer_comes_after_max_delay() -> None:
    gate = Gate(vote=VoteSettings(consensus_readings=1000))
    passing(gate, frames=40, rate=10)
    assert [event.last_seen for event in gate.finals] == [pytest.approx(2.0)]


def test_an_illegible_parked_car_is_given_up_once() -> None:
    gate = Gate()
    gate.see(0.0)
    for i in range(1, 1200):
        gate.see(i / 10, (box(300), reading(A, 0.5)))
    assert [event.status for event in gate.finals] == ["undecided"]
    assert gate.finals[0].last_seen < 15
    assert len(gate.finish()) == 1


def test_a_car_parked_from_the_first_frame_is_reported_once() -> None:
    gate = Gate()
    for i in range(600):
        gate.see(i / 10, (box(300), reading(A)))
    event = only_final(gate)
    assert (event.plate, event.status) == (A, "accepted")
    assert event.last_seen == pytest.approx(5.0)


def test_a_burnt_in_clock_is_static_text() -> None:
    gate = Gate()
    for i in range(600):
        gate.see(i / 10, (box(300), reading(f"1205{i // 10:02}")))
    event = only_final(gate)
    assert (event.status, event.reason) == ("rejected", "static_text")


def test_a_burnt_in_clock_that_the_first_frames_missed_or_that_is_too_long_is_static_text() -> None:
    for first, text in ((3, "1205"), (0, "202601011205")):
        gate = Gate()
        for i in range(600):
            gate.see(i / 10, *([(box(300), reading(f"{text}{i // 10:02}"))] if i >= first else []))
        event = only_final(gate)
        assert (event.status, event.reason) == ("rejected", "static_text")


def test_a_burnt_in_clock_that_is_lost_for_minutes_is_not_reported_again() -> None:
    gate = Gate()
    for minute in range(0, 30, 5):
        for i in range(120):
            gate.see(60 * minute + i / 10, (box(300), reading(f"12{minute:02}{i // 10:02}")))
    event = only_final(gate)
    assert (event.status, event.reason) == ("rejected", "static_text")


def test_a_plate_in_the_queue_too_small_to_read_is_one_row_when_it_has_come_near() -> None:
    gate = Gate()
    for i in range(300):
        gate.see(i / 10, (box(300, 100, 36, 8), reading("A8123C0", 0.6)))
    for i in range(20):
        gate.see(30 + i / 10, (box(300, 110 + 10 * i, 40 + 5 * i, 9 + i), reading(A)))
    event = only_final(gate)
    assert (event.plate, event.status, event.first_seen) == (A, "accepted", 0.0)


def contradicted(*texts: str) -> list[PlateEvent]:
    """One box that stands still, in which these texts are read, clearly, ten a second."""
    gate = Gate()
    for i, text in enumerate(texts):
        gate.see(1 + i / 10, (box(300), reading(text)))
    return gate.finish()


def test_the_first_reading_of_the_next_car_votes_with_it() -> None:
    before, after = contradicted(*[A] * 8, *["XK940LM"] * 8)
    assert (before.plate, before.agreement, before.votes) == (A, 1.0, before.readings)
    assert (after.plate, after.agreement) == ("XK940LM", 1.0)
    assert after.first_seen == pytest.approx(1.8)


def test_a_reading_that_contradicts_votes_after_all_when_the_next_agrees_with_the_track() -> None:
    (event,) = contradicted(A, "XK940LM", A)
    assert (event.readings, event.votes) == (3, 3)
    assert event.agreement == pytest.approx(2 / 3)


def test_a_last_reading_that_contradicts_is_counted_and_does_not_vote() -> None:
    (event,) = contradicted(A, A, "XK940LM")
    assert (event.plate, event.readings, event.votes) == (A, 3, 2)
    assert event.rejected_readings == {"no_consensus": 1}


def test_a_doubled_box_is_a_duplicate() -> None:
    gate = Gate()
    for i in range(20):
        x = 100 + 20 * i
        gate.see(i / 10, (box(x), reading(A)), (box(x + 8, y=306), reading(A)))
    finals = gate.finish()
    assert [(event.plate, event.status, event.reason) for event in finals] == [
        (A, "accepted", None),
        (A, "rejected", "duplicate"),
    ]


@pytest.mark.parametrize(
    ("second", "status"), [(A[1:], "rejected"), (A[:-2], "rejected"), ("Z" + A[1:], "accepted"), (A[:3], "rejected")]
)
def test_a_plate_that_comes_back_cut_is_a_duplicate_and_another_car_is_not(second: str, status: str) -> None:
    gate = Gate()
    for i in range(10):
        gate.see(i / 10, (box(100 + 20 * i), reading(A)))
    for i in range(30, 40):  # two seconds behind the gatepost
        gate.see(i / 10, (box(400 + 10 * i, width=100), reading(second)))
    finals = gate.finish()
    assert [event.status for event in finals] in (["accepted", status], ["accepted"])
    assert (len(finals) == 2 and finals[1].status == "accepted") is (status == "accepted")


def test_time_without_frames_ends_passes() -> None:
    gate = Gate()
    gate.see(0.0, (box(300), reading(A)))
    assert gate.pipeline.idle(1.0) == ()
    (event,) = gate.pipeline.idle(5.0)
    assert (event.plate, event.last_seen) == (A, 0.0)
    assert gate.pipeline.idle(500.0) == ()
    assert gate.pipeline.finish() == ()


def test_the_live_view_is_told_state_and_text() -> None:
    gate = Gate()
    states = []
    for i in range(12):
        (shown,) = gate.see(i / 10, (box(100 + 20 * i), reading(A))).tracks
        assert shown.box == box(100 + 20 * i)
        states.append(shown.state)
    assert [state for state, previous in zip(states, [None, *states], strict=False) if state != previous] == [
        "reading",
        "preview",
        "accepted",
    ]
    assert (shown.text, shown.track) == (A, 1)


def test_seconds_of_every_stage() -> None:
    gate = Gate()
    seconds = gate.see(0.0, (box(300), reading(A))).seconds
    assert set(seconds) == {"detect", "crop", "read", "vote"}
    gate.script.stage_seconds = {"letterbox": 0.5, "detect": 7.0}  # type: ignore[attr-defined]
    seconds = gate.see(0.1, (box(300), reading(A))).seconds
    assert (seconds["letterbox"], seconds["detect"]) == (0.5, 7.0)


def test_no_wall_clock_and_no_threads() -> None:
    names = {
        alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(inspect.getsource(edge.pipeline)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not [name for name in names if name.startswith(("threading", "datetime", "pathlib"))]
    assert [name for name in names if name.startswith("time.")] == ["time.perf_counter"]


boxes = st.builds(
    box,
    x=st.sampled_from([0.0, 80.0, 300.0, 310.0, 700.0, 1160.0]),
    y=st.sampled_from([100.0, 110.0, 500.0]),
    width=st.sampled_from([30.0, 110.0, 120.0]),
)
readings = st.builds(
    reading,
    text=st.sampled_from([A, "A8123CD", "XK940LM", "XK941LM", "23CD", "1I", "", "WELCOMETOTHEGATE"]),
    confidence=st.sampled_from([0.3, 0.7, 0.85, 0.97]),
    sharpness=st.sampled_from([1.0, 2000.0]),
)
frames = st.tuples(
    st.sampled_from([0.0, 0.03, 0.1, 0.5, 1.0, 1.6, 50.0]),
    st.lists(st.tuples(boxes, readings), max_size=3, unique_by=lambda sight: sight[0]),
    st.booleans(),
)


@settings(max_examples=100)
@given(st.lists(frames, max_size=25))
def test_every_track_ends_as_exactly_one_event(stream: list[tuple[float, list[Sight], bool]]) -> None:
    gate, time = Gate(), 0.0
    emitted = []
    for pause, sights, idle in stream:
        time += pause
        if idle:
            gate.events += (quiet := gate.pipeline.idle(time))
            emitted += [(time, event) for event in quiet]
        result = gate.see(time, *sights)
        emitted += [(time, event) for event in result.events]
        assert len({track.track for track in result.tracks}) == len(sights)
    finals = Counter(event.track for event in gate.finish())
    assert set(finals) == gate.tracks_seen == set(range(1, gate.pipeline.started + 1))
    assert set(finals.values()) <= {1}
    assert len({(event.event_id, event.kind) for event in gate.events}) == len(gate.events)
    assert len({event.event_id for event in gate.finals}) == len(gate.finals)
    for now, event in emitted:
        assert event.first_seen <= event.last_seen <= now
    for track in finals:
        kinds = [event.kind for event in gate.events if event.track == track]
        assert kinds in (["final"], ["preview", "final"])
    for event in gate.finals:
        assert (event.reason is None) == (event.status == "accepted")
        assert event.status != "accepted" or ("?" not in event.plate and event.confidence >= 0.8)
        assert event.votes + sum(event.rejected_readings.values()) <= event.readings


@settings(max_examples=100)
@given(st.lists(frames, min_size=1, max_size=25))
def test_events_come_in_the_order_of_time(stream: list[tuple[float, list[Sight], bool]]) -> None:
    gate, time = Gate(), 0.0
    for pause, sights, idle in stream:
        time += pause
        quiet = gate.pipeline.idle(time) if idle else ()
        for batch in (quiet, gate.see(time, *sights).events):
            ends = [event.last_seen for event in batch]
            assert ends == sorted(ends)
    ends = [event.last_seen for event in gate.pipeline.finish()]
    assert ends == sorted(ends)


@settings(max_examples=25)
@given(st.lists(frames, min_size=1, max_size=10))
def test_memory_is_bounded_whatever_comes_again_and_again(stream: list[tuple[float, list[Sight], bool]]) -> None:
    gate, time = Gate(), 0.0
    for _ in range(12):
        for pause, sights, _ in stream:
            time += pause + 0.07
            gate.script.sights = sights
            gate.pipeline.process(frame(time))
    tracker = gate.pipeline._tracker
    # passes that are over are known for a while, and 64 of them at most; those in view were seen a moment ago
    assert len(tracker._dormant) <= 64
    assert len(tracker._fixtures) <= 16
    passes = len(tracker.active) + len(tracker._dormant) + len(tracker._fixtures)
    assert objects_of(gate.pipeline) <= 1000 + 400 * passes
    gate.pipeline.idle(time + 500)
    assert not tracker.active


@pytest.mark.slow
def test_many_frames_leave_resident_memory_flat() -> None:
    cost = soak.run(20_000)
    assert cost.tracks == cost.finals > 100
    assert cost.growth < 200  # bytes a frame; one frame in ten thousand kept by mistake would be 276


def test_an_answer_must_be_as_far_before_the_second_best_as_min_margin_says() -> None:
    found = only_final(passing(Gate(vote=VoteSettings(min_margin=0.0))))
    assert found.status == "accepted"
    assert 0.2 < found.margin < 1.0
    strict = only_final(passing(Gate(vote=VoteSettings(min_margin=found.margin + 0.01))))
    assert strict.status == "undecided"
    assert strict.margin == pytest.approx(found.margin)


@pytest.mark.parametrize(("share", "votes"), [(0.0, True), (0.2, False)])
def test_how_near_the_edge_a_plate_does_not_vote_is_the_owners_choice(share: float, votes: bool) -> None:
    """Ten pixels from the lower edge of a frame, an eighth of the plate's width."""
    gate = Gate(vote=VoteSettings(edge_margin=share))
    height = frame(0.0).image.shape[0]
    gate.watch((i / 10, [(box(100 + 20 * i, height - 30, 80, 20), reading(A))]) for i in range(20))
    event = only_final(gate)
    assert (event.votes > 0, event.reason == "edge_cut") == (votes, not votes)


@pytest.mark.parametrize(("revisit", "passes"), [(45.0, 1), (0.0, 2)])
def test_other_settings_of_the_tracker_hold_from_the_next_frame_on(revisit: float, passes: int) -> None:
    """The same plate at the same place, four seconds later."""
    gate = passing(Gate())
    tracker = TrackerSettings(revisit=revisit)
    gate.pipeline.use(gate.script, gate.script, tracker, VoteSettings(), keep_frames=False)
    gate.watch((6.0 + i / 10, [(box(480), reading(A))]) for i in range(10))
    assert len(gate.finish()) == passes


def test_two_runs_over_the_same_frames_say_the_same() -> None:
    def run() -> list[str]:
        gate = passing(Gate(), frames=15)
        return [repr(event) for event in [*gate.events, *gate.pipeline.finish()]]

    assert run() == run()


def test_a_frame_without_plates_is_a_result_too() -> None:
    gate = Gate()
    result = gate.pipeline.process(frame(0.0))
    assert (result.boxes, result.tracks, result.events) == ((), (), ())
    assert gate.pipeline.finish() == ()


def test_the_shot_is_the_picture_of_the_reading_that_the_event_shows() -> None:
    gate = Gate()
    for i, (text, sharpness) in enumerate([("AB123C", 100.0), (A, 900.0), ("AB123CO", 200.0)] * 3):
        gate.see(i / 10, (box(100 + 20 * i), reading(text, 0.97, sharpness)))
    event = only_final(gate)
    assert event.shot is not None
    frame_of_it = gate.results[round(event.best_seen * 10)].frame
    assert event.shot.image is None
    np.testing.assert_array_equal(event.shot.crop, crop_plate(frame_of_it.image, event.box))
    assert not np.shares_memory(event.shot.crop, frame_of_it.image)  # or it would keep the whole frame in memory
    assert (event.shot.reading.text, event.shot.reading.sharpness) == (A, event.sharpness)
    assert event.shot.box == event.box


def test_an_event_carries_its_frame_only_where_frames_are_kept() -> None:
    gate = passing(Gate(keep_frames=True))
    event = only_final(gate)
    assert event.shot is not None
    frame_of_it = gate.results[round(event.best_seen * 10)].frame
    assert event.shot.image is frame_of_it.image


def test_a_pass_that_is_decided_keeps_no_frame() -> None:
    gate = passing(Gate(), frames=60)
    tracker = gate.pipeline._tracker
    assert [track.shot for track in tracker.active] == [None]
    assert [track.final.shot for track in tracker.active if track.final] == [None]


def test_plates_are_looked_for_in_the_small_picture_and_read_in_the_large_one() -> None:
    seen = list[tuple[int, ...]]()

    class Small:
        def detect(self, image: Image) -> tuple[PlateBox, ...]:
            seen.append(image.shape)
            return (PlateBox(100, 50, 160, 64, 0.9),)

        def read(self, crop: Image) -> PlateReading:
            seen.append(crop.shape)
            return reading("AB123CD")

    both = Small()
    result = Pipeline(both, both).process(replace(frame(0.0), small=np.zeros((360, 640, 3), np.uint8)))
    assert result.boxes == (PlateBox(200, 100, 320, 128, 0.9),), "in pixels of the frame of 1280×720"
    assert seen[0] == (360, 640, 3)
    assert seen[1][1] >= 120, "the crop is of the large picture"


def test_a_reading_that_may_vote_is_made_again_and_no_other() -> None:
    asked = list[str]()

    class Closer(Script):
        def read_again(self, crop: Image, first: PlateReading) -> PlateReading:
            asked.append(first.text)
            return replace(first, text="AB123CD", characters=reading("AB123CD").characters)

    gate = Gate()
    gate.script = script = Closer()
    gate.pipeline.use(script, script, TrackerSettings(), VoteSettings(), keep_frames=False)
    too_small, cut = box(600, width=30), box(0)
    gate.watch((i / 10, [(box(100 + 20 * i), reading("AB128CD")), (too_small, reading("S")), (cut, reading("C"))])
               for i in range(20))  # fmt: skip
    assert set(asked) == {"AB128CD"}
    assert "AB123CD" in {event.plate for event in gate.finish()}


@pytest.mark.parametrize(
    ("before", "after", "status", "plate"), [(0.9, 0.7, "accepted", A), (0.7, 0.9, "undecided", "AB1?3CD")]
)
def test_a_pass_under_way_is_counted_by_the_settings_that_came_meanwhile(
    before: float, after: float, status: str, plate: str
) -> None:
    patient = VoteSettings(consensus_readings=99, max_delay=99.0)
    gate = Gate(vote=replace(patient, accept_confidence=before))
    sure = reading(A)
    doubtful = replace(sure, confidence=0.8, characters=(*sure.characters[:3], ("2", 0.8), *sure.characters[4:]))
    for index in range(12):
        gate.see(index / 10, (box(100 + 20 * index), doubtful))
    settings = replace(patient, accept_confidence=after)
    gate.pipeline.use(gate.script, gate.script, TrackerSettings(), settings, keep_frames=False)
    event = only_final(gate)
    assert (event.status, event.plate) == (status, plate)


def test_a_clock_that_is_set_during_a_pass_is_believed_for_all_of_it() -> None:
    gate = Gate(vote=VoteSettings(consensus_readings=99, max_delay=99.0))
    for index in range(15):
        gate.script.sights = ((box(100 + 20 * index), reading(A)),)
        now = frame(index / 5, index)
        wrong = timedelta(hours=1 if index < 4 else 0)
        gate.events += gate.pipeline.process(replace(now, utc=now.utc + wrong)).events
    event = only_final(gate)
    assert (event.first_utc, event.last_utc) == (frame(0.0).utc, frame(2.8).utc)
    assert event.first_utc <= event.best_utc <= event.last_utc


def test_what_the_edge_leaves_of_a_plate_at_a_slow_camera_is_no_row_of_its_own() -> None:
    gate = Gate()
    for index in range(8):
        gate.see(index / 2, (box(200 + 130 * index), reading("W4870KP")))
    gate.see(4.0, (box(1240, width=40), reading("W487")))
    assert [event.plate for event in gate.finish()] == ["W4870KP"]
