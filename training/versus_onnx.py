"""Models of fast-plate-ocr (an .onnx file and its plate_config.yaml) as plate readers: one character for each slot."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import cv2
import numpy as np

from edge.errors import ConfigError, ModelError
from edge.records import Image

INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos4": cv2.INTER_LANCZOS4,
}


@dataclass(frozen=True, slots=True)
class SlotConfig:
    """What fast-plate-ocr's plate_config.yaml says of a model: one character, or padding, for each of its slots."""

    max_plate_slots: int
    alphabet: str
    pad_char: str
    img_height: int
    img_width: int
    keep_aspect_ratio: bool = False
    interpolation: str = "linear"
    image_color_mode: str = "grayscale"
    padding_color: tuple[int, int, int] | int = (114, 114, 114)

    @classmethod
    def beside(cls, model: Path) -> Self:
        """The config that lies beside a model: under its name, or the only .yaml there."""
        if not model.is_file():
            raise ModelError(f"{model}: no such model file")
        named = [model.with_name(f"{model.stem}{ending}.yaml") for ending in ("", "_plate_config", "_config")]
        found = [path for path in named if path.is_file()] or sorted(model.parent.glob("*.yaml"))
        if not found or (found[0] not in named and len(found) > 1):
            raise ModelError(f"{model}: its config is missing; wanted {named[1].name} beside it (alphabet, sizes, …)")
        return cls.read(found[0])

    @classmethod
    def read(cls, path: Path) -> Self:
        """A config; ModelError names the key that is missing or wrong. Keys that reading needs not are passed over."""
        yaml = _extra("yaml", path)
        try:
            fields = yaml.safe_load(path.read_text(encoding="utf-8"))
            known = {key: value for key, value in fields.items() if key in cls.__dataclass_fields__}
            config = cls(**known)
            sizes = (config.max_plate_slots, config.img_height, config.img_width)
            fits = all(isinstance(size, int) and size > 0 for size in sizes) and config.pad_char in config.alphabet
        except (yaml.YAMLError, AttributeError, TypeError, OSError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: not a plate config of fast-plate-ocr ({' '.join(str(error).split())})") from None
        if (
            not fits
            or config.image_color_mode not in ("grayscale", "rgb")
            or config.interpolation not in INTERPOLATIONS
        ):
            raise ModelError(
                f"{path}: wanted sizes above 0, a pad_char that is in alphabet, image_color_mode grayscale or rgb, "
                f"interpolation one of {', '.join(INTERPOLATIONS)}"
            )
        return config

    @property
    def channels(self) -> int:
        """Of the input: 3 (RGB) or 1."""
        return 3 if self.image_color_mode == "rgb" else 1


class OnnxReader:
    """A fast-plate-ocr model, run by onnxruntime on one thread, one crop at a time as at a gate."""

    def __init__(self, model: Path, config: SlotConfig) -> None:
        """Load the model; ModelError if it cannot be loaded or is not made as its config says."""
        runtime = _extra("onnxruntime", model)
        state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
        refused = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NotImplemented)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session: Any = runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except refused as error:
            raise ModelError(f"{model}: onnxruntime cannot load it ({' '.join(str(error).split())})") from None
        self._config = config
        self._input = self._session.get_inputs()[0]
        wanted = (config.img_height, config.img_width, config.channels)
        if tuple(self._input.shape[1:]) != wanted:
            raise ModelError(
                f"{model}: takes pictures of shape {tuple(self._input.shape[1:])}, its config says {wanted}"
            )
        names = [output.name for output in self._session.get_outputs()]
        # newer models also tell the country, in an output of its own
        self._output = "plate" if "plate" in names else names[0]

    def read(self, crops: Sequence[Image]) -> list[str]:
        """Texts of N crops, (H, W, 3) BGR."""
        dtype = np.float32 if self._input.type == "tensor(float)" else np.uint8
        texts = []
        for crop in crops:
            batch = slot_picture(crop, self._config)[np.newaxis].astype(dtype)
            scores = self._session.run([self._output], {self._input.name: batch})[0]
            texts.append(slot_text(np.asarray(scores)[0], self._config))
        return texts


def slot_picture(crop: Image, config: SlotConfig) -> Image:
    """A crop, (H, W, 3) BGR, as the model takes it: (img_height, img_width, channels) uint8, RGB or grey."""
    colours = cv2.COLOR_BGR2RGB if config.channels == 3 else cv2.COLOR_BGR2GRAY
    picture = cv2.cvtColor(crop, colours)
    wide, high = config.img_width, config.img_height
    if config.keep_aspect_ratio:
        scale = min(high / crop.shape[0], wide / crop.shape[1])
        wide, high = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
    picture = cv2.resize(picture, (wide, high), interpolation=INTERPOLATIONS[config.interpolation])
    down, across = config.img_height - high, config.img_width - wide
    colour = config.padding_color if isinstance(config.padding_color, int) else tuple(config.padding_color)
    picture = cv2.copyMakeBorder(
        picture, down // 2, down - down // 2, across // 2, across - across // 2, cv2.BORDER_CONSTANT,
        value=(colour,) * 3 if isinstance(colour, int) else colour,
    )  # fmt: skip
    return np.asarray(picture, dtype=np.uint8).reshape(config.img_height, config.img_width, config.channels)


def slot_text(scores: np.ndarray[Any, Any], config: SlotConfig) -> str:
    """The text of one crop's scores, slots × alphabet in any shape; padding is cut off at the end."""
    best = scores.reshape(config.max_plate_slots, len(config.alphabet)).argmax(axis=-1)
    return "".join(config.alphabet[index] for index in best).rstrip(config.pad_char)


def _extra(module: str, why: Path) -> ModuleType:
    """A module of the extra [versus]; ConfigError says how to get it."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise ConfigError(f"{why}: {module} is not installed; pip install -e '.[training,versus]'") from None
