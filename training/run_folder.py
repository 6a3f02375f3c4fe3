"""What lies in the folder of a training run, by name; and its settings."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edge.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")

SETTINGS = "settings.json"
WEIGHTS = "best.weights.h5"
POOLS = "pools.json"
"""Kind → file name of the pools that a run learned from; they lie in the folder `pools` beside it."""
PRINTS = "crops.json"
"""Prints of the real pictures that a run learns from or is judged by; scores of other ones cannot be compared."""
START = "start.json"
"""What a run went on from, as a row of the card's data; not there if it began from nothing."""


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
    mix: tuple[float, ...] = (0.46, 0.43, 0.03, 0.05, 0.03)
    """Shares of synthetic plates, real plates, crops without a plate, the demo scene's plates and plates looked at the
    wrong way in a batch."""
    demo: int = 1500
    synthetic: int = 100_000
    real_times: int = 24
    validate_every: int = 1000
    save_every: int = 500
    seed: int = 1
    threads: int = 1
    init: str = ""
    own: str = ""
    """Folder of the owner's own crops; they get `own_share` of each batch."""
    own_share: float = 0.3
    forget: float = 0.01
    """Share of the usual validation plates that may be lost for own ones."""
    architecture: str = "cnn"
    """Of `training.model.ARCHITECTURES`; only a "cnn" can be exported."""
    quantize_aware: bool = False
    """Learn with weights and activations rounded as int8 will round them."""
    teachers: tuple[str, ...] = ()
    """Weights of readers whose opinion is learned, too (`training/distil.py`)."""
    teachers_share: float = 0.5
    """Of the loss; the rest is CTC's."""
    devices: int = 1
    """Devices that share each batch (JAX)."""
    data: str = ""
    """Tree of real plates that it learned from; empty: the usual one (`training.dataset.data_folder`)."""
    averaged_from: tuple[str, ...] = ()
    """Weights whose mean this run is (`training average`); the other settings are those of the last one's run."""

    def __post_init__(self) -> None:
        counts = ("steps", "batch", "synthetic", "real_times", "validate_every", "save_every", "threads", "devices")
        require(self, "1 or more", lambda value: value >= 1, *counts)
        require(self, "0 or more", lambda value: value >= 0, "demo", "seed", "context", "weight_decay")
        require(self, "more than 0", lambda value: 0 < value < inf, "learning_rate", "width", "clip_norm")
        require(self, "0 to 1", lambda value: 0 <= value <= 1, "own_share", "forget", "warm_up", "teachers_share")
        require(self, "0 or more, and less than 1", lambda value: 0 <= value < 1, "average", "dropout")
        if not (all(0 <= share < inf for share in self.mix) and sum(self.mix) > 0):
            raise ConfigError(f"--mix {' '.join(map(str, self.mix))}: wanted shares of 0 or more, not all of them 0")


def require_finite(loss: float, step: int, option: str, rate: float) -> None:
    """ConfigError if the loss of a step is no number: nothing learned from then on would be worth anything."""
    if not isfinite(loss):
        raise ConfigError(
            f"the loss of step {step} is {loss}: the run has diverged; what it had kept before is as it was, "
            f"go on from there with --resume and less than {option} {rate:g}"
        )


def require(settings: object, wanted: str, fits: Callable[[float], bool], *names: str) -> None:
    """ConfigError that names the option, unless each of the named settings fits what is `wanted` ("1 or more")."""
    for name in names:
        if not fits(value := getattr(settings, name)):
            raise ConfigError(f"--{name.replace('_', '-')} {value}: wanted {wanted}")


def read_settings(run: Path) -> TrainSettings:
    """Those of a reader's run, from the file in its folder; ConfigError if it is not there, or of something else."""
    return _read(run, _of_reader, "a reader's run")


def write_settings(run: Path, settings: "DataclassInstance") -> None:
    """Into the file in the run's folder, which is there."""
    (run / SETTINGS).write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")


def keep_prints(run: Path, prints: Mapping[str, str], *, resume: bool, anew: str) -> None:
    """Note the prints ("learned from", "judged by") of a new run's pictures; ConfigError if it is resumed with others.

    `anew` says how to begin another run from what this one has learned.
    """
    path = run / PRINTS
    if resume and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if changed := [kind for kind, print_ in prints.items() if print_ != before.get(kind)]:
            raise ConfigError(
                f"{run}: the pictures that are {' and '.join(changed)} are not those that the run began with, and "
                f"scores could not be compared; {anew}, or put them back"
            )
    path.write_text(json.dumps(prints, indent=1) + "\n", encoding="utf-8")


def export_words(run: Path, settings: TrainSettings) -> str:
    """For people: how the run's weights become a model, judged by the data that it was trained with."""
    judged = settings.own or settings.data
    words = ["python", "-m", "training", "export", "--run", str(run), *(["--data", judged] if judged else [])]
    return f"{shlex.join(words)} (--output FOLDER, lest the shipped model in models/ be replaced)"


def resumed(run: Path, make: Callable[..., Settings], whose: str, given: Mapping[str, Any]) -> Settings:
    """The settings to resume a run with: its own, but for what was `given` on the command line.

    `make` takes the fields of the file by name. ConfigError if there is no file, or it is not that of `whose`, or other
    weights to begin with (`init`) are given.
    """
    if given.get("init"):
        raise ConfigError("--resume goes on from the run's own state: leave --from out, or begin another --run with it")
    if not (run / SETTINGS).is_file():
        raise ConfigError(f"{run}: nothing to resume ({SETTINGS} is missing); start without --resume")
    return replace(_read(run, make, whose), **given)


def resumed_reader(run: Path, given: Mapping[str, Any]) -> TrainSettings:
    """`resumed` of a reader's run."""
    return resumed(run, _of_reader, "a reader's run", given)


def _of_reader(
    *, mix: Sequence[float], averaged_from: Sequence[str] = (), teachers: Sequence[str] = (), **fields: Any
) -> TrainSettings:
    return TrainSettings(mix=tuple(mix), averaged_from=tuple(averaged_from), teachers=tuple(teachers), **fields)


def _read(run: Path, make: Callable[..., Settings], whose: str) -> Settings:
    try:
        return make(**json.loads((run / SETTINGS).read_text(encoding="utf-8")))
    except OSError:
        raise ConfigError(f"{run}: no training run here ({SETTINGS} is missing)") from None
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{run / SETTINGS}: not the settings of {whose} ({error})") from None
