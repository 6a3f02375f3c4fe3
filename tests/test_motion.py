import itertools
import logging
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest

from edge.detector import PlateDetector
from edge.motion import ChangeMeter, GatedDetector, MotionSettings
from edge.motion_watch import FROZEN, FROZEN_SECONDS, FrozenMeter, MotionCount
from edge.records import Frame, FrameResult, Image, PlateBox, TrackedPlate
from edge.region import RegionSettings

HEIGHT, WIDTH = 720, 1280


class Counting:
    """A detector that finds every bright rectangle and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.blind = 0
        """So often it will find nothing."""
        self.card, self.threshold, self.stage_seconds = SimpleNamespace(), 0.5, {"detect": 0.001}

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        self.asked += 1
        if self.blind:
            self.blind -= 1
            return ()
        found, _ = cv2.findContours((image[..., 1] > 200).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        boxes = [cv2.boundingRect(contour) for contour in found if cv2.contourArea(contour) > 50]
        return tuple(PlateBox(x, y, x + w, y + h, 0.9) for x, y, w, h in boxes)


def street(seed: int, noise: float) -> Image:
    """Always the same street, with the noise of frame `seed`."""
    scene = empty_street()
    if not noise:
        return scene.copy()
    grain = np.random.default_rng(seed).standard_normal(scene.shape[:2], np.float32) * np.float32(noise)
    return np.asarray((scene + grain[..., None]).clip(0, 190), np.uint8)


@cache
def empty_street() -> Image:
    blocks = np.random.default_rng(1).integers(30, 150, (18, 32, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(blocks, (WIDTH, HEIGHT)), np.uint8)


def with_plate(image: Image, x: int, y: int = 400, width: int = 60) -> Image:
    image = image.copy()
    image[y - 60 : y + 80, max(0, x - 40) : x + width + 40] = 40  # the car
    image[y : y + width // 4, x : x + width] = 230
    return image


def gated(
    settings: MotionSettings | None = None, region: RegionSettings | None = None
) -> tuple[GatedDetector, Counting]:
    counting = Counting()
    return GatedDetector(cast("PlateDetector", counting), settings or MotionSettings(), region), counting


@pytest.mark.parametrize("noise", [0.0, *(pytest.param(noise, marks=pytest.mark.slow) for noise in (3.0, 12.0))])
def test_an_empty_scene_is_looked_at_now_and_then_only(noise: float) -> None:
    detector, counting = gated(MotionSettings(settle=5, at_least_every=20))
    for seed in range(100):
        assert detector.detect(street(seed, noise)) == ()
    assert counting.asked <= 6 + 100 // 20 + 1


@pytest.mark.parametrize("noise", [0.0, pytest.param(3.0, marks=pytest.mark.slow), 12.0])
def test_a_car_is_looked_at_in_every_frame_from_its_first(noise: float) -> None:
    detector, counting = gated(MotionSettings(settle=3, at_least_every=1000))
    for seed in range(20):
        detector.detect(street(seed, noise))
    before = counting.asked
    for step in range(15):
        found = detector.detect(with_plate(street(100 + step, noise), 40 + 8 * step))
        assert [round(box.x1) for box in found] == [40 + 8 * step]
    assert counting.asked == before + 15


@pytest.mark.slow
def test_a_plate_that_stands_still_is_there_in_every_frame() -> None:
    detector, counting = gated(MotionSettings(settle=5, at_least_every=50))
    for step in range(10):
        detector.detect(with_plate(street(step, 3.0), 100 + 30 * step))
    found = [detector.detect(with_plate(street(50 + step, 3.0), 400)) for step in range(200)]
    assert all(len(boxes) == 1 for boxes in found)
    assert counting.asked < 10 + 10 + 200 // 50 + 2
    assert detector.detect(street(999, 3.0)) == ()  # and gone as soon as it has gone


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize(("misses", "least"), [(1, 1), (2, 1), (3, 0)])
def test_a_plate_that_noise_hides_for_a_look_or_two_still_stands_there(settled: bool, misses: int, least: int) -> None:
    detector, counting = gated(MotionSettings(settle=4, at_least_every=10))
    picture = with_plate(street(0, 0.0), 400)
    for _ in range(8 if settled else 2):
        detector.detect(picture)
    counting.blind = misses
    found = [len(detector.detect(picture)) for _ in range(16)]
    assert (min(found), counting.blind) == (least, 0)
    assert [len(detector.detect(picture)) for _ in range(10)][-1] == 1


def test_slow_changes_add_up() -> None:
    """A plate that fades in over three seconds is less than the noise from one frame to the next."""
    detector, _ = gated(MotionSettings(settle=3, at_least_every=10_000))
    plain, plate = street(0, 0.0), with_plate(street(0, 0.0), 300)
    for step in range(46):
        share = step / 45
        found = detector.detect(np.asarray(cv2.addWeighted(plate, share, plain, 1 - share, 0), np.uint8))
    assert len(found) == 1


def test_a_light_that_is_switched_on_is_noticed() -> None:
    detector, counting = gated(MotionSettings(settle=3, at_least_every=10_000))
    for seed in range(20):
        detector.detect(street(seed, 2.0))
    before = counting.asked
    for seed in range(20, 23):
        detector.detect(np.asarray(street(seed, 2.0) // 2 + 60, np.uint8))
    assert counting.asked > before


def test_what_moves_where_nothing_is_looked_for_does_not_count() -> None:
    clock = ((0.0, 0.0), (0.4, 0.0), (0.4, 0.1), (0.0, 0.1))
    detector, counting = gated(MotionSettings(settle=3, at_least_every=10_000), RegionSettings(ignore=(clock,)))
    for second in range(30):
        image = street(second, 1.0)
        cv2.putText(image, f"12:00:{second:02d}", (20, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (190, 190, 190), 3)
        detector.detect(image)
    assert counting.asked <= 5


def test_a_frame_of_another_size_is_a_change() -> None:
    meter = ChangeMeter()
    image = street(0, 0.0)
    meter.changed(image)
    meter.refer()
    assert not meter.changed(image)
    smaller = np.asarray(cv2.resize(image, (640, 360)), np.uint8)
    assert meter.changed(smaller)
    meter.refer()
    assert not meter.changed(smaller)


def test_a_spared_frame_has_no_stages() -> None:
    detector, _ = gated(MotionSettings(settle=0, at_least_every=100))
    image = street(0, 0.0)
    detector.detect(image)
    assert detector.stage_seconds == {"detect": 0.001}
    detector.detect(image)
    assert detector.stage_seconds == {}


def test_it_rests_once_nothing_has_moved_for_a_while_also_where_it_looks_now_and_then() -> None:
    detector, _ = gated(MotionSettings(settle=2, at_least_every=3))
    told = []
    for image in [street(0, 0.0)] * 8 + [with_plate(street(0, 0.0), 300)] * 2:
        detector.detect(image)
        told.append(detector.resting)
    assert told == [False, False, False, True, True, True, True, True, False, False]
    detector, _ = gated(MotionSettings(settle=0, at_least_every=1))
    for _ in range(5):
        detector.detect(street(0, 0.0))
        assert not detector.resting, "who wants to look at every frame gets them all"


# --- a picture that has frozen ---


def frame_at(time: float, image: Image) -> Frame:
    return Frame(image, time, datetime(2026, 1, 1, tzinfo=UTC), 0)


def test_a_camera_that_repeats_one_picture_for_minutes_is_told_until_it_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    meter, still, told = FrozenMeter(), street(0, 3.0), list[float]()
    for step in range(round(5 * FROZEN_SECONDS) + 20):
        meter.look(frame_at(1000 + step / 5, still.copy()))
        if meter.trouble:
            told.append(step / 5)
    assert told[0] == pytest.approx(FROZEN_SECONDS, abs=1.5)
    assert meter.trouble == FROZEN
    meter.look(frame_at(1000 + FROZEN_SECONDS + 5.1, street(1, 3.0)))
    assert meter.trouble == "", "the very next frame that differs ends it"
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.parametrize("noise", [0.3, 3.0])
def test_a_still_scene_with_any_noise_at_all_has_not_frozen(noise: float) -> None:
    meter, pictures = FrozenMeter(), [street(seed, noise) for seed in range(3)]
    for look in range(90):
        meter.look(frame_at(10.0 * look, pictures[look % 3]))
        assert meter.trouble == ""


def test_a_clock_in_the_picture_and_another_size_are_changes() -> None:
    meter, still = FrozenMeter(), street(0, 0.0)
    clock = still.copy()
    cv2.putText(clock, "12:01", (20, 50), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (190, 190, 190), 2)
    times = itertools.count(0, 5)
    for image in (still, clock, np.asarray(still[:360, :640], np.uint8)):
        for _ in range(round(FROZEN_SECONDS) // 5):
            meter.look(frame_at(next(times), image))
            assert meter.trouble == ""


# --- what moved without a plate ---


def without_plate(seconds: float, settings: MotionSettings, *, plate: bool = False) -> int | None:
    """What is counted where something drives through for so long, at ten frames a second, through a real gate."""
    detector, _ = gated(settings)
    count = MotionCount(settings)
    pause: list[int | None] = [None] * (settings.settle + 5)
    places = [*pause, *range(40, 40 + 8 * round(10 * seconds), 8), *pause]
    for index, place in enumerate(places):
        image = street(0, 0.0) if place is None else with_plate(street(0, 0.0), place)
        boxes = detector.detect(image)
        seen = boxes if plate and index % 3 == 0 else ()
        tracks = tuple(TrackedPlate(1, box, "", 0.0, "reading", 0) for box in seen)
        count.look(FrameResult(frame_at(index / 10, image), boxes, tracks, (), resting=detector.resting))
    return count.without_plate


@pytest.mark.parametrize("settle", [0, 12])
@pytest.mark.parametrize(
    ("seconds", "plate", "counted"),
    [(2.0, False, 1), (1.1, False, 1), (0.8, False, 0), (0.1, False, 0), (2.0, True, 0)],
)
def test_what_moves_for_a_second_without_a_plate_is_counted(
    settle: int, seconds: float, plate: bool, counted: int
) -> None:
    settings = MotionSettings(settle=settle, at_least_every=1000)
    assert without_plate(seconds, settings, plate=plate) == counted


def test_nothing_is_counted_where_nothing_ever_rests() -> None:
    assert without_plate(2.0, MotionSettings(settle=2, at_least_every=1)) is None


def test_another_gate_comes_to_rest_first_and_the_count_goes_on() -> None:
    count, settings = MotionCount(), MotionSettings(settle=0)
    count.use(settings)
    empty, times = np.zeros((2, 2, 3), np.uint8), itertools.count()

    def go(*resting: bool) -> int | None:
        for rests in resting:
            count.look(FrameResult(frame_at(float(next(times)), empty), (), (), (), resting=rests))
        return count.without_plate

    assert go(False, False, False) is None
    assert go(True) == 0, "what comes before the first rest is the start"
    assert go(False, False, True) == 1
    count.use(settings)
    assert go(False, False, True) == 1
    assert go(False, False, True) == 2


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"settle": -1}, "settle is -1"),
        ({"at_least_every": 0}, "is 0"),
        ({"rest_fps": 0.5}, "rest_fps is 0.5, wanted 1 to 60, or 0"),
        ({"rest_fps": float("nan")}, "rest_fps is nan"),
    ],
)
def test_settings_out_of_range_are_told(values: dict[str, float], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        MotionSettings(**values)  # type: ignore[arg-type]
