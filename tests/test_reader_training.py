"""Trains a reader for a few steps, resumes it, exports it to int8 and reads with it: needs TensorFlow."""

import errno
import json
import shutil
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")

import keras
from test_reader_data import write_set

from edge.alphabet import CLASSES, encode
from edge.card import file_sha256, shipped_model
from edge.errors import ConfigError, ModelError, OutputError
from edge.reader import PlateReader, ReaderSettings
from training import export as exporting
from training.__main__ import main as training_command
from training.average import average
from training.average import main as average_command
from training.backend import share_among
from training.calibrate import best_temperature
from training.dataset import Pool
from training.evaluate import main as evaluate
from training.float_reader import FloatReader, logits_of
from training.learned import data_rows
from training.model import build_reader
from training.own import read_own, real_samples, split_own
from training.photographed import judge, photographed
from training.reader_settings import ReaderTrainSettings, read_settings
from training.run_folder import write_settings
from training.state import load_state, save_state
from training.train import OWN_DEFAULTS, Trainer, _keep_start, learning_rate_at, train
from training.train import main as train_command
from training.widen import load_widened, stored_architecture, stored_width

# TensorFlow and Keras warn of each other; that is not ours to mend.
pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

SETTINGS = ReaderTrainSettings(
    steps=4, batch=4, width=0.25, synthetic=30, real_times=1, demo=0, validate_every=2, save_every=2, mix=(0.5, 0.5)
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_set(folder / "reader" / "home" / "train", ["AB12", "CD345"])
    write_set(folder / "reader" / "home" / "val", ["EF67"])
    return folder


def test_train_resume_export_read(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "one"
    settings = replace(SETTINGS, data=str(data))
    best = train(settings, run, resume=False)
    assert best.is_file()
    assert len((run / "history.csv").read_text().splitlines()) == 3
    with pytest.raises(ConfigError, match="holds a run already"):
        train(settings, run, resume=False)
    with pytest.raises(ConfigError, match="leave --from out"):
        train_command(["--run", str(run), "--resume", "--from", str(best)])
    assert read_settings(run) == settings
    others = tmp_path / "others"
    write_set(others / "reader" / "home" / "train", ["AB12", "CD345"])
    write_set(others / "reader" / "home" / "val", ["EF67", "GH89"])
    with pytest.raises(ConfigError, match=r"pictures that are judged by are not those .* begin a new --run"):
        train_command(["--run", str(run), "--resume", "--data", str(others)])
    history = (run / "history.csv").read_text().splitlines()
    (run / "history.csv").write_text("\n".join([*history, "5,1.0,0.0"]) + "\n")  # killed after its last state
    assert train_command(["--run", str(run), "--resume", "--steps", "6"]) == 0  # with its own data
    assert [line.split(",")[0] for line in (run / "history.csv").read_text().splitlines()] == ["step", "2", "4", "6"]
    lists = {"mix": [0.5, 0.5], "averaged_from": [], "teachers": []}
    assert json.loads((run / "settings.json").read_text()) == {**asdict(settings), "steps": 6, **lists}
    pools = json.loads((run / "pools.json").read_text())
    assert set(pools) == {"synthetic", "real", "astray"}
    mean = average([best, run / "last.weights.h5"], tmp_path / "runs" / "mean")
    assert mean.is_file()
    weights = (str(best), str(run / "last.weights.h5"))
    assert read_settings(mean.parent) == replace(settings, steps=6, averaged_from=weights)
    stray = shutil.copyfile(best, tmp_path / "stray.weights.h5")
    with pytest.raises(ConfigError, match=r"stray\.weights\.h5: lies in no run's folder"):
        average([stray], tmp_path / "runs" / "lost")
    with pytest.raises(ConfigError, match=r"none\.weights\.h5: not the weights of a reader as .*one has it"):
        average([run / "none.weights.h5", best], tmp_path / "runs" / "lost")
    with pytest.raises(ConfigError, match="holds a run already"):
        average([best], mean.parent)
    capsys.readouterr()
    assert average_command([str(best), "--run", str(tmp_path / "runs" / "again")]) == 0
    told = capsys.readouterr().out
    assert f"python -m training export --run {tmp_path / 'runs' / 'again'} --data {data} (--output FOLDER" in told
    fields = json.loads((run / "settings.json").read_text())
    del fields["architecture"], fields["devices"]  # as runs before these were written
    (run / "settings.json").write_text(json.dumps(fields))

    card = exporting.export(run, tmp_path / "models", data)
    assert {row["name"]: row["pictures"] for row in card.data} == {"home": 2, "synthetic": 30}
    assert card.input.scale == pytest.approx(1.0)
    assert card.input.zero_point == 0
    assert not {"QUANTIZE", "DEQUANTIZE", "MUL"} & set(card.architecture["operators"])
    assert card.command.startswith(f"python -m training train --run {run} --steps 6 --batch 4 --synthetic 30")
    there = f"--output {tmp_path / 'models'} --data {data}"
    assert card.command.endswith(f"--data {data}; python -m training export --run {run} {there}")
    assert (tmp_path / "models" / "checkpoints" / "reader.weights.h5").read_bytes() == best.read_bytes()
    reader = PlateReader(ReaderSettings(model=str(tmp_path / "models" / "reader.tflite")))
    assert isinstance(reader.read(np.full((40, 120, 3), 80, dtype=np.uint8)).text, str)

    monkeypatch.setattr(exporting, "LARGEST_LOSS", -2.0)
    where = ["--run", str(run), "--output", str(tmp_path / "refused"), "--data", str(data)]
    monkeypatch.setattr(sys, "argv", ["training", "export", *where])
    assert training_command() == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("python -m training export:")]
    assert "nothing was written" in line
    assert not (tmp_path / "refused").exists()

    with pytest.raises(OutputError, match=r"--output .*nothing can be written in .*settings\.json"):
        exporting.export(run, run / "settings.json" / "model", data)
    listed = (run / "pools.json").read_text()
    (run / "pools.json").write_text(listed[:9])
    with pytest.raises(ModelError, match=r"pools\.json: damaged .*; delete it, `train --resume --run .*makes it anew"):
        exporting.export(run, tmp_path / "models", data)
    (run / "pools.json").write_text(listed)
    (run.parent / "pools" / pools["real"]).unlink()
    with pytest.raises(ModelError, match="copy the run together with the folder `pools`"):
        exporting.export(run, tmp_path / "models", data)
    best.unlink()
    with pytest.raises(ModelError, match=r"best\.weights\.h5 is missing"):
        exporting.export(run, tmp_path / "models", data)


def test_too_few_crops_take_the_shipped_readers_temperature(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, card = tmp_path / "reader.tflite", PlateReader().card
    shutil.copyfile(shipped_model("reader.tflite"), draft)
    card.write(draft.with_suffix(".json"))
    shipped = tmp_path / "shipped" / "reader.tflite"
    shipped.parent.mkdir()
    replace(card, decoding={**card.decoding, "temperature": 0.7}).write(shipped.with_suffix(".json"))
    monkeypatch.setattr(exporting, "shipped_model", lambda _: shipped)
    monkeypatch.setattr(exporting, "logits_of", lambda _, views: np.zeros((len(views), 40, 37), np.float32))
    monkeypatch.setattr(exporting, "golden_vectors", lambda _: ())

    def judged() -> float:
        return float(exporting._judged(card, draft, keras.Model(), data).decoding["temperature"])

    assert judged() == 0.7
    monkeypatch.setattr(exporting, "FEWEST_TO_CALIBRATE", 1)
    monkeypatch.setattr(exporting, "best_temperature", lambda *_: 2.0)
    assert judged() == 2.0


def test_a_full_disk_is_told(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr("training.state.np.savez", full)
    where = ["--run", str(tmp_path / "runs" / "one"), "--data", str(data), "--steps", "1", "--width", "0.25"]
    few = ["--synthetic", "30", "--real-times", "1", "--demo", "0", "--batch", "4"]
    with pytest.raises(OutputError, match="one: no space left on the disk; make room"):
        train_command([*where, *few])


def test_every_batch_of_logits_can_be_divided_among_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    def predict(pixels: Any, batch_size: int, verbose: int) -> Any:
        assert (len(pixels) % 3, batch_size % 3) == (0, 0)
        return pixels[:, :2, 0, :]

    shared = Mock(device_mesh=Mock(devices=np.array(["cpu:0", "cpu:1", "cpu:2"])))
    monkeypatch.setattr("keras.distribution.distribution", lambda: shared)
    views = np.random.default_rng(1).integers(0, 256, (65, 48, 160), dtype=np.uint8)
    logits = logits_of(Mock(predict=predict), views)
    assert (logits[..., 0] == views[:, :2, 0].astype(np.float32) - 128).all()


def test_resume_without_a_run_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to resume"):
        train(replace(SETTINGS, data=str(data)), tmp_path / "runs" / "none", resume=True)


def test_ctrl_c_leaves_a_state_and_a_dead_run_leaves_nothing_in_the_next(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    (run / "history.csv").write_text("step,loss,exact\n2,9.0,0.5\n")  # killed before its first state
    (run / "best.weights.h5").write_text("of the dead run")
    update = Trainer.update

    def interrupted(trainer: Trainer, batch: Any) -> float:
        if trainer.step == 2:
            signal.raise_signal(signal.SIGINT)
        return update(trainer, batch)

    monkeypatch.setattr(Trainer, "update", interrupted)
    where = ["--run", str(run), "--data", str(data), "--steps", "5", "--batch", "4", "--width", "0.25"]
    few = ["--synthetic", "30", "--real-times", "1", "--demo", "0", "--validate-every", "2", "--mix", "1", "1"]
    monkeypatch.setattr(sys, "argv", ["training", "train", *where, *few, "0", "0", "0"])
    assert training_command() == 130
    assert "train: interrupted" in capsys.readouterr().err.splitlines()[-1]
    assert load_steps(run) == (3, ["2"])
    monkeypatch.setattr(Trainer, "update", update)
    assert train_command(["--run", str(run), "--resume"]) == 0
    assert load_steps(run) == (5, ["2", "4", "5"])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_diverges_is_ended_with_its_state_as_it_was(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "runs" / "wild"
    losses = iter((9.0, 8.0, 7.0, float("nan")))
    monkeypatch.setattr("keras.Model.train_on_batch", lambda *_: next(losses))
    with pytest.raises(ConfigError, match=r"loss of step 4 is nan: .*diverged; .* less than --learning-rate 0\.003"):
        train(replace(SETTINGS, data=str(data)), run, resume=False)
    assert load_steps(run) == (2, ["2"])


def load_steps(run: Path) -> tuple[int, list[str]]:
    """The step of the run's state, and those of its history."""
    numbers = np.load(run / "state.npz")["array0"]
    return int(numbers[0]), [line.split(",")[0] for line in (run / "history.csv").read_text().splitlines()[1:]]


def test_the_card_tells_what_was_learned_and_what_made_the_model(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, run = tmp_path / "usual", tmp_path / "runs" / "one"
    monkeypatch.setenv("GATEREADER_DATA", str(usual))
    (run.parent / "pools").mkdir(parents=True)
    run.mkdir()

    def told(settings: ReaderTrainSettings, *kinds: str) -> tuple[dict[str, object], str]:
        pools = {kind: f"{kind}-1.npz" for kind in kinds}
        for name in pools.values():
            (run.parent / "pools" / name).touch()
        (run / "pools.json").write_text(json.dumps(pools))
        rows = data_rows(run, settings, usual)
        assert all(row["licence"] for row in rows)
        counts = {str(row["name"]): row.get("pictures", row["kind"]) for row in rows}
        return counts, exporting._command(run, settings, usual, Path("models"))

    images = usual / "detector" / "negatives" / "train" / "images"
    images.mkdir(parents=True)
    for number in range(152):
        (images / f"{number}.jpg").touch()
    write_set(usual / "reader" / "brazil" / "train", ["GH12", "IJ34", "KL56"])
    ran = f"python -m training train --run {run}"
    exported = f"python -m training export --run {run}"
    settings = ReaderTrainSettings(data=str(usual))
    assert told(settings, "synthetic", "real", "empty", "demo", "astray") == (
        {"brazil": 3, "negatives": 2, "synthetic": 100_000, "demo": 1500},
        f"{ran}; {exported}",
    )
    assert told(settings, "synthetic", "astray")[0] == {"synthetic": 100_000}  # where there was no real plate
    other = replace(settings, data=str(data))
    assert told(other, "synthetic", "real") == (
        {"home": 2, "synthetic": 100_000},
        f"{ran} --data {data}; {exported}",
    )
    mean = replace(settings, averaged_from=("a/best.weights.h5", "b/last.weights.h5"))
    made = f"python -m training average a/best.weights.h5 b/last.weights.h5 --run {run}; {exported}"
    assert told(mean, "real")[1] == made
    write_set(tmp_path / "own", ["GH12", "IJ345", "KL6", "MN78"])
    own: dict[str, Any] = {**OWN_DEFAULTS, "own": str(tmp_path / "own")}
    mine = replace(settings, **own)
    learned, _ = split_own(read_own(tmp_path / "own"))
    assert told(mine, "synthetic", "own") == (
        {"own": len(learned), "synthetic": 20_000},
        f"{ran} --data {tmp_path / 'own'}; {exported}",
    )
    shipped = shipped_model("reader.tflite").with_suffix(".json")
    start = shipped.parent / "checkpoints" / "reader.weights.h5"
    _keep_start(run, replace(mine, init=str(start)))
    assert told(mine, "own")[0] == {"own": len(learned), "reader.weights.h5": "start weights"}
    row = json.loads((run / "start.json").read_text())
    assert row["sha256"] == file_sha256(start)
    assert row["licence"] == "AGPL-3.0-or-later"
    assert row["data"] == json.loads(shipped.read_text())["data"]
    stray = shutil.copyfile(start, tmp_path / "stray.weights.h5")
    _keep_start(run, replace(mine, init=str(stray)))
    row = json.loads((run / "start.json").read_text())
    assert (row["sha256"], row["licence"], row["data"]) == (file_sha256(start), "not told", "not told")
    before = run.parent / "before"
    before.mkdir()
    shutil.copyfile(start, before / "best.weights.h5")
    write_settings(before, settings)
    (before / "pools.json").write_text(json.dumps({"real": "real-1.npz", "synthetic": "synthetic-1.npz"}))
    (before / "start.json").write_text(json.dumps({"name": "older.weights.h5", "kind": "start weights"}))
    _keep_start(run, replace(mine, init=str(before / "best.weights.h5")))
    row = json.loads((run / "start.json").read_text())
    assert row["licence"] == "AGPL-3.0-or-later"
    assert [each["name"] for each in row["data"]] == ["brazil", "older.weights.h5", "synthetic"]
    (before / "pools.json").write_text(json.dumps({"real": "lost.npz"}))
    _keep_start(run, replace(mine, init=str(before / "best.weights.h5")))
    assert json.loads((run / "start.json").read_text())["data"] == "not told"
    _keep_start(run, mine)
    assert not (run / "start.json").exists()
    with pytest.raises(ModelError, match=r"none: the pictures that .*one learned from are not there"):
        told(replace(settings, data=str(tmp_path / "none")), "real")


def test_a_crnn_is_trained_and_judged_but_not_exported(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "crnn"
    settings = replace(SETTINGS, steps=1, context=1, architecture="crnn", data=str(data))
    best = train(settings, run, resume=False)
    assert json.loads((run / "settings.json").read_text())["architecture"] == "crnn"
    assert (stored_architecture(best), stored_width(best)) == ("crnn", 0.25)
    assert isinstance(FloatReader(run).read(np.full((40, 120, 3), 80, dtype=np.uint8)).text, str)
    assert evaluate(["--run", str(run), "--data", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["all"]["crops"] == len(real_samples(data, "val"))
    assert evaluate(["--run", str(run), "--data", str(data), "--json", "--again", "3"]) == 0
    again = json.loads(capsys.readouterr().out)["again"]
    assert again["views"] == 3 * len(real_samples(data, "val"))
    assert 0 < again["doubt"] <= 30
    with pytest.raises(ModelError, match="a crnn has no int8 form"):
        exporting.export(run, tmp_path / "models", data)
    assert not (tmp_path / "models").exists()
    with pytest.raises(ModelError, match="no trained run here"):
        FloatReader(tmp_path)


def test_only_what_can_be_exported_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("training.train.train", lambda _settings, folder, _resume: folder / "best.weights.h5")
    caplog.set_level("INFO")
    for architecture in ("cnn", "crnn"):
        assert train_command(["--run", str(tmp_path), "--architecture", architecture]) == 0
    assert ["export them with" in message for message in caplog.messages] == [True, False]
    assert caplog.messages[1] == f"best weights: {tmp_path / 'best.weights.h5'}"


def test_doubt_of_the_truth_shows_before_a_text_changes(data: Path) -> None:
    def logits(*scores: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """A view a score: how much likelier than any other class each step of AB is."""
        steps = [0, *encode("A"), 0, *encode("B"), 0]
        made = np.zeros((len(scores), len(steps), CLASSES), np.float32)
        for view, score in zip(made, scores, strict=True):
            view[range(len(steps)), steps] = score
        return made

    def pool(*texts: str) -> Pool:
        return Pool(np.zeros((len(texts), 48, 160), np.uint8), texts)

    sure, unsure = judge(logits(20.0, 20.0), pool("AB", "AB")), judge(logits(20.0, 5.0), pool("AB", "AB"))
    assert (sure.views, sure.exact, unsure.exact) == (2, 1.0, 1.0)
    assert sure.doubt == pytest.approx(0.0, abs=1e-4)
    assert unsure.doubt > 0.1
    wrong = judge(logits(90.0, 90.0), pool("AB", "CD"))
    assert wrong.exact == 0.5
    assert wrong.doubt == pytest.approx(15.0, abs=0.1), "at most 30 a view"
    samples = [sample for sample in real_samples(data, "val") if sample.text]
    one, two = photographed(samples, 2), photographed(samples, 2)
    assert np.array_equal(one.views, two.views)
    assert one.texts == two.texts


def test_a_widened_reader_reads_the_same(tmp_path: Path) -> None:
    views = np.random.default_rng(2).integers(0, 256, (3, 48, 160), dtype=np.uint8)
    narrow, wide = build_reader(0.3), build_reader(0.45)
    for variable in narrow.weights:  # averages of the batch norms too, which begin at 0 and 1
        variable.assign(variable + 0.1 * np.random.default_rng(3).random(variable.shape))
    path = tmp_path / "narrow.weights.h5"
    narrow.save_weights(path)
    assert stored_width(path) == 0.3
    load_widened(wide, path, context=2, seed=1)
    before = logits_of(narrow, views)
    assert float(before.std()) > 0.1
    assert logits_of(wide, views) == pytest.approx(before, abs=1e-3 * float(np.abs(before).max()))


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    one, other = keras.Variable(np.arange(3.0)), keras.Variable(np.zeros(4))
    path = tmp_path / "state.npz"
    save_state(path, [one], [np.array([7.0])])
    one.assign(np.zeros(3))
    assert load_state(path, [one])[0].tolist() == [7.0]
    assert np.asarray(one).tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(ConfigError, match="of another network"):
        load_state(path, [other])
    with pytest.raises(ConfigError, match="of another network"):
        load_state(path, [one, other])
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ConfigError, match="cannot be read"):
        load_state(path, [one])


def test_several_devices_want_jax() -> None:
    share_among(1, 32)
    with pytest.raises(ConfigError, match=r"--devices 2: .* KERAS_BACKEND=jax"):
        share_among(2, 32)


def test_the_learning_rate_rises_and_falls_once() -> None:
    rates = [learning_rate_at(step, ReaderTrainSettings(steps=100)) for step in range(101)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 0.01 * max(rates)


def test_a_boastful_model_gets_a_higher_temperature() -> None:
    random_ = np.random.default_rng(1)
    logits = np.zeros((200, 3, 37), dtype=np.float32)
    truth = []
    for row in range(200):
        logits[row, :, 0] = 1.0
        logits[row, 1, 11] = 9.0
        truth.append("A" if random_.random() < 0.6 else "B")
    assert best_temperature([[views] for views in logits], truth) > 1.5
