"""Training the plate detector from scratch on one processor thread, by a schedule that ends when the time is up."""

import argparse
import json
import logging
import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
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
from training.detector_network import build_network, save_weights, transfer_weights
from training.detector_scenes import DEVICE_SIZE, SceneMaker, SceneSettings
from training.detector_score import float_finder, report
from training.detector_validation import Validation
from training.run_folder import SETTINGS, resumed


@dataclass(frozen=True)
class TrainSettings:
    """All that a training run is told; kept beside its checkpoints and in them."""

    minutes: float = 75.0
    """Wall time of the whole schedule; it shrinks and stretches with the machine's speed."""
    steps: int = 0
    """If not 0, the schedule runs over this many steps instead of `minutes`."""
    seed: int = 0
    batch: int = 16
    rate: float = 2e-3
    """Highest learning rate (AdamW): up to it in the first 4 %, then down a cosine to a hundredth."""
    decay: float = 0.02
    """Weight decay of the convolutions' weights."""
    averaging: float = 0.998
    """Decay of the running average of the weights, which is what is validated and kept."""
    sizes: tuple[tuple[float, int], ...] = ((0.0, 320), (0.85, 416))
    """From which share of the schedule on scenes of which size are drawn. Small ones first: plates keep the device's
    scale at every size, so a small scene only leaves out background, and costs less. (Less than 320 was measured to
    teach large false boxes on walls.)"""
    calm_from: float = 0.85
    """From this share on no mosaics and fewer pasted plates, so that training ends on what pictures look like."""
    validate_every: float = 360.0
    """Seconds between validations."""
    threads: int = 1
    """Of torch; a second one makes it about 1.6 times as fast."""
    start: str = ""
    """Checkpoint to start from; weights that the network has in another shape are left as they are."""
    mine: bool = True
    """At each validation, look for the pictures without plates that the network takes for some, and show them more."""
    extra: str = ""
    """Folder of further labelled frames (images/, labels/)."""
    extra_share: float = 0.0
    """Share of views that show those."""
    drawn: int = 3000
    """Drawn plates to be pasted, beside the real crops."""
    calm: SceneSettings = field(default=SceneSettings(mosaic=0.0, pasted=0.3, lettering=0.2))
    wild: SceneSettings = field(default=SceneSettings())


LAST = "last.pt"
"""All of a run's state, in its folder."""


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


def train(settings: TrainSettings, folder: Path, out: Path, *, resume: bool, console: Console) -> Path:
    """Train into `out`: `settings.json`, `last.pt` (all of the state), `best.pt` (weights alone), `log.jsonl`,
    `history.csv` and `curves.png`; the path of the best."""
    torch.set_num_threads(settings.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(settings.seed)
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(settings, out, console, start="" if resume else settings.start)  # its own state says more
    if resume:
        run.restore()
    elif (out / LAST).exists():
        raise ConfigError(f"{out}: holds a run already; go on with --resume or choose another --out")
    (out / SETTINGS).write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")
    console.log("loading pictures")
    extra = data.load_folder(Path(settings.extra)) if settings.extra else ()
    negatives = data.load_negatives(folder, held_back=False)
    plates = data.load_plate_crops(folder) + data.draw_plates(settings.drawn, settings.seed)
    maker = SceneMaker(data.load_pictures(folder, "train"), negatives, plates, extra)
    validation = Validation(folder)
    with Progress(
        TextColumn("step {task.fields[step]}"), BarColumn(), TextColumn("{task.percentage:.1f} %"), TimeElapsedColumn(),
        TextColumn("size {task.fields[size]}  loss {task.fields[loss]:.2f}  best {task.fields[best]:.3f}"),
        console=console, refresh_per_second=0.5,
    ) as bar:  # fmt: skip
        task = bar.add_task("train", total=1.0, step=run.step, size=0, loss=0.0, best=run.best)
        if settings.start or resume:
            run.mine(maker)
        run.begin()
        with ThreadPoolExecutor(1, "scenes") as drawer:
            while (share := run.share()) < 1.0:
                size, loss = run.train_step(maker, share, drawer)
                bar.update(task, completed=share, step=run.step, size=size, loss=loss, best=run.best)
                if run.validation_due():
                    run.validate(validation, share)
                    run.mine(maker)
        run.validate(validation, 1.0)
    return out / "best.pt"


class _Run:
    """The state of a run: network, average, optimizer, where in the schedule it is."""

    def __init__(self, settings: TrainSettings, out: Path, console: Console, start: str) -> None:
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
        self.step, self.best, self.spent, self._losses = 0, 0.0, 0.0, [0.0]
        self._began = self._validated = time.monotonic()
        self._processor = time.process_time()
        self._next: Future[tuple[int, dict[str, Tensor]]] | None = None

    def begin(self) -> None:
        """Start the clock; loading does not count."""
        self._began = self._validated = time.monotonic()

    def share(self) -> float:
        """How much of the schedule is done, 0 to 1."""
        if self.settings.steps:
            return self.step / self.settings.steps
        return (self.spent + time.monotonic() - self._began) / (60 * self.settings.minutes)

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
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimizer.step()
        self.average.update(self.network, self.step)
        self.step += 1
        self._losses = [*self._losses[-49:], float(loss.detach()) / settings.batch]
        return size, float(np.mean(self._losses))

    def _draw(self, maker: SceneMaker, share: float, step: int) -> tuple[int, dict[str, Tensor]]:
        settings = self.settings
        size = [pixels for begin, pixels in settings.sizes if share >= begin][-1]
        scenes = settings.calm if share >= settings.calm_from else settings.wild
        scenes = replace(scenes, extra=settings.extra_share)
        rng = np.random.default_rng((settings.seed, step))
        return size, make_batch(maker, rng, settings.batch, size, scenes)

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
        about = {"step": self.step, "share": share, "scores": scores, "settings": asdict(self.settings)}
        if goal >= self.best:
            self.best = goal
            save_weights(self.average.network, self.out / "best.pt", about)
        state = {"network": self.network.state_dict(), "average": self.average.network.state_dict(),
                 "optimizer": self.optimizer.state_dict(), "step": self.step, "best": self.best,
                 "spent": self.spent + time.monotonic() - self._began}  # fmt: skip
        torch.save(state, self.out / "last.tmp")
        (self.out / "last.tmp").replace(self.out / LAST)
        line = {"step": self.step, "share": round(share, 4), "loss": round(float(np.mean(self._losses)), 4),
                "processor_minutes": round((time.process_time() - self._processor) / 60, 2),
                "goal": round(goal, 4), **scores}  # fmt: skip
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        self.console.log(json.dumps(line))
        row = [self.step, line["loss"], *(scores["all"][name] for name in ("ap50", "ap50_95", "recall"))]
        record(self.out / "history.csv", ("step", "loss", "AP50", "AP50-95", "recall"), row)
        draw_curves(self.out / "history.csv", self.out / "curves.png", "on the validation pictures")
        self._validated = time.monotonic()

    def restore(self) -> None:
        """Go on from `last.pt`."""
        if not (self.out / LAST).is_file():
            raise ConfigError(f"{self.out}: nothing to resume ({LAST} is missing); start without --resume")
        state = torch.load(self.out / LAST, map_location="cpu", weights_only=True)
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
    maker: SceneMaker, rng: np.random.Generator, count: int, size: int, settings: SceneSettings
) -> dict[str, Tensor]:
    """A batch as ultralytics' loss takes it: pictures (N, 3, S, S) 0 to 1, boxes as normalised centre and size."""
    scenes = [maker.scene(rng, size, settings) for _ in range(count)]
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


