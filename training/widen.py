"""A wider reader that begins where a narrower one is (`net2net.py`): it reads the same, and has room to learn more."""

import logging
from collections.abc import Sequence
from pathlib import Path

import h5py
import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from edge.errors import ConfigError
from training.model import build_reader
from training.net2net import parts, repeated

Weights = npt.NDArray[np.float32]

_COLLAPSE, _CHANNELS = "conv2d_9", 128
"""The convolution that collapses the height, and its channels at width 1; its number tells the width."""

log = logging.getLogger(__name__)


def stored_width(path: Path) -> float:
    """The width of the reader whose weights (`.weights.h5`) these are; OSError or ValueError if it is none."""
    with h5py.File(path) as file:
        kernel = file.get(f"layers/{_COLLAPSE}/vars/0")
        if not isinstance(kernel, h5py.Dataset) or kernel.ndim != 4:
            raise ValueError(f"no {_COLLAPSE} in it")
        channels = int(kernel.shape[3])
    # the roundest of the widths that give so many channels: two decimals are always found again
    return next(
        width for places in range(1, 9) if round((width := round(channels / _CHANNELS, places)) * _CHANNELS) == channels
    )


def stored_architecture(path: Path) -> str:
    """The architecture ("cnn", "crnn") that the weights belong to; OSError or ValueError if to none."""
    with h5py.File(path) as file:
        if "layers" not in file:
            raise ValueError("no layers in it")
        return "crnn" if "bidirectional" in file["layers"] else "cnn"


def load_weights(
    model: keras.Model,
    path: Path,
    *,
    architecture: str,
    width: float,
    context: int,
    seed: int,
    option: str = "--from",
) -> None:
    """Fill `model`, a reader of that architecture and width, with weights of its own or of a smaller width.

    ConfigError, in the name of the `option`, for a file that holds none.
    """
    stored, narrower = stored_reader(path, option)
    if stored != architecture:
        raise ConfigError(f"{option} {path}: the weights of a {stored}, and a {architecture} is wanted")
    try:
        if 0 < narrower < width and architecture == "cnn":
            load_widened(model, path, context=context, seed=seed)
        else:
            model.load_weights(path)
    except (ValueError, OSError) as error:
        cause = str(error).strip().splitlines()[0]
        raise ConfigError(f"{option} {path}: not the weights of a reader of width {width:g} ({cause})") from None


def stored_reader(path: Path, option: str = "--from") -> tuple[str, float]:
    """Architecture and width of the reader whose weights these are; ConfigError, of the `option`, if they are none."""
    if not path.is_file():
        raise ConfigError(
            f"{option} {path}: no such file; the shipped reader's is models/checkpoints/reader.weights.h5"
        )
    try:
        return stored_architecture(path), stored_width(path)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{option} {path}: not the weights of a reader ({error})") from None


def load_widened(model: keras.Model, path: Path, *, context: int, seed: int) -> None:
    """Fill `model` with the weights of a narrower reader, so that it computes the same."""
    width = stored_width(path)
    narrow = build_reader(width, context, shape=model.input_shape[1:3])
    narrow.load_weights(path)
    random_ = np.random.default_rng(seed)
    for old, new in zip(narrow.layers, model.layers, strict=True):
        shapes = [weight.shape for weight in new.weights]
        if isinstance(new, layers.Conv2D):
            new.set_weights(_convolution(old.get_weights(), shapes, random_))
        elif shapes:
            pairs = zip(old.get_weights(), shapes, strict=True)
            new.set_weights([_repeated(weight, shape[0], 0) for weight, shape in pairs])
    log.info("%s: widened from %.3g", path, width)


def _convolution(
    old: Sequence[Weights], shapes: Sequence[tuple[int, ...]], random_: np.random.Generator
) -> list[Weights]:
    """Kernel (H, W, in, out), and bias (out) if there is one, of the wider layer."""
    kernel, *bias = old
    wide = _repeated(kernel, shapes[0][3], 3)
    many = shapes[0][2]
    few = wide.shape[2]
    shares = parts(repeated(few, many), wide.shape[:2], wide.shape[3], random_)
    return [_repeated(wide, many, 2) * shares, *(_repeated(value, shapes[1][0], 0) for value in bias)]


def _repeated(values: Weights, count: int, axis: int) -> Weights:
    """The channels of an axis over and over until there are `count`."""
    return np.asarray(np.take(values, repeated(values.shape[axis], count), axis=axis), dtype=np.float32)
