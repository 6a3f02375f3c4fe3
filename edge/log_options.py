"""The options of `gatereader log`."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

_STATUSES = ("accepted", "undecided", "rejected")


def add_log_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    run: Callable[[argparse.Namespace], int],
    common: argparse.ArgumentParser,
    add_configuration: Callable[..., None],
) -> None:
    """Adds `log` and its three commands to the command line; `run` gets their options, `action` among them."""
    log = commands.add_parser("log", help="verify, export or erase what was recorded")
    actions = log.add_subparsers(required=True, metavar="ACTION")

    verify = actions.add_parser("verify", parents=[common], help="follow the chain of hashes; exit status 1 if broken")
    verify.set_defaults(run=run, action="verify")
    verify.add_argument("files", nargs="*", type=Path, metavar="FILE", help="only these (default: all)")
    verify.add_argument("--has", default="", metavar="HASH", help="this hash, noted earlier, must be in the chain")
    add_configuration(verify, "csv")

    export = actions.add_parser("export", parents=[common], help="rows by time, plate and status, as CSV or JSON")
    export.set_defaults(run=run, action="export")
    export.add_argument("--from", dest="since", metavar="TIME", help="first seen then or later: 2026-11-20[T14:00[Z]]")
    export.add_argument("--to", dest="until", metavar="TIME", help="first seen before; a day counts as a whole")
    export.add_argument("--plate", default="", help="rows with this plate, as second best too; * fits any characters")
    export.add_argument("--status", action="append", choices=_STATUSES, help="may be given again")
    export.add_argument("--json", action="store_true", help="a JSON object a row instead of CSV")
    export.add_argument("--output", type=Path, metavar="FILE", help="write here instead of standard output")
    add_configuration(export, "csv")

    erase = actions.add_parser("erase", parents=[common], help="take every trace of a plate out of the record")
    erase.set_defaults(run=run, action="erase")
    erase.add_argument("--plate", required=True, type=_plate, help="the plate, such as AB123CD")
    erase.add_argument("--dry-run", action="store_true", help="only say what would go")
    # not recording.folder itself: [privacy] refuses that key, but not to erase from what was recorded before
    erase.add_argument(
        "--record", dest="recorded", metavar="DIR", help="where frames were recorded, instead of recording.folder"
    )
    add_configuration(erase, "csv")


def _plate(text: str) -> str:
    # a * that is taken for nothing, or two plates for one, would erase nothing and say that all is well
    if not re.fullmatch(r"[ -]*([A-Za-z0-9][ -]*){2,}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one plate; wanted letters A to Z and digits, such as AB123CD"
        )
    return text
