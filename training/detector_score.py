"""Scores of a detector, float or int8, on the real validation pictures and the held-back pictures without plates."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from edge.candidates import find_plates
from edge.detector import DetectorSettings, LevelMaps, PlateDetector, decode, merge, suppress, to_frame
from edge.preprocess import letterbox
from edge.reader import PlateReader
from edge.records import PlateBox
from training import detector_data as data
from training.detector_metrics import (
    LEAST_THRESHOLD,
    Found,
    average_precision,
    boxed_share,
    choose_threshold,
    hit_truths,
    mean_average_precision,
    recall,
)
from training.detector_network import BINS, STRIDES, CutNetwork
from training.detector_validation import WIDTHS, Finder, Validation

NMS_IOU = 0.5
LEAST_SCORE = 0.01
"""Below this confidence a box changes no figure that matters."""

log = logging.getLogger(__name__)


def float_finder(network: Any, size: int) -> Finder:
    """Finds with a torch network, by the device's own letterboxing, decoding and suppression."""
    cut = CutNetwork(network).eval()

    def find(picture: data.Picture) -> Found:
        boxed = letterbox(picture.image, size)
        with torch.inference_mode():
            maps = cut(torch.from_numpy(boxed.canvas)[None].float() / 255)
        levels = [
            LevelMaps(stride, maps[2 * level].numpy(), 1.0, 0.0, maps[2 * level + 1].numpy(), 1.0, 0.0)
            for level, stride in enumerate(STRIDES)
        ]
        boxes, scores = decode(levels, BINS, LEAST_SCORE)
        kept = suppress(boxes, scores, NMS_IOU)
        height, width = picture.image.shape[:2]
        return _found(merge(to_frame(boxes[kept], scores[kept], boxed, width, height), NMS_IOU))

    return find


def int8_finder(model: Path) -> Finder:
    """Finds with an exported file, through the device's own detector."""
    detector = PlateDetector(DetectorSettings(str(model), LEAST_SCORE))

    def find(picture: data.Picture) -> Found:
        return _found(detector.detect(picture.image))

    return find


def read_finder(model: Path) -> Finder:
    """Finds as `gatereader read` does: boxes below the threshold count if the reader finds a plate's text in them.

    What counts has confidence 1, as there is no threshold any more.
    """
    detector, reader = PlateDetector(DetectorSettings(str(model)).of_stills), PlateReader()

    def find(picture: data.Picture) -> Found:
        plates = find_plates(picture.image, detector, reader.read).plates
        return Found(_corners([box for box, _ in plates]), np.ones(len(plates), np.float32))

    return find


def _found(boxes: Sequence[PlateBox]) -> Found:
    return Found(_corners(boxes), np.array([box.confidence for box in boxes], np.float32))


def _corners(boxes: Sequence[PlateBox]) -> data.Boxes:
    return np.array([(box.x1, box.y1, box.x2, box.y2) for box in boxes], np.float32).reshape(-1, 4)


def report(
    validation: Validation, found: Sequence[Found], negatives: Sequence[Found], size: int, threshold: float = 0.0
) -> dict[str, Any]:
    """All figures in one tree, by source and by plate width; a threshold of 0 is chosen on the negatives, with a
    warning if they do not allow that."""
    given, threshold = threshold, threshold or choose_threshold(negatives)
    pictures = validation.pictures
    groups = {"all": list(range(len(pictures)))}
    for source in sorted({picture.source for picture in pictures}):
        groups[source] = [index for index, picture in enumerate(pictures) if picture.source == source]
    figures: dict[str, Any] = {"threshold": threshold}
    for name, group in groups.items():
        own, truths = [found[index] for index in group], [pictures[index].boxes for index in group]
        figures[name] = {
            "pictures": len(group),
            "plates": sum(len(truth) for truth in truths),
            "ap50": round(average_precision(own, truths, 0.5), 4),
            "ap50_95": round(mean_average_precision(own, truths), 4),
            "recall": round(recall(own, truths, threshold), 4),
        }
    hits = hit_truths(found, [picture.boxes for picture in pictures], threshold)
    figures["by_width"] = _by_width(pictures, hits, size)
    figures["photographs"] = _photographs(pictures, hits)
    figures["negatives"] = {"pictures": len(negatives), "boxed": round(boxed_share(negatives, threshold), 4)}
    if not given and threshold == LEAST_THRESHOLD and figures["all"]["recall"]:  # else it is sure of nothing yet
        log.warning(
            "threshold %g, the least that is taken: the %d pictures without plates are too easy, or too few, to choose "
            "one by; put more into detector/negatives, such as signs, lettering and your gate without a car",
            threshold,
            len(negatives),
        )
    return figures


def _photographs(pictures: Sequence[data.Picture], hits: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Recall on whole photographs and frames (not the web's, which are stretched) by the plate's width in them; of
    widths that no plate has, nothing."""
    widths = np.concatenate([picture.boxes[:, 2] - picture.boxes[:, 0] for picture in pictures])
    whole = np.concatenate([np.full(len(picture.boxes), picture.source != "web") for picture in pictures])
    shares = {}
    for least in (12, 24):
        chosen = whole & (widths >= least)
        if chosen.any():
            share = round(float(hits[chosen].mean()), 4)
            shares[f"{least} px and more"] = {"plates": int(chosen.sum()), "recall": share}
    return shares


def _by_width(pictures: Sequence[data.Picture], hits: npt.NDArray[np.bool_], size: int) -> dict[str, dict[str, float]]:
    widths = np.concatenate(
        [(picture.boxes[:, 2] - picture.boxes[:, 0]) * size / max(picture.image.shape[:2]) for picture in pictures]
    )
    shares = {}
    for least, most in zip(WIDTHS, (*WIDTHS[1:], np.inf), strict=True):
        chosen = (widths >= least) & (widths < most)
        name = f"{least}-{most} px" if np.isfinite(most) else f"{least} px and more"
        if chosen.any():
            shares[name] = {"plates": int(chosen.sum()), "recall": round(float(hits[chosen].mean()), 4)}
    return shares
