"""Label files, pools and scores of the reader's training; needs no TensorFlow."""

import csv
import errno
import random
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from edge.alphabet import ALPHABET
from edge.errors import ConfigError, OutputError, SourceError
from edge.preprocess import TWO_LINE_ASPECT, PlateView, plate_view
from edge.records import Image

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from training.__main__ import main as training_command
from training.dataset import (
    BOXED,
    LONGEST,
    Pool,
    Sample,
    astray_chunk,
    boxed_samples,
    data_folder,
    load_crop,
    plain_pool,
    read_samples,
    read_split,
    real_chunk,
    real_jobs,
    side_by_side,
)
from training.detector_data import HELD_BACK_NEGATIVES, negative_paths
from training.output import replace_together
from training.pools import negatives_to_learn
from training.reader_settings import ReaderTrainSettings, resumed_reader
from training.run_folder import keep_prints, write_settings
from training.scores import character_accuracy, edit_distance, exact_share
from training.synthesize import Plate, draw_plate


def write_set(folder: Path, texts: list[str], two_lines: str = "") -> None:
    (folder / "images").mkdir(parents=True)
    labels, meta = ["image,text,country,source"], ["image,width,height,lines,group,note"]
    for text in texts:
        image = np.full((40, 120, 3), 200, dtype=np.uint8)
        cv2.putText(image, text, (4, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 2)
        cv2.imwrite(str(folder / "images" / f"{text}.png"), image)
        labels.append(f"images/{text}.png,{text},XX,test")
        meta.append(f"images/{text}.png,120,40,{2 if text == two_lines else 1},,")
    (folder / "labels.csv").write_text("\n".join(labels) + "\n")
    (folder / "meta.csv").write_text("\n".join(meta) + "\n")


def test_samples_know_their_set_and_their_lines(tmp_path: Path) -> None:
    write_set(tmp_path / "home" / "train", ["AB12", "CD34"], two_lines="CD34")
    samples = read_split(tmp_path, "train")
    assert [(sample.text, sample.lines, sample.set) for sample in samples] == [("AB12", 1, "home"), ("CD34", 2, "home")]


def test_plates_in_the_detectors_pictures_are_cut_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.zeros((100, 200, 3), dtype=np.uint8)
    picture[40:60, 50:150] = 255
    (tmp_path / "web" / "train" / "images").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "web" / "train" / "images" / "a.png"), picture)
    table = tmp_path / "boxed.csv"
    header = "source,split,image,x1,y1,x2,y2,text,lines\n"
    rows = "web,train,a.png,50,40,150,60,AB12,1\nweb,val,a.png,0,0,9,9,X,1\nweb,train,gone.png,0,0,9,9,Y,1\n"
    table.write_text(header + rows)
    monkeypatch.setattr("training.dataset.BOXED", table)
    (sample,) = boxed_samples(tmp_path, "train")
    assert (sample.text, sample.lines, sample.set, sample.group) == ("AB12", 1, "web", "a")
    crop = load_crop(sample)
    assert crop.shape == (22, 108, 3)  # and the margin that the device leaves around a box
    assert crop[2:-2, 5:-5].min() > 200
    assert plain_pool([sample]).texts == ("AB12",)


def test_texts_read_by_eye_can_be_learned_and_none_is_in_both_splits() -> None:
    with BOXED.open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = {split: {row["text"] for row in rows if row["split"] == split} for split in ("train", "val")}
    assert not texts["train"] & texts["val"]
    assert all(set(row["text"]) <= set(ALPHABET) and 1 <= len(row["text"]) <= LONGEST for row in rows)
    assert all(float(row["x1"]) < float(row["x2"]) and float(row["y1"]) < float(row["y2"]) for row in rows)
    assert {row["lines"] for row in rows} == {"1", "2"}


def test_no_text_to_judge_by_is_learned_from_a_crop() -> None:
    reader = data_folder() / "reader"
    if not reader.is_dir():
        pytest.skip(f"no real plates at {reader}; set GATEREADER_DATA")
    learned = {sample.text for sample in read_split(reader, "train")}
    assert not learned & {sample.text for sample in boxed_samples(data_folder() / "detector", "val")}


