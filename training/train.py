"""Trains the CTC reader: one run, top to bottom.

Pools of synthetic and real plates are made first (once), then the network is trained with AdamW over one learning-rate
cycle. A moving average of the weights is what is judged: every so often on the real validation crops, and the best of
these is kept as `best.weights.h5`. The run's folder holds the settings, the history (CSV), the last complete state to
resume from, the best weights and, at its end, the last ones.

Going on from weights with the owner's own crops (`--from`, and `--data` with a labels.csv), the usual data is
rehearsed. The best is then what reads most of the held-back own plates while it loses no more than `forget` of the
usual ones, be it what the run began with.
"""

import argparse
import errno
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from edge.card import ModelCard, file_sha256
from edge.errors import ConfigError, GateReaderError, OutputError
from training.augment import jitter
from training.backend import compile_reader, share_among, use_threads
from training.curves import draw_curves, read_history, record
from training.dataset import Pool, Sample, boxed_samples, data_folder, plain_pool, read_split, synthetic_chunk
from training.distil import Teachers, distilled
from training.float_reader import centred, exact_of
from training.interrupts import interrupts_noted
from training.learned import data_rows
from training.model import ARCHITECTURES, build_reader
from training.own import is_own, read_own, split_own, usual_samples
from training.pools import prepare_pools, print_of, real_to_learn
from training.profiles import run_profile
from training.quantize_aware import rounded
from training.reader_settings import ReaderTrainSettings, export_words, read_settings, resumed_reader
from training.run_folder import POOLS, SETTINGS, START, WEIGHTS, keep_prints, require_finite, write_settings
from training.state import load_state, save_state
from training.widen import load_weights, stored_reader

log = logging.getLogger(__name__)


OWN_DEFAULTS = {"steps": 3000, "learning_rate": 5e-4, "synthetic": 20_000, "real_times": 4, "validate_every": 250}
OWN_DEFAULTS["threads"] = min(2, os.cpu_count() or 1)
"""What differs in a run that goes on with own crops; the command line beats it."""
OPTIONS = {
    "steps": "batches to learn from",
    "batch": "crops in a batch",
    "synthetic": "drawn plates in the pool",
    "real_times": "how often each real crop is photographed again for the pool; those of rare sets more often",
    "demo": "crops of the demo scene in the pool",
    "seed": "of pools, batches and first weights",
    "threads": "processor threads",
    "validate_every": "steps between two looks at the validation crops",
    "devices": "devices that share each batch (JAX)",
    "context": "convolutions along the width, or LSTMs of a crnn",
    "average": "share of the old weights that the moving average keeps at each step",
    "width": "of the network; 0.75 is that of the shipped reader",
    "learning_rate": "the highest of one cycle; 5e-4 to 1.5e-3 to go on from weights",
    "own_share": "share of your own crops in a batch",
    "forget": "share of the usual plates that may be lost for your own",
    "teachers_share": "share of the loss that the teachers have",
}
"""Options of the command line, which are settings, and what they are."""
KINDS = ("synthetic", "real", "empty", "demo", "astray")
"""What the shares of `mix` belong to."""
COLUMNS = ("step", "loss", "exact", "own")
HISTORY = "history.csv"
STATE = "state.npz"
_JUDGE_SEED = 4_000_000_007
JUDGES = 400
"""Drawn plates that stand for the usual validation plates where there are none."""


def learning_rate_at(step: int, settings: ReaderTrainSettings) -> float:
    """One cycle: linear warm-up, then a cosine down to a thousandth."""
    rising = settings.warm_up * settings.steps
    if step < rising:
        return settings.learning_rate * (0.04 + 0.96 * step / rising)
    part = (step - rising) / max(1.0, settings.steps - rising)
    return settings.learning_rate * (0.001 + 0.999 * 0.5 * (1 + float(np.cos(np.pi * min(1.0, part)))))


