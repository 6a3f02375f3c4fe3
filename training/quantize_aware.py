"""A reader that learns while its weights and activations are rounded as int8 will round them.

Fake quantization (Jacob et al. 2018, arXiv:1712.05877): forward, values are rounded to 256 steps; backward, the
rounding is passed through. Kernels get a scale for each output channel, as TensorFlow Lite gives them. What ReLU6 puts
out lies in 0 to 6; what is added to it before that, and the logits, in the range that the batch spans. Batch norms need
nothing: folded into a kernel, they change the scale of its channels and not their rounding.
"""

from typing import Any

import keras
from keras import layers, ops

_LEAST = 1e-6
"""A range less wide than this is not divided by."""
_KERNEL_STEPS = 127
"""Of either sign."""
_STEPS = 255


def _through(values: keras.KerasTensor, step: keras.KerasTensor | float) -> keras.KerasTensor:
    """The values as whole steps, with the gradient of those that were not rounded."""
    return values + ops.stop_gradient(ops.round(values / step) * step - values)


def rounded_kernel(kernel: keras.KerasTensor) -> keras.KerasTensor:
    """(H, W, in, out) in steps of a 127th of the greatest absolute value of each output channel."""
    largest = ops.max(ops.abs(kernel), axis=(0, 1, 2), keepdims=True)
    return _through(kernel, ops.maximum(largest, _LEAST) / _KERNEL_STEPS)


class RoundedConv2D(layers.Conv2D):  # type: ignore[misc]
    """A convolution whose kernel is rounded."""

    def convolution_op(self, inputs: keras.KerasTensor, kernel: keras.KerasTensor) -> keras.KerasTensor:
        """Called by Keras."""
        return super().convolution_op(inputs, rounded_kernel(kernel))


class Rounded(layers.Layer):  # type: ignore[misc]
    """Activations rounded to 256 steps between 0 and `most`; if that is 0, over the batch's range with 0 in it."""

    def __init__(self, most: float = 0.0) -> None:
        super().__init__()
        self._most = most

    def call(self, values: keras.KerasTensor) -> keras.KerasTensor:
        """Called by Keras."""
        if self._most:
            return _through(values, self._most / _STEPS)
        least, most = ops.minimum(ops.min(values), 0.0), ops.maximum(ops.max(values), 0.0)
        return _through(values, ops.maximum(most - least, _LEAST) / _STEPS)


def rounded(model: keras.Model) -> keras.Model:
    """The same network, with the same weights in the same order, computing as int8 will."""
    last = next(layer.name for layer in reversed(model.layers) if isinstance(layer, layers.Conv2D))

    def clone(layer: layers.Layer) -> layers.Layer:
        kind = RoundedConv2D if isinstance(layer, layers.Conv2D) else type(layer)
        return kind.from_config(layer.get_config())

    def call(layer: layers.Layer, *inputs: Any, **options: Any) -> keras.KerasTensor:
        if isinstance(layer, layers.Add):
            first, second = inputs[0]
            return layer([first, Rounded()(second)], **options)
        out = layer(*inputs, **options)
        if layer.name == last:
            return Rounded()(out)
        return Rounded(layer.max_value)(out) if isinstance(layer, layers.ReLU) else out

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    copy.set_weights(model.get_weights())
    return copy
