"""The model card: written by training, checked at start."""

import json
from pathlib import Path

import pytest

from edge.card import ModelCard, TensorSpec, file_sha256, load_card
from edge.errors import ModelError


def a_card(weights: Path) -> ModelCard:
    return ModelCard(
        kind="reader",
        name="test",
        file=weights.name,
        sha256=file_sha256(weights),
        input=TensorSpec("pixels", (1, 48, 160, 1), "int8", 1.0, 0),
        outputs=(TensorSpec("logits", (1, 40, 37), "int8", 0.1, -3),),
        decoding={"alphabet": "AB", "temperature": 1.0},
        architecture={},
        data=({"name": "nothing"},),
        metrics={"exact": 0.5},
        command="make it",
        created="2026-11-21",
    )


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "reader.tflite"
    path.write_bytes(b"weights")
    return path


def test_a_card_survives_the_file(weights: Path) -> None:
    card = a_card(weights)
    card.write(weights.with_suffix(".json"))
    assert load_card(weights, "reader") == card


def test_a_missing_card_is_named(weights: Path) -> None:
    with pytest.raises(ModelError, match=r"reader\.json: the model's card is missing"):
        load_card(weights, "reader")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        load_card(tmp_path / "gone.tflite", "reader")


def test_other_weights_than_the_cards_are_refused(weights: Path) -> None:
    a_card(weights).write(weights.with_suffix(".json"))
    weights.write_bytes(b"others")
    with pytest.raises(ModelError, match="do not belong together"):
        load_card(weights, "reader")


def test_a_card_of_the_other_kind_is_refused(weights: Path) -> None:
    a_card(weights).write(weights.with_suffix(".json"))
    with pytest.raises(ModelError, match="a detector is wanted here"):
        load_card(weights, "detector")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 99}, "schema 99"),
        ({"surprise": 1}, "lacks or does not know a key"),
        ({"sha256": None, "drop": "sha256"}, "lacks or does not know a key"),
    ],
)
def test_a_card_that_this_version_does_not_know_is_refused(
    weights: Path, change: dict[str, object], message: str
) -> None:
    path = weights.with_suffix(".json")
    a_card(weights).write(path)
    fields = json.loads(path.read_text())
    dropped = change.pop("drop", None)
    fields.update(change)
    if dropped:
        del fields[str(dropped)]
    path.write_text(json.dumps(fields))
    with pytest.raises(ModelError, match=message):
        load_card(weights, "reader")


def test_a_broken_card_is_one_clear_line(weights: Path) -> None:
    weights.with_suffix(".json").write_text("{ not json")
    with pytest.raises(ModelError, match="not a readable model card") as caught:
        load_card(weights, "reader")
    assert "\n" not in str(caught.value)
