"""Trains the CTC reader on five digits: the classic exercise, with Keras' own loop.

Adam at a fixed rate, up to 55 epochs, stopped when five have brought nothing. Each epoch shows every picture once: as
it was drawn, or as one of its photographs (`--augmentations`). What is judged after each epoch is drawn and
photographed anew, in the learned faces; at the end the best weights read 5000 fresh pictures of these, and 5000
photographs in ten families that were never learned. The run's folder holds settings, history (CSV and picture),
the last state to resume from, the best weights and the final scores.
"""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import inf
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from edge.errors import ConfigError
from training.backend import compile_reader, use_threads
from training.curves import draw_curves, read_history, record
from training.dataset import Pool, make_pool
from training.digits5 import DIGITS, HEIGHT, WIDTH, Fonts, digits_jobs
from training.float_reader import centred, exact_of
from training.model import build_reader
from training.run_folder import WEIGHTS, require, resumed, write_settings
from training.widen import load_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DigitsSettings:
    """Every number of a run; written beside its weights."""

    count: int = 60_000
    """Pictures that are learned."""
    epochs: int = 55
    """Most epochs; each shows every picture once."""
    patience: int = 5
    """Epochs without anything better after which the run ends."""
    batch: int = 256
    """Pictures in a batch."""
    learning_rate: float = 3e-4
    """Adam's at first; it falls when epochs bring nothing."""
    augmentations: int = 2
    """Photographs of each picture that are learned beside the drawn one."""
    width: float = 0.25
    """Of the network: its channels are multiplied by it (`training.model.build_reader`)."""
    context: int = 2
    """Convolutions along the width."""
    dropout: float = 0.1
    """Share of the features that are left out before the digits are told."""
    judged: int = 2000
    """Pictures of each kind that are judged after an epoch."""
    final: int = 5000
    """Pictures of each kind that are judged at the end."""
    seed: int = 1
    """Of pictures, batches and first weights."""
    threads: int = 1
    """Of the processor."""
    init: str = ""
    """Weights to begin with: those of a run of the same width, or of a narrower one, which is widened."""

    def __post_init__(self) -> None:
        require(self, "1 or more", lambda value: value >= 1, "epochs", "batch", "judged", "final", "threads")
        require(self, "0 or more", lambda value: value >= 0, "patience", "augmentations", "seed", "context")
        require(self, "more than 0", lambda value: 0 < value < inf, "learning_rate", "width")
        require(self, "0 or more, and less than 1", lambda value: 0 <= value < 1, "dropout")
        require(self, f"as many as a batch, {self.batch}, or more", lambda value: value >= self.batch, "count")


COLUMNS = ("epoch", "loss", "exact", "photographed")
_JUDGE_SEED = 1000
"""Added to the run's seed, so that what is judged was never learned."""
_FINAL_SEED = 2000
_PLATEAU, _SLOWER = 2, 0.3
"""Each time so many epochs brought nothing, the learning rate falls to this share: what is left to learn is fine."""


class DigitBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of (N, 64, 128, 1) pixels minus 128 and (N, 5) classes; `forms` are the same texts, differently seen."""

    def __init__(self, forms: Sequence[Pool], batch: int, seed: int) -> None:
        super().__init__()
        self._forms, self._batch, self._random = forms, batch, np.random.default_rng(seed)
        self._classes = forms[0].labels()[0][:, :DIGITS]
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self._classes) // self._batch

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        rows = self._order[index * self._batch : (index + 1) * self._batch]
        views = np.stack([self._forms[self._form[row]].views[row] for row in rows])
        return centred(views), self._classes[rows]

    def on_epoch_end(self) -> None:
        """Another order, and another form of each picture."""
        self._order = self._random.permutation(len(self._classes))
        self._form = self._random.integers(0, len(self._forms), len(self._classes))


class Judge(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch: scores, history, the best weights, and an end when `patience` epochs brought nothing."""

    def __init__(self, folder: Path, settings: DigitsSettings, drawn: Pool, photographed: Pool) -> None:
        super().__init__()
        self._folder, self._settings, self._pools = folder, settings, (drawn, photographed)
        self._scores = [_score(row) for row in read_history(folder / "history.csv")]

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Called by Keras; the state that a run is resumed from has brought its own learning rate back."""
        self.model.optimizer.learning_rate = self._settings.learning_rate * rate_share(self._scores)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Called by Keras; `epoch` counts from 0."""
        loss = (logs or {})["loss"]
        exact, photographed = (exact_of(self.model, pool) for pool in self._pools)
        row = dict(zip(COLUMNS, (epoch + 1, loss, exact, photographed), strict=True))
        self._scores.append(_score(row))
        record(self._folder / "history.csv", COLUMNS, list(row.values()))
        log.info("epoch %d loss %.4f exact: drawn %.4f photographed %.4f", epoch + 1, loss, exact, photographed)
        waited = len(self._scores) - 1 - self._scores.index(max(self._scores))
        if waited == 0:
            self.model.save_weights(self._folder / WEIGHTS)
        if waited >= self._settings.patience:
            log.info("no better for %d epochs: done", waited)
            self.model.stop_training = True


