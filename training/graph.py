"""Looks inside an exported TFLite file: its tensors for the card, its operators, and what XNNPACK takes of them."""

from pathlib import Path
from typing import Any

import numpy as np

from edge.card import TensorSpec
from edge.errors import ModelError
from edge.runtime import open_interpreter

DELEGATE = "DELEGATE"


def tensor_specs(path: Path) -> tuple[TensorSpec, tuple[TensorSpec, ...]]:
    """The input and the outputs of a model, as the card describes them."""
    interpreter = open_interpreter(path)[0]
    return _spec(interpreter.get_input_details()[0]), tuple(_spec(each) for each in interpreter.get_output_details())


def _spec(detail: dict[str, Any]) -> TensorSpec:
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    return TensorSpec(str(detail["name"]), shape, np.dtype(detail["dtype"]).name, float(scale), int(zero_point))


def operators(path: Path) -> dict[str, int]:
    """How often each operator occurs in the file; each part that XNNPACK takes counts as one `DELEGATE` besides."""
    counts: dict[str, int] = {}
    for operator in open_interpreter(path)[0]._get_ops_details():
        counts[operator["op_name"]] = counts.get(operator["op_name"], 0) + 1
    return counts


def require_one_delegate(path: Path, counts: dict[str, int]) -> None:
    """ModelError unless XNNPACK takes the whole graph in one part; `counts` are those of `operators`."""
    if counts.get(DELEGATE, 0) != 1:
        raise ModelError(f"{path}: XNNPACK takes it in {counts.get(DELEGATE, 0)} parts; wanted one")


def require_int8_builtins(path: Path) -> dict[str, int]:
    """The operators of a model that is int8 throughout and runs in one XNNPACK delegate; ModelError if it is not."""
    counts = operators(path)
    odd = sorted(name for name in counts if name.startswith(("Flex", "Custom")) or name in ("QUANTIZE", "DEQUANTIZE"))
    if odd:
        raise ModelError(f"{path}: holds {', '.join(odd)}; wanted built-in int8 operators only")
    require_one_delegate(path, counts)
    return {name: count for name, count in counts.items() if name != DELEGATE}
