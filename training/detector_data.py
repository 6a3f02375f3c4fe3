"""The detector's real pictures: labels in YOLO text, fixed splits, plate crops for composites."""

import csv
import hashlib
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.card import file_sha256
from edge.errors import SourceError
from edge.records import Image
from training import dataset
from training.plates import load_layouts
from training.synthesize import draw_plate
from training.tables import read_table

NEGATIVES = "negatives"
HELD_BACK_NEGATIVES = 150
CORRECTIONS = Path(__file__).with_name("detector_corrections.csv")
"""Places of training pictures that no label knew, found by an earlier detector and judged by eye: `plate`s, and what
nobody can tell (`unclear`), which should teach neither."""
_LARGEST_CROP = 320
_BEYOND = 0.01
"""How far beyond its picture a box may reach, as a share of it: other programs round."""

Boxes = npt.NDArray[np.float32]
"""(N, 4) x1 y1 x2 y2 in pixels."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A labelled picture in memory."""

    image: Image
    boxes: Boxes
    source: str
    name: str


def require_data_folder() -> Path:
    """The labelled data: $GATEREADER_DATA, else ../shared/data beside the checkout."""
    folder = dataset.data_folder()
    if not folder.is_dir():
        raise SourceError(f"{folder}: no labelled data there; set GATEREADER_DATA to its folder")
    return folder


def sources(data: Path, split: str) -> list[str]:
    """Names of the sets of pictures that there are of `split`; SourceError if there is none."""
    folders = sorted((data / "detector").glob(f"*/{split}/images"))
    if names := [folder.parents[1].name for folder in folders if folder.parents[1].name != NEGATIVES]:
        return names
    raise SourceError(
        f"{data / 'detector'}: no set of pictures; wanted NAME/{split}/images and NAME/{split}/labels "
        "(docs/training.md)"
    )


