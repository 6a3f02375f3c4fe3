"""Trains a detector for a few steps, goes on with it, and asks for its export: needs torch and ultralytics."""

import errno
import json
import math
import shutil
import signal
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed; it comes with the extra [training]")

import torch
from test_csv_log import files_of_at_most

from edge.card import load_card, shipped_model
from edge.errors import ConfigError, GateReaderError, ModelError, OutputError, SourceError
from training import detector_data, detector_network
from training.curves import read_history
from training.detector_average import main as average
from training.detector_evaluate import _table
from training.detector_evaluate import main as evaluate
from training.detector_export import main as export
from training.detector_metrics import Found
from training.detector_network import CutNetwork, build_network, load_weights, save_weights
from training.detector_prepare import main as prepare
from training.detector_scenes import SceneSettings
from training.detector_score import report
from training.detector_settings import DetectorTrainSettings
from training.detector_train import _Run
from training.detector_train import main as train
from training.detector_validation import Validation

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

SHIPPED = Path(__file__).parent.parent / "models" / "checkpoints" / "detector.pt"
OPTIONS = ["--batch", "2", "--sizes", "0:64", "--threads", "1", "--no-mine", "--validate-every", "1000", "--drawn", "5"]


def write_pictures(folder: Path, count: int, plate: bool, rng: np.random.Generator) -> None:
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        picture = rng.integers(0, 90, (96, 128, 3), dtype=np.uint8)
        if plate:
            cv2.rectangle(picture, (40, 40), (87, 55), (240, 240, 240), -1)
            cv2.putText(picture, "AB12", (42, 53), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1)
        cv2.imwrite(str(folder / "images" / f"p{index}.png"), picture)
        label = f"0 {64 / 128} {48 / 96} {48 / 128} {16 / 96}\n" if plate else ""
        (folder / "labels" / f"p{index}.txt").write_text(label)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(1)
    folder = tmp_path / "data"
    for source in ("mine", "web"):
        for split in ("train", "val"):
            write_pictures(folder / "detector" / source / split, 2, True, rng)
    write_pictures(folder / "detector" / "negatives" / "train", 5, False, rng)
    crops = folder / "reader" / "any" / "train"
    (crops / "images").mkdir(parents=True)
    (crops / "labels.csv").write_text("image,text,country,source\nc.png,AB12,XX,any\n", encoding="utf-8-sig")
    cv2.imwrite(str(crops / "images" / "c.png"), rng.integers(0, 255, (20, 60, 3), dtype=np.uint8))
    monkeypatch.setattr(detector_data, "HELD_BACK_NEGATIVES", 3)
    monkeypatch.setenv("GATEREADER_DATA", str(folder))
    return folder


def test_a_run_is_kept_and_goes_on_where_it_was(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train(["--out", str(out), "--steps", "2", *OPTIONS]) == 0
    assert {path.name for path in out.iterdir()} >= {"last.pt", "best.pt", "log.jsonl", "history.csv", "curves.png"}
    with pytest.raises(ConfigError, match="holds a run already"):
        train(["--out", str(out), "--steps", "3", *OPTIONS])
    assert train(["--out", str(out), "--steps", "3", "--resume"]) == 0  # all else as it was begun
    assert [row["step"] for row in read_history(out / "history.csv")] == [2, 3]
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["all"]["plates"] for line in lines] == [4, 4]
    assert lines[-1]["mine"]["plates"] == 2  # a set of one's own is learned from and judged by
    about = load_weights(out / "best.pt")[1]
    assert (about["run"], about["settings"]["batch"]) == (str(out), 2)


class Goals:
    """In place of scores: those that a run is to get, in turn."""

    def __init__(self, *goals: float) -> None:
        self._goals: Iterator[float] = iter(goals)

    def __call__(self, *_: object) -> dict[str, Any]:
        return {"all": dict.fromkeys(("ap50", "ap50_95", "recall"), next(self._goals))}


