import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import edge.detector as detector
from edge.card import TensorSpec
from edge.demo_scene import DemoScene
from edge.detector import (
    DetectorSettings,
    LevelMaps,
    PlateDetector,
    decode,
    golden_picture,
    larger,
    merge,
    suppress,
    to_frame,
)
from edge.errors import ModelError
from edge.geometry import at_edge, overlap
from edge.preprocess import letterbox
from edge.records import Image, PlateBox
from edge.region import Polygon, RegionSettings

BINS, SIZE = 16, 64
STRIDES = (8, 16)


def specs() -> tuple[TensorSpec, ...]:
    made = []
    for stride in STRIDES:
        side = SIZE // stride
        made.append(TensorSpec(f"box{stride}", (1, side, side, 4 * BINS), "int8", 0.2, -10))
        made.append(TensorSpec(f"class{stride}", (1, side, side, 1), "int8", 0.1, 20))
    return tuple(made)


Cell = tuple[int, int, int, float, tuple[int, int, int, int]]
Make = Callable[..., PlateDetector]


class FakeModel:
    """Says that each of `cells` (level, row, column, confidence, four distances in strides) holds a plate."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        decoding = {"strides": STRIDES, "bins": BINS, "threshold": 0.5, "nms_iou": 0.5}
        self.card = SimpleNamespace(
            decoding=decoding, outputs=specs(), input=TensorSpec("in", (1, SIZE, SIZE, 3), "int8", 1 / 255, -128)
        )
        self.cells = cells
        self.seen: list[np.ndarray] = []

    def run(self, array: np.ndarray) -> list[np.ndarray]:
        self.seen.append(array)
        outputs = [np.full(spec.shape, -128, np.int8) for spec in specs()]
        for level, row, column, confidence, distances in self.cells:
            logit = math.log(confidence / (1 - confidence))
            outputs[2 * level + 1][0, row, column, 0] = round(logit / 0.1 + 20)
            for side, distance in enumerate(distances):
                outputs[2 * level][0, row, column, side * BINS + distance] = 127
        return outputs


def seen_by(built: PlateDetector) -> list[np.ndarray]:
    """The tensors that the detector's model was given."""
    model: Any = built.model
    return list(model.seen)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Make:
    def build(
        cells: Sequence[Cell] = (),
        threshold: float = 0.0,
        candidates: float = 0.0,
        region: tuple[Polygon, ...] = (),
        ignore: tuple[Polygon, ...] = (),
        tiles: int = 1,
    ) -> PlateDetector:
        monkeypatch.setattr(detector, "Int8Model", lambda path, kind, threads: FakeModel(list(cells)))
        where = RegionSettings(region, ignore, tiles)
        return PlateDetector(DetectorSettings(str(tmp_path / "any.tflite"), threshold, candidates), where)

    return build


def test_a_plate_comes_back_in_the_frames_pixels(make: Make) -> None:
    # Canvas 64: the frame 128×64 is halved and has a border of 16 above and below.
    found = make([(0, 3, 4, 0.9, (2, 1, 1, 1))]).detect(np.zeros((64, 128, 3), np.uint8))
    assert len(found) == 1
    box = found[0]
    # The cell's centre is (36, 28); its sides are 16, 8, 8 and 8 away; then minus the border, times 2.
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((40, 8, 88, 40), abs=1e-3)
    assert box.confidence == pytest.approx(0.9, abs=0.01)


def test_from_further_away_the_picture_takes_half_of_the_canvas(make: Make) -> None:
    plates = make([(0, 3, 4, 0.9, (2, 1, 1, 1))], region=(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),))
    frame = np.full((64, 128, 3), 200, np.uint8)
    (box,) = plates.detect_small(frame)
    # 128 × 64 becomes 32 × 16 with a border of 16 beside and 24 above it.
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((16, 0, 112, 48), abs=1e-3)
    (seen,) = seen_by(plates)
    assert (seen[0, 24:40, 16:48] == 200 - 128).all()
    assert ((seen[0] == 114 - 128).sum()) == 3 * (64 * 64 - 32 * 16)
    left = ((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0))
    assert make([(0, 3, 4, 0.9, (2, 1, 1, 1))], region=(left,)).detect_small(frame) == ()


