from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

import edge.reader
from edge.alphabet import ALPHABET, CLASSES, Decoded
from edge.card import ModelCard, TensorSpec
from edge.errors import ModelError
from edge.preprocess import READER_HEIGHT, READER_WIDTH, PlateView, plate_view
from edge.reader import PlateReader, ReaderSettings, choose_view, sharpness

STEPS = 40
SCALE, ZERO = 0.2, -10


def card(**changes: object) -> ModelCard:
    plain = ModelCard(
        kind="reader",
        name="fake",
        file="fake.tflite",
        sha256="",
        input=TensorSpec("in", (1, READER_HEIGHT, READER_WIDTH, 1), "int8", 1 / 255, -128),
        outputs=(TensorSpec("out", (1, STEPS, CLASSES), "int8", SCALE, ZERO),),
        decoding={"alphabet": ALPHABET, "temperature": 2.0},
        architecture={},
        data=(),
        metrics={},
        command="",
        created="",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def logits(text: str, height: int = 60) -> npt.NDArray[np.int8]:
    """(1, STEPS, CLASSES) stored logits that spell `text`, `height` steps above all others."""
    stored = np.full((1, STEPS, CLASSES), ZERO, np.int8)
    for step in range(STEPS):
        index, between = divmod(step, 2)
        label = ALPHABET.index(text[index]) + 1 if not between and index < len(text) else 0
        stored[0, step, label] = ZERO + height
    return stored


class FakeModel:
    """Stands in for Int8Model; gives `answers` in turn."""

    answers: list[npt.NDArray[np.int8]]
    inputs: list[npt.NDArray[np.int8]]
    card = card()

    def __init__(self, path: Path, kind: str, threads: int) -> None:
        self.backend = f"{kind} {threads}"

    def run(self, array: npt.NDArray[np.int8]) -> list[npt.NDArray[np.int8]]:
        self.inputs.append(array)
        return [self.answers.pop(0)]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> type[FakeModel]:
    monkeypatch.setattr(edge.reader, "Int8Model", FakeModel)
    monkeypatch.setattr(FakeModel, "card", card())
    FakeModel.answers, FakeModel.inputs = [], []
    return FakeModel


def make_reader() -> PlateReader:
    return PlateReader(ReaderSettings(model="fake.tflite", threads=3))


def test_a_wide_crop_is_read_once_as_one_line(model: type[FakeModel]) -> None:
    model.answers = [logits("AB123CD")]
    crop = np.random.default_rng(0).integers(0, 255, (30, 140, 3), dtype=np.uint8)
    found = make_reader().read(crop)
    assert (found.text, found.lines, len(model.inputs)) == ("AB123CD", 1, 1)
    assert found.sharpness == sharpness(plate_view(crop))
    (array,) = model.inputs
    assert array.shape == (1, READER_HEIGHT, READER_WIDTH, 1)
    assert array.dtype == np.dtype(np.int8)
    assert np.array_equal(array[0, :, :, 0].astype(int) + 128, plate_view(crop).pixels)


def test_confidence_is_what_scale_and_temperature_say(model: type[FakeModel]) -> None:
    model.answers = [logits("312", height=30)]  # of one kind, as their runners-up are: no serial weighs in
    found = make_reader().read(np.zeros((30, 140, 3), np.uint8))
    # 30 steps × 0.2 / temperature 2 = 3 above the 36 other classes
    expected = np.exp(3.0) / (np.exp(3.0) + CLASSES - 1)
    assert found.confidence == pytest.approx(expected, rel=1e-4)
    assert [confidence for _, confidence in found.characters] == pytest.approx([expected] * 3, rel=1e-4)
    assert len(found.runners_up) == 3


@pytest.mark.parametrize(
    ("one", "two", "winner"),
    [
        (logits("A8I", 20), logits("AB123CD", 60), 2),
        (logits("AB123CD", 30), logits("A8I", 20), 1),
        (logits("AB123CD", 25), logits("XK940LM", 25), 1),
        (logits("", 60), logits("AB123CD", 25), 2),
        (logits("AB123CD", 30), logits("I", 90), 1),
        (logits("", 60), logits("", 60), 1),
    ],
)
def test_a_square_crop_is_read_both_ways(
    model: type[FakeModel], one: npt.NDArray[np.int8], two: npt.NDArray[np.int8], winner: int
) -> None:
    model.answers = [one, two]
    found = make_reader().read(np.zeros((60, 80, 3), np.uint8))
    assert len(model.inputs) == 2
    assert found.lines == winner


def test_nothing_legible_is_an_empty_reading(model: type[FakeModel]) -> None:
    model.answers = [logits("")]
    found = make_reader().read(np.zeros((20, 100, 3), np.uint8))
    assert (found.text, found.confidence, found.characters) == ("", 0.0, ())


def decoded(confidence: float, text: str = "AB123") -> Decoded:
    return Decoded(text, tuple((c, confidence) for c in text), ())


def test_one_line_wins_a_near_tie() -> None:
    assert choose_view([decoded(0.80), decoded(0.82)]) == 0
    assert choose_view([decoded(0.80), decoded(0.95)]) == 1
    assert choose_view([decoded(0.10)]) == 0


def test_what_is_clear_in_one_line_is_not_looked_at_as_two(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = PlateReader()
    looked: list[int] = []
    logits = reader.logits

    def looking(view: PlateView) -> npt.NDArray[np.float32]:
        looked.append(view.lines)
        return logits(view)

    monkeypatch.setattr(reader, "logits", looking)
    wide = {"clear": decoded(0.95, "ABC123"), "short": decoded(0.95, "ABC12"), "unsure": decoded(0.85, "ABC123")}
    for name, first in wide.items():
        looked.clear()
        monkeypatch.setattr("edge.reader.decode_greedy", lambda *_, first=first: first)
        reader.read(np.full((40, 100, 3), 128, dtype=np.uint8))
        assert looked == ([1] if name == "clear" else [1, 2]), name
    assert choose_view([wide["clear"], decoded(0.99, "ABCD1234")]) == 0
    assert choose_view([wide["short"], decoded(0.999, "ABCD1234")]) == 0  # the bonus of one line
    assert choose_view([decoded(0.91, "ABC12"), decoded(0.99, "ABCD1234")]) == 1


def test_sharpness_falls_with_blur_and_not_with_contrast() -> None:
    rng = np.random.default_rng(0)
    crop = cv2.resize(rng.integers(0, 255, (12, 40), dtype=np.uint8), (160, 48), interpolation=cv2.INTER_NEAREST)
    blurred = cv2.GaussianBlur(crop, (0, 0), 2.0)
    faint = (100 + crop // 4).astype(np.uint8)
    sharp = sharpness(plate_view(np.asarray(crop, np.uint8)))
    assert sharpness(plate_view(np.asarray(blurred, np.uint8))) < 0.2 * sharp
    assert sharpness(plate_view(faint)) == pytest.approx(sharp, rel=0.1)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"decoding": {"alphabet": ALPHABET[::-1]}}, "alphabet"),
        ({"decoding": {}}, "alphabet"),
        ({"decoding": {"alphabet": ALPHABET, "temperature": 0}}, "temperature"),
        ({"input": TensorSpec("in", (1, 32, 128, 1), "int8", 1 / 255, -128)}, "shape"),
        ({"outputs": (TensorSpec("out", (1, STEPS, 40), "int8", SCALE, ZERO),)}, "logits"),
        ({"outputs": ()}, "logits"),
    ],
)
def test_a_model_for_something_else_is_refused(
    model: type[FakeModel], monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], complaint: str
) -> None:
    monkeypatch.setattr(FakeModel, "card", card(**changes))
    with pytest.raises(ModelError, match=complaint):
        make_reader()


def test_a_missing_model_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model"):
        PlateReader(ReaderSettings(model=str(tmp_path / "none.tflite")))


def test_settings_want_a_thread() -> None:
    with pytest.raises(ValueError, match="threads"):
        ReaderSettings(threads=0)
