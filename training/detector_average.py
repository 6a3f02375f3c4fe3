"""The mean of two detectors' weights, the second of which went on from the first."""

import argparse
import sys
from pathlib import Path

from edge.errors import ConfigError
from training.detector_network import load_weights, save_weights


def average(first: Path, second: Path, share: float, out: Path) -> None:
    """Write `share` of the second checkpoint's weights and the rest of the first's as a checkpoint."""
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"--share {share}: wanted 0 to 1")
    network, _ = load_weights(first)
    other, about = load_weights(second)
    mean, weights = network.state_dict(), other.state_dict()
    for name, value in mean.items():
        if value.is_floating_point():
            value.lerp_(weights[name], share)
        else:
            value.copy_(weights[name])
    made = {"of": [str(first), str(second)], "share": share, "out": str(out)}
    save_weights(network, out, {**about, "averages": [*about.get("averages", ()), made]})


def main(arguments: list[str]) -> int:
    """`average`: see --help."""
    parser = argparse.ArgumentParser(prog="python -m training detector average", description=__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the second (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/detector/average.pt"), help="(%(default)s)")
    given = parser.parse_args(arguments)
    average(given.first, given.second, given.share, given.out)
    sys.stdout.write(
        f"wrote {given.out}; export it with: python -m training detector export --checkpoint {given.out}\n"
    )
    return 0
