"""Doubtful passes with a drawn plate on them, for the tests of kept crops and their review."""

from pathlib import Path
from typing import Any
from uuid import UUID

import cv2
import numpy as np
from output_samples import event

from edge.kept_crops import KeptCrops, ReviewSettings
from edge.records import Image, PlateBox, PlateEvent, PlateReading, Shot

BOX = PlateBox(100.0, 200.0, 220.0, 230.0, 0.9)


def plate_picture(text: str, light: int = 200) -> Image:
    image = np.full((36, 140, 3), light, dtype=np.uint8)
    cv2.putText(image, text, (4, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 10, 0), 2)
    return image


def doubtful(number: int = 1, raw: str = "AB1Z3CD", **changes: Any) -> PlateEvent:
    """An undecided pass whose most legible reading said `raw`; each number is another pass."""
    image = np.zeros((480, 640, 3), dtype=np.uint8)
    characters = tuple((character, 0.9) for character in raw)
    reading = PlateReading(raw, 0.9, characters, tuple(("X", 0.05) for _ in raw), 1, 700.0)
    crop = changes.pop("crop", None)
    shot = Shot(image, plate_picture(raw) if crop is None else crop, BOX, reading, (640, 480))
    identity = str(UUID(int=(number << 96) + 7))
    values: dict[str, Any] = {
        "event_id": identity, "status": "undecided", "reason": "no_consensus", "plate": "AB1?3CD", "plate_raw": raw,
        "second": "AB128CD", "shot": shot,
    }  # fmt: skip
    return event(**{**values, **changes})


def keep(folder: Path, *events: PlateEvent, **settings: Any) -> KeptCrops:
    crops = KeptCrops(ReviewSettings(**settings), folder, {"reader": "c0ffee"})
    for one in events:
        crops.add(one)
    return crops
