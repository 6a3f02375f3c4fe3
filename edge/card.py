"""The model card: JSON beside the weights (`reader.tflite` + `reader.json`), written by training, checked at start.

The card is the whole contract between training and the device. It names the file's hash and tensors, what the
network was trained on and how well it did; nothing else about a model is written in code.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from edge.errors import ModelError

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of the model: real value = scale × (stored − zero_point)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the device must know of a model (first block) and what its users should (second block).

    `decoding` holds what turns outputs into results: for a reader `alphabet` (blank is class 0) and `temperature`;
    for a detector `strides`, `bins` (of the box distribution), `threshold` and `nms_iou`. `golden` holds pictures'
    bytes → expected result, to prove on any board that the model computes there what it computed here.
    """

    kind: Literal["reader", "detector"]
    name: str
    file: str
    sha256: str
    input: TensorSpec
    outputs: tuple[TensorSpec, ...]
    decoding: Mapping[str, Any]

    architecture: Mapping[str, Any]
    data: tuple[Mapping[str, Any], ...]
    metrics: Mapping[str, Any]
    command: str
    created: str
    licence: str = "AGPL-3.0-or-later"
    golden: tuple[Mapping[str, Any], ...] = ()
    notes: str = ""
    schema: int = field(default=SCHEMA)

    def write(self, path: Path) -> None:
        """Write the card as JSON, one key a line, so that a change of a model shows in a diff."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a card; ModelError says what is wrong with it."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelError(f"{path}: the model's card is missing; it belongs beside the .tflite file") from None
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: not a readable model card ({error})") from None
        try:
            if fields["schema"] != SCHEMA:
                raise ModelError(f"{path}: card of schema {fields['schema']}, this gatereader reads schema {SCHEMA}")
            fields["input"] = _tensor(fields["input"])
            fields["outputs"] = tuple(_tensor(output) for output in fields["outputs"])
            fields["data"], fields["golden"] = tuple(fields["data"]), tuple(fields["golden"])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ModelError(f"{path}: the card lacks or does not know a key ({error})") from None


def _tensor(fields: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(**{**fields, "shape": tuple(fields["shape"])})


def shipped_model(name: str) -> Path:
    """Path of a model that came with gatereader ("reader.tflite"): inside the wheel, else in the checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here / "models", here.parent / "models"):
        if (folder / name).is_file():
            return folder / name
    raise ModelError(f"the shipped model {name} is missing from {here / 'models'}; install gatereader again")


def file_sha256(path: Path) -> str:
    """Hash of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_card(model: Path, kind: Literal["reader", "detector"]) -> ModelCard:
    """The card of `model`, after checking that it is of this kind and that the hash of the weights agrees."""
    if not model.is_file():
        raise ModelError(f"{model}: no such model file")
    card = ModelCard.read(model.with_suffix(".json"))
    if card.kind != kind:
        raise ModelError(f"{model}: its card says {card.kind}, a {kind} is wanted here")
    actual = file_sha256(model)
    if actual != card.sha256:
        raise ModelError(
            f"{model}: hash {actual[:12]}… is not the card's {card.sha256[:12]}…; "
            "the file and its card do not belong together"
        )
    return card
