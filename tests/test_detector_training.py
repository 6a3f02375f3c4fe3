from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import GateReaderError, SourceError
from training import detector_data
from training.detector_data import (
    HELD_BACK_NEGATIVES,
    Boxes,
    Picture,
    load_folder,
    load_pictures,
    negative_paths,
    require_data_folder,
)
from training.detector_demo import write_frames
from training.detector_metrics import (
    Found,
    average_precision,
    box_iou,
    boxed_share,
    choose_threshold,
    match,
    mean_average_precision,
    recall,
)
from training.detector_paste import draw_buttons, paste_plate, swap_plate
from training.detector_scenes import SceneMaker, SceneSettings


def boxes(*rows: tuple[float, float, float, float]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


def found(*rows: tuple[float, float, float, float, float]) -> Found:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Found(table[:, :4], table[:, 4])


PLATE = (10.0, 10.0, 50.0, 20.0)
PALE = np.full((20, 80, 3), 200, np.uint8)


def test_overlap_of_half() -> None:
    overlap = box_iou(boxes(PLATE), boxes(PLATE, (10, 10, 30, 20), (60, 60, 70, 70)))
    assert overlap.tolist() == [pytest.approx([1.0, 0.5, 0.0], abs=1e-5)]


def test_a_plate_is_hit_once_by_the_most_confident() -> None:
    hits = match(found((*PLATE, 0.4), (*PLATE, 0.9), (60, 60, 70, 70, 0.8)), boxes(PLATE), 0.5)
    assert hits.tolist() == [-1, 0, -1]


def test_average_precision_of_known_curves() -> None:
    truths = [boxes(PLATE), boxes(PLATE)]
    perfect = [found((*PLATE, 0.9)), found((*PLATE, 0.8))]
    assert average_precision(perfect, truths, 0.5) == pytest.approx(1.0)
    assert mean_average_precision(perfect, truths) == pytest.approx(1.0)
    one_wrong_first = [found((60, 60, 70, 70, 0.95), (*PLATE, 0.9)), found((*PLATE, 0.8))]
    assert average_precision(one_wrong_first, truths, 0.5) == pytest.approx(2 / 3)
    assert average_precision([found(), found()], truths, 0.5) == 0.0


def test_recall_counts_only_what_is_above_the_threshold() -> None:
    seen, truths = [found((*PLATE, 0.9)), found((*PLATE, 0.3))], [boxes(PLATE), boxes(PLATE, (60, 60, 80, 70))]
    assert recall(seen, truths, 0.5) == pytest.approx(1 / 3)
    assert recall(seen, truths, 0.2) == pytest.approx(2 / 3)


def test_the_threshold_lets_two_in_a_hundred_through() -> None:
    negatives = [found((0, 0, 9, 9, (index + 1) / 200)) for index in range(100)]
    threshold = choose_threshold(negatives)
    assert boxed_share(negatives, threshold) == pytest.approx(0.02)
    assert boxed_share(negatives, threshold - 0.002) > 0.02


def test_pictures_without_plates_that_are_too_easy_choose_no_threshold() -> None:
    assert choose_threshold([found()] * 50) == 0.1
    assert choose_threshold([found((0, 0, 9, 9, 0.04))] * 50) == 0.1
    assert choose_threshold([found((0, 0, 9, 9, 0.2))] * 50) == pytest.approx(0.201)


def test_negatives_are_split_the_same_way_everywhere_and_rooms_stay_together(tmp_path: Path) -> None:
    folder = tmp_path / "detector" / "negatives" / "train" / "images"
    folder.mkdir(parents=True)
    for index in range(300):
        (folder / f"agpl_{index:05}.jpg").touch()
    for index in range(40):
        (folder / f"ni_{index:03}.jpg").touch()
    held_back = [path.name for path in negative_paths(tmp_path, held_back=True)]
    trained = [path.name for path in negative_paths(tmp_path, held_back=False)]
    assert len(held_back) == HELD_BACK_NEGATIVES
    assert not set(held_back) & set(trained)
    assert len(held_back) + len(trained) == 340
    assert held_back == [path.name for path in negative_paths(tmp_path, held_back=True)]
    rooms = [{name[:5] for name in names if name.startswith("ni_")} for names in (held_back, trained)]
    assert len(rooms[0] & rooms[1]) <= 1  # where the 150 end


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """The labels of a picture of 200×100 pixels, yet to be written."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((100, 200, 3), np.uint8))
    return tmp_path / "labels" / "a.txt"


@pytest.mark.parametrize(
    "text",
    [
        "0 0.5 0.5 0.2 0.1\n",
        "\ufeff0 0.5 0.5 0.2 0.1\r\n",
        "0 0.5 0.5 0.2 0.1 0.98\n",  # with a confidence
        "0 0.45 0.45 0.6 0.47 0.55 0.55 0.4 0.5\n",  # an outline
        "  \n\n0 0.5 0.5 0.2 0.1\n \t\n",
    ],
)
def test_labels_become_pixels(labels: Path, text: str) -> None:
    labels.write_text(text, encoding="utf-8", newline="")
    (picture,) = load_folder(labels.parents[1])
    np.testing.assert_allclose(picture.boxes, boxes((80, 45, 120, 55)), rtol=1e-5)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2 0.5 0.5 0.6 0.6", "class 2; one class, 0, is a plate: take the others out"),
        ("0 0.5 0.5 0.2", "4 fields; wanted 0 cx cy w h"),
        ("0", "1 fields; wanted 0 cx cy w h"),
        ("0 0.4 0.4 0.6 0.4 0.6 0.45 0.4", "8 fields; wanted 0 cx cy w h"),
        ("0 0,5 0,5 0,2 0,1", "'0 0,5 0,5 0,2 0,1' is not made of numbers; wanted 0 cx cy w h"),
        ("0 0.5 0.5 0 0.1", "a box 0 wide and 0.1 high"),
        ("0 0.5 nan 0.2 0.1", "'0 0.5 nan 0.2 0.1' is not made of numbers"),
        ("0 100 50 40 10", "a box that reaches beyond its picture; wanted 0 cx cy w h, shares of the picture"),
    ],
)
def test_what_is_no_label_of_a_plate_is_told_with_its_line(labels: Path, line: str, words: str) -> None:
    labels.write_text(f"0 0.5 0.5 0.2 0.1\n{line}\n")
    with pytest.raises(SourceError) as told:
        load_folder(labels.parents[1])
    assert str(told.value).startswith(f"{labels}: line 2: {words}")


def test_labels_that_are_no_text_or_not_there_are_told(labels: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.txt: no such file; wanted one for each picture, empty if"):
        load_folder(labels.parents[1])
    labels.write_text("0 0.5 0.5 0.2 0.1\n", encoding="utf-16")
    with pytest.raises(SourceError, match="not readable as YOLO labels"):
        load_folder(labels.parents[1])


def test_demo_frames_are_labelled_as_training_reads_them(tmp_path: Path) -> None:
    shown = write_frames(tmp_path / "demo", 3)
    assert sum(len(picture.boxes) for picture in load_folder(tmp_path / "demo")) == shown > 0


def test_demo_frames_that_cannot_be_written_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cv2, "imwrite", lambda *_: False)  # as on a full disk
    with pytest.raises(GateReaderError, match=r"demo_1000_00\.jpg: cannot be written"):
        write_frames(tmp_path, 1)


def test_labels_that_miss_plates_are_corrected_for_training_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "corrections.csv"
    table.write_text(
        "source,image,x1,y1,x2,y2,what\nweb,a.png,20.0,4.0,40.5,10.0,plate\nweb,a.png,2.0,20.0,22.0,30.0,unclear\n"
    )
    monkeypatch.setattr(detector_data, "CORRECTIONS", table)
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / "detector" / "web" / split / kind).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "detector" / "web" / split / "images" / "a.png"), noise)
        (tmp_path / "detector" / "web" / split / "labels" / "a.txt").write_text("0 0.5 0.75 0.5 0.25\n")
    (learned,) = load_pictures(tmp_path, "train", ["web"])
    (judged,) = load_pictures(tmp_path, "val", ["web"])
    labelled = (15.0, 25.0, 45.0, 35.0)
    np.testing.assert_allclose(learned.boxes, boxes(labelled, (20, 4, 40.5, 10)))
    np.testing.assert_allclose(judged.boxes, boxes(labelled))
    np.testing.assert_array_equal(judged.image, noise)
    assert np.ptp(learned.image[20:30, 2:22], axis=(0, 1)).tolist() == [0, 0, 0]
    learned.image[20:30, 2:22] = noise[20:30, 2:22]
    np.testing.assert_array_equal(learned.image, noise)


def test_a_missing_data_folder_names_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GATEREADER_DATA", str(tmp_path / "none"))
    with pytest.raises(SourceError, match="GATEREADER_DATA"):
        require_data_folder()


def maker() -> SceneMaker:
    rng = np.random.default_rng(1)
    real = [
        Picture(rng.integers(0, 256, (240, 320, 3), np.uint8), boxes((100, 100, 160, 120)), source, "")
        for source in ("openimages", "romania", "web")
    ]
    negatives = [Picture(rng.integers(0, 256, (200, 300, 3), np.uint8), boxes(), "negatives", "")]
    return SceneMaker(real, negatives, [rng.integers(0, 256, (20, 90, 3), np.uint8)], real)


def test_a_seed_draws_the_same_scene_again() -> None:
    scenes = maker()
    first, again, other = (
        scenes.scene(np.random.default_rng(seed), 128, SceneSettings(pasted=1.0, lettering=1.0)) for seed in (5, 5, 6)
    )
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.image, other.image)


def test_boxes_lie_within_their_scene() -> None:
    scenes = maker()
    for seed in range(60):
        scene = scenes.scene(np.random.default_rng(seed), 128, SceneSettings(pasted=1.0, extra=0.2))
        assert scene.image.shape == (128, 128, 3)
        assert scene.image.dtype == np.uint8
        assert ((scene.boxes >= -1) & (scene.boxes <= 129)).all()
        assert (scene.boxes[:, 2:] > scene.boxes[:, :2]).all()


def test_a_pasted_plate_is_where_its_box_says_and_off_the_others() -> None:
    plate = np.full((20, 90, 3), 255, np.uint8)
    taken = boxes((0, 0, 64, 64))
    pasted = 0
    for seed in range(40):
        image = np.zeros((128, 128, 3), np.uint8)
        box = paste_plate(np.random.default_rng(seed), image, list(taken), plate)
        if box is None:
            continue
        pasted += 1
        assert box_iou(box[None], taken)[0, 0] == 0.0
        x, y = ((box[:2] + box[2:]) / 2).astype(int)
        assert image[y, x].max() > 0
    assert pasted > 10


def test_a_swapped_plate_covers_the_one_before_and_nothing_else() -> None:
    image = np.full((64, 128, 3), 30, np.uint8)
    before = image.copy()
    swap_plate(np.random.default_rng(3), image, np.array([40, 20, 90, 34], np.float32), PALE)
    inside = image[23:31, 44:86]
    assert inside.min() > 30
    changed = (image != before).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert rows.min() >= 17
    assert rows.max() <= 37
    assert columns.min() >= 37
    assert columns.max() <= 93


def test_swapping_leaves_the_boxes_and_takes_plates_of_their_shape() -> None:
    street = Picture(np.full((120, 160, 3), 40, np.uint8), boxes((60, 50, 100, 60)), "openimages", "a")
    square = np.full((40, 44, 3), (0, 0, 250), np.uint8)
    calm = SceneSettings(mosaic=0, negatives=0, pasted=0, lettering=0, grey=0)
    for plates, changes in (([PALE], True), ([square], False)):
        maker = SceneMaker([street], [], plates)
        swapped, plain = (
            [maker.scene(np.random.default_rng(seed), 128, replace(calm, swapped=share)) for seed in range(6)]
            for share in (1.0, 1e-9)
        )
        assert [scene.boxes.tolist() for scene in swapped] == [scene.boxes.tolist() for scene in plain]
        assert any((one.image != other.image).any() for one, other in zip(swapped, plain, strict=True)) == changes


def test_drawn_plates_are_the_same_for_a_seed() -> None:
    first, again, other = (detector_data.draw_plates(3, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert any(one.shape != two.shape or not np.array_equal(one, two) for one, two in zip(first, other, strict=True))


def test_buttons_are_drawn_beside_the_plates_and_never_over_them() -> None:
    drawn = 0
    for seed in range(20):
        image = np.full((160, 240, 3), 120, np.uint8)
        draw_buttons(np.random.default_rng(seed), image, [np.array([100, 60, 160, 80], np.float32)])
        assert (image[60:80, 100:160] == 120).all()
        drawn += bool((image != 120).any())
    assert drawn > 10
