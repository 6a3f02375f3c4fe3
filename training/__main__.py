"""`python -m training COMMAND …`: makes the two models. Run from a checkout with the extra `[training]` installed."""

import importlib
import signal
import sys

from edge.errors import GateReaderError

COMMANDS = {
    "synth": "draw synthetic plates: a preview sheet, or pictures with labels",
    "check": "check data sets of real plates: labels, pictures, duplicates, splits, coverage",
    "train": "train the plate reader (CTC)",
    "average": "the mean of several trained readers' weights",
    "export": "turn a trained reader into the int8 file and its card",
    "evaluate": "judge an exported reader on real plates, through the device's own code",
    "passes": "record the readings of simulated approaches, or of real sequences",
    "vote-bench": "judge six rules of voting side by side on recorded readings",
    "scenes": "judge detector and reader together on whole photographs",
    "detector": "prepare, train, export and evaluate the plate detector",
}

INTERRUPTED = 128 + signal.SIGINT
"""The status by which a shell knows Ctrl-C."""


def main() -> int:
    """Dispatch to `training.COMMAND.main`, with `_` for `-`."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        lines = "\n".join(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items())
        sys.stdout.write(f"{__doc__}\n\ncommands (each explains itself with --help):\n{lines}\n")
        return 0
    command = sys.argv[1]
    if command not in COMMANDS:
        sys.stderr.write(f"python -m training: no command {command!r}; there are {', '.join(COMMANDS)}\n")
        return 2
    try:
        module = importlib.import_module(f"training.{command.replace('-', '_')}")
        return int(module.main(sys.argv[2:]))
    except GateReaderError as error:
        sys.stderr.write(f"python -m training {command}: {error}\n")
        return error.exit_status
    except KeyboardInterrupt:
        sys.stderr.write(f"python -m training {command}: interrupted\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