def test_a_plate_too_wide_for_the_network_is_seen_whole_from_further_away(make: Make) -> None:
    frame = np.zeros((64, 128, 3), np.uint8)
    plates = make([(0, 3, 4, 0.9, (2, 1, 3, 1))])
    (box,) = plates.detect(frame)  # 40 to 120 from nearby
    assert len(seen_by(plates)) == 2
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((16, 0, 128, 48), abs=1e-3)
    assert box.confidence == pytest.approx(0.9, abs=0.01)
    narrow = make([(0, 3, 4, 0.9, (1, 1, 1, 1))])
    narrow.detect(frame)
    assert len(seen_by(narrow)) == 1


@pytest.mark.parametrize(
    ("near", "far", "whole"),
    [
        (PlateBox(0, 100, 200, 140, 0.6), PlateBox(0, 100, 300, 145, 0.4), True),
        (PlateBox(0, 100, 200, 140, 0.6), PlateBox(0, 100, 220, 145, 0.9), False),  # hardly wider
        (PlateBox(0, 100, 200, 140, 0.6), PlateBox(0, 100, 300, 145, 0.2), False),  # hardly seen
        (PlateBox(100, 180, 160, 196, 0.6), PlateBox(0, 0, 300, 200, 0.9), False),  # a plate below a board
        (PlateBox(0, 100, 200, 140, 0.6), PlateBox(0, 300, 300, 345, 0.9), False),  # elsewhere, and only from there
    ],
)
def test_only_what_was_cut_is_taken_from_further_away(near: PlateBox, far: PlateBox, whole: bool) -> None:
    expected = PlateBox(far.x1, far.y1, far.x2, far.y2, near.confidence) if whole else near
    assert larger([near], [far], 160) == (expected,)


def test_boxes_are_cut_at_the_edge_and_dropped_outside(make: Make) -> None:
    found = make([(0, 0, 0, 0.9, (3, 0, 3, 1)), (0, 4, 0, 0.8, (5, 1, 2, 1))]).detect(np.zeros((32, 64, 3), np.uint8))
    assert len(found) == 1
    assert (found[0].x1, found[0].y1) == pytest.approx((0, 12), abs=1e-3)


def test_the_most_confident_comes_first_and_doubles_go(make: Make) -> None:
    cells: list[Cell] = [
        (0, 2, 2, 0.7, (1, 1, 1, 1)),
        (1, 3, 3, 0.95, (0, 0, 1, 1)),
        (0, 2, 1, 0.6, (0, 1, 2, 1)),  # nearly the same box as the first
    ]
    found = make(cells).detect(np.zeros((SIZE, SIZE, 3), np.uint8))
    assert [round(box.confidence, 2) for box in found] == pytest.approx([0.95, 0.7], abs=0.02)


def test_the_threshold_is_the_cards_unless_set(make: Make) -> None:
    cells: list[Cell] = [(0, 2, 2, 0.4, (1, 1, 1, 1))]
    frame = np.zeros((SIZE, SIZE, 3), np.uint8)
    assert make(cells).detect(frame) == ()
    assert len(make(cells, threshold=0.3).detect(frame)) == 1


def test_candidates_are_found_below_the_threshold(make: Make) -> None:
    cells: list[Cell] = [(0, 2, 2, 0.4, (1, 1, 1, 1)), (0, 5, 5, 0.1, (1, 1, 1, 1))]
    plates = make(cells, candidates=0.25)
    assert plates.threshold == 0.5
    assert [round(box.confidence, 1) for box in plates.detect(np.zeros((SIZE, SIZE, 3), np.uint8))] == [0.4]


def test_single_pictures_have_more_candidates_unless_their_number_was_chosen() -> None:
    assert DetectorSettings("any.tflite").of_stills.candidates == 0.05
    for chosen in (0.0, 0.02, 0.4):
        assert DetectorSettings("any.tflite", candidates=chosen).of_stills.candidates == chosen


