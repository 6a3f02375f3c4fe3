"""Trains a reader for a few steps, resumes it, exports it to int8 and reads with it: needs TensorFlow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")

from test_reader_data import write_set

from edge.errors import ConfigError, ModelError
from edge.reader import PlateReader, ReaderSettings
from training import export as exporting
from training.average import average
from training.calibrate import best_temperature
from training.train import TrainSettings, learning_rate_at, train

# TensorFlow and Keras warn of each other; that is not ours to mend.
pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

SETTINGS = TrainSettings(
    steps=4, batch=4, width=0.25, synthetic=30, real_times=1, demo=0, validate_every=2, save_every=2, mix=(0.5, 0.5)
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_set(folder / "reader" / "home" / "train", ["AB12", "CD345"])
    write_set(folder / "reader" / "home" / "val", ["EF67"])
    return folder


def test_train_resume_export_read(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "runs" / "one"
    best = train(SETTINGS, run, data, resume=False)
    assert best.is_file()
    assert len((run / "history.csv").read_text().splitlines()) == 3
    with pytest.raises(ConfigError, match="holds a run already"):
        train(SETTINGS, run, data, resume=False)
    train(replace(SETTINGS, steps=6), run, data, resume=True)
    assert (run / "history.csv").read_text().splitlines()[-1].startswith("6,")
    mean = average([best, run / "last.weights.h5"], tmp_path / "runs" / "mean", SETTINGS.width, SETTINGS.context)
    assert mean.is_file()
    assert (mean.parent / "settings.json").read_bytes() == (run / "settings.json").read_bytes()
    with pytest.raises(ConfigError, match=r"not the weights of a reader of width 0\.5"):
        average([tmp_path / "none.weights.h5"], tmp_path, 0.5, 2)

    card = exporting.export(run, tmp_path / "models", data, "a test")
    assert card.input.scale == pytest.approx(1.0)
    assert card.input.zero_point == 0
    assert not {"QUANTIZE", "DEQUANTIZE", "MUL"} & set(card.architecture["operators"])
    reader = PlateReader(ReaderSettings(model=str(tmp_path / "models" / "reader.tflite")))
    assert isinstance(reader.read(np.full((40, 120, 3), 80, dtype=np.uint8)).text, str)

    monkeypatch.setattr(exporting, "LARGEST_LOSS", -2.0)
    with pytest.raises(ModelError, match="nothing was written"):
        exporting.export(run, tmp_path / "refused", data, "a test")
    assert not (tmp_path / "refused").exists()


def test_resume_without_a_run_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to resume"):
        train(SETTINGS, tmp_path / "runs" / "none", data, resume=True)


def test_the_learning_rate_rises_and_falls_once() -> None:
    rates = [learning_rate_at(step, TrainSettings(steps=100)) for step in range(101)]
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
    assert best_temperature(logits, truth) > 1.5
