"""Check the detector's data, say what there is, and draw a sheet of the scenes that training would see."""

import argparse
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from training import detector_data as data
from training.detector_demo import FIRST_SEED, write_frames
from training.detector_scenes import DEVICE_SIZE, SceneMaker, SceneSettings
from training.output import writing
from training.picture_file import prepare_picture, write_picture

_ROWS, _COLUMNS, _SCENE = 5, 8, 256
_DRAWN = 500


def _counts(pictures: list[data.Picture], split: str) -> Table:
    table = Table("source", "pictures", "plates", "width there, 5 / 50 / 95 %", title=f"{split}, as the device sees it")
    for source, count in Counter(picture.source for picture in pictures).items():
        own = [picture for picture in pictures if picture.source == source]
        widths = np.concatenate(
            [(one.boxes[:, 2] - one.boxes[:, 0]) * DEVICE_SIZE / max(one.image.shape[:2]) for one in own]
        )
        low, middle, high = np.percentile(widths, [5, 50, 95]) if len(widths) else (0, 0, 0)
        table.add_row(source, str(count), str(len(widths)), f"{low:.0f} / {middle:.0f} / {high:.0f} px")
    return table


def main(arguments: list[str]) -> int:
    """`prepare`: see --help."""
    parser = argparse.ArgumentParser(prog="python -m training detector prepare", description=__doc__)
    parser.add_argument("--sheet", type=Path, default=Path("runs/detector/scenes.jpg"), help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the sheet (%(default)s)")
    parser.add_argument("--demo", type=int, default=0, help="also write this many frames of the demo scene …")
    parser.add_argument("--demo-folder", type=Path, default=Path("runs/detector/demo"), help="… here (%(default)s)")
    parser.add_argument("--demo-seed", type=int, default=FIRST_SEED, help="… from this seed on (%(default)s)")
    options = parser.parse_args(arguments)
    prepare_picture(options.sheet, "--sheet")
    console = Console(stderr=True)
    folder = data.require_data_folder()
    data.require_learned(folder)
    train = data.load_pictures(folder, "train")
    negatives = data.load_negatives(folder, held_back=False)
    validation = data.load_pictures(folder, "val") + data.load_negatives(folder, held_back=True)
    for split, pictures in (("train", train + negatives), ("val", validation)):
        console.print(_counts(pictures, split))
    if shared := data.shared_pictures(folder):
        told = (
            f"{len(shared)} pictures are learned from and judged by, byte for byte, such as {shared[0][0]} and "
            f"{shared[0][1]}: take them out of one of the two, or the scores flatter"
        )
        console.print(told, markup=False, highlight=False, soft_wrap=True)
    plates = data.load_plate_crops(folder)
    console.print(f"{len(plates)} plate crops to paste, and as many drawn plates as you like")
    plates += data.draw_plates(_DRAWN, options.seed)
    maker = SceneMaker(train, negatives, plates)
    tiles = []
    for index in range(_ROWS * _COLUMNS):
        scene = maker.scene(np.random.default_rng((options.seed, index)), _SCENE, SceneSettings())
        tile = scene.image.copy()
        for x1, y1, x2, y2 in scene.boxes.round().astype(int).tolist():
            cv2.rectangle(tile, (x1, y1), (x2, y2), (0, 255, 0), 1)
        tiles.append(tile)
    rows = [np.hstack(tiles[row * _COLUMNS : (row + 1) * _COLUMNS]) for row in range(_ROWS)]
    write_picture(options.sheet, np.vstack(rows))
    console.print(f"scenes: {options.sheet}")
    if options.demo:
        with writing(f"--demo-folder {options.demo_folder}"):
            shown = write_frames(options.demo_folder, options.demo, options.demo_seed)
        console.print(f"{options.demo} demo frames with {shown} plates: {options.demo_folder}")
    return 0
