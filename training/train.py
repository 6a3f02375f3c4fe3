"""Trains the CTC reader: one run, top to bottom.

Pools of synthetic and real plates are made first (once), then the network is trained with AdamW over one learning-rate
cycle. A moving average of the weights is what is judged: every so often on the real validation crops, and the best of
these is kept as `best.weights.h5`. The run's folder holds the settings, the history (CSV), the last complete state to
resume from, and the best weights.
"""

import argparse
import csv
import json
import logging
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge.alphabet import BLANK
from edge.errors import ConfigError
from training.augment import jitter
from training.dataset import Pool, data_folder, plain_pool, read_split
from training.model import TIME_STEPS, build_reader
from training.pools import prepare_pools
from training.scores import exact_share, greedy_texts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Every number of a run; written beside its weights."""

    steps: int = 22_000
    batch: int = 32
    learning_rate: float = 3e-3
    warm_up: float = 0.06
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    average: float = 0.998
    width: float = 0.5
    context: int = 2
    dropout: float = 0.1
    mix: tuple[float, ...] = (0.42, 0.5, 0.03, 0.05)
    """Shares of synthetic plates, real plates, crops without a plate and the demo scene's plates in a batch."""
    demo: int = 1500
    synthetic: int = 100_000
    real_times: int = 24
    validate_every: int = 1000
    save_every: int = 500
    seed: int = 1
    threads: int = 1
    init: str = ""


def learning_rate_at(step: int, settings: TrainSettings) -> float:
    """One cycle: linear warm-up, then a cosine down to a thousandth."""
    rising = settings.warm_up * settings.steps
    if step < rising:
        return settings.learning_rate * (0.04 + 0.96 * step / rising)
    part = (step - rising) / max(1.0, settings.steps - rising)
    return settings.learning_rate * (0.001 + 0.999 * 0.5 * (1 + float(np.cos(np.pi * min(1.0, part)))))


