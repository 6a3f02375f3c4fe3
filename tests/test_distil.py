"""Learning what trained readers make of a picture, beside its text: needs TensorFlow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")

import keras
from test_reader_data import write_set
from test_reader_training import SETTINGS

from edge.alphabet import CLASSES, encode, softmax
from edge.card import shipped_model
from edge.errors import ConfigError
from training.backend import use_threads
from training.dataset import LONGEST
from training.distil import Teachers, distilled
from training.export import _command
from training.model import build_reader
from training.reader_settings import read_settings
from training.train import main as train_command

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

SHIPPED = shipped_model("reader.tflite").parent / "checkpoints" / "reader.weights.h5"


def _classes(text: str) -> np.ndarray:
    classes = np.zeros((1, LONGEST), dtype=np.int32)
    classes[0, : len(text)] = encode(text)
    return classes


def _pixels() -> np.ndarray:
    return np.random.default_rng(0).uniform(-100, 100, (1, 48, 160, 1)).astype(np.float32)


def test_the_loss_is_ctcs_and_what_divides_one_from_the_teachers() -> None:
    use_threads(1)
    random_ = np.random.default_rng(1)
    told, own = (random_.normal(0, 3, (1, 40, CLASSES)).astype(np.float32) for _ in range(2))
    column = np.zeros((1, 40, 1), dtype=np.float32)
    column[:, :LONGEST, 0] = _classes("AB12")
    wanted = np.concatenate([softmax(told), column], axis=2)
    ctc = float(np.asarray(keras.losses.CTC()(_classes("AB12"), own)))
    apart = float((softmax(told) * (np.log(softmax(told)) - np.log(softmax(own)))).sum())
    for share in (0.0, 0.3, 1.0):
        assert float(np.asarray(distilled(share)(wanted, own))[0]) == pytest.approx(
            share * apart + (1 - share) * ctc, rel=1e-4
        )
    assert float(np.asarray(distilled(1.0)(wanted, told))[0]) == pytest.approx(0, abs=1e-2)


def test_several_teachers_are_one_opinion(tmp_path: Path) -> None:
    use_threads(1)
    other = tmp_path / "other.weights.h5"
    model = build_reader(0.25)
    model.save_weights(other)
    each = [Teachers([str(path)], 2).beside(_pixels(), _classes("AB12")) for path in (SHIPPED, other)]
    both = Teachers([str(SHIPPED), str(other)], 2).beside(_pixels(), _classes("AB12"))
    assert both.shape == (1, 40, CLASSES + 1)
    assert both[..., :CLASSES] == pytest.approx((each[0] + each[1])[..., :CLASSES] / 2, abs=1e-5)
    assert both[0, :LONGEST, CLASSES] == pytest.approx(_classes("AB12")[0])
    assert each[1][..., :CLASSES] == pytest.approx(softmax(np.asarray(model(_pixels()))), abs=1e-5)


def test_a_run_with_teachers_is_resumed_with_them_and_its_card_tells(tmp_path: Path) -> None:
    write_set(tmp_path / "reader" / "home" / "train", ["AB12", "CD345"])
    write_set(tmp_path / "reader" / "home" / "val", ["EF67"])
    run = tmp_path / "runs" / "one"
    few = ["--synthetic", "30", "--real-times", "1", "--demo", "0", "--batch", "4", "--width", "0.25"]
    where = ["--run", str(run), "--data", str(tmp_path)]
    teachers = ["--teachers", str(SHIPPED), "--teachers-share", "0.7"]
    assert train_command([*where, *few, *teachers, "--steps", "2"]) == 0
    assert train_command([*where, "--resume", "--steps", "3"]) == 0
    settings = read_settings(run)
    assert (settings.teachers, settings.teachers_share, settings.steps) == ((str(SHIPPED),), 0.7, 3)
    assert f"--teachers {SHIPPED}" in _command(run, settings, tmp_path, tmp_path)
    with pytest.raises(ConfigError, match=r"--teachers-share 1\.5: wanted 0 to 1"):
        replace(SETTINGS, teachers_share=1.5)
    for wrong, words in (
        (tmp_path / "none.h5", "no such file"),
        (run / "settings.json", "not the weights of a reader"),
    ):
        with pytest.raises(ConfigError, match=f"--teachers .*{words}"):
            train_command(["--run", str(tmp_path / "runs" / "two"), "--teachers", str(wrong), *where[2:], *few])