def picture_paths(folder: Path) -> list[Path]:
    """What lies in a folder of pictures, by name, but for folders and what file managers hide (`.DS_Store`)."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and not path.is_dir())


def _paths(data: Path, source: str, split: str) -> list[Path]:
    return picture_paths(data / "detector" / source / split / "images")


def _all_paths(data: Path, split: str) -> list[Path]:
    return [path for source in sources(data, split) for path in _paths(data, source, split)]


def require_learned(data: Path) -> None:
    """SourceError, before any picture is loaded, if there is nothing to learn from or to judge by."""
    if not _all_paths(data, "train"):
        raise SourceError(f"{data / 'detector'}/*/train/images: no pictures; wanted some with plates to learn from")
    if not negative_paths(data, held_back=False):
        raise SourceError(
            f"{data / 'detector' / NEGATIVES}/train/images: too few pictures without plates; wanted more than "
            f"{HELD_BACK_NEGATIVES}: the first {HELD_BACK_NEGATIVES} choose the threshold, the others are learned from"
        )
    require_judged(data)


def require_judged(data: Path) -> None:
    """SourceError, before any picture is loaded, if there is nothing to judge a detector by."""
    paths = _all_paths(data, "val")
    if not paths:
        raise SourceError(f"{data / 'detector'}/*/val/images: no pictures; wanted some with plates to judge by")
    if not any(_read_labels(_labels_path(path)) for path in paths):
        raise SourceError(
            f"{data / 'detector'}/*/val/labels: not one plate in {len(paths)} pictures; wanted some to judge by"
        )
    if not negative_paths(data, held_back=True):
        raise SourceError(
            f"{data / 'detector' / NEGATIVES}/train/images: no pictures; wanted {HELD_BACK_NEGATIVES} without plates, "
            "to choose the threshold"
        )


def shared_pictures(data: Path) -> list[tuple[Path, Path]]:
    """Pictures to learn from whose bytes are those of one that judges, and that one."""

    def paths(split: str, *, held_back: bool) -> list[Path]:
        return _all_paths(data, split) + negative_paths(data, held_back=held_back)

    judging = {file_sha256(path): path for path in paths("val", held_back=True)}
    learned = ((path, judging.get(file_sha256(path))) for path in paths("train", held_back=False))
    return [(path, other) for path, other in learned if other]


def load_pictures(data: Path, split: str, names: Sequence[str] = ()) -> list[Picture]:
    """Every real picture of `split` ("train" or "val") with its boxes, of all sets or of those named, in the order of
    their names.

    Training pictures come with the missing labels of `CORRECTIONS`; pictures for validation as they are.
    """
    corrections = _corrections() if split == "train" else {}
    return [
        _corrected(_load(path, source), corrections.get((source, path.name), ()))
        for source in names or sources(data, split)
        for path in _paths(data, source, split)
    ]


def load_folder(folder: Path) -> list[Picture]:
    """Pictures of one folder in the same layout, such as frames drawn for training."""
    if not (folder / "images").is_dir():
        raise SourceError(f"{folder}: no folder images in it; wanted images/ and labels/, YOLO text")
    return [_load(path, folder.name) for path in picture_paths(folder / "images")]


def negative_paths(data: Path, *, held_back: bool) -> list[Path]:
    """Pictures without plates: those for training or the fixed 150 that choose the threshold.

    Ordered by the hash of what they belong to, so that the split is the same everywhere and the frames of one room
    (`ni_03_…`) stay on one side.
    """
    folder = data / "detector" / NEGATIVES / "train" / "images"
    if not folder.is_dir():
        raise SourceError(
            f"{folder}: missing; the threshold is chosen on {HELD_BACK_NEGATIVES} pictures without plates"
        )
    paths = picture_paths(folder)
    paths.sort(key=lambda path: (hashlib.sha1(_belongs_to(path).encode()).hexdigest(), path.name))
    return paths[:HELD_BACK_NEGATIVES] if held_back else paths[HELD_BACK_NEGATIVES:]


def load_negatives(data: Path, *, held_back: bool) -> list[Picture]:
    """The pictures of `negative_paths`."""
    nothing = np.zeros((0, 4), np.float32)
    return [Picture(_read(path), nothing, NEGATIVES, path.name) for path in negative_paths(data, held_back=held_back)]


def load_plate_crops(data: Path) -> list[Image]:
    """The reader's real training crops, to be pasted; the large ones made smaller, since they only get smaller."""
    crops = []
    for path in _crop_paths(data / "reader"):
        crop = _read(path)
        shrink = _LARGEST_CROP / crop.shape[1]
        if shrink < 1:
            crop = np.asarray(cv2.resize(crop, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
        if crop.shape[0] >= 8 and crop.shape[1] >= 24:
            crops.append(crop)
    return crops


def draw_plates(count: int, seed: int) -> list[Image]:
    """Flat drawn plates of every country and state that `plates.toml` knows, each as often as the others."""
    random_ = random.Random(seed)
    layouts = load_layouts()
    return [draw_plate(random_, random_.choice(layouts)).image for _ in range(count)]


def _crop_paths(reader: Path) -> Iterator[Path]:
    for labels in sorted(reader.glob("*/train/labels.csv")):
        for row in read_table(labels, ("image",)):
            path = labels.parent / row["image"]
            yield path if path.is_file() else labels.parent / "images" / row["image"]


def _corrections() -> dict[tuple[str, str], list[dict[str, str]]]:
    """The rows of `CORRECTIONS` by source and picture."""
    rows: dict[tuple[str, str], list[dict[str, str]]] = {}
    with CORRECTIONS.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault((row["source"], row["image"]), []).append(row)
    return rows


def _corrected(picture: Picture, rows: Sequence[dict[str, str]]) -> Picture:
    """With the plates that its labels miss, and with the mean colour over what may be one."""
    boxes = [picture.boxes]
    for row in rows:
        box = np.array([[float(row[name]) for name in ("x1", "y1", "x2", "y2")]], np.float32)
        if row["what"] == "plate":
            boxes.append(box)
        else:
            x1, y1, x2, y2 = box[0].round().astype(int)
            patch = picture.image[y1:y2, x1:x2]
            patch[:] = patch.mean(axis=(0, 1))
    return replace(picture, boxes=np.concatenate(boxes))


def _belongs_to(path: Path) -> str:
    first, _, rest = path.stem.partition("_")
    return f"{first}_{rest[:2]}" if first == "ni" else path.stem


def _load(path: Path, source: str) -> Picture:
    image = _read(path)
    height, width = image.shape[:2]
    rows = _read_labels(_labels_path(path))
    middle = np.array(rows, np.float32).reshape(-1, 4) * np.array([width, height, width, height], np.float32)
    half = middle[:, 2:] / 2
    boxes = np.concatenate([middle[:, :2] - half, middle[:, :2] + half], axis=1)
    return Picture(image, boxes, source, path.name)


def _labels_path(picture: Path) -> Path:
    return picture.parent.parent / "labels" / f"{picture.stem}.txt"


def _read_labels(path: Path) -> list[tuple[float, ...]]:
    """Middle, width and height of each box of a file in YOLO text; SourceError with the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file; wanted one for each picture, empty if it shows no plate") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: not readable as YOLO labels ({error})") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if fields := line.split():
            try:
                rows.append(_label(fields))
            except ValueError as error:
                raise SourceError(f"{path}: line {number}: {error}") from None
    return rows


def _label(fields: Sequence[str]) -> tuple[float, ...]:
    """Middle, width and height as shares of the picture; ValueError that tells what is wrong.

    Taken are `0 cx cy w h`, with a confidence after them or without, and an outline `0 x1 y1 x2 y2 x3 y3 …`, as the box
    around it.
    """
    wanted = "wanted 0 cx cy w h, shares of the picture from 0 to 1"
    try:
        kind, *values = map(float, fields)
        finite = all(map(math.isfinite, values))
    except ValueError:
        finite = False
    if not finite:
        raise ValueError(f"{' '.join(fields)[:60]!r} is not made of numbers; {wanted}")
    if kind != 0:
        raise ValueError(f"class {fields[0]}; one class, 0, is a plate: take the others out")
    if len(values) in (4, 5):
        x, y, width, height = values[:4]
    elif len(values) >= 6 and len(values) % 2 == 0:
        left, top, right, bottom = min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
        x, y, width, height = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    else:
        raise ValueError(f"{len(fields)} fields; {wanted}, or an outline: 0 x1 y1 x2 y2 x3 y3 and so on")
    if width <= 0 or height <= 0:
        raise ValueError(f"a box {width:g} wide and {height:g} high; {wanted}, or take it out")
    if max(abs(x - 0.5) + width / 2, abs(y - 0.5) + height / 2) > 0.5 + _BEYOND:
        raise ValueError(f"a box that reaches beyond its picture; {wanted}")
    return x, y, width, height


def _read(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError(f"{path}: not a readable picture")
    return np.asarray(image, np.uint8)
