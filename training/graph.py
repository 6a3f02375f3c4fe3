"""Looks inside an exported TFLite file: its tensors for the card, its operators, and what XNNPACK takes of them."""

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge.card import TensorSpec
from edge.errors import ModelError

DELEGATE = "DELEGATE"


def tensor_specs(path: Path) -> tuple[TensorSpec, tuple[TensorSpec, ...]]:
    """The input and the outputs of a model, as the card describes them."""
    interpreter = Interpreter(model_path=str(path))
    return _spec(interpreter.get_input_details()[0]), tuple(_spec(each) for each in interpreter.get_output_details())


def _spec(detail: dict[str, Any]) -> TensorSpec:
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    return TensorSpec(str(detail["name"]), shape, np.dtype(detail["dtype"]).name, float(scale), int(zero_point))


def operators(path: Path) -> dict[str, int]:
    """How often each operator occurs in the file, without any delegate."""
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(path), experimental_op_resolver_type=plain)
    counts: dict[str, int] = {}
    for operator in interpreter._get_ops_details():
        counts[operator["op_name"]] = counts.get(operator["op_name"], 0) + 1
    return counts


def require_int8_builtins(path: Path) -> dict[str, int]:
    """The operators of a model that is int8 throughout and runs in one XNNPACK delegate; ModelError if it is not."""
    counts = operators(path)
    odd = sorted(name for name in counts if name.startswith(("Flex", "Custom")) or name in ("QUANTIZE", "DEQUANTIZE"))
    if odd:
        raise ModelError(f"{path}: holds {', '.join(odd)}; wanted built-in int8 operators only")
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    delegates = [each for each in interpreter._get_ops_details() if each["op_name"] == DELEGATE]
    if len(delegates) != 1:
        raise ModelError(f"{path}: XNNPACK takes it in {len(delegates)} parts; wanted one")
    return counts
