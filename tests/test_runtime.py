import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edge.runtime as runtime
from edge.card import ModelCard, TensorSpec, file_sha256
from edge.errors import ModelError
from edge.runtime import Int8Model

INPUT = TensorSpec("in", (1, 4, 4, 3), "int8", 1 / 255, -128)
OUTPUTS = (TensorSpec("first", (1, 2), "int8", 0.5, 3), TensorSpec("second", (1, 5), "int8", 0.25, -4))


def detail(spec: TensorSpec, index: int) -> dict[str, object]:
    return {
        "name": spec.name,
        "index": index,
        "shape": np.array(spec.shape),
        "dtype": np.dtype(spec.dtype).type,
        "quantization": (spec.scale, spec.zero_point),
    }


class FakeInterpreter:
    """Outputs hold their own tensor index."""

    input = INPUT
    outputs: tuple[TensorSpec, ...] = OUTPUTS

    def __init__(self, model_path: str, num_threads: int) -> None:
        if Path(model_path).read_bytes() != b"weights":
            raise ValueError("not a flatbuffer")

    def allocate_tensors(self) -> None: ...

    def invoke(self) -> None: ...

    def get_input_details(self) -> list[dict[str, object]]:
        return [detail(self.input, 7)]

    def get_output_details(self) -> list[dict[str, object]]:
        return [detail(spec, 20 + index) for index, spec in enumerate(self.outputs)]

    def set_tensor(self, index: int, array: np.ndarray) -> None:
        assert index == 7
        if array.shape != self.input.shape:
            raise ValueError("wrong shape")

    def get_tensor(self, index: int) -> np.ndarray:
        return np.full(self.outputs[index - 20].shape, index, np.int8)


@pytest.fixture
def interpreter(monkeypatch: pytest.MonkeyPatch) -> type[FakeInterpreter]:
    class Fresh(FakeInterpreter): ...

    monkeypatch.setattr(runtime, "_interpreter_class", lambda: (Fresh, "fake"))
    return Fresh


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"weights")
    write_card(path)
    return path


def write_card(path: Path, **changes: object) -> None:
    card = ModelCard(
        kind="detector", name="m", file=path.name, sha256=file_sha256(path), input=INPUT, outputs=OUTPUTS,
        decoding={}, architecture={}, data=(), metrics={}, command="", created="2026-01-01",
    )  # fmt: skip
    replace(card, **changes).write(path.with_suffix(".json"))  # type: ignore[arg-type]


def test_outputs_come_in_the_cards_order_by_name(model: Path, interpreter: type[FakeInterpreter]) -> None:
    interpreter.outputs = OUTPUTS[::-1]
    found = Int8Model(model, "detector").run(np.zeros(INPUT.shape, np.int8))
    assert [output.shape for output in found] == [(1, 2), (1, 5)]
    assert [int(output[0, 0]) for output in found] == [21, 20]


def test_renamed_outputs_are_matched_by_position(model: Path, interpreter: type[FakeInterpreter]) -> None:
    interpreter.outputs = tuple(replace(spec, name=f"PartitionedCall:{i}") for i, spec in enumerate(OUTPUTS))
    loaded = Int8Model(model, "detector")
    assert loaded.backend == "fake"
    assert [int(output[0, 0]) for output in loaded.run(np.zeros(INPUT.shape, np.int8))] == [20, 21]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (replace(INPUT, scale=0.5), "input has scale 0.5"),
        (replace(INPUT, zero_point=0), "zero point 0"),
        (replace(INPUT, shape=(1, 8, 8, 3)), r"input is int8 \(1, 8, 8, 3\), its card says int8 \(1, 4, 4, 3\)"),
        (replace(INPUT, dtype="uint8"), "input is uint8, int8 wanted"),
    ],
)
def test_a_tensor_unlike_the_cards_is_named(
    model: Path, interpreter: type[FakeInterpreter], spec: TensorSpec, message: str
) -> None:
    interpreter.input = spec
    with pytest.raises(ModelError, match=message):
        Int8Model(model, "detector")


def test_a_missing_output_is_named(model: Path, interpreter: type[FakeInterpreter]) -> None:
    interpreter.outputs = OUTPUTS[:1]
    with pytest.raises(ModelError, match="1 outputs, its card names 2"):
        Int8Model(model, "detector")


def test_a_picture_of_the_wrong_shape_is_refused(model: Path, interpreter: type[FakeInterpreter]) -> None:
    with pytest.raises(ModelError, match=r"\(1, 4, 4, 3\) wanted"):
        Int8Model(model, "detector").run(np.zeros((1, 9, 9, 3), np.int8))


@pytest.mark.usefixtures("interpreter")
class TestFilesThatDoNotFit:
    """Each is one clear line, before the first picture."""

    def test_missing_model(self, tmp_path: Path) -> None:
        self.expect(tmp_path / "none.tflite", "no such model file")

    def test_missing_card(self, model: Path) -> None:
        model.with_suffix(".json").unlink()
        self.expect(model, "card is missing")

    def test_damaged_card(self, model: Path) -> None:
        model.with_suffix(".json").write_text("{")
        self.expect(model, "not a readable model card")

    def test_card_without_a_key(self, model: Path) -> None:
        card = json.loads(model.with_suffix(".json").read_text())
        del card["outputs"]
        model.with_suffix(".json").write_text(json.dumps(card))
        self.expect(model, "outputs")

    def test_wrong_kind(self, model: Path) -> None:
        write_card(model, kind="reader")
        self.expect(model, "says reader, a detector is wanted")

    def test_wrong_hash(self, model: Path) -> None:
        model.write_bytes(b"other weights")
        self.expect(model, "do not belong together")

    def test_damaged_weights(self, model: Path) -> None:
        model.write_bytes(b"junk")
        write_card(model)
        self.expect(model, "fake cannot load it")

    def expect(self, path: Path, message: str) -> None:
        with pytest.raises(ModelError, match=message) as caught:
            Int8Model(path, "detector")
        assert "\n" not in str(caught.value)


def test_no_runtime_names_the_package_to_install(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", None)
    with pytest.raises(ModelError, match="pip install ai-edge-litert"):
        Int8Model(model, "detector")


def test_tflite_runtime_is_the_second_choice(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Module:
        Interpreter = FakeInterpreter

    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", Module())
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", Module())
    assert Int8Model(model, "detector").backend == "tflite-runtime"
    assert "slower" in caplog.text
