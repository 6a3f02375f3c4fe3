"""The one place where an inference runtime is imported: an int8 TFLite model, checked against its card."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edge.card import TensorSpec, load_card
from edge.errors import ModelError

Int8Array = npt.NDArray[np.int8]

log = logging.getLogger(__name__)
_SCALE_TOLERANCE = 1e-5
_MOST_THREADS = 16
"""Beyond any board's cores, and both models' fit into the service's TasksMax; 100,000 would crash the interpreter."""


def check_threads(threads: int) -> None:
    """ValueError unless a model can be run by so many threads."""
    if not 1 <= threads <= _MOST_THREADS:
        raise ValueError(f"threads is {threads}, wanted 1 to {_MOST_THREADS}")


class Int8Model:
    """An int8 model in memory. `run` is not safe to call from two threads at once: use one object for each."""

    def __init__(self, path: Path, kind: Literal["reader", "detector"], threads: int = 1) -> None:
        """Load `path` and its card; ModelError says what is missing or does not fit, before the first picture."""
        self.card = load_card(path, kind)
        self._interpreter, self.backend = open_interpreter(path, threads)
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise ModelError(f"{path}: {len(inputs)} inputs, a {kind} has one")
        _check(path, "input", self.card.input, inputs[0])
        self._input: int = inputs[0]["index"]
        self._outputs = _match(path, self.card.outputs, self._interpreter.get_output_details())

    def run(self, array: Int8Array) -> list[Int8Array]:
        """(1, H, W, C) int8 → copies of the output tensors, int8, in the order of the card's outputs."""
        try:
            self._interpreter.set_tensor(self._input, array)
        except ValueError:
            wanted = self.card.input
            raise ModelError(
                f"{self.card.file}: input is {array.dtype} {array.shape}, {wanted.dtype} {wanted.shape} wanted"
            ) from None
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def open_interpreter(path: Path, threads: int = 1) -> tuple[Any, str]:
    """The bare interpreter with its tensors allocated, and the package that it comes from; for export's checks."""
    interpreter_class, backend = _interpreter_class()
    try:
        with _without_banner():
            interpreter = interpreter_class(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: {backend} cannot load it ({error})") from None
    return interpreter, backend


@contextmanager
def _without_banner() -> Iterator[None]:
    """The runtime greets on standard error, past Python, once a model; what goes wrong there it also raises."""
    try:
        kept = os.dup(2)
    except OSError:  # started without a standard error
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _interpreter_class() -> tuple[Any, str]:
    """The interpreter and the name of the package that it comes from."""
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - either of two packages will do

        return Interpreter, "ai-edge-litert"
    except ImportError as missing:
        cause = missing
    try:
        from tflite_runtime.interpreter import Interpreter  # noqa: PLC0415

        # Worth a line: tflite-runtime 2.14 was measured 8 times slower, and it wants numpy below 2.
        log.warning("ai-edge-litert is not installed (%s); tflite-runtime is used, which is slower", cause)
        return Interpreter, "tflite-runtime"
    except ImportError:
        raise ModelError(f"no runtime for TFLite models ({cause}): pip install ai-edge-litert") from None


def _match(path: Path, specs: Sequence[TensorSpec], details: Sequence[dict[str, Any]]) -> list[int]:
    """Tensor indices in the card's order: by name, else (converters rename tensors) by position."""
    if len(specs) != len(details):
        raise ModelError(f"{path}: {len(details)} outputs, its card names {len(specs)}")
    by_name = {str(detail["name"]): detail for detail in details}
    if all(spec.name in by_name for spec in specs) and len({spec.name for spec in specs}) == len(specs):
        details = [by_name[spec.name] for spec in specs]
    for number, (spec, detail) in enumerate(zip(specs, details, strict=True)):
        _check(path, f"output {number}", spec, detail)
    return [detail["index"] for detail in details]


def _check(path: Path, what: str, spec: TensorSpec, detail: dict[str, Any]) -> None:
    """ModelError unless the tensor is what the card says."""
    dtype, shape = np.dtype(detail["dtype"]).name, tuple(int(size) for size in detail["shape"])
    scale, zero_point = detail["quantization"]
    if dtype != "int8":
        raise ModelError(f"{path}: {what} is {dtype}, int8 wanted")
    if (dtype, shape) != (spec.dtype, tuple(spec.shape)):
        raise ModelError(f"{path}: {what} is {dtype} {shape}, its card says {spec.dtype} {tuple(spec.shape)}")
    if zero_point != spec.zero_point or abs(scale - spec.scale) > _SCALE_TOLERANCE * abs(spec.scale):
        raise ModelError(
            f"{path}: {what} has scale {scale:.6g} and zero point {zero_point}, "
            f"its card says {spec.scale:.6g} and {spec.zero_point}"
        )
