"""What lies in the folder of a training run, by name, and what every kind of run asks of its settings and its loss."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from math import isfinite
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


def resumed(run: Path, make: Callable[..., Settings], whose: str, given: Mapping[str, Any]) -> Settings:
    """The settings to resume a run with: its own, but for what was `given` on the command line.

    ConfigError as of `stored`, and if other weights to begin with (`init`) are given.
    """
    if given.get("init"):
        raise ConfigError("--resume goes on from the run's own state: leave --from out, or begin another --run with it")
    if not (run / SETTINGS).is_file():
        raise ConfigError(f"{run}: nothing to resume ({SETTINGS} is missing); start without --resume")
    return replace(stored(run, make, whose), **given)


def stored(run: Path, make: Callable[..., Settings], whose: str) -> Settings:
    """The settings in a run's folder; `make` takes the fields of the file by name.

    ConfigError if there is no file, or it is not that of `whose`.
    """
    try:
        return make(**json.loads((run / SETTINGS).read_text(encoding="utf-8")))
    except OSError:
        raise ConfigError(f"{run}: no training run here ({SETTINGS} is missing)") from None
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{run / SETTINGS}: not the settings of {whose} ({error})") from None