def test_plates_looked_at_the_wrong_way_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, looked = [], []

    def draw(random_: random.Random, two_lines: bool) -> Plate:
        plate = draw_plate(random_, two_lines=two_lines)
        drawn.append(plate.lines)
        return plate

    def look(crop: Image, lines: int) -> PlateView:
        assert crop.shape[1] < TWO_LINE_ASPECT * crop.shape[0], "the device would not look at it as two lines"
        looked.append(lines)
        return plate_view(crop, lines)

    monkeypatch.setattr("training.dataset.draw_plate", draw)
    monkeypatch.setattr("training.dataset.photograph", lambda image, *_: image)
    monkeypatch.setattr("training.dataset.plate_view", look)
    pool = astray_chunk(5, 12)
    assert pool.texts == ("",) * 12
    assert set(looked) == {1, 2}
    assert drawn.count(2) == looked.count(1)  # all in two lines, and those in one that are not too wide
    assert drawn.count(1) >= looked.count(2)


def test_missing_labels_and_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such label file"):
        read_samples(tmp_path)
    with pytest.raises(SourceError, match="no data set with a train folder"):
        read_split(tmp_path, "train")
    with pytest.raises(SourceError, match=r"gone\.png: missing"):
        plain_pool([Sample(tmp_path / "gone.png", "A", "", 1, "x")])


def test_a_pool_survives_the_file(tmp_path: Path) -> None:
    write_set(tmp_path / "home" / "train", ["AB12", "CD345"])
    pool = plain_pool(read_split(tmp_path, "train"))
    pool.save(tmp_path / "pools" / "p.npz")
    again = Pool.load(tmp_path / "pools" / "p.npz")
    assert again.texts == pool.texts
    assert (again.views == pool.views).all()
    classes, lengths = again.labels()
    assert lengths.tolist() == [4, 5]
    assert classes[0, :5].tolist() == [11, 12, 2, 3, 0]


@pytest.mark.parametrize("cut", [0, 300, -40])
def test_a_damaged_pool_is_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "real-1.npz"
    Pool(np.zeros((2, 48, 160), np.uint8), ("A", "B")).save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SourceError, match=r"real-1\.npz: a damaged pool .*; delete it, training makes it anew"):
        Pool.load(path)


def test_a_run_is_not_resumed_with_other_crops(tmp_path: Path) -> None:
    began = {"learned from": "1", "judged by": "2"}
    keep_prints(tmp_path, began, resume=False, anew="")
    keep_prints(tmp_path, began, resume=True, anew="")
    with pytest.raises(ConfigError, match=r"that are judged by are not those .*; begin anew, or put them back"):
        keep_prints(tmp_path, began | {"judged by": "3"}, resume=True, anew="begin anew")
    keep_prints(tmp_path, began, resume=True, anew="")  # which the refusal has not changed


def test_real_crops_are_photographed_again_reproducibly(tmp_path: Path) -> None:
    write_set(tmp_path / "home" / "train", ["AB12", "CD345"])
    samples = read_split(tmp_path, "train")
    assert (real_chunk(3, samples).views == real_chunk(3, samples).views).all()
    photographed = [cast(list[Sample], arguments[1]) for _, arguments in real_jobs(1, samples, 4)]
    assert sum(len(part) for part in photographed) >= 8


def test_pictures_that_judge_are_not_learned_as_crops_without_a_plate(tmp_path: Path) -> None:
    folder = tmp_path / "detector" / "negatives" / "train" / "images"
    assert negatives_to_learn(tmp_path) == []
    folder.mkdir(parents=True)
    for number in range(HELD_BACK_NEGATIVES):
        (folder / f"{number}.jpg").touch()
    assert negatives_to_learn(tmp_path) == []
    for number in range(HELD_BACK_NEGATIVES, HELD_BACK_NEGATIVES + 30):
        (folder / f"{number}.jpg").touch()
    learned = set(negatives_to_learn(tmp_path))
    assert len(learned) == 30
    assert not learned & set(negative_paths(tmp_path, held_back=True))


