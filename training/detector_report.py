"""The report of `detector evaluate --report`: which plates are not found and why, as a page and as figures."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from edge.card import ModelCard
from edge.errors import OutputError
from training.detector_data import Picture
from training.detector_metrics import (
    IOUS,
    Found,
    average_precision,
    box_iou,
    boxed_share,
    hit_truths,
    mean_average_precision,
    precision_recall,
)
from training.detector_page import Mistakes, page
from training.detector_tiles import false, missed
from training.detector_validation import WIDTHS
from training.scores import share_interval

NIGHT, DUSK = 50.0, 85.0
"""Mean grey values of a picture below which it counts as taken at night, and in poor light."""

_SHAPES = ((3.5, "long, as seen from the front"), (2.2, "seen aside, or short"), (0.0, "two lines, or much aside"))
_BANDS = (*WIDTHS, np.inf)


class Judged(NamedTuple):
    """A detector's boxes on the validation pictures and on those without plates."""

    pictures: Sequence[Picture]
    without: Sequence[Picture]
    """Pictures without plates."""
    found: Sequence[Found]
    negatives: Sequence[Found]
    threshold: float
    size: int
    """Pixels, the side of the canvas."""


def write_report(folder: Path, card: ModelCard, judged: Judged, figures: Mapping[str, Any], command: str) -> Path:
    """Write `index.html` and `report.json` into the folder; returns the page. OutputError if it cannot be written.

    `figures` are those of `detector_score.report`. The page holds all its pictures and needs no network.
    """
    told = {
        "detector": {"name": card.name, "sha256": card.sha256, "created": card.created},
        "command": command,
        **figures,
        "by": groups(judged),
        "causes": causes(judged),
        "curves": curves(judged),
        "false_boxes_a_picture": false_boxes(judged),
    }
    mistakes = Mistakes(
        missed(judged.pictures, judged.found, judged.threshold)[::-1],
        false(judged.pictures, judged.found, judged.threshold),
        false(judged.without, judged.negatives, 0.5 * judged.threshold),
        judged.threshold,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (folder / "index.html").write_text(page(told, mistakes), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: the report cannot be written ({error.strerror})") from None
    return folder / "index.html"


class _Plate(NamedTuple):
    """What groups a labelled plate."""

    picture: int
    source: str
    width: float
    """Pixels on the canvas."""
    aspect: float
    light: float
    """Mean grey value of its picture."""
    cut: bool
    """At the picture's edge."""


def groups(judged: Judged) -> dict[str, dict[str, Any]]:
    """Recall at the threshold by source, width on the canvas, shape, light and place, with intervals by picture.

    By source and light, which are of whole pictures, the average precisions as well.
    """
    pictures = judged.pictures
    hits = hit_truths(judged.found, [picture.boxes for picture in pictures], judged.threshold)
    plates = list(_plates(judged))

    def split(key: Callable[[_Plate], str]) -> dict[str, Any]:
        rows: dict[str, list[int]] = {}
        for row, plate in enumerate(plates):
            rows.setdefault(key(plate), []).append(row)
        return {name: _recall(hits[rows[name]], [plates[row].picture for row in rows[name]]) for name in rows}

    by_source, by_light = split(lambda plate: plate.source), split(lambda plate: _light(plate.light))
    for name in by_source:
        by_source[name] |= _precisions(judged, [i for i, picture in enumerate(pictures) if picture.source == name])
    lights = [_light(_mean_grey(judged, index)) for index in range(len(pictures))]
    for name in by_light:
        by_light[name] |= _precisions(judged, [index for index, light in enumerate(lights) if light == name])

    def in_order(rows: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        return {name: rows[name] for name in names if name in rows}

    widths = split(lambda plate: _band(plate.width))
    shapes = split(lambda plate: next(name for least, name in _SHAPES if plate.aspect >= least))
    return {
        "source": by_source,
        "width": in_order(widths, map(_band_name, range(len(WIDTHS)))),
        "shape": in_order(shapes, (name for _, name in _SHAPES)),
        "light": in_order(by_light, ("day", "poor light", "night")),
        "place": split(lambda plate: "cut by the picture's edge" if plate.cut else "whole"),
    }


def causes(judged: Judged) -> dict[str, int]:
    """Why plates are missed: nothing there, a box in the right place without the confidence, or one in the wrong
    place, loose or tight."""
    told = {"no box": 0, "too little confidence": 0, "box misplaced (IoU 0.1 to 0.5)": 0}
    for mistake in missed(judged.pictures, judged.found, judged.threshold):
        overlaps = box_iou(mistake.found.boxes, mistake.box[None])[:, 0]
        scores = mistake.found.scores
        if ((overlaps >= 0.1) & (overlaps < 0.5) & (scores >= judged.threshold)).any():
            told["box misplaced (IoU 0.1 to 0.5)"] += 1
        elif ((overlaps >= 0.5) & (scores >= 0.05)).any():
            told["too little confidence"] += 1
        else:
            told["no box"] += 1
    return told


def curves(judged: Judged) -> dict[str, list[list[float]]]:
    """Points of three curves: precision over recall, recall over the share of boxed pictures without plates, and
    recall over the IoU asked for."""
    truths = [picture.boxes for picture in judged.pictures]
    recall, precision = precision_recall(judged.found, truths, 0.5)
    steps = np.unique(np.linspace(0, max(len(recall) - 1, 0), min(200, len(recall))).astype(int)).tolist()
    asked = [float(iou) for iou in (0.3, 0.4, *IOUS)]
    levels = np.linspace(0.05, 0.95, 46)
    return {
        "precision": [[round(float(recall[step]), 4), round(float(precision[step]), 4)] for step in steps],
        "boxed": [
            [
                round(boxed_share(judged.negatives, level), 4),
                round(float(hit_truths(judged.found, truths, level).mean()), 4),
            ]
            for level in levels[::-1]
        ],
        "overlap": [
            [round(iou, 2), round(float(hit_truths(judged.found, truths, judged.threshold, iou).mean()), 4)]
            for iou in asked
        ],
    }


def false_boxes(judged: Judged) -> dict[str, float]:
    """Boxes on no plate, a picture: where there are plates, and where there are none."""
    return {
        name: round(len(false(pictures, found, judged.threshold)) / max(len(pictures), 1), 4)
        for name, pictures, found in (
            ("with plates", judged.pictures, judged.found),
            ("without plates", judged.without, judged.negatives),
        )
    }


def _plates(judged: Judged) -> Iterator[_Plate]:
    for index, picture in enumerate(judged.pictures):
        height, width = picture.image.shape[:2]
        light = _mean_grey(judged, index)
        for x1, y1, x2, y2 in picture.boxes.tolist():
            cut = x1 < 1 or y1 < 1 or x2 > width - 1 or y2 > height - 1
            across = (x2 - x1) * judged.size / max(height, width)
            yield _Plate(index, picture.source, across, (x2 - x1) / max(y2 - y1, 1e-6), light, cut)


def _mean_grey(judged: Judged, index: int) -> float:
    return float(cv2.mean(cv2.cvtColor(judged.pictures[index].image, cv2.COLOR_BGR2GRAY))[0])


def _light(grey: float) -> str:
    return "night" if grey < NIGHT else "poor light" if grey < DUSK else "day"


def _band(width: float) -> str:
    return _band_name(int(np.digitize(width, WIDTHS)) - 1)


def _band_name(band: int) -> str:
    return f"{WIDTHS[band]}–{_BANDS[band + 1]:g} px" if np.isfinite(_BANDS[band + 1]) else f"{WIDTHS[band]} px and more"


def _recall(hits: npt.NDArray[np.bool_], pictures: Sequence[int]) -> dict[str, Any]:
    low, high = share_interval(hits, pictures)
    return {
        "plates": len(hits),
        "pictures": len(set(pictures)),
        "recall": round(float(hits.mean()), 4),
        "interval": [round(low, 3), round(high, 3)],
    }


def _precisions(judged: Judged, chosen: Sequence[int]) -> dict[str, float]:
    found = [judged.found[index] for index in chosen]
    truths = [judged.pictures[index].boxes for index in chosen]
    return {
        "ap50": round(average_precision(found, truths, 0.5), 4),
        "ap50_95": round(mean_average_precision(found, truths), 4),
    }
