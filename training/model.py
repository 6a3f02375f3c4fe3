"""The CTC reader: a plain residual 3×3 CNN that collapses the height and reads along the width.

Only what int8 and XNNPACK do well: dense convolutions, ReLU6, no attention, no recurrence, no normalisation at run
time (batch norms fold into the convolutions). Shapes are given as height × width × channels at width multiplier 1.

The classic CRNN (Shi et al. 2015, arXiv:1507.05717) is there to compare with: the same convolutions, and two
bidirectional LSTMs in the place of those along the width. It trains, but has no int8 form (see `export.py`).
"""

import keras
from keras import layers

from edge.alphabet import CLASSES
from edge.preprocess import READER_HEIGHT, READER_WIDTH

ARCHITECTURES = ("cnn", "crnn")


def build_reader(
    width: float = 0.5,
    context: int = 2,
    dropout: float = 0.1,
    *,
    architecture: str = "cnn",
    shape: tuple[int, int] = (READER_HEIGHT, READER_WIDTH),
) -> keras.Model:
    """(N, H, W, 1) pixels minus 128 → (N, W / 4, CLASSES) logits; `shape` is (H, W), multiples of 16 and 4.

    `width` multiplies the channels; `context` is the number of 1×5 residual convolutions along the width, or in a
    "crnn" of bidirectional LSTMs. ValueError for any other `architecture`.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"no architecture {architecture!r}; there are {', '.join(ARCHITECTURES)}")

    def channels(number: int) -> int:
        return max(8, round(number * width))

    pixels = keras.Input((*shape, 1), name="pixels")
    x = layers.Rescaling(1 / 128.0)(pixels)
    x = _convolution(x, channels(24), stride=2)  # 24×80
    x = _convolution(x, channels(32))
    x = _convolution(x, channels(64), stride=2)  # 12×40
    x = _residual(x, channels(64))
    x = _convolution(x, channels(96), stride=(2, 1))  # 6×40
    x = _residual(x, channels(96))
    x = _convolution(x, channels(128), stride=(2, 1))  # 3×40
    x = _normalised(layers.Conv2D(channels(128), (x.shape[1], 1), use_bias=False)(x))  # 1×40
    time_steps = x.shape[2]
    if architecture == "crnn":
        x = layers.Reshape((time_steps, channels(128)))(x)
        for _ in range(context):
            x = layers.Bidirectional(layers.LSTM(channels(128), return_sequences=True))(x)
        logits = layers.Dense(CLASSES, name="characters")(layers.Dropout(dropout)(x))
        return keras.Model(pixels, logits, name="reader")
    for _ in range(context):
        y = layers.Conv2D(channels(128), (1, 5), padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.Add()([x, layers.BatchNormalization(momentum=0.97)(y)]))
    x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(CLASSES, 1, name="characters")(x)
    return keras.Model(pixels, layers.Reshape((time_steps, CLASSES), name="logits")(x), name="reader")


def _normalised(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.97)(x))


def _convolution(x: keras.KerasTensor, channels: int, stride: int | tuple[int, int] = 1) -> keras.KerasTensor:
    return _normalised(layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x))


def _residual(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    y = _convolution(x, channels)
    y = layers.BatchNormalization(momentum=0.97)(layers.Conv2D(channels, 3, padding="same", use_bias=False)(y))
    return layers.ReLU(6.0)(layers.Add()([x, y]))
