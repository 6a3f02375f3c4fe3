"""What a detector's training run is told: its settings, what they may be, and the command that gives them."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.errors import ConfigError
from training.detector_scenes import SceneSettings
from training.run_folder import require

GRID = 32
"""What the side of the network's input is a multiple of, pixels: its deepest stride."""

Sizes = tuple[tuple[float, int], ...]


@dataclass(frozen=True)
class DetectorTrainSettings:
    """All that a training run is told; kept beside its checkpoints and in them."""

    minutes: float = 75.0
    """Wall time of the whole schedule; it shrinks and stretches with the machine's speed."""
    steps: int = 0
    """If not 0, the schedule runs over this many steps instead of `minutes`."""
    seed: int = 0
    """Of weights and scenes."""
    batch: int = 16
    """Scenes in a step."""
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
    """Checkpoint to start from; weights that the network has in another shape are left as they are. It is judged first,
    and kept as the best until something is better."""
    mine: bool = True
    """At each validation, look for the pictures without plates that the network takes for some, and show them more."""
    extra: str = ""
    """Folder of further labelled frames (images/, labels/)."""
    extra_share: float = 0.0
    """Share of views that show those."""
    drawn: int = 3000
    """Drawn plates to be pasted, beside the real crops."""
    calm: SceneSettings = field(default=SceneSettings(mosaic=0.0, pasted=0.3, lettering=0.2))
    """What happens in scenes from `calm_from` on."""
    wild: SceneSettings = field(default=SceneSettings())
    """What happens in scenes before."""


OPTIONS = {
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
}
"""Settings that an option of their own gives, and what --help says of it."""


BEFORE = {"drawn": 0}
"""Settings that older checkpoints, the shipped one among them, do not hold: what held before there were any."""


def parse_sizes(text: str) -> Sizes:
    """ "0:320,0.85:416" as pairs; ConfigError if it is nothing of the kind."""
    try:
        return tuple((float(share), int(size)) for share, _, size in (pair.partition(":") for pair in text.split(",")))
    except ValueError:
        raise ConfigError(f"--sizes {text}: wanted SHARE:PIXELS and so on, such as 0:320,0.85:416") from None


def sizes_text(sizes: Sizes) -> str:
    """Pairs as `parse_sizes` reads them."""
    return ",".join(f"{share:g}:{size}" for share, size in sizes)


def stored_settings(*, sizes: Any, calm: Any, wild: Any, **fields: Any) -> DetectorTrainSettings:
    """The settings of what is in a run's file."""
    pairs = tuple((float(share), int(size)) for share, size in sizes)
    return DetectorTrainSettings(sizes=pairs, calm=SceneSettings(**calm), wild=SceneSettings(**wild), **fields)


def require_trainable(settings: DetectorTrainSettings) -> None:
    """ConfigError if a run with these settings could not begin or end."""
    if not settings.steps:
        require(settings, "more than 0", lambda value: value > 0, "minutes")
    require(settings, "0 (go by the clock) or more", lambda value: value >= 0, "steps")
    require(settings, "0 or more", lambda value: value >= 0, "seed", "drawn")
    require(settings, "1 or more", lambda value: value >= 1, "batch", "threads")
    require(settings, "more than 0", lambda value: value > 0, "rate")
    require(settings, "a share, 0 to 1", lambda value: 0 <= value <= 1, "extra_share")
    shares = [share for share, _ in settings.sizes]
    if shares[:1] != [0.0] or shares != sorted(shares):
        raise ConfigError(f"--sizes {sizes_text(settings.sizes)}: wanted shares that rise from 0 on")
    if any(size < GRID or size % GRID for _, size in settings.sizes):
        raise ConfigError(f"--sizes {sizes_text(settings.sizes)}: wanted pixels in multiples of {GRID}")
    if bool(settings.extra) != bool(settings.extra_share):
        raise ConfigError("--extra FOLDER and --extra-share, such as 0.3, go together: neither does anything alone")


def train_command(settings: Mapping[str, Any], out: str) -> str:
    """The command of a run with these settings, as a checkpoint holds them, into the folder `out` if that is known."""
    default = DetectorTrainSettings()
    words = ["python", "-m", "training", "detector", "train", *(["--out", out] if out else [])]
    for name in OPTIONS:
        if settings[name] != getattr(default, name):
            words += [f"--{name.replace('_', '-')}", str(settings[name])]
    if (sizes := sizes_text(settings["sizes"])) != sizes_text(default.sizes):
        words += ["--sizes", sizes]
    return shlex.join(words + ([] if settings["mine"] else ["--no-mine"]))
