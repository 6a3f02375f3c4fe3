"""Reads plates in still pictures: a file → its plates, without tracks and votes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from edge.errors import OutputError, SourceError
from edge.overlay import draw
from edge.pipeline import Detector, Reader
from edge.preprocess import crop_plate
from edge.records import Frame, FrameResult, Image, PlateBox, PlateReading, TrackedPlate
from edge.vote import VoteSettings

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


@dataclass(frozen=True, slots=True)
class PictureResult:
    """What was found in one picture; `plates` pairs each box with its reading, which may be empty."""

    path: Path
    image: Image
    plates: tuple[tuple[PlateBox, PlateReading], ...]
    detect_seconds: float
    read_seconds: float


def expand_paths(paths: Iterable[Path]) -> list[Path]:
    """Files as they are, each folder as the pictures in it, by name; SourceError for a folder without any."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        pictures = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES and file.is_file())
        if not pictures:
            raise SourceError(f"{path}: no pictures in this folder ({', '.join(sorted(PICTURE_SUFFIXES))} wanted)")
        found += pictures
    return found


def load_picture(path: Path) -> Image:
    """(H, W, 3) BGR, turned as its EXIF data says; SourceError if it is no readable picture."""
    try:
        stored = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None
    try:
        image = cv2.imdecode(stored, cv2.IMREAD_COLOR) if stored.size else None
    except cv2.error as error:
        raise SourceError(f"{path}: OpenCV cannot decode it ({error.err})") from None
    if image is None:
        raise SourceError(f"{path}: not a picture that OpenCV can decode")
    return np.asarray(image, dtype=np.uint8)


def read_picture(path: Path, detector: Detector | None, reader: Reader) -> PictureResult:
    """Find and read all plates of a picture; without a detector the whole picture is one plate."""
    image = load_picture(path)
    height, width = image.shape[:2]
    start = perf_counter()
    boxes = (PlateBox(0.0, 0.0, width, height, 1.0),) if detector is None else detector.detect(image)
    found = perf_counter()
    plates = tuple((box, reader.read(crop_plate(image, box))) for box in boxes)
    return PictureResult(path, image, plates, found - start, perf_counter() - found)


def picture_json(result: PictureResult) -> dict[str, Any]:
    """The result as what JSON can hold; boxes in pixels, times in milliseconds."""
    height, width = result.image.shape[:2]
    return {
        "image": str(result.path),
        "width": width,
        "height": height,
        "plates": [
            {
                "text": reading.text,
                "confidence": round(reading.confidence, 4),
                "characters": [[character, round(confidence, 4)] for character, confidence in reading.characters],
                "box": [round(value, 1) for value in (box.x1, box.y1, box.x2, box.y2)],
                "detection": round(box.confidence, 4),
            }
            for box, reading in result.plates
        ],
        "ms": {"detect": round(1000 * result.detect_seconds, 2), "read": round(1000 * result.read_seconds, 2)},
    }


def save_annotated(result: PictureResult, folder: Path) -> Path:
    """Write the picture with its plates drawn on it to `folder` as `NAME.plates.jpg`, and say where.

    The name differs from the original's, so that saving into the folder of the originals harms none of them.
    """
    moment = datetime.fromtimestamp(result.path.stat().st_mtime, tz=UTC)
    tracks = tuple(_as_track(number, *plate) for number, plate in enumerate(result.plates, start=1))
    frame = Frame(result.image, 0.0, moment, 0, str(result.path))
    drawn = draw(FrameResult(frame, tuple(box for box, _ in result.plates), tracks, ()))
    target = folder / f"{result.path.stem}.plates.jpg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target.write_bytes(cv2.imencode(".jpg", drawn)[1].tobytes())
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from None
    return target


def _as_track(number: int, box: PlateBox, reading: PlateReading) -> TrackedPlate:
    clear = reading.confidence >= VoteSettings().accept_confidence
    return TrackedPlate(number, box, reading.text, reading.confidence, "accepted" if clear else "undecided", 1)
