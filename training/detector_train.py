"""Training the plate detector from scratch on one processor thread, by a schedule that ends when the time is up."""

import argparse
import json
import logging
import math
import shlex
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

from edge.errors import ConfigError
from training import detector_data as data
from training.curves import draw_curves, record
from training.detector_network import (
    build_network,
    load_weights,
    read_state,
    save_weights,
    transfer_weights,
    write_state,
)
from training.detector_scenes import DEVICE_SIZE, SceneMaker, SceneSettings
from training.detector_score import float_finder, report
from training.detector_settings import (
    OPTIONS,
    DetectorTrainSettings,
    parse_sizes,
    require_trainable,
    sizes_text,
    stored_settings,
)
from training.detector_validation import Validation
from training.interrupts import interrupts_noted
from training.output import writing
from training.run_folder import keep_prints, require_finite, resumed, write_settings

LAST = "last.pt"
"""All of a run's state, in its folder."""
BEST = "best.pt"


class Average:
    """Running average of a network's weights (Polyak), quick to follow at first."""

    def __init__(self, network: Any, decay: float) -> None:
        self.network = build_network().eval()
        self.network.load_state_dict(network.state_dict())
        self._decay = decay

    def update(self, network: Any, step: int) -> None:
        """Take over a little of `network`."""
        decay = self._decay * (1 - math.exp(-(step + 1) / 200))
        with torch.no_grad():
            new = network.state_dict()
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(new[name], 1 - decay)
                else:
                    value.copy_(new[name])


