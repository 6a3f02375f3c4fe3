"""A trained reader → `reader.tflite`, fully int8, and its card; refuses if int8 reads worse than float.

Post-training quantization with views from the training pools. The input is int8 pixel − 128 (scale 1, zero point 0),
the output int8 logits; softmax and decoding stay outside, where they cost nothing. The parity gate reads the real
validation crops with both and compares.
"""

import argparse
import base64
import json
import logging
import os
import shlex
import sys
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from edge.alphabet import ALPHABET, decode_greedy
from edge.card import ModelCard, file_sha256, shipped_model
from edge.errors import ModelError, OutputError, SourceError
from edge.preprocess import READER_HEIGHT, READER_WIDTH, PlateView
from edge.reader import PlateReader, ReaderSettings
from training.calibrate import best_temperature, crop_logits
from training.dataset import Pool, boxed_samples, data_folder, load_crop, plain_pool, synthetic_chunk
from training.evaluate import evaluate_reader
from training.float_reader import logits_of
from training.graph import require_int8_builtins, tensor_specs
from training.learned import data_rows, pools_of, unusual_tree
from training.model import build_reader
from training.output import replace_together
from training.own import is_own, real_samples
from training.reader_settings import ReaderTrainSettings, read_settings
from training.run_folder import SETTINGS, WEIGHTS
from training.scores import exact_share, greedy_texts
from training.train import OPTIONS, OWN_DEFAULTS

log = logging.getLogger(__name__)

CALIBRATION_VIEWS = 300
LARGEST_LOSS = 0.005
"""Share of the real validation plates that int8 may lose against float."""

FEWEST_TO_CALIBRATE = 100
"""Crops; fewer say too little about how sure a reader should be, and the shipped reader's temperature is taken."""

GOLDEN_SEED = 2026
OUTPUT = Path("models")
"""Where a model goes unless one says otherwise: in the place of the shipped one."""
_PROGRAM = ("python", "-m", "training")


def inference_model(settings: ReaderTrainSettings, weights: Path) -> keras.Model:
    """The trained network without its Rescaling layer, which is folded into the first convolution."""
    trained = build_reader(settings.width, settings.context, settings.dropout)
    trained.load_weights(weights)
    rescaling = next(layer for layer in trained.layers if isinstance(layer, layers.Rescaling))
    first = next(layer for layer in trained.layers if isinstance(layer, layers.Conv2D))
    first.set_weights([kernel * rescaling.scale for kernel in first.get_weights()])
    rescaling.scale = 1.0
    return trained


def convert_int8(model: keras.Model, calibration: npt.NDArray[np.uint8]) -> bytes:
    """TFLite bytes, int8 in and out; `calibration` are views (N, H, W) uint8.

    The graph is frozen from an export archive with a batch of 1: converting a Keras model directly has been seen to
    write a file without weights.
    """

    def representative() -> Iterator[list[npt.NDArray[np.float32]]]:
        for view in calibration:
            pixels = view.astype(np.float32) - 128.0
            pixels[0, 0], pixels[0, 1] = -128.0, 127.0  # fixes the input's scale at 1 and its zero point at 0
            yield [pixels[None, :, :, None]]

    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        signature = [tf.TensorSpec((1, READER_HEIGHT, READER_WIDTH, 1), tf.float32, name="pixels")]
        archive.add_endpoint("serve", lambda pixels: model(pixels, training=False), input_signature=signature)
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        return bytes(converter.convert())


def calibration_views(run: Path, seed: int) -> npt.NDArray[np.uint8]:
    """Views from the pools of the run, more real than synthetic ones."""
    random_ = np.random.default_rng(seed)
    shares = {"synthetic": 0.4, "real": 0.55, "empty": 0.05, "own": 0.3}
    views = []
    for path in pools_of(run):
        if count := round(shares.get(path.name.split("-")[0], 0.0) * CALIBRATION_VIEWS):
            pool = Pool.load(path)
            views.append(pool.views[random_.choice(len(pool), min(count, len(pool)), replace=False)])
    if not views:
        raise ModelError(
            f"{run.parent / 'pools'}: no pools to calibrate with; they are made by training, beside its run"
        )
    return np.concatenate(views)


