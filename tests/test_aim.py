"""What is measured of a plate: on drawn plates whose slope, movement, size and light are known."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from aim_scenes import BY_NAME, scene

from edge.aim import KEPT_SECONDS, AimMeter, AimSettings, Measure, frame_scale, measure
from edge.aim_words import report_of
from edge.errors import ConfigError
from edge.preprocess import crop_plate
from edge.records import Frame, FrameResult, Image, PlateBox, TrackedPlate
from edge.region import RegionSettings
from edge.slant import slant
from edge.smear import Smear, smear

DATA = Path(os.environ.get("GATEREADER_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data"))
DUTCH = BY_NAME["dutch"]


def look(seed: int, width: float, **how: float) -> Measure:
    one = scene(seed, width, **how)  # type: ignore[arg-type]
    return measure(one.image, one.box, one.text, one.lines)


@pytest.mark.parametrize("angle", [-16.0, -7.0, 0.0, 4.0, 12.0])
@pytest.mark.parametrize("width", [85.0, 170.0])
def test_the_slope_of_the_text_is_right_within_two_degrees(angle: float, width: float) -> None:
    found = [look(seed, width, slope=angle).slope for seed in range(14)]
    assert all(slope is not None and abs(slope - angle) <= 2 for slope in found), found


@pytest.mark.parametrize("skew", [-14.0, 0.0, 9.0])
def test_the_skew_is_what_turning_does_not_mend(skew: float) -> None:
    found = np.array([look(seed, 150, slope=6.0, skew=skew, noise=1.5).skew for seed in range(14)], dtype=np.float64)
    assert np.nanmedian(np.abs(found - skew)) <= 1
    assert np.nanpercentile(np.abs(found - skew), 80) <= 3


def smeared(seed: int, width: float, moved: float, sideways: bool = True, blur: float = 0.8) -> Smear:
    one = scene(seed, width, moved=moved, sideways=sideways, blur=blur)
    found = smear(np.asarray(cv2.cvtColor(crop_plate(one.image, one.box, 0.0), cv2.COLOR_BGR2GRAY), np.uint8))
    assert found is not None
    return found


@pytest.mark.parametrize("sideways", [True, False])
@pytest.mark.parametrize("width", [120.0, pytest.param(200.0, marks=pytest.mark.slow)])
def test_movement_grows_with_the_movement_and_is_right_to_a_third(width: float, sideways: bool) -> None:
    lengths = [0.0, 0.02 * width, 0.036 * width, 0.05 * width]
    means = []
    for length in lengths:
        looks = [smeared(seed, width, length, sideways) for seed in range(10)]
        means.append(float(np.median([one.length for one in looks])))
        if length > (0.03 if sideways else 0.04) * width:  # characters have fewer level edges than upright ones
            assert means[-1] == pytest.approx(length, rel=0.3)
            told = [one.sideways for one in looks if one.length]
            assert sum(each == sideways for each in told) >= 0.8 * len(told), "which way it moved"
    assert max(means[:2]) <= means[2] < means[3]
    assert means[0] <= 0.016 * width, "what stands still is not smeared"


def test_a_lens_out_of_focus_is_no_movement() -> None:
    sharp = [look(seed, 160, blur=0.6).sharpness for seed in range(3)]
    soft = [look(seed, 160, blur=1.8).sharpness for seed in range(3)]
    assert max(soft) < 0.5 * min(sharp)
    assert np.median([smeared(seed, 160, 0.0, blur=1.8).length for seed in range(10)]) <= 0.02 * 160


def test_real_plates_before_a_moving_camera_are_smeared_and_those_of_a_standing_one_are_not() -> None:
    folders = [DATA / "reader" / name / "val" for name in ("europe", "romania")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip(f"no real plates in {DATA}; set GATEREADER_DATA")
    tops = []
    for folder in folders:
        found = list[float]()
        for path in sorted(folder.rglob("*.[jp][pn]g"))[:40]:
            crop = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            assert crop is not None
            moved = smear(np.asarray(crop, dtype=np.uint8))
            found.append(moved.length / crop.shape[1] if moved else np.nan)
        tops.append(float(np.nanpercentile(found, 85)))
    standing, driving = tops
    assert standing < 0.016 < driving


def test_size_is_told_in_the_frame_in_the_detector_and_by_character() -> None:
    one = scene(3, 140, style=DUTCH)
    found = measure(one.image, one.box, one.text, 1, scale=0.4)
    assert found.width == pytest.approx(140, abs=0.5)
    assert found.detector_width == pytest.approx(56, abs=0.3)
    assert found.character == pytest.approx(140 / 6, abs=0.2)
    assert measure(one.image, one.box, "").character is None


def test_two_lines_count_as_the_plate_they_would_be_in_one() -> None:
    one = scene(8, 100)
    assert one.lines == 2
    found = measure(one.image, one.box, one.text, one.lines)
    assert found.width == pytest.approx(170, abs=1)
    assert found.character == pytest.approx(170 / len(one.text), abs=0.2)


def flat(ground: int, ink: int, white: float = 0.0) -> Image:
    """A plate of stripes; the left `white` share of it at 255."""
    image = np.full((100, 300, 3), 90, np.uint8)
    image[30:70, 50:250] = ground
    image[36:64, 60:240:20] = image[36:64, 63:240:20] = image[36:64, 66:240:20] = ink
    image[30:70, 50 : 50 + round(200 * white)] = 255
    return image


BOX = PlateBox(50, 30, 250, 70, 0.9)


def test_light_is_told_by_what_it_leaves() -> None:
    assert measure(flat(200, 40), BOX, "AB").contrast == pytest.approx(160 / 255, abs=0.02)
    glaring = measure(flat(240, 40, white=0.12), BOX, "AB")
    assert glaring.white == pytest.approx(0.12, abs=0.005)
    dark = measure(flat(40, 3), BOX, "AB")
    assert dark.brightest == pytest.approx(40, abs=1)
    assert dark.white == 0


def test_black_alone_is_no_fault() -> None:
    """A dark plate's ground is black on the best of infrared pictures."""
    told = report_of(measure(flat(0, 220), BOX, "AB"), AimSettings(), shutter=1.0)
    light = {one.key: one.verdict for one in told.figures if one.key in ("contrast", "white")}
    assert light == {"contrast": "good", "white": "good"}
    assert not any("light" in advice for advice in told.advice)


