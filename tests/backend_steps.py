"""Trains a tiny reader for some steps and prints what came of it as JSON: run by tests, once for each Keras backend.

python tests/backend_steps.py FOLDER STEPS DEVICES: starts from FOLDER/begun.weights.h5 (written if missing), goes on
from the state in FOLDER if there is one.
"""

import json
import sys
from pathlib import Path

import cv2
import keras
import numpy as np

from training.backend import share_among, use_threads
from training.dataset import Pool
from training.model import build_reader
from training.reader_settings import ReaderTrainSettings
from training.train import STATE, Batches, Judges, Trainer


def pool() -> Pool:
    """Eight plates."""
    texts = ("AB12", "CD345", "EF67", "", "GH8", "II99", "JK00", "L1M2N3")
    views = np.full((len(texts), 48, 160), 150, np.uint8)
    for view, text in zip(views, texts, strict=True):
        cv2.putText(view, text, (6, 34), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20,), 3)
    return Pool(views, texts)


def main() -> None:
    """Prints {"backend", "losses", "exact", "devices": on which the weights lie}."""
    folder, steps, devices = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    begun = folder / "begun.weights.h5"
    use_threads(1)
    # without dropout, whose random numbers differ between backends, the losses must not
    settings = ReaderTrainSettings(steps=200, batch=8, width=0.25, dropout=0.0, init=str(begun), devices=devices)
    if not begun.exists():
        build_reader(settings.width).save_weights(begun)
    share_among(devices, settings.batch)
    trainer = Trainer(settings, folder)
    if (folder / STATE).exists():
        trainer.restore()
    batches = Batches({"synthetic": pool()}, settings)
    losses = [trainer.update(batches.batch(trainer.step)) for _ in range(steps)]
    trainer.save()
    value = trainer.model.trainable_variables[0].value
    odd = Pool(pool().views[:7], pool().texts[:7])  # which two devices cannot divide
    lie_on = len(value.devices()) if keras.backend.backend() == "jax" else 1
    result = {
        "backend": keras.backend.backend(),
        "losses": losses,
        "exact": trainer.validate(Judges(odd)).usual,
        "devices": lie_on,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