@pytest.mark.parametrize("threads", [0, 17, 100_000])
def test_more_threads_than_the_runtime_bears_are_refused(threads: int) -> None:
    with pytest.raises(ValueError, match=f"threads is {threads}, wanted 1 to 16"):
        DetectorSettings(threads=threads)


def test_the_network_sees_pixels_minus_128_and_stages_are_timed(make: Make) -> None:
    plates = make()
    assert plates.detect(np.full((SIZE, SIZE, 3), 200, np.uint8)) == ()
    fake: Any = plates.model
    seen = fake.seen[0]
    assert seen.shape == (1, SIZE, SIZE, 3)
    assert seen.dtype == np.int8
    assert int(seen[0, 5, 5, 1]) == 72
    assert set(plates.stage_seconds) == {"letterbox", "detect"}
    assert all(seconds > 0 for seconds in plates.stage_seconds.values())


@pytest.mark.parametrize("missing", ["strides", "bins", "threshold", "nms_iou"])
def test_a_card_without_its_decoding_is_one_line(make: Make, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    def build(path: Path, kind: str, threads: int) -> FakeModel:
        model = FakeModel([])
        del model.card.decoding[missing]
        return model

    monkeypatch.setattr(detector, "Int8Model", build)
    with pytest.raises(ModelError, match=missing):
        PlateDetector(DetectorSettings("any.tflite"))


def test_a_missing_model_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        PlateDetector(DetectorSettings(str(tmp_path / "none.tflite")))


def test_distances_are_the_mean_of_their_distribution() -> None:
    boxes = np.full((1, 1, 1, 4 * BINS), -50, np.float32)
    boxes[0, 0, 0, [0, 2, BINS + 4, 2 * BINS + 1, 2 * BINS + 2, 3 * BINS + 3]] = 50
    found, scores = decode([LevelMaps(8, boxes, 1.0, 0.0, np.zeros((1, 1, 1, 1), np.float32), 1.0, 0.0)], BINS, 0.4)
    assert found.tolist() == [pytest.approx([4 - 8, 4 - 32, 4 + 12, 4 + 24])]
    assert scores.tolist() == [0.5]


def test_suppression_of_nothing_is_nothing() -> None:
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).size == 0


def test_a_letterboxed_box_returns_to_where_it_was() -> None:
    boxed = letterbox(np.zeros((720, 1280, 3), np.uint8), 416)
    box = np.array([[100.0, 200.0, 180.0, 230.0]], np.float32)
    canvas = box * boxed.scale + np.array([boxed.left, boxed.top] * 2, np.float32)
    (found,) = to_frame(canvas, np.array([0.5], np.float32), boxed, 1280, 720)
    assert (found.x1, found.y1, found.x2, found.y2) == pytest.approx((100, 200, 180, 230), abs=0.01)


def test_the_golden_picture_never_changes() -> None:
    picture = golden_picture(64)
    assert picture.shape == (64, 64, 3)
    assert int(picture.astype(np.int64).sum()) == 1648798


def test_a_region_is_cut_out_before_the_frame_is_made_smaller(make: Make) -> None:
    lower = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
    plain, near = make([(0, 4, 4, 0.9, (1, 1, 1, 1))]), make([(0, 4, 4, 0.9, (1, 1, 1, 1))], region=(lower,))
    image = np.zeros((128, 64, 3), np.uint8)
    (whole,), (found,) = plain.detect(image), near.detect(image)
    # the canvas of 64 shows the lower 64 rows at full size instead of all 128 at half of it
    assert (whole.width, found.width) == (32, 16)
    assert (found.x1, found.y1) == (28, 64 + 28)
    assert near.canvas_scale(64, 128) == 2 * plain.canvas_scale(64, 128) == 1.0


