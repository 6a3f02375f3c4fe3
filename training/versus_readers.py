"""Other readers than the one that is judged, each as "crops in, texts out" under a name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.errors import ConfigError
from edge.looks import read_well
from edge.reader import PlateReader, ReaderSettings
from edge.records import Image, PlateReading
from training.versus_onnx import OnnxReader, SlotConfig
from training.versus_tesseract import read_with_tesseract, tesseract_version


class CropReader(Protocol):
    """A reader as the device has it, exported or in float."""

    def read(self, crop: Image) -> PlateReading:
        """(H, W, 3) BGR, one plate and little around it → its text."""
        ...


@dataclass(frozen=True, slots=True)
class Contender:
    """A reader under a name; `read` takes N crops, (H, W, 3) BGR each, and gives N texts."""

    name: str
    read: Callable[[Sequence[Image]], list[str]]


def contender(what: str) -> Contender:
    """The reader that `what` names: "tesseract", an ONNX model of fast-plate-ocr, or one of our own `reader.tflite`.

    ConfigError or ModelError say what is missing and how to get it.
    """
    if what == "tesseract":
        return Contender(tesseract_version(), read_with_tesseract)
    path = Path(what)
    if path.suffix == ".tflite":
        return own(PlateReader(ReaderSettings(model=what)), what)
    if path.suffix == ".onnx":
        return Contender(what, OnnxReader(path, SlotConfig.beside(path)).read)
    raise ConfigError(f"--versus {what}: wanted `tesseract`, an .onnx model (its .yaml beside it) or a .tflite reader")


def own(reader: CropReader, name: str) -> Contender:
    """One of our own readers, as `gatereader read --crops` uses it."""
    return Contender(name, lambda crops: [read_well(crop, reader.read).text for crop in crops])