class Batches:
    """Draws batches of jittered views from the pools; batch k is the same in every run with the same seed."""

    def __init__(self, pools: Mapping[str, Pool], settings: ReaderTrainSettings) -> None:
        self._pools = list(pools.values())
        self._labels = [pool.labels()[0] for pool in self._pools]
        self._settings = settings
        share_of = dict(zip(KINDS, settings.mix, strict=False))
        shares = np.array([share_of.get(kind, 0.0) for kind in pools])
        if not shares.sum() > 0:
            raise ConfigError(f"--mix: no share for anything that there is to learn from: {', '.join(pools)}")
        shares /= shares.sum()
        own = np.array([kind == "own" for kind in pools])
        self._shares = np.where(own, settings.own_share, shares * (1 - settings.own_share)) if own.any() else shares

    def batch(self, step: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """(N, 48, 160, 1) pixels minus 128, and (N, LONGEST) classes, filled up with blanks."""
        random_ = np.random.default_rng((self._settings.seed, step))
        which = random_.choice(len(self._pools), self._settings.batch, p=self._shares)
        views, classes = [], []
        for pool in which:
            row = int(random_.integers(len(self._pools[pool])))
            views.append(jitter(self._pools[pool].views[row], random_))
            classes.append(self._labels[pool][row])
        return centred(np.stack(views)), np.stack(classes)


class Judges(NamedTuple):
    """The plates that a run is judged by: the usual ones, and those of the owner that are held back."""

    usual: Pool
    own: Pool | None = None


class Scores(NamedTuple):
    """Exact share of the usual plates, and of the own ones if there are any; whether these weights are the best."""

    usual: float
    own: float | None
    kept: bool


class Trainer:
    """The network, its average, the optimizer, and the state of all three to resume from.

    The step is Keras' own, so that every backend of Keras takes it, on as many devices as it divides batches among.
    """

    def __init__(self, settings: ReaderTrainSettings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        keras.utils.set_random_seed(settings.seed)
        self.model = _build(settings)
        if settings.init:
            load_weights(
                self.model,
                Path(settings.init),
                architecture=settings.architecture,
                width=settings.width,
                context=settings.context,
                seed=settings.seed,
            )
        self.averaged = _build(settings)
        if settings.quantize_aware:
            if settings.architecture != "cnn":
                raise ConfigError(f"--quantize-aware: a {settings.architecture} has no int8 form")
            self.model = rounded(self.model)
        self.average: list[npt.NDArray[np.float32]] = self.model.get_weights()
        self.optimizer = keras.optimizers.AdamW(
            settings.learning_rate, weight_decay=settings.weight_decay, clipnorm=settings.clip_norm
        )
        self._teachers = Teachers(settings.teachers, settings.context) if settings.teachers else None
        compile_reader(self.model, self.optimizer, distilled(settings.teachers_share) if self._teachers else None)
        self.optimizer.build(self.model.trainable_variables)
        self.step, self.best, self.begun = 0, -1.0, -1.0

    def save(self) -> None:
        """Write all that the next step depends on, but for the pools."""
        numbers = np.array([self.step, self.best, self.begun])
        variables = [*self.model.variables, *self.optimizer.variables]
        save_state(self.folder / STATE, variables, [numbers, *self.average])

    def restore(self) -> None:
        """Go on from what `save` wrote; ConfigError if there is nothing, or that of another network."""
        variables = [*self.model.variables, *self.optimizer.variables]
        numbers, *self.average = load_state(self.folder / STATE, variables)
        self.step, self.best, self.begun = int(numbers[0]), float(numbers[1]), float(numbers[2])

    def update(self, batch: tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]) -> float:
        """One step; returns its loss."""
        self.optimizer.learning_rate = learning_rate_at(self.step, self.settings)
        pixels, classes = batch
        wanted = self._teachers.beside(pixels, classes) if self._teachers else classes
        loss = float(self.model.train_on_batch(pixels, wanted))
        require_finite(loss, self.step + 1, "--learning-rate", self.settings.learning_rate)
        decay = np.float32(min(self.settings.average, (1 + self.step) / (10 + self.step)))
        pairs = zip(self.average, self.model.get_weights(), strict=True)
        self.average = [average + (1 - decay) * (current - average) for average, current in pairs]
        self.step += 1
        return loss

    def exact(self, pool: Pool) -> float:
        """Share of the pool's plates that the averaged network, in float, reads without an error."""
        return exact_of(self.averaged, pool)

    def validate(self, judges: Judges) -> Scores:
        """Judges the averaged network; keeps its weights if they are the best so far."""
        self.averaged.set_weights(self.average)
        usual = self.exact(judges.usual)
        if judges.own is None:
            own, score = None, usual
        else:
            own = self.exact(judges.own)
            if self.begun < 0:
                self.begun = usual
            # among those that forget little: first the own plates, then the usual ones
            score = own + 1e-3 * usual if usual >= self.begun - self.settings.forget else -1.0
        kept = score >= self.best
        if kept:
            self.best = score
            self.averaged.save_weights(self.folder / WEIGHTS)
        return Scores(usual, own, kept)


def _build(settings: ReaderTrainSettings) -> keras.Model:
    return build_reader(settings.width, settings.context, settings.dropout, architecture=settings.architecture)


def train(settings: ReaderTrainSettings, folder: Path, resume: bool) -> Path:
    """Run or go on with a run; returns the file of the best weights.

    KeyboardInterrupt after the step in hand (Ctrl-C), with the state to resume from on disk.
    """
    settings = replace(settings, data=settings.data or str(data_folder()))
    history = folder / HISTORY
    use_threads(settings.threads)
    share_among(settings.devices, settings.batch)
    learned, judged = split_own(read_own(Path(settings.own))) if settings.own else ([], [])
    if settings.own and not settings.init:
        raise ConfigError(
            "own crops alone make no reader: go on from one with --from models/checkpoints/reader.weights.h5"
        )
    trainer = Trainer(replace(settings, init="") if resume else settings, folder)  # its own state says more
    usual = _usual(settings)
    prints = _prints(settings, learned, usual + judged)
    if resume:
        trainer.restore()
        keep_prints(folder, prints, resume=True, anew=f"begin a new --run, --from {folder / WEIGHTS}")
        _cut_history(history, trainer.step)
    elif (folder / STATE).exists() or (folder / "last.weights.h5").exists():
        raise ConfigError(f"{folder}: holds a run already; go on with --resume or choose another --run")
    elif history.exists():  # of a run that was killed before its first state
        for name in (HISTORY, WEIGHTS):
            (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_settings(folder, settings)
    if not resume:
        keep_prints(folder, prints, resume=False, anew="")
        _keep_start(folder, settings)
    judges = _judges(settings, usual, judged)  # before hours of drawing, lest it fail after them
    paths = prepare_pools(
        folder.parent / "pools",
        Path(settings.data),
        seed=settings.seed,
        synthetic=settings.synthetic,
        real_times=settings.real_times,
        demo=settings.demo,
        processes=max(1, settings.threads),
        own=learned,
    )
    names = json.dumps({kind: path.name for kind, path in paths.items()}, indent=1)
    (folder / POOLS).write_text(names + "\n", encoding="utf-8")
    _loop(trainer, Batches({kind: Pool.load(path) for kind, path in paths.items()}, settings), judges)
    draw_curves(history, folder / "curves.png")
    best = folder / WEIGHTS
    if judges.own:
        _compare(trainer, judges)
    return best


def _cut_history(path: Path, step: int) -> None:
    """Take away what a run that was killed has written after its last state: it does these steps again."""
    if path.exists():
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:1] + [line for line in lines[1:] if float(line.split(b",")[0]) <= step]))