def test_nothing_is_found_where_nothing_is_looked_for_and_it_is_greyed_out(make: Make) -> None:
    upper_left = ((0.0, 0.0), (0.6, 0.0), (0.6, 0.6), (0.0, 0.6))
    built = make([(0, 2, 2, 0.9, (1, 1, 1, 1)), (0, 6, 6, 0.8, (1, 1, 1, 1))], ignore=(upper_left,))
    (found,) = built.detect(np.full((64, 64, 3), 200, np.uint8))
    assert found.x1 > 40
    seen = seen_by(built)[0][0].view(np.uint8) ^ 0x80
    assert (seen[10, 10].tolist(), seen[60, 60].tolist()) == ([114] * 3, [200] * 3)


def test_tiles_give_each_plate_once_and_whole(make: Make) -> None:
    """The same cell fires in the whole view and in all four tiles of a square frame."""
    built = make([(0, 4, 4, 0.9, (1, 1, 1, 1))], tiles=2)
    found = built.detect(np.zeros((640, 640, 3), np.uint8))
    assert len(seen_by(built)) == 5
    assert len(found) == 5  # five places, none twice
    assert len({round(box.width) for box in found}) == 2
    edge_cell = make([(0, 4, 0, 0.9, (1, 1, 1, 1))], tiles=2).detect(np.zeros((640, 640, 3), np.uint8))
    assert all(box.x1 < 1 for box in edge_cell)  # at an inner seam it would be half a plate


def test_a_plate_seen_in_two_tiles_is_one() -> None:
    one, again, other = (
        PlateBox(100, 100, 200, 130, 0.9),
        PlateBox(104, 101, 180, 129, 0.8),
        PlateBox(300, 100, 400, 130, 0.7),
    )
    assert merge([again, other, one], 0.5) == (one, other)


def test_two_boxes_that_share_half_of_the_smaller_are_of_one_plate() -> None:
    plate, from_the_grille_on = PlateBox(100, 100, 200, 130, 0.9), PlateBox(110, 83.5, 180, 113.5, 0.4)
    beside = PlateBox(190, 100, 290, 130, 0.5)
    assert merge([plate, from_the_grille_on, beside], 0.5) == (plate, beside)


def test_of_two_boxes_in_one_another_the_surer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    plate, holder, other = (
        PlateBox(110, 105, 190, 125, 0.9),
        PlateBox(80, 90, 220, 140, 0.5),
        PlateBox(300, 90, 380, 110, 0.4),
    )
    detector = PlateDetector()
    monkeypatch.setattr(detector, "_detect", lambda image, window: (plate, holder, other))
    assert detector.detect(np.zeros((200, 400, 3), np.uint8)) == (plate, other)


@pytest.fixture(scope="module")
def parked() -> tuple[Image, PlateBox]:
    """A frame of the demo scene, and a plate in it as the shipped detector finds it, wide enough to be read."""
    image, _ = DemoScene(0).frame_at(2.0)
    height, width = image.shape[:2]
    (box, *_) = (box for box in PlateDetector().detect(image) if box.width > 110 and not at_edge(box, width, height))
    return image, box


@pytest.mark.parametrize("share", [0.6, 0.8, 0.95])
@pytest.mark.parametrize("ignored", [False, True])
def test_a_border_of_the_region_cuts_no_plate(parked: tuple[Image, PlateBox], share: float, ignored: bool) -> None:
    image, box = parked
    border = (box.x1 + share * box.width) / image.shape[1]
    left = ((0.0, 0.0), (border, 0.0), (border, 1.0), (0.0, 1.0))
    right = ((border, 0.0), (1.0, 0.0), (1.0, 1.0), (border, 1.0))
    where = RegionSettings(ignore=(right,)) if ignored else RegionSettings(look=(left,))
    found = PlateDetector(region=where).detect(image)
    assert max(overlap(box, other) for other in found) > 0.75
    assert all(other.x1 < border * image.shape[1] for other in found)


def test_a_plate_whose_middle_is_outside_is_none(parked: tuple[Image, PlateBox]) -> None:
    image, box = parked
    border = (box.x1 + 0.4 * box.width) / image.shape[1]
    where = RegionSettings(look=(((0.0, 0.0), (border, 0.0), (border, 1.0), (0.0, 1.0)),))
    assert not any(overlap(box, other) for other in PlateDetector(region=where).detect(image))
