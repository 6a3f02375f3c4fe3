"""Knowledge distillation: learning what trained readers make of a picture, beside its text.

CTC says which characters, not at which of its time steps nor how sure one may be of them; a reader that has learned
both tells a new one (Hinton et al. 2015, arXiv:1503.02531). Several teachers are averaged step by step, so that they
must agree where a character lies: readers that went on from the same weights do.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edge.alphabet import CLASSES, softmax
from training.dataset import LONGEST
from training.model import build_reader
from training.widen import load_weights, stored_reader


class Teachers:
    """Trained readers whose average opinion is what is learned."""

    def __init__(self, files: Sequence[str], context: int) -> None:
        """Load their weights, of any architecture and width; ConfigError for a file that holds none."""
        self._models = []
        for path in map(Path, files):
            architecture, width = stored_reader(path, "--teachers")
            model = build_reader(width, context, architecture=architecture)
            load_weights(
                model, path, architecture=architecture, width=width, context=context, seed=0, option="--teachers"
            )
            self._models.append(model)

    def beside(self, pixels: npt.NDArray[np.float32], classes: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """(N, H, W, 1) pixels minus 128 and (N, LONGEST) classes → (N, T, C + 1), what `distilled` compares with:

        C shares of the teachers at each time step, and in the last column the classes.
        """
        logits = [np.asarray(model.predict_on_batch(pixels), dtype=np.float32) for model in self._models]
        shares = np.mean([softmax(each) for each in logits], axis=0)
        column = np.zeros((*shares.shape[:2], 1), dtype=np.float32)
        column[:, : classes.shape[1], 0] = classes
        return np.concatenate([shares, column], axis=2, dtype=np.float32)


def distilled(share: float) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """The loss: `share` of the divergence from the teachers, summed over the time steps, and the rest CTC's.

    It takes what `Teachers.beside` gives and (N, T, C) logits, and gives (N,) losses.
    """
    ctc = keras.losses.CTC(reduction=None)

    def loss(wanted: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        shares = wanted[:, :, :CLASSES]
        text = ctc(ops.cast(wanted[:, :LONGEST, CLASSES], "int32"), logits)
        apart = shares * (ops.log(shares + 1e-7) - ops.log_softmax(logits, axis=-1))
        return share * ops.sum(apart, axis=(1, 2)) + (1 - share) * text

    return loss