def _usual(settings: ReaderTrainSettings) -> list[Sample]:
    """The usual plates to judge by; none where own crops are learned and there are no others."""
    data = Path(settings.data)
    if settings.own:
        return usual_samples("val", data)
    return read_split(data / "reader", "val") + boxed_samples(data / "detector", "val")


def _prints(settings: ReaderTrainSettings, own: list[Sample], judged: list[Sample]) -> dict[str, str]:
    """Prints of the real plates that are learned from, `own` among them, and of those that are judged by."""
    learned = real_to_learn(Path(settings.data), with_own=bool(own))
    return {"learned from": print_of(learned + own), "judged by": print_of(judged)}


def _keep_start(folder: Path, settings: ReaderTrainSettings) -> None:
    """Note what the run goes on from, with what the card of these weights tells, or the run that they lie in, before an
    export replaces both."""
    (folder / START).unlink(missing_ok=True)
    if not settings.init:
        return
    weights = Path(settings.init)
    beside = weights.parent.parent if weights.parent.name == "checkpoints" else weights.parent
    licence, data = "not told", None
    if (beside / "reader.json").is_file():
        card = ModelCard.read(beside / "reader.json")
        licence, data = card.licence, card.data
    elif (beside / SETTINGS).is_file():
        try:
            before = read_settings(beside)
            data = tuple(data_rows(beside, before, Path(before.own or before.data or data_folder())))
            licence = str({field.name: field.default for field in fields(ModelCard)}["licence"])  # as any export
        except GateReaderError as error:
            log.warning("%s; so the card will not tell what %s learned from", error, weights)
    row = {
        "name": weights.name,
        "kind": "start weights",
        "sha256": file_sha256(weights),
        "licence": licence,
        "data": data or "not told",
    }
    (folder / START).write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")