def golden_vectors(reader: PlateReader) -> tuple[dict[str, str], ...]:
    """Synthetic views and what the model makes of them, for `gatereader check` on any board."""
    pool = synthetic_chunk(GOLDEN_SEED, 24)
    golden: list[dict[str, str]] = []
    for view, text in zip(pool.views, pool.texts, strict=True):
        stored = reader.stored_logits(PlateView(view, 1))
        if decode_greedy(stored.astype(np.float32)).text == text and len(golden) < 3:
            pixels = base64.b64encode(zlib.compress(view.tobytes(), 9)).decode()
            golden.append({"pixels": pixels, "text": text, "sha256": sha256(stored.tobytes()).hexdigest()})
    return tuple(golden)


def export(run: Path, output: Path, data: Path) -> ModelCard:
    """Write the int8 file, its card, and the weights to go on from (checkpoints/) into `output`.

    ModelError, and nothing written, if the gate refuses; OutputError, at once, if `output` cannot be written, and with
    the model there as it was if there is no room for another.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError(f"export needs TensorFlow: run it without KERAS_BACKEND={keras.backend.backend()}")
    settings = _settings(run)
    if settings.architecture != "cnn":
        raise ModelError(
            f"{run}: a {settings.architecture} has no int8 form: TensorFlow Lite's converter crashes on its LSTMs; "
            "train a cnn"
        )
    _require_writable(output)
    command, rows = _command(run, settings, data, output), data_rows(run, settings, data)
    model = inference_model(settings, run / WEIGHTS)
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / "reader.tflite"
        draft.write_bytes(convert_int8(model, calibration_views(run, settings.seed)))
        counts = require_int8_builtins(draft)
        card = _card(draft, settings, model, command=command, rows=rows, operators=counts)
        card.write(draft.with_suffix(".json"))
        card = _judged(card, draft, model, data)
        card.write(draft.with_suffix(".json"))
        replace_together(
            {
                output / "reader.tflite": draft,
                output / "reader.json": draft.with_suffix(".json"),
                output / "checkpoints" / "reader.weights.h5": run / WEIGHTS,
            }
        )
    return card


def _require_writable(output: Path) -> None:
    """OutputError if the folder is none, or nothing can be written there; it is not made yet."""
    there = next(path for path in (output, *output.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"--output {output}: nothing can be written in {there}; name another folder")


def _settings(run: Path) -> ReaderTrainSettings:
    for name, lacking in ((SETTINGS, "no training run here"), (WEIGHTS, "it has not been judged yet: train on")):
        if not (run / name).is_file():
            raise ModelError(f"{run}: {lacking} ({name} is missing)")
    return read_settings(run)


def _command(run: Path, settings: ReaderTrainSettings, data: Path, output: Path) -> str:
    """What made the run, as far as its settings tell, and the model in `output`, judged by `data`."""
    judged = [] if data == data_folder() else ["--data", str(data)]
    where = [] if output == OUTPUT else ["--output", str(output)]
    export_ = [*_PROGRAM, "export", "--run", str(run), *where, *judged]
    if settings.averaged_from:
        average = [*_PROGRAM, "average", *settings.averaged_from, "--run", str(run)]
        return f"{shlex.join(average)}; {shlex.join(export_)}"
    default = asdict(ReaderTrainSettings()) | (OWN_DEFAULTS if settings.own else {})
    told = {name: value for name, value in asdict(settings).items() if value != default[name]}
    words = [*_PROGRAM, "train", "--run", str(run)]
    for name, option in (
        *((name, name) for name in OPTIONS),
        ("mix", "mix"),
        ("init", "from"),
        ("teachers", "teachers"),
    ):
        if name in told:
            values = told[name] if isinstance(told[name], tuple) else (told[name],)
            words += [f"--{option.replace('_', '-')}", *map(str, values)]
    words += ["--quantize-aware"] if settings.quantize_aware else []
    if learned := settings.own or unusual_tree(settings):
        words += ["--data", learned]
    return f"{shlex.join(words)}; {shlex.join(export_)}"


def _judged(card: ModelCard, draft: Path, model: keras.Model, data: Path) -> ModelCard:
    """The card with the metrics, the temperature and the golden vectors; the parity gate."""
    reader = PlateReader(ReaderSettings(model=str(draft)))
    samples = real_samples(data, "val")
    if not samples:
        raise SourceError(f"{data}: no plate to judge by; of your own crops one needs at least two plates")
    pool = plain_pool(samples)
    float_logits = logits_of(model, pool.views)
    int8_logits = np.stack(
        [reader.logits(PlateView(view, sample.lines)) for view, sample in zip(pool.views, samples, strict=True)]
    )
    before, after = greedy_texts(float_logits), greedy_texts(int8_logits)
    float_exact, int8_exact = exact_share(before, pool.texts), exact_share(after, pool.texts)
    for old, new, truth in zip(before, after, pool.texts, strict=True):
        if old != new:
            log.info("int8 changed %s to %s (truth %s)", old or "nothing", new or "nothing", truth)
    log.info("exact on %d real validation crops: float %.4f, int8 %.4f", len(pool), float_exact, int8_exact)
    if int8_exact < float_exact - LARGEST_LOSS:
        raise ModelError(
            f"the int8 reader loses {100 * (float_exact - int8_exact):.2f} points on the real validation crops, "
            f"{100 * LARGEST_LOSS:.1f} are allowed; nothing was written. One of the {len(pool)} crops is "
            f"{100 / len(pool):.2f} points: judge by more, or train on and export again"
        )
    boxed = [] if is_own(data) else boxed_samples(data / "detector", "val")
    if len(pool) >= FEWEST_TO_CALIBRATE:
        judged = samples + boxed
        crops = [crop_logits(reader, load_crop(sample)) for sample in judged]
        temperature = best_temperature(crops, [sample.text for sample in judged])
    else:
        shipped = ModelCard.read(shipped_model("reader.tflite").with_suffix(".json"))
        temperature = shipped.decoding.get("temperature", 1.0)
    card = replace(card, decoding={**card.decoding, "temperature": temperature}, golden=golden_vectors(reader))
    card.write(draft.with_suffix(".json"))
    reader = PlateReader(ReaderSettings(model=str(draft)))  # judged as it will read: at its temperature
    metrics = {
        "real validation crops, layout known": {"float": round(float_exact, 4), "int8": round(int8_exact, 4)},
        "real validation crops, through edge": evaluate_reader(reader, samples),
    }
    if boxed:
        metrics["plates of the detector's validation pictures, through edge"] = evaluate_reader(reader, boxed)
    return replace(card, metrics=metrics)


def _card(
    file: Path,
    settings: ReaderTrainSettings,
    model: keras.Model,
    *,
    command: str,
    rows: list[dict[str, object]],
    operators: dict[str, int],
) -> ModelCard:
    input_, outputs = tensor_specs(file)
    architecture = {
        "family": "residual 3x3 CNN, CTC",
        "width": settings.width,
        "context": settings.context,
        "parameters": int(model.count_params()),
        "operators": operators,
        "training": asdict(replace(settings, data=unusual_tree(settings))),
    }
    return ModelCard(
        kind="reader",
        name=f"gatereader-reader-{settings.width:g}",
        file="reader.tflite",
        sha256=file_sha256(file),
        input=input_,
        outputs=outputs,
        decoding={"alphabet": ALPHABET, "blank": 0, "temperature": 1.0},
        architecture=architecture,
        data=tuple(rows),
        metrics={},
        command=command,
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
        notes="Metrics are shares of real validation plates read without any error.",
    )


def main(arguments: list[str]) -> int:
    """`python -m training export`."""
    parser = argparse.ArgumentParser(prog="python -m training export", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/reader/default"), help="folder of the run (%(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the model and its card go (%(default)s)")
    parser.add_argument(
        "--data", type=Path, default=data_folder(), help="folder with reader/*/val, or own crops (%(default)s)"
    )
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    card = export(given.run, given.output, given.data)
    log.info("wrote %s and its card: %s", given.output / card.file, json.dumps(card.metrics))
    return 0