def rate_share(scores: Sequence[tuple[float, float]]) -> float:
    """The learning rate after epochs of these scores, as a share of the first: less each time two brought nothing."""
    share, waited = 1.0, 0
    for epoch in range(1, len(scores)):
        waited = 0 if scores[epoch] > max(scores[:epoch]) else waited + 1
        if waited and waited % _PLATEAU == 0:
            share *= _SLOWER
    return share


def _score(row: Mapping[str, float]) -> tuple[float, float]:
    """Greater is better: texts read, then the loss, which alone tells for as long as CTC says nothing."""
    read = row["exact"] + row["photographed"]
    return read, 0.0 if read else -row["loss"]


def _pool(
    folder: Path, settings: DigitsSettings, seed: int, count: int, photograph: int, *, fonts: Fonts = "learned"
) -> Pool:
    """`count` pictures, made, or taken from `folder` if a run with the same seed has made them; `seed` is added to the
    run's."""
    seed += settings.seed
    path = folder / f"{fonts}-{seed}-{count}-{photograph}.npz"
    if not path.is_file():
        title = f"{'photographed' if photograph else 'drawn'} digits, {fonts} faces"
        make_pool(digits_jobs(seed, count, photograph, fonts), max(1, settings.threads), title).save(path)
    return Pool.load(path)


def train_digits(settings: DigitsSettings, folder: Path, resume: bool) -> dict[str, float]:
    """Run or go on with a run; returns the final scores, which are in `folder`/scores.json too."""
    begun = (folder / "history.csv").exists()
    if resume and not begun:
        raise ConfigError(f"{folder}: nothing to resume; start without --resume")
    if begun and not resume:
        raise ConfigError(f"{folder}: holds a run already; go on with --resume or choose another --run")
    if resume:
        _require_same_network(settings, folder)
    use_threads(settings.threads)
    keras.utils.set_random_seed(settings.seed)
    model = build_reader(settings.width, settings.context, settings.dropout, shape=(HEIGHT, WIDTH))
    if settings.init and not begun:
        load_weights(
            model,
            Path(settings.init),
            architecture="cnn",
            width=settings.width,
            context=settings.context,
            seed=settings.seed,
        )
    folder.mkdir(parents=True, exist_ok=True)
    pool = partial(_pool, folder.parent / "pools", settings)
    forms = [pool(0, settings.count, n) for n in range(settings.augmentations + 1)]
    drawn, photographed = (pool(_JUDGE_SEED, settings.judged, n) for n in (0, 1))
    compile_reader(model, keras.optimizers.Adam(settings.learning_rate))
    write_settings(folder, settings)  # last: what could not begin changes no run
    model.fit(
        DigitBatches(forms, settings.batch, settings.seed + len(read_history(folder / "history.csv"))),
        epochs=settings.epochs,
        verbose=1 if sys.stderr.isatty() else 0,
        callbacks=[
            Judge(folder, settings, drawn, photographed),
            keras.callbacks.BackupAndRestore(folder / "state", delete_checkpoint=False),
        ],
    )
    draw_curves(folder / "history.csv", folder / "curves.png")
    return _final(model, pool, settings.final, folder)


def _require_same_network(settings: DigitsSettings, folder: Path) -> None:
    """ConfigError unless the run's last state fits the network that the settings want."""
    before = resumed(folder, DigitsSettings, "a run of digits5", {})
    for name in ("width", "context"):
        had, wanted = getattr(before, name), getattr(settings, name)
        if had != wanted:
            raise ConfigError(
                f"--{name} {wanted}: the run in {folder} has {had}; begin another --run, --from {folder / WEIGHTS}"
            )


def _final(model: keras.Model, pool: partial[Pool], count: int, folder: Path) -> dict[str, float]:
    """How the best weights read what was never learned; written to `folder`/scores.json too. `pool` is `_pool`."""
    model.load_weights(folder / WEIGHTS)
    of: tuple[tuple[str, Fonts], ...] = (("fresh", "learned"), ("other fonts", "others"))
    scores = {
        f"{name}, {kind}": exact_of(model, pool(_FINAL_SEED, count, photograph, fonts=fonts))
        for name, fonts in of
        for photograph, kind in enumerate(("drawn", "photographed"))
    }
    (folder / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    for name, share in scores.items():
        log.info("%-26s %.4f of %d exact", name, share, count)
    return scores


def main(arguments: list[str]) -> int:
    """`python -m training train --profile digits5`."""
    parser = argparse.ArgumentParser(prog="python -m training train --profile digits5", description=__doc__)
    parser.add_argument(
        "--run", type=Path, default=Path("runs/digits5/default"), help="folder of the run (%(default)s)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the run's last epoch, with its settings but for what you give"
    )
    parser.add_argument(
        "--from", dest="init", metavar="WEIGHTS", help="start from the weights of another run, narrower ones too"
    )
    for name, value in asdict(DigitsSettings()).items():
        if name == "init":
            continue
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), help=f"({value})", metavar="N")
    given = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    folder, resume = given.pop("run"), given.pop("resume")
    given = {name: value for name, value in given.items() if value is not None}
    settings = resumed(folder, DigitsSettings, "a run of digits5", given) if resume else DigitsSettings(**given)
    train_digits(settings, folder, resume)
    log.info("best weights: %s; curves: %s", folder / WEIGHTS, folder / "curves.png")
    return 0