def _sizes(text: str) -> tuple[tuple[float, int], ...]:
    """ "0:320,0.85:416" as pairs; ConfigError if it is nothing of the kind."""
    try:
        return tuple((float(share), int(size)) for share, _, size in (pair.partition(":") for pair in text.split(",")))
    except ValueError:
        raise ConfigError(f"--sizes {text}: wanted SHARE:PIXELS and so on, such as 0:320,0.85:416") from None


def _stored_settings(*, sizes: Any, calm: Any, wild: Any, **fields: Any) -> TrainSettings:
    """The settings of what is in a run's file."""
    pairs = tuple((float(share), int(size)) for share, size in sizes)
    return TrainSettings(sizes=pairs, calm=SceneSettings(**calm), wild=SceneSettings(**wild), **fields)


def main(argv: list[str]) -> int:
    """`train`: see --help."""
    default = TrainSettings()
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
    for name, text in {
        "minutes": "wall time of the schedule",
        "steps": "steps of the schedule, instead of --minutes",
        "seed": "of weights and scenes",
        "batch": "scenes a step",
        "threads": "of torch",
        "rate": "highest learning rate",
        "calm_from": "share of the schedule from which on there are no mosaics and fewer pasted plates",
        "validate_every": "seconds between validations",
        "start": "checkpoint to fine-tune",
        "drawn": "drawn plates to be pasted, beside the real crops",
        "extra": "folder of further frames with images/ and labels/",
        "extra_share": "share of views that show those",
    }.items():
        value = getattr(default, name)
        told = f"{text} ({value})" if value != "" else text
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), help=told)
    sizes = ",".join(f"{share}:{size}" for share, size in default.sizes)
    parser.add_argument("--sizes", help=f"share of the schedule:size of scenes from there on ({sizes})")
    given = {name: value for name, value in vars(parser.parse_args(argv)).items() if value is not None}
    out, resume = given.pop("out"), given.pop("resume")
    if "sizes" in given:
        given["sizes"] = _sizes(given["sizes"])
    if "minutes" in given:
        given = {"steps": 0, **given}  # a run that counted steps goes by the clock from here on
    settings = resumed(out, _stored_settings, "a detector's run", given) if resume else TrainSettings(**given)
    if bool(settings.extra) != bool(settings.extra_share):
        raise ConfigError("--extra FOLDER and --extra-share, such as 0.3, go together: neither does anything alone")
    console = Console(stderr=True)
    logging.basicConfig(level=logging.INFO)
    best = train(settings, data.data_folder(), out, resume=resume, console=console)
    console.log(f"best: {best}")
    return 0