def nap(seconds: float) -> int:
    time.sleep(seconds)
    return 1


@pytest.mark.slow
def test_ctrl_c_ends_the_processes_that_draw() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests side by side do without
    try:
        _interrupt_those_that_draw()
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt_those_that_draw() -> None:
    with side_by_side([(nap, (0.0,)), (nap, (0.0,))], 2) as running:
        assert [each.result() for each in running] == [1, 1]
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), side_by_side([(nap, (600.0,))] * 20, 2):
        signal.raise_signal(signal.SIGINT)
    assert time.monotonic() - begun < 60  # it waits for the processes to end


def test_ctrl_c_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.synth.draw_plate", Mock(side_effect=KeyboardInterrupt))
    monkeypatch.setattr("sys.argv", ["training", "synth", "--output", str(tmp_path / "set"), "--count", "1"])
    assert training_command() == 130
    assert capsys.readouterr().err.splitlines()[-1] == "python -m training synth: interrupted"


SETTINGS_THAT_CANNOT_BE = [
    ({"validate_every": 0}, "--validate-every 0: wanted 1 or more"),
    ({"batch": 0}, "--batch 0: wanted 1 or more"),
    ({"own_share": 1.5}, "--own-share 1.5: wanted 0 to 1"),
    ({"seed": -1}, "--seed -1: wanted 0 or more"),
    ({"learning_rate": float("nan")}, "--learning-rate nan: wanted more than 0"),
    ({"average": 1.0}, "--average 1.0: wanted 0 or more, and less than 1"),
    ({"mix": (0.0, 0.0)}, "--mix 0.0 0.0: wanted shares"),
]


@pytest.mark.parametrize(("given", "told"), SETTINGS_THAT_CANNOT_BE, ids=lambda value: str(value)[:20])
def test_settings_that_cannot_be_are_told_at_once(given: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        ReaderTrainSettings(**given)
    write_settings(tmp_path, ReaderTrainSettings())
    with pytest.raises(ConfigError, match=re.escape(told)):
        resumed_reader(tmp_path, given)


def test_scores() -> None:
    assert edit_distance("AB123", "A8123") == 1
    assert edit_distance("", "ABC") == 3
    assert exact_share(["A", "B"], ["A", "C"]) == 0.5
    assert character_accuracy(["AB", "CD"], ["AB", "CE"]) == 0.75


def test_train_and_validation_share_no_plate() -> None:
    root = data_folder() / "reader"
    if not root.is_dir():
        pytest.skip(f"no real plates in {root}; set GATEREADER_DATA")
    train = {sample.text for sample in read_split(root, "train")}
    shared = train & {sample.text for sample in read_split(root, "val")}
    assert not shared


def test_an_export_onto_a_full_disk_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, models = tmp_path / "new", tmp_path / "models"
    (models / "checkpoints").mkdir(parents=True)
    new.write_text("new")
    targets = [models / "reader.tflite", models / "reader.json", models / "checkpoints" / "reader.weights.h5"]
    for target in targets:
        target.write_text("old")
    copy = shutil.copyfile
    stops: list[BaseException] = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]

    def copyfile(source: Path, target: Path) -> None:
        copy(source, target)
        if "weights" in target.name:
            raise stops.pop(0)

    monkeypatch.setattr("training.output.shutil.copyfile", copyfile)
    for told, words in (
        (OutputError, r"models/checkpoints/reader\.weights\.h5: cannot be .*No space left"),
        (KeyboardInterrupt, "^$"),
    ):
        with pytest.raises(told, match=words):
            replace_together(dict.fromkeys(targets, new))
        assert [target.read_text() for target in targets] == ["old"] * 3
        assert sorted(path for path in models.rglob("*") if path.is_file()) == sorted(targets)
    monkeypatch.setattr("training.output.shutil.copyfile", copy)
    replace_together(dict.fromkeys(targets, new))
    assert [target.read_text() for target in targets] == ["new"] * 3
