"""Learning with int8's rounding: it rounds as TensorFlow Lite does, and what is learned is a usual reader's weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")

import keras
import tensorflow as tf
from keras import layers
from test_reader_data import write_set
from test_reader_training import SETTINGS

from edge.card import shipped_model
from edge.errors import ConfigError
from edge.runtime import open_interpreter
from training.backend import use_threads
from training.model import build_reader
from training.quantize_aware import Rounded, rounded, rounded_kernel
from training.reader_settings import read_settings
from training.train import main as train_command
from training.train import train
from training.widen import stored_width

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]


def _reader() -> tuple[keras.Model, Path]:
    """The network of the shipped reader with its weights, and the int8 file."""
    use_threads(1)  # as `train` does: TensorFlow takes no other number once it has begun
    file = shipped_model("reader.tflite")
    weights = file.parent / "checkpoints" / "reader.weights.h5"
    model = build_reader(stored_width(weights))
    model.load_weights(weights)
    return model, file


def _steps(kernel: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """(out, H, W, in) whole numbers of steps, without their sign, which a batch norm may turn."""
    steps = np.asarray(rounded_kernel(kernel)) / (np.abs(kernel).max(axis=(0, 1, 2)) / 127)
    assert np.allclose(steps, np.round(steps), atol=1e-3)
    return np.asarray(np.abs(np.moveaxis(np.round(steps), 3, 0)), dtype=np.int64)


def test_what_is_learned_is_a_usual_readers_weights(tmp_path: Path) -> None:
    write_set(tmp_path / "reader" / "home" / "train", ["AB12", "CD345"])
    write_set(tmp_path / "reader" / "home" / "val", ["EF67"])
    run = tmp_path / "runs" / "one"
    settings = replace(SETTINGS, quantize_aware=True, data=str(tmp_path))
    best = train(replace(settings, steps=2), run, resume=False)
    assert read_settings(run).quantize_aware
    plain = build_reader(SETTINGS.width)
    plain.load_weights(best)
    assert train_command(["--run", str(run), "--data", str(tmp_path), "--resume", "--steps", "3"]) == 0
    before = plain.get_weights()
    plain.load_weights(run / "last.weights.h5")
    assert any(not np.array_equal(old, new) for old, new in zip(before, plain.get_weights(), strict=True))
    with pytest.raises(ConfigError, match="--quantize-aware: a crnn has no int8 form"):
        train(replace(settings, architecture="crnn"), tmp_path / "runs" / "two", resume=False)


def test_kernels_are_rounded_to_the_integers_of_the_shipped_file() -> None:
    model, file = _reader()
    interpreter, _ = open_interpreter(file)
    stored = [
        np.abs(interpreter.get_tensor(each["index"]).astype(np.int64))
        for each in interpreter.get_tensor_details()
        if "/convolution" in each["name"] and len(each["shape"]) == 4 and each["shape"][0] > 1
    ]
    mine = [_steps(layer.get_weights()[0]) for layer in model.layers if isinstance(layer, layers.Conv2D)]
    assert len(stored) == len(mine) == 13
    for steps in mine:
        near = min(float((kernel != steps).mean()) for kernel in stored if kernel.shape == steps.shape)
        assert near < 0.01  # what lies on the edge between two steps


def test_it_computes_nearly_the_same_and_passes_the_gradient() -> None:
    model, _ = _reader()
    copy = rounded(model)
    assert [weight.shape for weight in copy.weights] == [weight.shape for weight in model.weights]
    pixels = np.random.default_rng(1).integers(-128, 128, (2, 48, 160, 1)).astype(np.float32)
    usual, coarse = (np.asarray(each(pixels, training=False)) for each in (model, copy))
    assert 0.0 < np.abs(usual - coarse).mean() < 0.05 * np.abs(usual).mean()

    values = tf.constant([[-0.4, 0.011, 2.5, 5.999]])
    for layer, step in ((Rounded(6.0), 6 / 255), (Rounded(), 6.399 / 255)):
        with tf.GradientTape() as tape:
            tape.watch(values)
            out = layer(values)
        assert np.allclose(np.asarray(out) / step, np.round(np.asarray(out) / step), atol=1e-3)
        assert np.abs(np.asarray(out) - values).max() <= step / 2 + 1e-6
        assert np.allclose(tape.gradient(out, values), 1.0)