def train(settings: DetectorTrainSettings, folder: Path, out: Path, *, resume: bool, console: Console) -> Path:
    """Train into `out`: `settings.json`, `last.pt` (all of the state), `best.pt` (weights alone), `log.jsonl`,
    `history.csv` and `curves.png`; the path of the best, which may be what it started from.

    OutputError if the folder cannot be written. KeyboardInterrupt after the step in hand (Ctrl-C), with the state to
    resume from in `last.pt`.
    """
    torch.set_num_threads(settings.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(settings.seed)
    cv2.setNumThreads(1)
    with writing(f"--out {out}"):
        out.mkdir(parents=True, exist_ok=True)
    run = _Run(settings, out, console, start="" if resume else settings.start)  # its own state says more
    if resume:
        run.restore()
    elif (out / LAST).exists():
        raise ConfigError(f"{out}: holds a run already; go on with --resume or choose another --out")
    data.require_learned(folder)
    console.log("loading pictures")
    extra = data.load_folder(Path(settings.extra)) if settings.extra else ()
    negatives = data.load_negatives(folder, held_back=False)
    plates = data.load_plate_crops(folder) + data.draw_plates(settings.drawn, settings.seed)
    maker = SceneMaker(data.load_pictures(folder, "train"), negatives, plates, extra)
    validation = Validation(folder)
    with writing(f"--out {out}"):
        anew = f"begin another --out, --start {out / BEST}"
        keep_prints(out, {"judged by": validation.print()}, resume=resume, anew=anew)
        write_settings(out, settings)  # not before all of them have proved right: --resume begins with these
    with Progress(
        TextColumn("step {task.fields[step]}"), BarColumn(), TextColumn("{task.percentage:.1f} %"), TimeElapsedColumn(),
        TextColumn("size {task.fields[size]}  loss {task.fields[loss]:.2f}  best {task.fields[best]:.3f}"),
        console=console, refresh_per_second=0.5,
    ) as bar:  # fmt: skip
        task = bar.add_task("train", total=1.0, step=run.step, size=0, loss=0.0, best=max(run.best, 0.0))
        if settings.start or resume:
            run.mine(maker)
        if settings.start and not resume:
            run.validate(validation, 0.0)
        run.begin()
        with ThreadPoolExecutor(1, "scenes") as drawer, interrupts_noted() as interrupts:
            while (share := run.share()) < 1.0:
                size, loss = run.train_step(maker, share, drawer)
                bar.update(task, completed=share, step=run.step, size=size, loss=loss, best=max(run.best, 0.0))
                if interrupts:
                    run.save()
                    words = ["python", "-m", "training", "detector", "train", "--out", str(out), "--resume"]
                    told = f"stopped after step {run.step}; go on with: {shlex.join(words)}"
                    console.print(told, markup=False, highlight=False, soft_wrap=True)  # to be copied
                    raise KeyboardInterrupt
                if run.validation_due():
                    run.validate(validation, share)
                    run.mine(maker)
        run.validate(validation, 1.0)
    best = out / BEST
    if load_weights(best)[1]["step"] == 0:
        console.log(f"nothing was better than {settings.start}: {best} holds its weights")
    return best


class _Run:
    """The state of a run: network, average, optimizer, where in the schedule it is."""

    def __init__(self, settings: DetectorTrainSettings, out: Path, console: Console, start: str) -> None:
        self.settings, self.out, self.console = settings, out, console
        self.network = build_network()
        if start:
            fresh = transfer_weights(self.network, Path(start))
            console.log(f"from {start}, {fresh} tensors fresh")
        self.average = Average(self.network, settings.averaging)
        for network in (self.network, self.average.network):
            network.to(memory_format=torch.channels_last)  # a seventh faster on a processor
        weights = [value for value in self.network.parameters() if value.ndim > 1]
        others = [value for value in self.network.parameters() if value.ndim <= 1]
        groups = [{"params": weights, "weight_decay": settings.decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.rate)
        self.step, self.best, self.spent = 0, -1.0, 0.0
        self._losses: list[float] = []
        self._began: float | None = None
        self._validated = time.monotonic()
        self._processor = time.process_time()
        self._next: Future[tuple[int, dict[str, Tensor]]] | None = None

    def begin(self) -> None:
        """Start the clock; loading, and judging what it starts from, do not count."""
        self._began = self._validated = time.monotonic()

    def share(self) -> float:
        """How much of the schedule is done, 0 to 1."""
        if self.settings.steps:
            return self.step / self.settings.steps
        return self._elapsed() / (60 * self.settings.minutes)

    def _elapsed(self) -> float:
        """Seconds of the schedule that are over."""
        return self.spent + (0.0 if self._began is None else time.monotonic() - self._began)

    def train_step(self, maker: SceneMaker, share: float, drawer: ThreadPoolExecutor) -> tuple[int, float]:
        """One batch; its size and the mean loss a picture of late. The next one's scenes are drawn meanwhile."""
        settings = self.settings
        size, batch = (self._next or drawer.submit(self._draw, maker, share, self.step)).result()
        self._next = drawer.submit(self._draw, maker, share, self.step + 1)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.rate * rate_share(share)
        self.network.train()
        losses, _ = self.network(batch)
        loss = losses.sum()
        value = float(loss.detach())
        require_finite(value, self.step + 1, "--rate", settings.rate)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimizer.step()
        self.average.update(self.network, self.step)
        self.step += 1
        self._losses = [*self._losses[-49:], value / settings.batch]
        return size, float(np.mean(self._losses))

    def _draw(self, maker: SceneMaker, share: float, step: int) -> tuple[int, dict[str, Tensor]]:
        settings = self.settings
        size = [pixels for begin, pixels in settings.sizes if share >= begin][-1]
        scenes = settings.calm if share >= settings.calm_from else settings.wild
        scenes = replace(scenes, extra=settings.extra_share)
        random_ = np.random.default_rng((settings.seed, step))
        return size, make_batch(maker, random_, settings.batch, size, scenes)

    def mine(self, maker: SceneMaker) -> None:
        """Look for the pictures without plates that the average network takes for some."""
        if self.settings.mine:
            find = float_finder(self.average.network, DEVICE_SIZE)
            sure = [max(find(picture).scores, default=0.0) for picture in maker.negatives]
            maker.favour(sure)
            top = ", ".join(f"{value:.2f}" for value in sorted(sure)[:-9:-1])
            self.console.log(f"surest of a plate where none is: {top}; mean {np.mean(sure):.3f}")

    def validation_due(self) -> bool:
        """Is it time?"""
        return time.monotonic() - self._validated >= self.settings.validate_every

    def validate(self, validation: Validation, share: float) -> None:
        """Score the average, keep it if it is the best so far, write the state and the log."""
        found, negatives = validation.run(float_finder(self.average.network, DEVICE_SIZE))
        scores = report(validation, found, negatives, DEVICE_SIZE)
        goal = (scores["all"]["ap50"] + scores["all"]["recall"]) / 2
        about = {"step": self.step, "share": share, "scores": scores, "run": str(self.out),
                 "settings": asdict(self.settings)}  # fmt: skip
        if goal > self.best:
            self.best = goal
            save_weights(self.average.network, self.out / BEST, about)
        self.save()
        loss = round(float(np.mean(self._losses)), 4) if self._losses else None  # before the first step
        line = {"step": self.step, "share": round(share, 4), "loss": loss,
                "processor_minutes": round((time.process_time() - self._processor) / 60, 2),
                "goal": round(goal, 4), **scores}  # fmt: skip
        self.console.log(json.dumps(line))
        row = [self.step, math.nan if loss is None else loss]
        row += [scores["all"][name] for name in ("ap50", "ap50_95", "recall")]
        with writing(f"--out {self.out}"):
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            record(self.out / "history.csv", ("step", "loss", "AP50", "AP50-95", "recall"), row)
            draw_curves(self.out / "history.csv", self.out / "curves.png", "on the validation pictures")
        self._validated = time.monotonic()

    def save(self) -> None:
        """Write all of the state into `last.pt`."""
        state = {"network": self.network.state_dict(), "average": self.average.network.state_dict(),
                 "optimizer": self.optimizer.state_dict(), "step": self.step, "best": self.best,
                 "spent": self._elapsed()}  # fmt: skip
        write_state(state, self.out / LAST)

    def restore(self) -> None:
        """Go on from `last.pt`."""
        if not (self.out / LAST).is_file():
            raise ConfigError(f"{self.out}: nothing to resume ({LAST} is missing); start without --resume")
        state = read_state(self.out / LAST)
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best, self.spent = state["step"], state["best"], state["spent"]


def rate_share(share: float) -> float:
    """Learning rate at this share of the schedule, as a share of the highest."""
    if share < 0.04:
        return max(share / 0.04, 0.02)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * min((share - 0.04) / 0.96, 1.0))) / 2


