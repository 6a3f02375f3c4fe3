"""The report of `evaluate --report`: where a reader fails, how sure it is when it does, as a page and as figures."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.alphabet import ALPHABET
from edge.errors import OutputError
from edge.reader import PlateReader
from edge.records import Image
from training.calibrate import crop_logits, held_out_outcomes, outcomes
from training.reader_metrics import (
    Bools,
    Floats,
    calibration_error,
    character_report,
    confusion_matrix,
    confusions,
    reliability,
    right_of_surest,
    risk_coverage,
    surest,
)
from training.report_page import page
from training.scores import Judged, aligned, drawn_interval, edit_distance, score_groups, share_interval

BANDS = (0, 60, 80, 100, 130, 160, 200, 250, 300)
"""Lower edges of the bands of a crop's width, pixels; the last one is open."""

SHRUNK = (30, 40, 50, 60, 70, 80, 100, 120)
"""Widths, pixels, that one group of crops is shrunk to: all one-line crops that are at least as wide as the last."""

SURE = 0.9
"""Share of the readings, the most confident ones, whose right share is the headline of the confidences."""

COLUMNS = (
    *("image", "set", "country", "lines", "width", "height"),
    *("truth", "read", "right", "errors", "confidence", "read_as_lines", "characters"),
)


def write_report(folder: Path, reader: PlateReader, judged: Judged, versus: Mapping[str, Any], command: str) -> Path:
    """Write `index.html`, `report.json` and `readings.csv` into the folder; returns the page.

    `versus` is what `versus.compare` made, or empty. OutputError if the folder cannot be written. The page holds all
    its pictures and needs no network.
    """
    figures = report_figures(reader, judged) | {"versus": versus, "command": command}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_readings(folder / "readings.csv", judged)
        (folder / "index.html").write_text(page(figures, judged), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: the report cannot be written ({error.strerror})") from None
    return folder / "index.html"


def report_figures(reader: PlateReader, judged: Judged) -> dict[str, Any]:
    """Everything that the page tells in numbers, ready for JSON."""
    counts = confusions(
        pair for true, got in zip(judged.truth, judged.read, strict=True) for pair in aligned(true, got)
    )
    mistakes = [(true, got, count) for (true, got), count in counts.most_common() if true != got]
    return {
        "reader": {"name": reader.card.name, "sha256": reader.card.sha256, "created": reader.card.created},
        "all": score_groups(judged.samples, judged.read, {"all": range(len(judged.samples))})["all"],
        "by": groups(judged),
        "shrunk": shrunk(reader, judged),
        "characters": character_report(counts, ALPHABET),
        "mistakes": mistakes,
        "confusion": {"labels": [*ALPHABET, ""], "counts": confusion_matrix(counts, ALPHABET).tolist()},
        "confidence": confidence(reader, judged),
    }


def groups(judged: Judged) -> dict[str, Any]:
    """Scores by set and country, the larger groups first, and by lines, length of the text and width of the crop.

    A band of widths also has the mean width of its crops, "middle", pixels.
    """
    samples, crops = judged.samples, judged.crops

    def split(key: Callable[[int], Any]) -> dict[Any, list[int]]:
        rows: dict[Any, list[int]] = {}
        for row in range(len(samples)):
            rows.setdefault(key(row), []).append(row)
        return dict(sorted(rows.items()))

    def scores(rows: Mapping[Any, list[int]]) -> dict[str, Any]:
        return score_groups(samples, judged.read, {str(name): each for name, each in rows.items()})

    def by_size(rows: Mapping[Any, list[int]]) -> dict[Any, list[int]]:
        return dict(sorted(rows.items(), key=lambda pair: -len(pair[1])))

    bands = split(lambda row: int(np.digitize(crops[row].shape[1], BANDS)) - 1)
    widths = scores({_band_name(band): rows for band, rows in bands.items()})
    for scored, rows in zip(widths.values(), bands.values(), strict=True):
        scored["middle"] = round(float(np.mean([crops[row].shape[1] for row in rows])), 1)
    return {
        "set": scores(by_size(split(lambda row: samples[row].set))),
        "country": scores(by_size(split(lambda row: samples[row].country or "XX"))),
        "lines": scores(split(lambda row: samples[row].lines)),
        "length": scores(split(lambda row: len(samples[row].text))),
        "width": widths,
    }


def _band_name(band: int) -> str:
    if band == len(BANDS) - 1:
        return f"{BANDS[-1]} and more"
    return f"{BANDS[band]}–{BANDS[band + 1] - 1}" if band else f"under {BANDS[1]}"


def shrunk(reader: PlateReader, judged: Judged) -> dict[str, Any]:
    """How well the same one-line crops are read at smaller and smaller widths; empty if none is wide enough.

    What comes from far away is also blurred, noisy and compressed, so that this tells the least width that a plate
    needs, not the one that is enough.
    """
    lines = [sample.lines for sample in judged.samples]
    rows = [row for row, crop in enumerate(judged.crops) if lines[row] == 1 and crop.shape[1] >= SHRUNK[-1]]
    if not rows:
        return {}
    samples = [judged.samples[row] for row in rows]
    widths = {}
    for width in SHRUNK:
        read = [reader.read(_narrowed(judged.crops[row], width)).text for row in rows]
        widths[str(width)] = score_groups(samples, read, {"": range(len(rows))})[""]
    return {"crops": len(rows), "widths": widths}


def _narrowed(crop: Image, width: int) -> Image:
    height = max(1, round(crop.shape[0] * width / crop.shape[1]))
    return np.asarray(cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def confidence(reader: PlateReader, judged: Judged) -> dict[str, Any]:
    """How honest the confidences are, and what is right of the `SURE` most confident readings, with 95 % intervals.

    "error" is the ECE of one look at each crop, "held_out_error" the same with temperatures that were found on other
    plates than the judged ones. All else is of the readings after the other looks, whose votes change the texts and not
    the temperature: "error_after_looks", its `bins`, the `surest`, and their `curve`, which is `risk_coverage`. Of the
    misreads among the surest, "too_short" are shorter than the truth.
    """
    temperature = reader.card.decoding.get("temperature", 1.0)
    logits = [crop_logits(reader, crop) for crop in judged.crops]
    right, sure = judged.right, np.array([reading.confidence for reading in judged.readings])
    wrong = [row for row in surest(sure, right, SURE) if not right[row]]
    too_short = [row for row in wrong if len(judged.read[row]) < len(judged.truth[row])]
    return {
        "temperature": temperature,
        **_error("error", *outcomes(logits, judged.truth, temperature), judged.truth),
        **_error("held_out_error", *held_out_outcomes(logits, judged.truth), judged.truth),
        **_error("error_after_looks", sure, right, judged.truth),
        "mean": round(float(sure.mean()), 4),
        "bins": [each._asdict() for each in reliability(sure, right)],
        "surest": {
            "share": SURE,
            "right": round(right_of_surest(sure, right, SURE), 4),
            "interval": _rounded(_surest_interval(sure, right, judged.truth)),
            "misread": len(wrong),
            "too_short": len(too_short),
        },
        "curve": [round(float(each), 4) for each in risk_coverage(sure, right)],
    }


def _error(name: str, sure: Floats, right: Bools, plates: Sequence[str]) -> dict[str, Any]:
    """The ECE under this name, and its interval."""

    def error(rows: npt.NDArray[np.intp]) -> float:
        return calibration_error(reliability(sure[rows], right[rows]))

    whole = error(np.arange(len(sure)))
    return {name: round(whole, 4), f"{name}_interval": _rounded(drawn_interval(error, plates))}


def _surest_interval(sure: Floats, right: Bools, plates: Sequence[str]) -> tuple[float, float]:
    kept = surest(sure, right, SURE)
    if len(set(right[kept])) == 1:
        return share_interval(right[kept], [plates[row] for row in kept])
    return drawn_interval(lambda rows: right_of_surest(sure[rows], right[rows], SURE), plates)


def _rounded(interval: tuple[float, float]) -> list[float]:
    return [round(end, 3) for end in interval]


def write_readings(path: Path, judged: Judged) -> None:
    """Every crop as a row: what is known of the picture, truth, reading and confidences."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for sample, crop, reading in zip(judged.samples, judged.crops, judged.readings, strict=True):
            errors = edit_distance(sample.text, reading.text)
            height, width = crop.shape[:2]
            characters = " ".join(f"{character}:{sure:.2f}" for character, sure in reading.characters)
            known = (sample.image, sample.set, sample.country, sample.lines, width, height)
            outcome = (sample.text, reading.text, int(not errors), errors, f"{reading.confidence:.4f}")
            writer.writerow((*known, *outcome, reading.lines, characters))
