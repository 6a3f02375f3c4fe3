"""The mean of several readers' weights as a run of its own, ready to be exported.

Weights of one run, or of runs that went on from one another, lie close enough together for their mean to read better
than each (Izmailov et al. 2018, "Averaging weights leads to wider optima"); those of separate runs do not.
"""

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.errors import ConfigError
from training.model import build_reader
from training.reader_settings import export_words, read_settings
from training.run_folder import POOLS, SETTINGS, START, WEIGHTS, write_settings


def average(runs: list[Path], out: Path) -> Path:
    """Write the mean of the weight files `runs` to `out`/best.weights.h5, with the settings of the last of them that
    lies in a run; ConfigError for weights of different networks, or if `out` holds a run."""
    if (out / SETTINGS).exists():
        raise ConfigError(f"{out}: holds a run already; choose another --run")
    folders = [path.parent for path in reversed(runs) if (path.parent / SETTINGS).is_file()]
    if not folders:
        raise ConfigError(f"{runs[-1]}: lies in no run's folder (there is no {SETTINGS}), nor do the others")
    settings = read_settings(folders[0])
    network = build_reader(settings.width, settings.context, architecture=settings.architecture)
    collected = []
    for path in runs:
        try:
            network.load_weights(path)
        except (ValueError, OSError) as error:
            cause = str(error).strip().splitlines()[0]
            raise ConfigError(f"{path}: not the weights of a reader as {folders[0]} has it ({cause})") from None
        collected.append(network.get_weights())
    network.set_weights([np.mean(tensors, axis=0) for tensors in zip(*collected, strict=True)])
    out.mkdir(parents=True, exist_ok=True)
    for name in (POOLS, START):
        if (folders[0] / name).is_file():
            shutil.copyfile(folders[0] / name, out / name)
    write_settings(out, replace(settings, averaged_from=tuple(map(str, runs))))
    network.save_weights(out / WEIGHTS)
    return out / WEIGHTS


def main(arguments: list[str]) -> int:
    """`python -m training average`."""
    parser = argparse.ArgumentParser(prog="python -m training average", description=__doc__)
    parser.add_argument("weights", nargs="+", type=Path, help="weight files, such as RUN/best.weights.h5")
    parser.add_argument("--run", type=Path, required=True, help="folder of the new run")
    given = parser.parse_args(arguments)
    written = average(given.weights, given.run)
    sys.stdout.write(f"wrote {written}; export it with: {export_words(given.run, read_settings(given.run))}\n")
    return 0