def make_batch(
    maker: SceneMaker, random_: np.random.Generator, count: int, size: int, settings: SceneSettings
) -> dict[str, Tensor]:
    """A batch as ultralytics' loss takes it: pictures (N, 3, S, S) 0 to 1, boxes as normalised centre and size."""
    scenes = [maker.scene(random_, size, settings) for _ in range(count)]
    pixels = torch.from_numpy(np.stack([scene.image for scene in scenes])).permute(0, 3, 1, 2).float() / 255
    corners = np.concatenate([scene.boxes for scene in scenes]) / size
    middles = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)
    owners = np.repeat(np.arange(count), [len(scene.boxes) for scene in scenes])
    return {
        "img": pixels.contiguous(memory_format=torch.channels_last),
        "cls": torch.zeros(len(owners), 1),
        "bboxes": torch.from_numpy(middles.astype(np.float32)),
        "batch_idx": torch.from_numpy(owners.astype(np.float32)),
    }


def main(arguments: list[str]) -> int:
    """`train`: see --help."""
    default = DetectorTrainSettings()
    parser = argparse.ArgumentParser(prog="python -m training detector train", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/detector"), help="folder of checkpoints and log")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from last.pt in --out, with the run's settings but for what you give",
    )
    parser.add_argument(
        "--no-mine", dest="mine", action="store_false", default=None, help="show all negatives equally often"
    )
    for name, text in OPTIONS.items():
        value = getattr(default, name)
        told = f"{text} ({value})" if value != "" else text
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), help=told)
    sizes = sizes_text(default.sizes)
    parser.add_argument("--sizes", help=f"share of the schedule:size of scenes from there on ({sizes})")
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    out, resume = given.pop("out"), given.pop("resume")
    if "sizes" in given:
        given["sizes"] = parse_sizes(given["sizes"])
    if "minutes" in given:
        given = {"steps": 0, **given}  # a run that counted steps goes by the clock from here on
    settings = resumed(out, stored_settings, "a detector's run", given) if resume else DetectorTrainSettings(**given)
    require_trainable(settings)
    console = Console(stderr=True)
    logging.basicConfig(level=logging.INFO)
    best = train(settings, data.require_data_folder(), out, resume=resume, console=console)
    console.log(f"best: {best}")
    return 0
