"""A trained reader as it is, in float and in any backend of Keras: what the int8 file is measured against."""

from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from edge.alphabet import decode_greedy
from edge.errors import ModelError
from edge.preprocess import plate_views
from edge.reader import best_reading
from edge.records import Image, PlateReading
from training.dataset import Pool
from training.model import build_reader
from training.reader_settings import read_settings
from training.run_folder import SETTINGS, WEIGHTS
from training.scores import exact_share, greedy_texts

_AT_ONCE = 64


def centred(views: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(N, H, W) views → (N, H, W, 1) pixels minus 128, as the network takes them."""
    return views[..., None].astype(np.float32) - 128.0


def logits_of(model: keras.Model, views: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(N, H, W) views → (N, T, C) logits."""
    shared = keras.distribution.distribution()
    devices = shared.device_mesh.devices.size if shared else 1
    padded = np.pad(views, ((0, -len(views) % devices), (0, 0), (0, 0)))  # every batch is divided among them
    logits = model.predict(centred(padded), batch_size=_AT_ONCE * devices, verbose=0)
    return np.asarray(logits, dtype=np.float32)[: len(views)]


def exact_of(model: keras.Model, pool: Pool) -> float:
    """Share of the pool's texts that are read without an error."""
    return exact_share(greedy_texts(logits_of(model, pool.views)), pool.texts)


class FloatReader:
    """A run's best weights behind the same method as `edge.reader.PlateReader`, to be judged by the same code."""

    def __init__(self, run: Path) -> None:
        """Build the run's network and load its best weights; ModelError if there are none."""
        if not (run / SETTINGS).is_file() or not (run / WEIGHTS).is_file():
            raise ModelError(f"{run}: no trained run here ({SETTINGS} or {WEIGHTS} is missing)")
        given = read_settings(run)
        self._model = build_reader(given.width, given.context, architecture=given.architecture)
        self._model.load_weights(run / WEIGHTS)

    def logits(self, views: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(N, H, W) views → (N, T, C) logits."""
        return logits_of(self._model, views)

    def read(self, crop: Image) -> PlateReading:
        """The text of a crop, (H, W, 3) BGR or (H, W) grey; empty where nothing is legible."""
        views = plate_views(crop)
        logits = self._model(centred(np.stack([view.pixels for view in views])), training=False)
        return best_reading(views, [decode_greedy(each) for each in keras.ops.convert_to_numpy(logits)])
