"""What differs between Keras' backends (`KERAS_BACKEND`: tensorflow, jax or torch) when a reader is trained."""

from collections.abc import Callable

import keras

from edge.errors import ConfigError


def use_threads(count: int) -> None:
    """Take that many processor threads; before anything is computed, for TensorFlow takes no other number later."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - who trains with JAX or torch needs no TensorFlow

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)
    elif keras.backend.backend() == "torch":
        import torch  # noqa: PLC0415

        torch.set_num_threads(count)


def share_among(devices: int, batch: int) -> None:
    """Divide every batch from now on among the first `devices` devices, with Keras' data parallelism.

    Only Keras' JAX backend has it; ConfigError says so, or what is missing.
    """
    if devices == 1:
        return
    if keras.backend.backend() != "jax":
        raise ConfigError(f"--devices {devices}: several devices want JAX: set KERAS_BACKEND=jax")
    there = keras.distribution.list_devices()
    if len(there) < devices:
        raise ConfigError(f"--devices {devices}: there are {len(there)}: {', '.join(there)}")
    if batch % devices:
        raise ConfigError(f"--devices {devices}: a batch of {batch} cannot be divided by it")
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=there[:devices]))


def compile_reader(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, loss: Callable[..., keras.KerasTensor] | None = None
) -> None:
    """Give the model a loss (CTC's), and an optimizer, for `fit` and `train_on_batch`."""
    # XLA makes TensorFlow slower here by a third; JAX is nothing without it
    model.compile(optimizer, loss=loss or keras.losses.CTC(), jit_compile=keras.backend.backend() == "jax")