def _judges(settings: ReaderTrainSettings, usual: list[Sample], judged: list[Sample]) -> Judges:
    """The plates to judge by, `judged` being the owner's that are held back."""
    if not settings.own:
        return Judges(plain_pool(usual))
    log.info("%d own crops to judge by", len(judged))
    return Judges(
        plain_pool(usual) if usual else synthetic_chunk(_JUDGE_SEED, JUDGES), plain_pool(judged) if judged else None
    )


def _loop(trainer: Trainer, batches: Batches, judges: Judges) -> None:
    settings = trainer.settings
    losses: list[float] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    quiet = not console.is_terminal
    with Progress(*columns, console=console, disable=quiet) as progress, interrupts_noted() as interrupts:
        bar = progress.add_task("training", total=settings.steps, completed=trainer.step)
        started = time.monotonic()
        if settings.own and trainer.step == 0:
            _judge(trainer, judges, 0, float("nan"))
        while (step := trainer.step) < settings.steps:
            losses.append(trainer.update(batches.batch(step)))
            progress.update(bar, completed=step + 1, description=f"loss {np.mean(losses[-200:]):.3f}")
            done = step + 1
            if done % settings.validate_every == 0 or done == settings.steps:
                _judge(trainer, judges, done, float(np.mean(losses[-1000:])))
                log.info("%.0f crops/s", settings.batch * len(losses) / (time.monotonic() - started))
            stop = bool(interrupts) and done < settings.steps
            if done % settings.save_every == 0 or done == settings.steps or stop:
                trainer.save()
            if stop:
                log.info("stopped after step %d of %d; --resume goes on with it", done, settings.steps)
                raise KeyboardInterrupt
    trainer.averaged.set_weights(trainer.average)
    trainer.averaged.save_weights(trainer.folder / "last.weights.h5")


def _compare(trainer: Trainer, judges: Judges) -> None:
    """Tells the usual and the own plates side by side, as the first weights read them and as the best ones do."""
    before, *others = read_history(trainer.folder / HISTORY)
    best = max(others, key=lambda row: row["own"], default=before)
    lost = before["exact"] - best["exact"]
    if best["own"] > before["own"] and lost > trainer.settings.forget:
        words = "step %.0f reads %.1f %% of yours and %.1f points less of the usual ones; --forget %.3f would keep it"
        log.info(words, best["step"], 100 * best["own"], 100 * lost, lost + 0.001)
    trainer.averaged.load_weights(trainer.folder / WEIGHTS)
    table = Table("plates", "number", "before", "after", title="read without an error")
    for name, pool, column in (("usual", judges.usual, "exact"), ("own", judges.own, "own")):
        if pool is not None:
            share = exact_of(trainer.averaged, pool)
            table.add_row(name, str(len(pool)), f"{before[column]:.1%}", f"{share:.1%}")
    Console(stderr=True).print(table)


