"""`--profile NAME`: another exercise behind the same commands `synth` and `train`."""

import argparse
import importlib

PROFILES = {"digits5": {"synth": "training.digits5_synth", "train": "training.digits5_train"}}
"""Name → command → the module whose `main` takes the other arguments. Without `--profile` it is plates."""


def run_profile(command: str, arguments: list[str]) -> int | None:
    """The exit status of another profile's command, if the arguments ask for one; else None."""
    if not any(each.split("=")[0] == "--profile" for each in arguments):
        return None
    parser = argparse.ArgumentParser(prog=f"python -m training {command}", add_help=False, allow_abbrev=False)
    parser.add_argument("--profile", choices=sorted(PROFILES))
    given, others = parser.parse_known_args(arguments)
    return int(importlib.import_module(PROFILES[given.profile][command]).main(others))