def steps_of(run: Path) -> list[float]:
    return [row["step"] for row in read_history(run / "history.csv")]


def test_what_a_run_starts_from_is_the_best_until_something_is_better(
    data: Path, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    monkeypatch.setattr("training.detector_train.report", Goals(0.444, 0.027, 0.444, 0.445))
    assert train(["--out", str(out), "--start", str(checkpoint), "--steps", "1", *OPTIONS]) == 0
    assert "nothing was better than" in capsys.readouterr().err
    weights, about = load_weights(out / "best.pt")
    assert about["step"] == 0
    before = load_weights(checkpoint)[0].state_dict()
    assert all(torch.equal(before[name], value) for name, value in weights.state_dict().items())
    assert [row["AP50"] for row in read_history(out / "history.csv")] == [0.444, 0.027]
    assert math.isnan(read_history(out / "history.csv")[0]["loss"])
    assert json.loads((out / "log.jsonl").read_text().splitlines()[0])["loss"] is None
    assert train(["--out", str(out), "--steps", "2", "--resume"]) == 0
    assert load_weights(out / "best.pt")[1]["step"] == 0  # no worse is no better
    capsys.readouterr()
    assert train(["--out", str(out), "--steps", "3", "--resume"]) == 0
    assert load_weights(out / "best.pt")[1]["step"] == 3
    assert "nothing was better than" not in capsys.readouterr().err
    assert steps_of(out) == [0, 1, 2, 3]


def test_a_run_is_not_resumed_with_other_pictures_to_judge_by(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train(["--out", str(out), "--steps", "1", *OPTIONS]) == 0
    label = next((data / "detector" / "mine" / "val" / "labels").iterdir())
    before = label.read_text()
    label.write_text("")
    with pytest.raises(ConfigError, match=r"judged by are not those .*; begin another --out, --start .*best\.pt"):
        train(["--out", str(out), "--steps", "2", "--resume"])
    label.write_text(before)
    assert train(["--out", str(out), "--steps", "2", "--resume"]) == 0


def test_a_run_that_diverges_is_ended_with_its_state_as_it_was(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train(["--out", str(out), "--steps", "1", *OPTIONS]) == 0
    before = (out / "last.pt").read_bytes()
    with pytest.raises(ConfigError, match=r"loss of step \d+ is (nan|inf): .*less than --rate 1e\+30"):
        train(["--out", str(out), "--steps", "9", "--resume", "--rate", "1e30"])
    assert (out / "last.pt").read_bytes() == before


def test_judging_what_a_run_starts_from_takes_none_of_its_minutes(
    data: Path, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("training.detector_train._Run.train_step", broken_off)
        with pytest.raises(KeyboardInterrupt):
            train(["--out", str(out), "--start", str(checkpoint), *OPTIONS])
    state = torch.load(out / "last.pt", weights_only=True)
    assert (state["step"], state["spent"]) == (0, 0.0)
    assert train(["--out", str(out), "--steps", "1", "--resume"]) == 0
    assert steps_of(out) == [0, 1]


def test_ctrl_c_before_the_first_validation_loses_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "my run"
    step = _Run.train_step
    before = signal.getsignal(signal.SIGINT)

    def interrupted(run: _Run, *about: Any) -> tuple[int, float]:
        signal.raise_signal(signal.SIGINT)  # the step becomes whole nevertheless
        return step(run, *about)

    with monkeypatch.context() as patch:
        patch.setattr(_Run, "train_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(["--out", str(out), "--steps", "2", *OPTIONS])
    assert signal.getsignal(signal.SIGINT) is before
    assert torch.load(out / "last.pt", weights_only=True)["step"] == 1
    told = " ".join(capsys.readouterr().err.split())
    assert f"stopped after step 1; go on with: python -m training detector train --out '{out}' --resume" in told
    monkeypatch.setattr("training.detector_train.report", Goals(0.5))
    assert train(["--out", str(out), "--resume"]) == 0
    assert steps_of(out) == [2]


def test_a_run_whose_first_scores_are_nothing_has_a_best(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.detector_train.report", Goals(0.0))
    assert train(["--out", str(tmp_path), "--steps", "1", *OPTIONS]) == 0
    assert load_weights(tmp_path / "best.pt")[1]["step"] == 1


def test_a_resumed_run_keeps_its_settings_but_for_what_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = DetectorTrainSettings(
        minutes=120, seed=3, batch=8, sizes=((0.0, 320), (0.5, 416)), mine=False, start="gone.pt", extra="more",
        extra_share=0.3, wild=SceneSettings(mosaic=0.1),
    )  # fmt: skip
    (tmp_path / "settings.json").write_text(json.dumps(asdict(begun)))
    told: list[DetectorTrainSettings] = []
    monkeypatch.setattr("training.detector_train.train", lambda settings, *_, **__: told.append(settings))

    def resumed(*given: str) -> DetectorTrainSettings:
        assert train(["--out", str(tmp_path), "--resume", *given]) == 0
        return told.pop()

    assert resumed() == begun
    assert resumed("--minutes", "150", "--sizes", "0:64") == replace(begun, minutes=150, sizes=((0.0, 64),))
    with pytest.raises(ConfigError, match="go together"):
        resumed("--extra", "")
    (tmp_path / "settings.json").write_text(json.dumps(asdict(replace(begun, steps=20))))
    assert resumed().steps == 20
    assert resumed("--minutes", "9") == replace(begun, minutes=9)  # which 20 steps would have overruled
    (tmp_path / "settings.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"settings\.json: not the settings of a detector's run"):
        resumed()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--resume"], "nothing to resume"),
        (["--start", "none.pt"], r"none\.pt: no such checkpoint"),
        (["--sizes", "320"], "wanted SHARE:PIXELS"),
        (["--extra", "more"], "go together"),
        (["--extra", "none", "--extra-share", "0.3"], "no folder images in it"),
        (["--batch", "0"], "--batch 0: wanted 1 or more"),
        (["--minutes", "0"], "--minutes 0.0: wanted more than 0"),
        (["--threads", "0"], "--threads 0: wanted 1 or more"),
        (["--rate", "nan"], "--rate nan: wanted more than 0"),
        (["--sizes", "0.5:64"], "--sizes 0.5:64: wanted shares that rise from 0 on"),
        (["--sizes", "0:64,0.9:96,0.5:64"], "wanted shares that rise from 0 on"),
        (["--sizes", "0:70"], "--sizes 0:70: wanted pixels in multiples of 32"),
        (["--sizes", "0:0"], "wanted pixels in multiples of 32"),
    ],
)
def test_what_cannot_be_begun_is_told_in_one_line(data: Path, tmp_path: Path, wrong: list[str], words: str) -> None:
    with pytest.raises(GateReaderError, match=words):
        train(["--out", str(tmp_path / "run"), *OPTIONS, *wrong])


def test_settings_that_prove_wrong_do_not_spoil_the_run(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train(["--out", str(out), "--steps", "1", *OPTIONS]) == 0
    before = (out / "settings.json").read_bytes()
    with pytest.raises(SourceError, match="no folder images in it"):
        train(["--out", str(out), "--resume", "--extra", "/typo", "--extra-share", "0.3"])
    assert (out / "settings.json").read_bytes() == before


@pytest.mark.parametrize("content", ["empty", "text", "pickle", "half", "zip", "list", "other", "state"])
def test_weights_to_start_from_that_are_none_are_told(
    data: Path, tmp_path: Path, checkpoint: Path, content: str
) -> None:
    weights = tmp_path / "some.pt"
    if content in ("list", "other", "state"):
        things: dict[str, object] = {
            "list": [1, 2],
            "other": {"weights": {"conv.weight": torch.zeros(3)}, "about": {}},
            "state": {"network": {}, "optimizer": {}},
        }
        torch.save(things[content], weights)
    elif content == "zip":
        np.savez(weights.with_suffix(".npz"), np.zeros(3))
        weights.with_suffix(".npz").rename(weights)
    else:
        half = checkpoint.read_bytes()[:5000]
        weights.write_bytes({"empty": b"", "text": b"weights\n", "pickle": b"\x80\x02]q\x00.", "half": half}[content])
    words = {"other": "none of its tensors fits", "state": "the state of a run"}.get(content, "no checkpoint of")
    with pytest.raises(ModelError, match=rf"some\.pt: .*{words}") as told:
        train(["--out", str(tmp_path / "run"), "--start", str(weights), *OPTIONS])
    assert "\n" not in str(told.value)


def test_a_folder_that_cannot_be_written_is_told(data: Path, tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "file").touch()
    inside = tmp_path / "file" / "run"
    with pytest.raises(OutputError, match=f"--out {inside}: cannot be written"):
        train(["--out", str(inside), "--steps", "1", *OPTIONS])
    for option in ("--sheet", "--demo-folder"):
        with pytest.raises(OutputError, match=f"{option} {inside}"):
            prepare(["--sheet", str(tmp_path / "scenes.png"), "--demo", "1", option, f"{inside}/a.png"])
    for out in (inside / "mean.pt", Path("/proc/mean.pt")):
        with pytest.raises(OutputError, match=f"{out}: cannot be written"):
            average([str(checkpoint), str(checkpoint), "--out", str(out)])


def test_a_full_disk_is_told_and_leaves_the_last_state(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train(["--out", str(out), "--steps", "1", *OPTIONS]) == 0
    before = {name: (out / name).read_bytes() for name in ("best.pt", "last.pt")}
    with files_of_at_most(100_000), pytest.raises(OutputError, match=r"\.pt: cannot be written .*; make room there"):
        train(["--out", str(out), "--steps", "2", "--resume"])
    assert {name: (out / name).read_bytes() for name in before} == before
    assert not list(out.glob(".*"))


def test_a_threshold_that_easy_pictures_chose_is_warned_of(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    validation = Validation(data)
    found = [Found(one.boxes, np.full(len(one.boxes), 0.9, np.float32)) for one in validation.pictures]
    nothing = Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    assert report(validation, found, [nothing] * 3, 512)["threshold"] == 0.1
    assert "the 3 pictures without plates are too easy, or too few" in caplog.text
    caplog.clear()
    report(validation, found, [nothing] * 3, 512, 0.1)  # was not chosen by them
    report(validation, [nothing] * 4, [nothing] * 3, 512)  # knows nothing yet
    assert not caplog.text


def test_data_that_is_not_there_is_told(data: Path) -> None:
    with pytest.raises(SourceError, match=r"no set of pictures; wanted NAME/test/images"):
        detector_data.load_pictures(data, "test")
    shutil.rmtree(data / "detector" / "negatives")
    with pytest.raises(SourceError, match="pictures without plates"):
        detector_data.load_negatives(data, held_back=False)


def test_data_that_nothing_can_be_learned_from_or_judged_by_is_refused_at_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.detector_data._read", lambda path: pytest.fail(f"{path} was read"))
    commands = ((prepare, ["--sheet", str(tmp_path / "scenes.png")]), (train, ["--out", str(tmp_path / "run")]))

    def refused(words: str, *, judged: bool = True) -> None:
        for command, options in commands:
            with pytest.raises(SourceError, match=words):
                command(options)
        if judged:
            with pytest.raises(SourceError, match=words):
                Validation(data)

    with monkeypatch.context() as patch:
        patch.setattr(detector_data, "HELD_BACK_NEGATIVES", 5)  # all that there are
        refused("negatives/train/images: too few pictures without plates; wanted more than 5", judged=False)
    for labels in data.glob("detector/*/val/labels/*.txt"):
        labels.write_text("\n")
    refused("val/labels: not one plate in 4 pictures")
    for picture in data.glob("detector/*/val/images/*.png"):
        picture.unlink()
    refused("val/images: no pictures; wanted some with plates to judge by")
    for picture in data.glob("detector/*/train/images/*.png"):
        picture.unlink()
    refused("train/images: no pictures; wanted some with plates to learn from", judged=False)


def test_what_file_managers_put_beside_pictures_is_skipped(data: Path) -> None:
    for folder in data.glob("detector/*/*/images"):
        (folder / ".DS_Store").write_bytes(b"\0")
        (folder / "more").mkdir()
    assert len(detector_data.load_pictures(data, "train")) == 4
    assert len(detector_data.load_folder(data / "detector" / "mine" / "val")) == 2
    counts = [len(detector_data.negative_paths(data, held_back=side)) for side in (True, False)]
    assert counts == [3, 2]


def test_pictures_that_are_learned_from_and_judged_by_are_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not detector_data.shared_pictures(data)
    for place in ("web/train", "negatives/train"):  # another set's, and one that was thought to be without plates
        for kind, ending in (("images", "png"), ("labels", "txt")):
            copy = data / "detector" / place / kind / f"copy.{ending}"
            shutil.copyfile(data / "detector" / "mine" / "val" / kind / f"p1.{ending}", copy)
    assert prepare(["--sheet", str(tmp_path / "scenes.png")]) == 0
    images = data / "detector" / "web" / "train" / "images" / "copy.png"
    told = f"pictures are learned from and judged by, byte for byte, such as {images} and {data}"
    assert told in capsys.readouterr().err
    assert images in [path for path, _ in detector_data.shared_pictures(data)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--threshold", "2"], "--threshold 2: wanted more than 0 and less than 1, or 0 for the card's"),
        (["--threshold", "nan"], "--threshold nan: wanted"),
        (["--sheets", "file/sheets"], "--sheets file/sheets: cannot be written"),
        (["--report", "/proc/report"], "--report /proc/report: cannot be written"),
    ],
)
def test_what_evaluate_cannot_do_is_told_before_anything_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("training.detector_evaluate.Validation", lambda _: pytest.fail("pictures were loaded"))
    (tmp_path / "file").touch()
    with pytest.raises(GateReaderError, match=words):
        evaluate(wrong)


def test_an_evaluation_of_few_pictures_is_valid_json(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(data / "detector" / "mine" / "val")  # only the web's, which are no photographs
    assert evaluate(["--report", "report", "--json"]) == 0

    def refused(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    for text in (capsys.readouterr().out, (tmp_path / "report" / "report.json").read_text()):
        assert json.loads(text, parse_constant=refused)["photographs"] == {}


@pytest.mark.parametrize("narrow", [True, False])
def test_scores_of_widths_that_no_plate_has_are_left_out(data: Path, narrow: bool) -> None:
    if narrow:
        for labels in data.glob("detector/mine/val/labels/*.txt"):
            labels.write_text("0 0.5 0.5 0.1 0.1\n")  # 12.8 px wide
    else:
        shutil.rmtree(data / "detector" / "mine")
    validation = Validation(data)
    nothing = Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    figures = report(validation, [nothing] * len(validation.pictures), [nothing] * 3, 512)
    json.dumps(figures, allow_nan=False)
    assert list(figures["photographs"]) == (["12 px and more"] if narrow else [])
    assert _table(figures).row_count > 3


def test_what_has_learned_nothing_is_not_exported(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "run"
    assert train(["--out", str(out), "--steps", "1", *OPTIONS]) == 0
    model = tmp_path / "models" / "detector.tflite"
    with pytest.raises(ModelError, match="nothing written"):
        export(["--checkpoint", str(out / "best.pt"), "--out", str(model), "--size", "64", "--calibration", "4"])
    assert not model.exists()


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of half a minute's conversion, and of judging it: the shipped model."""

    def convert(network: Any, size: int, calibration: Any, out: Path) -> None:
        shutil.copyfile(shipped_model("detector.tflite"), out)

    monkeypatch.setattr("training.detector_export.convert", convert)
    monkeypatch.setattr("training.detector_export.MOST_LOST", {})
    monkeypatch.setattr("training.detector_export.LEAST_AGREEMENT", 0.0)


@pytest.mark.usefixtures("converted")
def test_an_export_makes_its_folder_and_tells_what_was_learned_from(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "gate", 2, True, np.random.default_rng(3))
    save_weights(build_network(), tmp_path / "first.pt", {})
    settings = DetectorTrainSettings(
        steps=1, start="first.pt", extra="gate", extra_share=0.5, drawn=5, sizes=((0.0, 64),), mine=False
    )
    about = {"step": 1, "run": "run", "settings": asdict(settings)}
    save_weights(build_network(), tmp_path / "run" / "best.pt", about)
    average(["first.pt", "run/best.pt", "--share", "0.7", "--out", "mean.pt"])
    wanted = ["--checkpoint", "mean.pt", "--calibration", "4"]
    for wrong, words in (
        (["--size", "70"], "--size 70: wanted a multiple of 32"),
        (["--calibration", "2"], "--calibration 2: wanted 3 or more"),
        (["--out", "mean.pt/detector.tflite"], r"--out mean\.pt/detector\.tflite: "),
        (["--out", "/proc/detector.tflite"], r"--out /proc/detector\.tflite: cannot be written"),
        (["--out", "run"], r"--out run: is a folder; wanted a file, such as run/detector\.tflite"),
    ):
        with pytest.raises(GateReaderError, match=words):
            export([*wanted, *wrong])
    monkeypatch.setattr(detector_data, "HELD_BACK_NEGATIVES", 7)  # more than there are
    assert export([*wanted, "--out", "new/models/detector.tflite"]) == 0
    card = load_card(tmp_path / "new" / "models" / "detector.tflite", "detector")
    assert card.command.split("; ") == [
        "python -m training detector train --out run --steps 1 --start first.pt --drawn 5 --extra gate "
        "--extra-share 0.5 --sizes 0:64 --no-mine",
        "python -m training detector average first.pt run/best.pt --share 0.7 --out mean.pt",
        "python -m training detector export --checkpoint mean.pt --calibration 4 --out new/models/detector.tflite",
    ]
    rows = {row["name"]: row for row in card.data}
    assert (rows["negatives"]["train"], rows["negatives"]["threshold"]) == (0, 5)
    assert rows["drawn plates, pasted"]["train"] == 5
    assert (rows["extra frames"]["folder"], rows["extra frames"]["train"]) == ("gate", 2)
    assert card.architecture["training"]["start"] == "first.pt"
    assert card.notes.startswith("1 steps from first.pt;")


@pytest.mark.usefixtures("converted")
def test_the_shipped_checkpoint_is_exported_though_older_than_drawn_plates(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert export(["--checkpoint", str(SHIPPED), "--out", "x/mine.tflite", "--calibration", "4"]) == 0
    card = load_card(tmp_path / "x" / "mine.tflite", "detector")
    assert " --drawn 0 " in card.command
    assert {row["name"]: row.get("train") for row in card.data}["drawn plates, pasted"] == 0


@pytest.mark.usefixtures("converted")
@pytest.mark.parametrize("stop", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_an_export_that_is_broken_off_leaves_the_model_with_its_card(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    models, write, copy = tmp_path / "models", Path.write_text, shutil.copyfile
    before = {models / name: name.encode() for name in ("mine.tflite", "mine.json", "checkpoints/detector.pt")}
    for path, content in before.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def half_written(path: Path, text: str, **how: str) -> None:
        in_place = models in path.absolute().parents and path.suffix == ".json"
        write(path, text[:20] if in_place else text, **how)
        if in_place:
            raise stop

    monkeypatch.setattr(Path, "write_text", half_written)
    monkeypatch.setattr("training.output.shutil.copyfile", lambda source, target: (
        half_written(target, source.read_text()) if source.suffix == ".json" else copy(source, target)
    ))  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt if isinstance(stop, KeyboardInterrupt) else OutputError):
        export(["--checkpoint", str(SHIPPED), "--out", "models/mine.tflite", "--calibration", "4"])
    assert {path: path.read_bytes() for path in models.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "runs").exists()


def test_what_the_card_tells_of_the_data_is_looked_up_before_anything_is_scored(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.detector_export.Validation", lambda _: pytest.fail("pictures were loaded"))
    (data / "reader" / "any" / "train" / "images" / "c.png").unlink()
    with pytest.raises(SourceError, match="not a readable picture"):
        export(["--checkpoint", str(SHIPPED), "--out", str(tmp_path / "mine.tflite")])


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Weights unlike any that are drawn at the start."""
    network = build_network()
    generator = torch.Generator().manual_seed(1)
    for name, values in network.state_dict().items():
        if name.endswith(("bn.weight", "bn.running_var")):
            values.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith(("bn.bias", "bn.running_mean")):
            values.normal_(0.0, 0.3, generator=generator)
    save_weights(network, tmp_path / "narrow.pt", {})
    return tmp_path / "narrow.pt"


@pytest.fixture
def wider(tmp_path: Path) -> Path:
    """The description of a network that is wider than ours."""
    text = detector_network.NETWORK_FILE.read_text()
    for ours, more in (
        ("0.25, 512]", "0.25, 1024]"),
        ("[384,", "[640,"),
        ("[512,", "[832,"),
        ("C2f, [256]]", "C2f, [416]]"),
    ):
        assert ours in text
        text = text.replace(ours, more)
    path = tmp_path / "wider.yaml"
    path.write_text(text)
    return path


def test_a_widened_network_computes_what_the_narrow_one_does(
    checkpoint: Path, wider: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = load_weights(checkpoint)[0]
    monkeypatch.setattr(detector_network, "NETWORK_FILE", wider)
    many = load_weights(checkpoint)[0]
    counts = [sum(values.numel() for values in network.parameters()) for network in (few, many)]
    assert counts[1] > 1.5 * counts[0]
    pixels = torch.rand((1, 96, 128, 3), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        maps = list(zip(CutNetwork(few)(pixels), CutNetwork(many)(pixels), strict=True))
    for before, after in maps:
        assert before.std() > 1e-3
        assert torch.allclose(before, after, rtol=1e-3, atol=1e-4)


def test_a_run_that_widens_what_it_starts_from_begins_with_its_scores(
    data: Path, tmp_path: Path, checkpoint: Path, wider: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector_network, "NETWORK_FILE", wider)
    monkeypatch.setattr("training.detector_train.report", Goals(0.5, 0.4))
    out = tmp_path / "run"
    assert train(["--out", str(out), "--start", str(checkpoint), "--steps", "1", *OPTIONS]) == 0
    assert steps_of(out) == [0, 1]
    pixels = torch.rand((1, 96, 128, 3), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        maps = [CutNetwork(load_weights(path)[0])(pixels) for path in (checkpoint, out / "best.pt")]
    for begun, kept in zip(*maps, strict=True):
        assert torch.allclose(begun, kept, rtol=0.02, atol=0.02)  # half precision


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    network = build_network()
    weights = {name: value for name, value in network.state_dict().items() if not name.startswith("model.19.")}
    torch.save({"weights": weights, "about": {}}, tmp_path / "headless.pt")
    with pytest.raises(ModelError, match="made for another network"):
        load_weights(tmp_path / "headless.pt")
