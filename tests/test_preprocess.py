"""Pixels → tensors."""

import numpy as np
import pytest

from edge.preprocess import (
    READER_HEIGHT,
    READER_WIDTH,
    crop_plate,
    even_contrast,
    letterbox,
    plate_view,
    plate_views,
    to_int8,
)
from edge.records import PlateBox


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1280, 720), (416, 416), (3, 2000), (50, 40)])
def test_letterbox_keeps_the_shape_and_tells_the_way_back(height: int, width: int) -> None:
    fitted = letterbox(picture(height, width), 416)
    assert fitted.canvas.shape == (416, 416, 3)
    inner_width = min(round(width * fitted.scale), 416)
    assert fitted.left == (416 - inner_width) // 2
    assert fitted.scale == pytest.approx(min(416 / height, 416 / width))
    if fitted.top:
        assert (fitted.canvas[0] == 114).all()


def test_letterbox_leaves_the_frame_alone() -> None:
    frame = picture(100, 200)
    before = frame.copy()
    letterbox(frame, 64)
    assert (frame == before).all()


@pytest.mark.parametrize(("brightest", "gain"), [(255, 1.0), (140, 1.0), (60, 2.1), (10, 6.0), (0, 1.0)])
def test_a_dark_frame_is_turned_up_for_the_detector(brightest: int, gain: float) -> None:
    frame = (picture(64, 128).astype(int) * brightest // 255).astype(np.uint8)
    canvas = letterbox(frame, 128).canvas
    assert canvas[32:96].mean() == pytest.approx(frame.mean() * gain, rel=0.08)
    assert (canvas[:32] == 114).all()
    assert (canvas[96:] == 114).all()


def test_what_does_not_count_does_not_keep_it_dark() -> None:
    frame = np.full((90, 160, 3), 20, np.uint8)
    frame[:30] = 250
    counted = np.full((90, 160), 255, np.uint8)
    assert (letterbox(frame, 160).canvas[100] == 20).all()
    counted[:30] = 0
    assert (letterbox(frame, 160, counted).canvas[100] == 120).all()
    assert (letterbox(frame, 160, np.zeros_like(counted)).canvas[100] == 120).all()


def test_a_bright_colour_is_no_darkness() -> None:
    frame = np.full((90, 160, 3), (150, 30, 150), np.uint8)
    assert (letterbox(frame, 160).canvas[80] == frame[0, 0]).all()


def test_a_lamp_in_the_dark_does_not_keep_it_dark() -> None:
    frame = np.full((100, 100, 3), 12, np.uint8)
    frame[:10, :40] = 255
    canvas = letterbox(frame, 100).canvas
    assert (canvas[50, 50] == 72).all()
    assert (canvas[0, 0] == 255).all()


def test_to_int8_is_the_pixel_minus_128() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    assert (to_int8(pixels).astype(int) == pixels.astype(int) - 128).all()


@pytest.mark.parametrize(
    "box",
    [
        PlateBox(10, 10, 50, 30, 0.9),
        PlateBox(-20, -5, 10, 8, 0.9),
        PlateBox(190, 90, 300, 200, 0.9),
        PlateBox(250, 150, 260, 160, 0.9),
        PlateBox(20.2, 20.2, 20.3, 20.3, 0.9),
    ],
)
def test_a_crop_lies_within_the_frame_and_is_never_empty(box: PlateBox) -> None:
    crop = crop_plate(picture(100, 200), box)
    assert crop.shape[0] >= 1
    assert crop.shape[1] >= 1


def test_a_crop_has_a_margin() -> None:
    assert crop_plate(picture(100, 200), PlateBox(50, 40, 150, 60, 0.9), margin=0.1).shape == (24, 120, 3)


def test_dark_and_inverted_crops_get_the_same_spread() -> None:
    grey = picture(48, 160)[..., 0]
    dark = (grey // 8 + 3).astype(np.uint8)
    for each in (even_contrast(grey), even_contrast(dark), even_contrast(255 - grey)):
        assert abs(float(each.mean()) - 128) < 3
        assert 40 < float(each.std()) < 60


def test_a_flat_crop_stays_flat() -> None:
    assert even_contrast(np.full((48, 160), 7, dtype=np.uint8)).std() == 0


def test_only_a_narrow_crop_is_looked_at_as_two_lines() -> None:
    assert [view.lines for view in plate_views(picture(30, 140))] == [1]
    assert [view.lines for view in plate_views(picture(100, 140))] == [1, 2]
    assert [view.lines for view in plate_views(picture(50, 150))] == [1, 2]  # stretched, or the box is loose


def test_two_lines_go_side_by_side() -> None:
    crop = np.zeros((100, 140, 3), dtype=np.uint8)
    crop[:50] = 255
    view = plate_view(crop, 2).pixels
    assert view.shape == (READER_HEIGHT, READER_WIDTH)
    assert view[:, : READER_WIDTH // 2].mean() > view[:, READER_WIDTH // 2 :].mean() + 50


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (400, 3, 3), (2, 2)])
def test_any_crop_makes_a_view(shape: tuple[int, ...]) -> None:
    for view in plate_views(np.full(shape, 90, dtype=np.uint8)):
        assert view.pixels.shape == (READER_HEIGHT, READER_WIDTH)
        assert view.pixels.dtype == np.uint8
