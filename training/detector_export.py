"""Checkpoint → int8 .tflite and its card, refused unless int8 finds what float finds.

litert-torch converts the cut network, ai-edge-quantizer makes it int8 with per-tensor ranges that are the least and
greatest values seen (its default, a moving average, clips the logits: confidences stop at 0.65).
"""

import argparse
import logging
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console

from edge.card import ModelCard, TensorSpec, file_sha256
from edge.detector import golden_hashes
from edge.errors import ConfigError, ModelError
from edge.preprocess import letterbox
from edge.runtime import Int8Model
from training import detector_data as data
from training.detector_metrics import Found, box_iou
from training.detector_network import BINS, STRIDES, CutNetwork, load_weights, save_weights
from training.detector_scenes import DEVICE_SIZE
from training.detector_score import NMS_IOU, float_finder, int8_finder, report
from training.detector_settings import BEFORE, GRID, train_command
from training.detector_validation import Validation
from training.graph import operators, require_one_delegate, tensor_specs
from training.output import prepare_folder, replace_together, writing

MOST_LOST = {"ap50": 0.01, "ap50_95": 0.02}
LEAST_AGREEMENT = 0.95
"""What int8 may lose of float's average precision, and how alike their boxes must be (mean IoU); else nothing is
written. Average precision does not depend on a threshold; recall at one hangs on three pictures without plates."""

_BUILTIN = {
    "ADD",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DELEGATE",
    "MAX_POOL_2D",
    "PAD",
    "PADV2",
    "QUANTIZE",
}
_BUILTIN |= {"RESHAPE", "SLICE", "STRIDED_SLICE", "SPLIT", "MAXIMUM"}
_LICENCES = {
    "openimages": "CC BY (Open Images)",
    "romania": "MIT, © 2020 Robert Lucian Chiriac",
    "web": "MIT",
}


def convert(network: Any, size: int, calibration: Sequence[npt.NDArray[np.float32]], out: Path) -> None:
    """Write the int8 file; `calibration` holds canvases (1, S, S, 3), 0 to 1."""
    cut = CutNetwork(network.fuse(verbose=False)).eval().requires_grad_(False)
    float_file = out.with_suffix(".float.tflite")
    to_litert(cut, size, float_file)
    quantize(float_file, calibration, out)
    float_file.unlink()


def to_litert(module: torch.nn.Module, size: int, out: Path) -> None:
    """Write a module that takes (1, S, S, 3) as a float .tflite file."""
    import litert_torch  # noqa: PLC0415 - imports for seconds

    litert_torch.convert(module, (torch.rand(1, size, size, 3),)).export(str(out))


def quantize(float_file: Path, calibration: Sequence[npt.NDArray[np.float32]], out: Path) -> None:
    """Make an int8 file of a float one of `to_litert`, by the ranges seen on canvases (1, S, S, 3)."""
    from ai_edge_quantizer import quantizer, recipe  # noqa: PLC0415 - as above
    from ai_edge_quantizer.utils import qsv_utils  # noqa: PLC0415

    calibrator = quantizer.Quantizer(str(float_file))
    calibrator.load_quantization_recipe(recipe.static_wi8_ai8())
    ranges: dict[str, Any] = {}
    for canvas in calibration:
        seen = calibrator.calibrate({"serving_default": [{"args_0": canvas}]}, num_threads=1)
        for name, values in seen.items():
            ranges[name] = qsv_utils.min_max_update(ranges[name], values) if ranges.get(name) else values
    maker = quantizer.Quantizer(str(float_file))
    maker.load_quantization_recipe(recipe.static_wi8_ai8())
    maker.quantize(calibration_result=ranges).export_model(str(out), overwrite=True)


