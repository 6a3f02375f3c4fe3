"""`python -m training COMMAND …`: makes the two models. Run from a checkout with the extra `[training]` installed."""

import importlib
import os
import signal
import sys

from edge.errors import ConfigError, GateReaderError

COMMANDS = {
    "synth": "draw synthetic plates: a preview sheet, or pictures with labels",
    "check": "check data sets of real plates: labels, pictures, duplicates, splits, coverage",
    "train": "train the plate reader (CTC)",
    "average": "the mean of several trained readers' weights",
    "export": "turn a trained reader into the int8 file and its card",
    "evaluate": "judge an exported reader on real plates, through the device's own code",
    "passes": "record the readings of simulated approaches, or of real sequences",
    "vote-bench": "judge six rules of voting side by side on recorded readings",
    "approaches": "judge the whole device on films made of photographs",
    "scenes": "judge detector and reader together on whole photographs",
    "detector": "prepare, train, export and evaluate the plate detector",
}

BACKENDS = ("tensorflow", "jax", "torch")
"""Of Keras, that the reader can be trained with."""

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
        _check_backend()
        module = importlib.import_module(f"training.{command.replace('-', '_')}")
        return int(module.main(sys.argv[2:]))
    except GateReaderError as error:
        sys.stderr.write(f"python -m training {command}: {error}\n")
        return error.exit_status
    except OSError as error:  # a folder that cannot be written, a disk that is full: nothing that a traceback explains
        told = f"{error.filename}: {error.strerror}" if error.filename else str(error).splitlines()[0]
        sys.stderr.write(f"python -m training {command}: {told}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"python -m training {command}: interrupted\n")
        return INTERRUPTED


def _check_backend() -> None:
    """ConfigError if Keras could not be imported for want of such a backend."""
    if (backend := os.environ.get("KERAS_BACKEND") or BACKENDS[0]) not in BACKENDS:
        raise ConfigError(f"KERAS_BACKEND={backend}: wanted {', '.join(BACKENDS)}, or unset it")


if __name__ == "__main__":
    sys.exit(main())
