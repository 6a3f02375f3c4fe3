"""The demo scene shows what it says it shows."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from waiting import FakeClock

from edge.alphabet import encode
from edge.demo import FPS, LEGIBLE, DemoSource, demo_truth
from edge.demo_geometry import HEIGHT, WIDTH
from edge.demo_light import LIGHTS
from edge.demo_plates import FONTS, STYLES, draw_plate, invent_number, plain_text
from edge.demo_scene import DemoPlate, DemoScene
from edge.demo_schedule import BLOCKS, CYCLE, SCHEDULE
from edge.records import Image


@pytest.fixture(scope="module")
def scene() -> DemoScene:
    return DemoScene(0)


def crop(image: Image, plate: DemoPlate) -> Image:
    """The plate alone, 400 × 100, seen from the front."""
    target = np.array([[0, 0], [400, 0], [400, 100], [0, 100]], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array(plate.corners, np.float32), target)
    return np.asarray(cv2.warpPerspective(image, matrix, (400, 100)), np.uint8)


def test_the_same_seed_and_time_give_the_same_picture() -> None:
    first, plates = DemoScene(3).frame_at(4.0)
    scene = DemoScene(3)
    scene.frame_at(3.0)
    again, plates_again = scene.frame_at(4.0)
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(first, again)
    assert plates == plates_again
    other, other_plates = DemoScene(4).frame_at(4.0)
    assert not np.array_equal(first, other)
    assert {plate.text for plate in plates}.isdisjoint(plate.text for plate in other_plates)


def test_truth_without_drawing_is_the_same(scene: DemoScene) -> None:
    assert scene.plates_at(12.5) == scene.frame_at(12.5)[1]


@pytest.mark.parametrize("time", [1.5, 6.0, 12.4, 21.5, 25.4, 31.5, 36.0, 47.5, 52.0, 57.0])
def test_boxes_are_where_the_plates_are_drawn(scene: DemoScene, time: float) -> None:
    """What is drawn inside the corners is the plate of that number: it correlates with the plate drawn by itself."""
    image, plates = scene.frame_at(time)
    drives = {drive.key: drive for drive in scene.drives(0)}
    checked = 0
    for plate in plates:
        assert 0 <= plate.x1 < plate.x2 <= WIDTH
        assert 0 <= plate.y1 < plate.y2 <= HEIGHT
        if plate.visible < 0.98 or plate.x2 - plate.x1 < 40:
            continue
        drive = drives[plate.key]
        assert plain_text(drive.number) == plate.text
        alone = draw_plate(drive.number, drive.style, np.random.default_rng(0))
        expected = cv2.resize(alone, (400, 100), interpolation=cv2.INTER_AREA)[10:90, 12:388]
        found = crop(image, plate)[10:90, 12:388]
        pair = [cv2.GaussianBlur(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY), (0, 0), 4).ravel() for one in (expected, found)]
        assert np.corrcoef(np.stack(pair).astype(float))[0, 1] > 0.7, plate
        checked += 1
    assert checked


def test_a_cycle_has_passes_of_all_kinds() -> None:
    truth = demo_truth(0, 0)
    assert len(truth) == len(SCHEDULE) >= 12
    assert len({one.plate for one in truth}) == len(truth)
    assert truth[0].first_seen < 0.1, "the first car is there at once"
    for one in truth:
        encode(one.plate)
        assert one.width >= 90, "legible at its nearest"
        assert 2 < one.last_seen - one.first_seen < 8
        assert one.width >= LEGIBLE
    assert {one.lines for one in truth} == {1, 2}
    assert any(a.last_seen > b.first_seen for a, b in pairwise(truth)), "two at once"


@pytest.mark.slow
def test_the_next_cycle_has_other_plates() -> None:
    first, second = demo_truth(0, 0), demo_truth(0, 1)
    assert {one.plate for one in first}.isdisjoint(one.plate for one in second)
    assert all(CYCLE <= one.first_seen < 2 * CYCLE for one in second)


@pytest.mark.parametrize("index", range(len(LIGHTS)))
def test_each_light_looks_like_itself(scene: DemoScene, index: int) -> None:
    time = BLOCKS[index] + 3
    assert scene.light_at(time) == index
    image, _ = scene.frame_at(time)
    levels = image.reshape(-1, 3).mean(axis=0)
    if LIGHTS[index].infrared:
        assert np.ptp(image.astype(int), axis=2).max() <= 40, "grey but for the glare"
        assert levels.mean() < 70
    else:
        assert image.std() > 30
    assert 12 < levels.mean() < 200


def test_every_style_prints_its_number() -> None:
    rng = np.random.default_rng(2)
    for style in STYLES:
        number = invent_number(style, rng)
        plate = draw_plate(number, style, rng)
        assert plate.shape == (style.height, style.width, 3)
        encode(plain_text(number))
        grey = cv2.cvtColor(plate[25:-8, 50:-50], cv2.COLOR_BGR2GRAY)
        assert np.ptp(grey) > 100


def test_fonts_come_with_their_licences() -> None:
    fonts = sorted(FONTS.glob("*.ttf"))
    assert fonts
    for font in fonts:
        text = font.with_suffix("").with_suffix(".LICENSE.txt").read_text(encoding="utf-8")
        assert "Copyright" in text


def test_the_source_is_paced_and_counts_what_it_is_late_for() -> None:
    clock = FakeClock()
    with DemoSource(0, now=clock.now, sleep=clock.sleep) as source:
        frames = filter(None, source)
        times = [next(frames).time for _ in range(4)]
        assert times == pytest.approx([0, 1 / FPS, 2 / FPS, 3 / FPS])
        assert sum(clock.slept) == pytest.approx(3 / FPS)
        clock.seconds += 1.0
        late = next(frames)
        assert late.time == pytest.approx(18 / FPS)
        assert late.index == 18
        assert source.state().dropped == 14
        assert (next(frames).utc - late.utc).total_seconds() == pytest.approx(1 / FPS, abs=1e-4)
        assert source.live
        source.close()
        assert list(frames) == []
        assert not source.state().online


@pytest.mark.parametrize(("fps", "wanted"), [(11.0, 7.5), (6.0, 5.0), (15.0, 15.0)])
def test_no_more_frames_come_than_were_asked_for(fps: float, wanted: float) -> None:
    with DemoSource(0, fps=fps, realtime=False) as source:
        frames = iter(source)
        times = [frame.time for frame in (next(frames), next(frames)) if frame]
    assert 1 / (times[1] - times[0]) == pytest.approx(wanted)


def test_between_two_rare_frames_a_word_comes_and_it_can_be_closed() -> None:
    clock = FakeClock()
    with DemoSource(0, fps=0.05, now=clock.now, sleep=clock.sleep) as source:
        frames = iter(source)
        assert next(frames) is not None
        assert next(frames) is None
        assert clock.seconds <= 1.0
        source.close()
        assert list(frames) == []


def test_the_source_tells_the_passes_that_began() -> None:
    with DemoSource(0, fps=2.0, realtime=False) as source:
        assert not source.live
        for frame in filter(None, source):
            if frame.time >= 4.5:
                break
        assert [one.plate for one in source.truth] == [one.plate for one in demo_truth(0, 0) if one.first_seen <= 5]
        assert source.state().frames == 10