def test_a_flat_picture_has_neither_slope_nor_movement() -> None:
    empty = np.full((40, 160), 128, np.uint8)
    assert slant(empty) is None
    assert smear(empty) is None
    tiny = measure(np.full((50, 50, 3), 9, np.uint8), PlateBox(10, 10, 13, 12, 0.5), "")
    assert tiny.slope is None
    assert tiny.smear is None


def test_a_plate_at_the_edge_is_cut() -> None:
    image = flat(200, 40)
    assert not measure(image, BOX, "AB").cut
    assert measure(image[:, 47:], PlateBox(3, 30, 203, 70, 0.9), "AB").cut, "3 px is less than 3 % of its width"


def test_the_detectors_scale_follows_region_and_the_small_picture() -> None:
    frame = Frame(np.zeros((720, 1280, 3), np.uint8), 0.0, datetime(2026, 1, 1, tzinfo=UTC), 0)
    assert frame_scale(frame, 512, RegionSettings()) == pytest.approx(0.4)
    half = RegionSettings(look=(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),))
    assert frame_scale(frame, 512, half) == pytest.approx(512 / 720)
    small = replace(frame, small=np.zeros((360, 640, 3), np.uint8))
    assert frame_scale(small, 512, RegionSettings()) == pytest.approx(0.4)


def result(time: float, *boxes: tuple[PlateBox, int], image: Image | None = None) -> FrameResult:
    frame = Frame(flat(200, 40) if image is None else image, time, datetime(2026, 1, 1, tzinfo=UTC), 0)
    tracks = tuple(TrackedPlate(track, box, "AB12", 0.9, "reading", 1) for box, track in boxes)
    return FrameResult(frame, tuple(box for box, _ in boxes), tracks, ())


def test_the_meter_takes_the_widest_plate_and_keeps_ten_seconds() -> None:
    meter = AimMeter(lambda _: 1.0)
    assert meter.look(result(0.0)).recent == ()
    narrow = PlateBox(60, 30, 120, 50, 0.9)
    sight = meter.look(result(1.0, (narrow, 1), (BOX, 2)))
    assert sight.plates == 2
    assert sight.now is not None
    assert sight.now.width == BOX.width
    gone = meter.look(result(1.0 + KEPT_SECONDS - 0.1))
    assert gone.now is None
    assert [age for age, _ in gone.recent] == [pytest.approx(KEPT_SECONDS - 0.1)]
    assert meter.look(result(1.0 + KEPT_SECONDS + 0.1)).recent == ()


def test_the_meter_measures_a_frame_once_and_forgets_when_a_clip_starts_over() -> None:
    asked = list[float]()

    def scale(frame: Frame) -> float:
        asked.append(frame.time)
        return 1.0

    meter = AimMeter(scale)
    first = result(5.0, (BOX, 1))
    assert meter.look(first) is meter.look(first)
    assert asked == [5.0]
    assert len(meter.look(result(0.0, (BOX, 1))).recent) == 1


def test_the_meter_takes_the_margin_that_a_reload_may_have_changed() -> None:
    margins = [0.0, 0.5]
    meter = AimMeter(lambda _: 1.0, lambda: margins.pop(0))
    near_the_edge = PlateBox(20, 30, 120, 60, 0.9)
    looks = [meter.look(result(time, (near_the_edge, 1))).now for time in (0.0, 1.0)]
    assert [look.cut for look in looks if look] == [False, True]


def test_the_meter_tells_the_speed_of_one_track_only() -> None:
    meter = AimMeter(lambda _: 1.0)
    moved = PlateBox(BOX.x1 - 20, BOX.y1, BOX.x2 - 20, BOX.y2, 0.9)
    first = meter.look(result(1.0, (BOX, 1))).now
    second = meter.look(result(1.1, (moved, 1))).now
    other = meter.look(result(1.2, (BOX, 2))).now
    late = meter.look(result(9.2, (moved, 2))).now
    speeds = [one.speed if one else -1.0 for one in (first, second, other, late)]
    assert speeds == [None, pytest.approx(200), None, None]


@pytest.mark.parametrize(("key", "value"), [("distance", -1), ("speed", 0), ("plate_width", 20)])
def test_settings_that_cannot_be(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=key):
        AimSettings(**{key: value})