def calibration_canvases(folder: Path, size: int, count: int) -> list[npt.NDArray[np.float32]]:
    """Training pictures as the device letterboxes them, evenly from each source and from the negatives."""
    groups = [data.load_pictures(folder, "train", [source]) for source in data.sources(folder, "train")]
    groups.append(data.load_negatives(folder, held_back=False))
    canvases = []
    for group in groups:
        for picture in group[:: max(1, len(group) * len(groups) // count)][: count // len(groups)]:
            canvas = np.asarray(letterbox(picture.image, size).canvas / 255, np.float32)
            canvas[0, 0], canvas[0, 1] = 0.0, 1.0  # the input's range must be 0 to 1 exactly: pixels go in as they are
            canvases.append(canvas[np.newaxis])
    return canvases


def describe_tensors(model: Path) -> tuple[TensorSpec, tuple[TensorSpec, ...]]:
    """The file's input, and its outputs in the card's order: box and class map of each stride, the finest first."""
    tensor, outputs = tensor_specs(model)
    if abs(tensor.scale * 255 - 1) > 1e-4 or tensor.zero_point != -128:
        raise ModelError(f"{model}: input scale {tensor.scale}, zero point {tensor.zero_point}; 1/255, −128 wanted")
    return tensor, tuple(sorted(outputs, key=lambda spec: (-spec.shape[1], -spec.shape[3])))


def check_operators(model: Path) -> dict[str, int]:
    """Count the operators; ModelError if one is not built in or if XNNPACK does not take all of them in one piece."""
    counts = operators(model)
    if unknown := sorted(set(counts) - _BUILTIN):
        raise ModelError(f"{model}: operators {', '.join(unknown)} have no place in an int8 convolutional network")
    require_one_delegate(model, counts)
    return counts


def agreement(floats: Sequence[Found], ints: Sequence[Found], threshold: float) -> float:
    """Mean IoU between each float box above the threshold and the int8 box nearest to it."""
    best: list[float] = []
    for one, other in zip(floats, ints, strict=True):
        sure = one.boxes[one.scores >= threshold]
        if len(sure):
            overlaps = box_iou(sure, other.boxes) if len(other.boxes) else np.zeros((len(sure), 1), np.float32)
            best += overlaps.max(axis=1).tolist()
    return float(np.mean(best)) if best else 0.0


def export(checkpoint: Path, out: Path, size: int, count: int, *, command: str, console: Console) -> None:
    """Convert, measure, gate, and only then write `out`, its card and a lean checkpoint beside them.

    OutputError if they cannot be written, at once where that can be told, and with all three as they were.
    """
    torch.set_num_threads(1)
    folder = data.require_data_folder()
    network, about = load_weights(checkpoint)
    about = {**about, "settings": {**BEFORE, **about["settings"]}}
    _require_exportable(folder, out, size, count)
    command, rows = f"{_made_by(about)}; {command}", _data_rows(about["settings"])
    validation = Validation(folder)
    console.log("float: scoring")
    floats, float_negatives = validation.run(float_finder(network, size))
    with TemporaryDirectory() as scratch:
        trial = Path(scratch) / out.name
        console.log("int8: converting and calibrating")
        with writing(trial):
            convert(network, size, calibration_canvases(folder, size, count), trial)
            counts = check_operators(trial)
            card = _card(trial, out.name, size, about, command=command, rows=rows)
            card.write(trial.with_suffix(".json"))
        console.log("int8: scoring")
        ints, int_negatives = validation.run(int8_finder(trial))
        figures = report(validation, ints, int_negatives, size)
        shipped = report(validation, floats, float_negatives, size, figures["threshold"])
        figures["float"] = {**shipped["all"], "negatives_boxed": shipped["negatives"]["boxed"]}
        figures["float_box_agreement"] = round(agreement(floats, ints, figures["threshold"]), 4)
        figures["operators"] = counts
        for name, row in (("float", figures["float"]), ("int8", figures["all"])):
            console.log(f"{name}: {row}")
        _require_as_good(figures)
        lean = trial.parent / "checkpoints" / "detector.pt"
        with writing(trial):
            decoding = {**card.decoding, "threshold": figures["threshold"]}
            replace(card, decoding=decoding, metrics=figures).write(trial.with_suffix(".json"))
        Int8Model(trial, "detector")  # the file and its card belong together
        save_weights(load_weights(checkpoint)[0], lean, about)  # the other is fused
        replace_together(
            {
                out: trial,
                out.with_suffix(".json"): trial.with_suffix(".json"),
                out.parent / "checkpoints" / "detector.pt": lean,
            }
        )
    console.log(f"wrote {out} ({out.stat().st_size} bytes), threshold {figures['threshold']}")


def _require_as_good(figures: dict[str, Any]) -> None:
    """ModelError if int8 finds less than float, or finds it elsewhere."""
    for name, allowed in MOST_LOST.items():
        lost = figures["float"][name] - figures["all"][name]
        if lost > allowed:
            raise ModelError(f"int8 loses {100 * lost:.1f} points of {name}, {100 * allowed:.0f} allowed")
    if figures["float_box_agreement"] < LEAST_AGREEMENT:
        raise ModelError(
            f"int8 boxes agree with float's to a mean IoU of {figures['float_box_agreement']}, "
            f"{LEAST_AGREEMENT} wanted; nothing written"
        )


def _require_exportable(folder: Path, out: Path, size: int, count: int) -> None:
    """Make the folder of `out`; ConfigError or OutputError for what would only fail after minutes of work."""
    if size < GRID or size % GRID:
        raise ConfigError(f"--size {size}: wanted a multiple of {GRID} pixels")
    least = len(data.sources(folder, "train")) + 1
    if count < least:
        raise ConfigError(f"--calibration {count}: wanted {least} or more: of each set, and of those without plates")
    if out.is_dir():
        raise ConfigError(f"--out {out}: is a folder; wanted a file, such as {out / 'detector.tflite'}")
    prepare_folder(out.parent, f"--out {out}")


def _made_by(about: dict[str, Any]) -> str:
    """The commands that made the checkpoint, as far as it tells: its training, and the means that were taken since."""
    commands = [train_command(about["settings"], about.get("run", ""))]
    for mean in about.get("averages", ()):
        words = ["python", "-m", "training", "detector", "average", *mean["of"]]
        commands.append(shlex.join([*words, "--share", str(mean["share"]), "--out", mean["out"]]))
    return "; ".join(commands)


def _card(
    model: Path, name: str, size: int, about: dict[str, Any], *, command: str, rows: tuple[dict[str, Any], ...]
) -> ModelCard:
    """The card with a provisional threshold, and golden vectors computed by the file itself."""
    tensor, outputs = describe_tensors(model)
    decoding = {"strides": list(STRIDES), "bins": BINS, "threshold": 0.5, "nms_iou": NMS_IOU}
    settings = about["settings"]
    start = f" from {settings['start']}" if settings["start"] else ""
    card = ModelCard(
        kind="detector",
        name=f"plate detector, {size}×{size}",
        file=name,
        sha256=file_sha256(model),
        input=tensor,
        outputs=outputs,
        decoding=decoding,
        architecture={
            "network": "training/plate_detector.yaml",
            "blocks": "C2f, ReLU",
            "size": size,
            "training": settings,
        },
        data=rows,
        metrics={},
        command=command,
        created=datetime.now(UTC).date().isoformat(),
        notes=f"{about['step']} steps{start}; BGR, letterboxed; made with ultralytics, which claims AGPL-3.0 for its "
        "weights",
    )
    card.write(model.with_suffix(".json"))
    golden = {"picture": "pattern", "size": size, "sha256": golden_hashes(Int8Model(model, "detector"))}
    return replace(card, golden=(golden,))


def _data_rows(settings: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    folder = data.require_data_folder() / "detector"
    rows: list[dict[str, Any]] = [
        {
            "name": source,
            "licence": _LICENCES.get(source, "not told"),
            "train": len(data.picture_paths(folder / source / "train" / "images")),
            "val": len(data.picture_paths(val)) if (val := folder / source / "val" / "images").is_dir() else 0,
        }
        for source in data.sources(data.require_data_folder(), "train")
    ]
    learned, held_back = (
        len(data.negative_paths(data.require_data_folder(), held_back=side)) for side in (False, True)
    )
    rows.append({"name": "negatives", "licence": "AGPL-3.0, CC BY 4.0", "train": learned, "threshold": held_back})
    crops = len(data.load_plate_crops(data.require_data_folder()))
    rows.append({"name": "plate crops, pasted", "licence": "as for the plate reader", "train": crops})
    rows.append({"name": "drawn plates, pasted", "licence": "fonts: OFL-1.1 and MIT", "train": settings["drawn"]})
    if settings["extra"]:
        images = Path(settings["extra"]) / "images"
        row = {"name": "extra frames", "folder": settings["extra"], "licence": "not told"}
        count = len(data.picture_paths(images)) if images.is_dir() else 0  # the folder may be no longer
        rows.append({**row, "share": settings["extra_share"], **({"train": count} if count else {})})
    return tuple(rows)


def main(arguments: list[str]) -> int:
    """`export`: see --help."""
    parser = argparse.ArgumentParser(prog="python -m training detector export", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/detector/best.pt"), help="(%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("models/detector.tflite"), help="(%(default)s)")
    parser.add_argument("--size", type=int, default=DEVICE_SIZE, help="side of the input, pixels (%(default)s)")
    parser.add_argument("--calibration", type=int, default=24, help="pictures to take ranges from (%(default)s)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    cv2.setNumThreads(1)
    command = "python -m training detector export " + shlex.join(arguments)
    export(
        options.checkpoint,
        options.out,
        options.size,
        options.calibration,
        command=command.strip(),
        console=Console(stderr=True),
    )
    return 0
