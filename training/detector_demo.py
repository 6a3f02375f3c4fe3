"""Frames of the demo scene with labels, other seeds than it shows, so that what is drawn is found as well as what is
photographed. They are an extra, a small share of the views: a detector that knows only them knows nothing.
"""

from pathlib import Path

import cv2
import numpy as np

from edge.demo_scene import DemoScene
from training.picture_file import write_picture

FIRST_SEED = 1000
"""The demo shows seed 0; checks use seeds below this, training those from here on."""
_PER_SEED = 40
_LEAST_VISIBLE, _LEAST_WIDTH = 0.6, 8.0


def write_frames(folder: Path, count: int, first_seed: int = FIRST_SEED) -> int:
    """Write `count` frames as images/*.jpg and labels/*.txt (YOLO text); how many plates they show.

    A plate that is mostly hidden or too far away to be one is painted over rather than taught as nothing.
    """
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    plates = 0
    scene = DemoScene(first_seed)
    for index in range(count):
        seed, place = first_seed + index // _PER_SEED, index % _PER_SEED
        if seed != scene.seed:
            scene = DemoScene(seed)
        image, shown = scene.frame_at(float(np.random.default_rng((seed, place)).uniform(0, 60)))
        height, width = image.shape[:2]
        lines = []
        for plate in shown:
            if plate.visible >= _LEAST_VISIBLE and plate.x2 - plate.x1 >= _LEAST_WIDTH:
                x, y, w, h = plate.x1 + plate.x2, plate.y1 + plate.y2, plate.x2 - plate.x1, plate.y2 - plate.y1
                lines.append(f"0 {x / 2 / width:.6f} {y / 2 / height:.6f} {w / width:.6f} {h / height:.6f}\n")
                continue
            patch = image[int(plate.y1) : int(plate.y2) + 1, int(plate.x1) : int(plate.x2) + 1]
            if patch.size:
                patch[:] = patch.mean(axis=(0, 1))
        stem = f"demo_{seed}_{place:02}"
        write_picture(folder / "images" / f"{stem}.jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 92))
        (folder / "labels" / f"{stem}.txt").write_text("".join(lines))
        plates += len(lines)
    return plates