def _judge(trainer: Trainer, judges: Judges, done: int, loss: float) -> None:
    """Validates, and tells the usual and the own plates side by side."""
    scores = trainer.validate(judges)
    row: list[float] = [done, loss, scores.usual]
    if scores.own is None:
        log.info("step %d loss %.3f exact %.4f best %.4f", done, loss, scores.usual, trainer.best)
    else:
        kept = "kept" if scores.kept else "not kept"
        log.info("step %d loss %.3f exact: usual %.4f own %.4f, %s", done, loss, scores.usual, scores.own, kept)
        row.append(scores.own)
    record(trainer.folder / HISTORY, COLUMNS, row)


def _parser() -> argparse.ArgumentParser:
    default = ReaderTrainSettings()
    parser = argparse.ArgumentParser(prog="python -m training train", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/reader/default"), help="folder of the run (%(default)s)")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder with reader/*/train and val, or one of your own crops with a labels.csv, as `gatereader review "
        "--export` writes it, which is learned beside the usual data (GATEREADER_DATA, else ../shared/data; with "
        "--resume the run's)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the run's last state, with its settings but for what you give",
    )
    parser.add_argument("--from", dest="init", default="", metavar="WEIGHTS", help="start from these weights")
    for name, text in OPTIONS.items():
        mine = f", with own crops {OWN_DEFAULTS[name]}" if name in OWN_DEFAULTS else ""
        value = getattr(default, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(value), help=f"{text} ({value}{mine})", metavar="N"
        )
    parser.add_argument(
        "--mix",
        nargs=len(KINDS),
        type=float,
        metavar=tuple(kind.upper() for kind in KINDS),
        help=f"shares of what is learned ({' '.join(map(str, default.mix))})",
    )
    parser.add_argument(
        "--quantize-aware",
        action="store_true",
        default=None,
        help="learn with weights and activations rounded as int8 will round them; to go on from weights",
    )
    parser.add_argument(
        "--teachers",
        nargs="+",
        metavar="WEIGHTS",
        help="trained readers whose opinion of each picture is learned, too; they must have come from the same weights",
    )
    parser.add_argument("--profile", help="another exercise, such as digits5: `--profile digits5 --help`")
    parser.add_argument(
        "--architecture",
        choices=ARCHITECTURES,
        help=f"({default.architecture}); a crnn is to compare with, and cannot be exported",
    )
    return parser


def _settings(given: dict[str, Any], folder: Path, resume: bool) -> ReaderTrainSettings:
    """Of a new run, or of the one in `folder`; `given` are the options of the command line, None where not given."""
    given = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items() if value is not None
    }
    if data := given.pop("data", None):
        given["own" if is_own(data) else "data"] = str(data)
    if resume:
        return resumed_reader(folder, {name: value for name, value in given.items() if value != ""})
    if given["init"]:
        architecture, width = stored_reader(Path(given["init"]))
        given = {"architecture": architecture, "width": width, **given}
    if "own" in given:
        given = {**OWN_DEFAULTS, **given}
    return ReaderTrainSettings(**given)


def main(arguments: list[str]) -> int:
    """`python -m training train`."""
    if (status := run_profile("train", arguments)) is not None:
        return status
    given = vars(_parser().parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    folder, resume = given.pop("run"), given.pop("resume")
    settings = _settings(given, folder, resume)
    try:
        best = train(settings, folder, resume)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OutputError(f"{folder}: no space left on the disk; make room, and go on with --resume") from None
    exported = f"; export them with: {export_words(folder, settings)}" if settings.architecture == "cnn" else ""
    log.info("best weights: %s%s", best, exported)
    return 0
