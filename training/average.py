"""The mean of several readers' weights as a run of its own, ready to be exported.

Weights of one run, or of runs that went on from one another, lie close enough together for their mean to read better
than each (Izmailov et al. 2018, "Averaging weights leads to wider optima"); those of separate runs do not.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np

from edge.errors import ConfigError
from training.model import build_reader
from training.widen import stored_width


def average(runs: list[Path], out: Path, width: float | None, context: int) -> Path:
    """Write the mean of the weight files `runs` to `out`/best.weights.h5, with the settings of the last of them that
    lies in a run.

    Without a `width` it is that of the first weights.
    """
    width = width or _width(runs[0])
    network = build_reader(width, context)
    collected = []
    for path in runs:
        try:
            network.load_weights(path)
        except (ValueError, OSError) as error:
            cause = str(error).strip().splitlines()[0]
            raise ConfigError(f"{path}: not the weights of a reader of width {width:g} ({cause})") from None
        collected.append(network.get_weights())
    folders = [path.parent for path in reversed(runs) if (path.parent / "settings.json").is_file()]
    if not folders:
        raise ConfigError(f"{runs[-1]}: lies in no run's folder (there is no settings.json), nor do the others")
    network.set_weights([np.mean(tensors, axis=0) for tensors in zip(*collected, strict=True)])
    out.mkdir(parents=True, exist_ok=True)
    for name in ("settings.json", "pools.json"):
        if (folders[0] / name).is_file():
            shutil.copyfile(folders[0] / name, out / name)
    network.save_weights(out / "best.weights.h5")
    return out / "best.weights.h5"


def _width(path: Path) -> float:
    try:
        return stored_width(path)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path}: not the weights of a reader ({error})") from None


def main(arguments: list[str]) -> int:
    """`python -m training average`."""
    parser = argparse.ArgumentParser(prog="python -m training average", description=__doc__)
    parser.add_argument("weights", nargs="+", type=Path, help="weight files, such as RUN/best.weights.h5")
    parser.add_argument("--run", type=Path, required=True, help="folder of the new run")
    parser.add_argument("--width", type=float, help="(that of the first weights)")
    parser.add_argument("--context", type=int, default=2, help="blocks along the width (%(default)s)")
    given = parser.parse_args(arguments)
    written = average(given.weights, given.run, given.width, given.context)
    sys.stdout.write(f"wrote {written}; export it with: python -m training export --run {given.run}\n")
    return 0