class Batches:
    """Draws batches of jittered views from the pools; batch k is the same in every run with the same seed."""

    def __init__(self, pools: list[Pool], settings: TrainSettings) -> None:
        self._pools = pools
        self._labels = [pool.labels() for pool in pools]
        self._settings = settings
        shares = np.array(settings.mix[: len(pools)])
        self._shares = shares / shares.sum()

    def batch(self, step: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """(N, 48, 160, 1) pixels minus 128, (N, LONGEST) classes, (N,) lengths."""
        random_ = np.random.default_rng((self._settings.seed, step))
        which = random_.choice(len(self._pools), self._settings.batch, p=self._shares)
        views, classes, lengths = [], [], []
        for pool in which:
            row = int(random_.integers(len(self._pools[pool])))
            views.append(jitter(self._pools[pool].views[row], random_))
            classes.append(self._labels[pool][0][row])
            lengths.append(self._labels[pool][1][row])
        pixels = np.stack(views)[..., None].astype(np.float32) - 128.0
        return pixels, np.stack(classes), np.array(lengths, dtype=np.int32)


class Trainer:
    """The network, its average, the optimizer, and the checkpoint of all three."""

    def __init__(self, settings: TrainSettings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        keras.utils.set_random_seed(settings.seed)
        self.model = build_reader(settings.width, settings.context, settings.dropout)
        if settings.init:
            self.model.load_weights(settings.init)
        self.averaged = keras.models.clone_model(self.model)
        self.averaged.set_weights(self.model.get_weights())
        self.optimizer = keras.optimizers.AdamW(
            settings.learning_rate, weight_decay=settings.weight_decay, clipnorm=settings.clip_norm
        )
        self.optimizer.build(self.model.trainable_variables)
        self.step, self.best = tf.Variable(0), tf.Variable(-1.0)
        checkpoint = tf.train.Checkpoint(
            model=self.model, averaged=self.averaged, optimizer=self.optimizer, step=self.step, best=self.best
        )
        self.manager = tf.train.CheckpointManager(checkpoint, str(folder / "state"), max_to_keep=2)
        self._update = tf.function(self._gradient_step)

    def _gradient_step(self, pixels: tf.Tensor, classes: tf.Tensor, lengths: tf.Tensor, decay: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = self.model(pixels, training=True)
            time_steps = tf.fill([tf.shape(pixels)[0]], TIME_STEPS)
            time_major = tf.transpose(logits, (1, 0, 2))
            loss = tf.reduce_mean(tf.nn.ctc_loss(classes, time_major, lengths, time_steps, blank_index=BLANK))
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        for average, current in zip(self.averaged.weights, self.model.weights, strict=True):
            average.assign(decay * average + (1 - decay) * current)
        return loss

    def update(self, batch: tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.int32]]) -> float:
        """One step; returns its loss."""
        step = int(self.step)
        self.optimizer.learning_rate.assign(learning_rate_at(step, self.settings))
        decay = min(self.settings.average, (1 + step) / (10 + step))
        loss = float(self._update(*batch, tf.constant(decay, tf.float32)))
        self.step.assign_add(1)
        return loss

    def validate(self, pool: Pool) -> float:
        """Exact share of the averaged network on the pool, in float; keeps the weights if they are the best."""
        pixels = pool.views[..., None].astype(np.float32) - 128.0
        logits = np.concatenate([self.averaged(pixels[i : i + 64], training=False) for i in range(0, len(pool), 64)])
        exact = exact_share(greedy_texts(logits), pool.texts)
        if exact >= float(self.best):
            self.best.assign(exact)
            self.averaged.save_weights(self.folder / "best.weights.h5")
        return exact


def train(settings: TrainSettings, folder: Path, data: Path, resume: bool) -> Path:
    """Run or go on with a run; returns the file of the best weights."""
    tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
    tf.config.threading.set_inter_op_parallelism_threads(settings.threads)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")
    pools = prepare_pools(
        folder.parent / "pools",
        data,
        seed=settings.seed,
        synthetic=settings.synthetic,
        real_times=settings.real_times,
        demo=settings.demo,
        processes=max(1, settings.threads),
    )
    validation = plain_pool(read_split(data / "reader", "val"))
    trainer, batches = Trainer(settings, folder), Batches(pools, settings)
    if resume:
        if not trainer.manager.restore_or_initialize():
            raise ConfigError(f"{folder}: nothing to resume; start without --resume")
    elif trainer.manager.latest_checkpoint:
        raise ConfigError(f"{folder}: holds a run already; go on with --resume or choose another --run")
    _loop(trainer, batches, validation)
    return folder / "best.weights.h5"


def _loop(trainer: Trainer, batches: Batches, validation: Pool) -> None:
    settings = trainer.settings
    losses: list[float] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("training", total=settings.steps, completed=int(trainer.step))
        started = time.monotonic()
        while (step := int(trainer.step)) < settings.steps:
            losses.append(trainer.update(batches.batch(step)))
            progress.update(bar, completed=step + 1, description=f"loss {np.mean(losses[-200:]):.3f}")
            done = step + 1
            if done % settings.validate_every == 0 or done == settings.steps:
                exact = trainer.validate(validation)
                rate = settings.batch * len(losses) / (time.monotonic() - started)
                log.info(
                    "step %d loss %.3f exact %.4f best %.4f, %.0f/s",
                    done,
                    np.mean(losses[-1000:]),
                    exact,
                    trainer.best,
                    rate,
                )
                _record(trainer.folder / "history.csv", [done, float(np.mean(losses[-1000:])), exact])
            if done % settings.save_every == 0 or done == settings.steps:
                trainer.manager.save(done)


def _record(path: Path, row: list[float]) -> None:
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "loss", "exact"])
        writer.writerow(row)


def main(arguments: list[str]) -> int:
    """`python -m training train`."""
    default = TrainSettings()
    parser = argparse.ArgumentParser(prog="python -m training train", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/reader/default"), help="folder of the run (%(default)s)")
    parser.add_argument(
        "--data", type=Path, default=data_folder(), help="folder with reader/*/train and val (%(default)s)"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the run's last state")
    parser.add_argument("--from", dest="init", default="", metavar="WEIGHTS", help="start from these weights")
    for name in ("steps", "batch", "synthetic", "real-times", "demo", "seed", "threads", "validate-every"):
        value = getattr(default, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=int, default=value, help="(%(default)s)")
    for name in ("width", "learning-rate"):
        value = getattr(default, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=float, default=value, help="(%(default)s)")
    given = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    folder, data, resume = given.pop("run"), given.pop("data"), given.pop("resume")
    best = train(TrainSettings(**given), folder, data, resume)
    log.info("best weights: %s; export them with: python -m training export --run %s", best, folder)
    return 0
