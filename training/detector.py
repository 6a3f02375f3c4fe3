"""The plate detector's training, one command for each step: prepare, train, export, evaluate."""

import argparse
import importlib
import sys

_STEPS = {
    "prepare": ("training.detector_prepare", "check the data, write a sheet of training scenes"),
    "train": ("training.detector_train", "train from scratch, or fine-tune"),
    "average": ("training.detector_average", "the mean of two checkpoints, one of which went on from the other"),
    "export": ("training.detector_export", "write models/detector.tflite (int8) and its card"),
    "versus": ("training.detector_versus", "time the network beside well-known ones, in LiteRT and onnxruntime"),
    "evaluate": ("training.detector_evaluate", "score the exported model by source, with sheets of its faults"),
}


def main(arguments: list[str]) -> int:
    """Hand over to a step, which has its own --help; its modules are imported only then."""
    parser = argparse.ArgumentParser(
        prog="python -m training detector",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:9} {text}" for name, (_, text) in _STEPS.items()),
    )
    parser.add_argument("step", choices=_STEPS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="the step's own options; --help lists them")
    options = parser.parse_args(arguments)
    return int(importlib.import_module(_STEPS[options.step][0]).main(options.rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
