"""Reads the characters of one cropped plate with the int8 reader model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.alphabet import ALPHABET, CLASSES, Decoded, decode_greedy
from edge.card import ModelCard, shipped_model
from edge.errors import ModelError
from edge.looks import look_again
from edge.preprocess import READER_HEIGHT, READER_WIDTH, PlateView, plate_views, to_int8
from edge.records import Image, PlateReading
from edge.runtime import Int8Model, check_threads
from edge.serials import plausible

_TYPICAL_LENGTH = 5
_ONE_LINE_BONUS = 0.05
_CLEAR, _CLEAR_LENGTH = 0.9, 6
"""What is read with this confidence and as many characters in one line is not looked at as two."""


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """Which model reads plates."""

    model: str = ""
    """Path of a reader model (`.tflite`, its card beside it); empty for the one that came with gatereader."""
    threads: int = 1
    """Threads of one inference; more than 1 gains nothing with a model this small."""

    def __post_init__(self) -> None:
        check_threads(self.threads)


def reader_path(model: str) -> Path:
    """The file of a model's name; ModelError if the one that came with gatereader is not there."""
    return Path(model) if model else shipped_model("reader.tflite")


class PlateReader:
    """The reader model behind one method. Not safe to call from two threads at once."""

    def __init__(self, settings: ReaderSettings | None = None) -> None:
        """Load the model; ModelError if it is missing, damaged, or not made for this alphabet and preprocessing."""
        settings = settings or ReaderSettings()
        path = reader_path(settings.model)
        self._model = Int8Model(path, "reader", settings.threads)
        _check(path, self._model.card)
        output = self._model.card.outputs[0]
        self._scale, self._zero_point = np.float32(output.scale), np.float32(output.zero_point)
        self._temperature = float(self._model.card.decoding.get("temperature", 1.0))

    @property
    def card(self) -> ModelCard:
        """What is known of the model."""
        return self._model.card

    @property
    def backend(self) -> str:
        """The package that runs the model."""
        return self._model.backend

    def read(self, crop: Image) -> PlateReading:
        """The text of a crop, (H, W, 3) BGR or (H, W) grey; empty where nothing is legible."""
        views = plate_views(crop)
        decoded: list[Decoded] = []
        for view in views:
            decoded.append(decode_greedy(self.logits(view), self._temperature))
            if _is_clear(decoded[0]):
                break
        return best_reading(views, decoded)

    def read_again(self, crop: Image, first: PlateReading) -> PlateReading:
        """What `read` made of this crop, made surer or less sure by other looks at it where it was unsure."""
        return look_again(first, crop, self.read)

    def logits(self, view: PlateView) -> npt.NDArray[np.float32]:
        """(T, C) logits of one view."""
        logits = (self.stored_logits(view).astype(np.float32) - self._zero_point) * self._scale
        return np.asarray(logits, dtype=np.float32)

    def stored_logits(self, view: PlateView) -> npt.NDArray[np.int8]:
        """(T, C) logits of one view as the model stores them; the same bytes on every board."""
        outputs = self._model.run(to_int8(view.pixels)[np.newaxis, :, :, np.newaxis])
        return np.asarray(outputs[0][0], dtype=np.int8)


def best_reading(views: Sequence[PlateView], decoded: Sequence[Decoded]) -> PlateReading:
    """What a crop says, of what each of its views does."""
    best = choose_view(decoded)
    reading = PlateReading(
        text=decoded[best].text,
        confidence=decoded[best].confidence,
        characters=decoded[best].characters,
        runners_up=decoded[best].runners_up,
        lines=views[best].lines,
        # always of the one-line view, so that two readings of one plate stay comparable
        sharpness=sharpness(views[0]),
    )
    return plausible(reading)


def choose_view(decoded: Sequence[Decoded]) -> int:
    """Which view's reading to believe, the first being the plain one-line view, which wins unless clearly beaten."""
    if _is_clear(decoded[0]):
        return 0
    scores = [_score(reading) for reading in decoded]
    scores[0] += _ONE_LINE_BONUS
    return scores.index(max(scores))


def _is_clear(one_line: Decoded) -> bool:
    """Whether the one-line reading leaves no question, so that the other view need not be read."""
    return one_line.confidence >= _CLEAR and len(one_line.text) >= _CLEAR_LENGTH


def _score(reading: Decoded) -> float:
    """0 to 1: the mean of its characters' confidences, less for a text shorter than nearly every plate.

    The mean, not the weakest character: the wrong view of a plate has several bad characters or too few, while one
    worn character spoils the weakest of the right view too.
    """
    if not reading.text:
        return 0.0
    mean = sum(confidence for _, confidence in reading.characters) / len(reading.characters)
    return mean * min(1.0, len(reading.text) / _TYPICAL_LENGTH)


def sharpness(view: PlateView) -> float:
    """Variance of the Laplacian; views share size and contrast, so that it compares between plates."""
    _, deviation = cv2.meanStdDev(cv2.Laplacian(view.pixels, cv2.CV_16S))
    return float(deviation[0, 0]) ** 2


def _check(path: Path, card: ModelCard) -> None:
    """ModelError unless the model speaks this alphabet and takes what `preprocess` makes."""
    alphabet = card.decoding.get("alphabet")
    if alphabet != ALPHABET:
        raise ModelError(f"{path}: trained for the alphabet {alphabet!r}, this gatereader reads {ALPHABET!r}")
    wanted = (1, READER_HEIGHT, READER_WIDTH, 1)
    if card.input.shape != wanted:
        raise ModelError(f"{path}: takes pictures of shape {card.input.shape}, {wanted} wanted")
    shape = card.outputs[0].shape if card.outputs else ()
    if len(shape) != 3 or shape[0] != 1 or shape[2] != CLASSES:
        raise ModelError(f"{path}: gives logits of shape {shape}, (1, time steps, {CLASSES}) wanted")
    temperature = card.decoding.get("temperature", 1.0)
    if not isinstance(temperature, int | float) or not temperature > 0:
        raise ModelError(f"{path}: its card has the temperature {temperature!r}, a number above 0 wanted")
