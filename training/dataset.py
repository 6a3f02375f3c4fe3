"""Label files → samples for the reader, and pools of ready-made views on disk.

A data set is a folder with `labels.csv` (`image,text,country,source`) and, if there are two-line plates, `meta.csv`
(`image,width,height,lines,group,note`). A pool is what training eats: views (N, H, W) uint8 exactly as the device would
prepare them, with their texts.
"""

import csv
import os
import random
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TypeVar
from zipfile import BadZipFile

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from edge.alphabet import ALPHABET, encode
from edge.demo_scene import DemoScene
from edge.errors import SourceError
from edge.preprocess import READER_HEIGHT, READER_WIDTH, TWO_LINE_ASPECT, crop_plate, plate_view
from edge.records import Image, PlateBox
from training.augment import photograph, rephotograph
from training.output import replacing
from training.synthesize import draw_plate
from training.tables import LABEL_COLUMNS, META_COLUMNS, read_table

BOXED = Path(__file__).with_name("boxed_plates.csv")
"""Texts of plates in the detector's pictures that no set of crops shows, read by eye. No text of `val` is
in `train`."""

LONGEST = 12
"""Characters of the longest text that a pool can hold."""

PHOTOGRAPHS = 3
"""Crops made of one drawn plate, because drawing costs more than photographing."""

FIRST_DEMO_SEED = 1_000_000
DEMO_LEAST_WIDTH = 45.0
"""Pixels; narrower plates of the demo scene are not taught."""

_CHUNK = 1500
_EMPTY_ACROSS = 4
"""Characters that a crop without a plate is taken to have room for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled crop; `set` is the name of its data set ("europe"), `group` ties pictures that belong together.

    With a `box` the plate is that part of the picture, cut out as the device cuts what its detector finds.
    """

    image: Path
    text: str
    country: str
    lines: int
    set: str
    group: str = ""
    box: PlateBox | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Views (N, H, W) uint8 and their texts."""

    views: npt.NDArray[np.uint8]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def labels(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """CTC classes (N, LONGEST), filled up with blanks, and lengths (N,)."""
        classes = np.zeros((len(self), LONGEST), dtype=np.int32)
        for row, text in enumerate(self.texts):
            classes[row, : len(text)] = encode(text)
        return classes, np.array([len(text) for text in self.texts], dtype=np.int32)

    def save(self, path: Path) -> None:
        """Write the pool so that a broken run leaves no half file behind."""
        with replacing(path) as partial:
            np.savez(partial, views=self.views, texts=np.array(self.texts))

    @classmethod
    def load(cls, path: Path) -> "Pool":
        """A pool as `save` wrote it; SourceError if the file is damaged."""
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                return cls(arrays["views"], tuple(str(text) for text in arrays["texts"]))
        except (EOFError, KeyError, TypeError, ValueError, BadZipFile) as error:
            raise SourceError(f"{path}: a damaged pool ({error}); delete it, training makes it anew") from None


Result = TypeVar("Result")
Job = tuple[Callable[..., Pool], tuple[object, ...]]


def data_folder() -> Path:
    """Where real plates lie: GATEREADER_DATA, else ../shared/data beside the checkout."""
    return Path(os.environ.get("GATEREADER_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def read_samples(folder: Path) -> list[Sample]:
    """The samples of one data set; SourceError says what is missing or cannot be learned, and where."""
    labels = folder / "labels.csv"
    if not labels.is_file():
        raise SourceError(
            f"{labels}: no such label file; a data set is a folder with labels.csv ({','.join(LABEL_COLUMNS)})"
        )
    lines, groups = {}, {}
    if (folder / "meta.csv").is_file():
        wanted = ",".join(META_COLUMNS)
        for row in read_table(folder / "meta.csv", ("image", "lines"), wanted):
            try:
                lines[row["image"]] = int(row["lines"] or 1)
            except ValueError as error:
                raise SourceError(f"{folder / 'meta.csv'}: {error}; wanted {wanted}") from None
            groups[row["image"]] = row.get("group", "")
    rows = read_table(labels, ("image", "text"), ",".join(LABEL_COLUMNS))
    for number, row in enumerate(rows, start=2):
        if fault := unlearnable(row["text"]):
            raise SourceError(f"{labels}: row {number}: {fault}")
    name = folder.parent.name if folder.name in ("train", "val") else folder.name
    return [
        Sample(
            folder / row["image"],
            row["text"],
            row.get("country", ""),
            lines.get(row["image"], 1),
            name,
            groups.get(row["image"]) or row.get("group") or "",
        )
        for row in rows
    ]


def unlearnable(text: str) -> str:
    """Why the reader cannot be taught this text; nothing if it can."""
    if strange := [character for character in text if character not in ALPHABET]:
        return f"{strange[0]!r} in {text!r}; wanted letters A to Z and digits only"
    return f"{text!r} has {len(text)} characters; the reader knows {LONGEST}" if len(text) > LONGEST else ""


def read_split(root: Path, split: str) -> list[Sample]:
    """All samples of `root/*/split`, in the order of their names."""
    folders = sorted(folder for folder in root.glob(f"*/{split}") if (folder / "labels.csv").is_file())
    if not folders:
        raise SourceError(
            f"{root}: no data set with a {split} folder; set GATEREADER_DATA to where the real plates lie, or go on "
            "with crops of your own: --from models/checkpoints/reader.weights.h5 --data FOLDER (docs/training.md)"
        )
    return [sample for folder in folders for sample in read_samples(folder)]


def boxed_samples(root: Path, split: str) -> list[Sample]:
    """The samples of `BOXED` whose pictures lie in `root/*/split/images`."""
    with BOXED.open(encoding="ascii", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    samples = []
    for row in rows:
        image = root / row["source"] / split / "images" / row["image"]
        if image.is_file():
            x1, y1, x2, y2 = (float(row[name]) for name in ("x1", "y1", "x2", "y2"))
            box = PlateBox(x1, y1, x2, y2, 1.0)
            samples.append(Sample(image, row["text"], "", int(row["lines"]), row["source"], image.stem, box))
    return samples


def load_crop(sample: Sample) -> Image:
    """A sample's crop as (H, W, 3) BGR; SourceError if its picture cannot be read."""
    picture = load_picture(sample.image)
    return picture if sample.box is None else crop_plate(picture, sample.box)


def load_picture(path: Path) -> Image:
    """A picture as (H, W, 3) BGR; SourceError if it cannot be read."""
    try:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:
        raise SourceError(f"{path}: too large to be read as a picture") from None
    if picture is None:
        raise SourceError(f"{path}: missing, or not a picture that can be read")
    return np.asarray(picture, dtype=np.uint8)


def plain_pool(samples: Iterable[Sample]) -> Pool:
    """Samples as they are, each as its label says one- or two-line; for validation."""
    pairs = [(plate_view(load_crop(sample), sample.lines).pixels, sample.text) for sample in samples]
    return Pool(np.stack([view for view, _ in pairs]), tuple(text for _, text in pairs))


def characters_across(text: str, lines: int) -> int:
    """Characters side by side, nearly: what a crop has room for."""
    return len(text) if lines == 1 else len(text) // 2 + 1


def synthetic_chunk(seed: int, count: int) -> Pool:
    """`count` photographed synthetic plates; the same seed gives the same bytes."""
    cv2.setNumThreads(1)
    draw_random, photo_random = random.Random(seed), np.random.default_rng(seed)

    def pictures() -> Iterator[tuple[npt.NDArray[np.uint8], str, int]]:
        while True:
            plate = draw_plate(draw_random)
            across = characters_across(plate.text, plate.lines)
            for _ in range(PHOTOGRAPHS):
                yield photograph(plate.image, across, photo_random), plate.text, plate.lines

    return _collect(pictures(), count)


def real_chunk(seed: int, samples: list[Sample]) -> Pool:
    """Each sample photographed again once; the same seed gives the same bytes."""
    cv2.setNumThreads(1)
    photo_random = np.random.default_rng(seed)

    def pictures() -> Iterator[tuple[npt.NDArray[np.uint8], str, int]]:
        for sample in samples:
            across = characters_across(sample.text, sample.lines) or _EMPTY_ACROSS
            yield rephotograph(load_crop(sample), across, photo_random), sample.text, sample.lines

    return _collect(pictures(), len(samples))


def empty_chunk(seed: int, pictures: list[Path], count: int) -> Pool:
    """`count` crops without a plate, cut at random from plate-free pictures: what a false box shows; text is empty."""
    cv2.setNumThreads(1)
    photo_random = np.random.default_rng(seed)

    def crops() -> Iterator[tuple[npt.NDArray[np.uint8], str, int]]:
        while True:
            picture = load_picture(pictures[int(photo_random.integers(len(pictures)))])
            height, width = picture.shape[:2]
            w = int(photo_random.integers(24, max(25, width // 2)))
            h = min(height - 1, max(10, round(w / photo_random.uniform(1.3, 5))))
            x, y = int(photo_random.integers(0, max(1, width - w))), int(photo_random.integers(0, max(1, height - h)))
            crop = picture[y : y + h, x : x + w]
            yield rephotograph(crop, _EMPTY_ACROSS, photo_random), "", 1 + int(photo_random.random() < 0.2)

    return _collect(crops(), count)


def astray_chunk(seed: int, count: int) -> Pool:
    """`count` drawn plates looked at the wrong way, two lines as one or one as two, as the device does until it knows
    better; text is empty, so that the right way is the more confident."""
    cv2.setNumThreads(1)
    draw_random, photo_random = random.Random(seed), np.random.default_rng(seed)

    def pictures() -> Iterator[tuple[npt.NDArray[np.uint8], str, int]]:
        while True:
            plate = draw_plate(draw_random, two_lines=draw_random.random() < 0.5)
            crop = photograph(plate.image, characters_across(plate.text, plate.lines), photo_random)
            if crop.shape[1] < TWO_LINE_ASPECT * crop.shape[0]:
                yield crop, "", 3 - plate.lines

    return _collect(pictures(), count)


def demo_chunk(seed: int, count: int) -> Pool:
    """`count` crops of plates in the demo scene of another seed than the demo shows, with a detector's loose box."""
    cv2.setNumThreads(1)
    photo_random = np.random.default_rng(seed)
    scene = DemoScene(FIRST_DEMO_SEED + seed % 1_000_000)

    def crops() -> Iterator[tuple[npt.NDArray[np.uint8], str, int]]:
        time = 0.0
        while True:
            time += float(photo_random.uniform(0.2, 0.7))  # onwards, because a car is drawn once while it is in sight
            frame, plates = scene.frame_at(time)
            for plate in plates:
                if plate.visible > 0.98 and plate.x2 - plate.x1 >= DEMO_LEAST_WIDTH:
                    loose = photo_random.normal(0.0, 0.03, 4) * (plate.x2 - plate.x1)
                    x1, y1, x2, y2 = np.array([plate.x1, plate.y1, plate.x2, plate.y2]) + loose * [1, 0.5, 1, 0.5]
                    crop = crop_plate(frame, PlateBox(x1, y1, max(x2, x1 + 8), max(y2, y1 + 4), 1.0))
                    yield plate_view(crop, plate.lines).pixels, plate.text, 1

    return _collect(crops(), count)


def demo_jobs(seed: int, count: int) -> list[Job]:
    """Jobs that together cut `count` plates from the demo scene."""
    starts = range(0, count, _CHUNK // 3)
    return [(demo_chunk, (seed * 1_000_003 + 17 + start, min(_CHUNK // 3, count - start))) for start in starts]


def _collect(pictures: Iterator[tuple[npt.NDArray[np.uint8], str, int]], count: int) -> Pool:
    views = np.empty((count, READER_HEIGHT, READER_WIDTH), dtype=np.uint8)
    texts = []
    for row in range(count):
        crop, text, lines = next(pictures)
        views[row] = plate_view(crop, lines).pixels
        texts.append(text)
    return Pool(views, tuple(texts))


def make_pool(jobs: list[Job], processes: int, title: str) -> Pool:
    """Run jobs side by side, with a progress bar; the result does not depend on the number of processes."""
    console = Console(stderr=True)
    with side_by_side(jobs, processes) as running:
        chunks = [each.result() for each in track(running, title, console=console, update_period=2.0)]
    return Pool(np.concatenate([c.views for c in chunks]), tuple(text for c in chunks for text in c.texts))


@contextmanager
def side_by_side(
    jobs: Sequence[tuple[Callable[..., Result], tuple[object, ...]]], processes: int
) -> Iterator[list[Future[Result]]]:
    """The jobs' results to come, in their order; Ctrl-C ends the processes at once, whatever they are at."""
    # new processes, not forked ones: a fork of a process in which TensorFlow has begun may hang for ever
    with ProcessPoolExecutor(processes, get_context("spawn")) as executor:
        # they inherit this: Ctrl-C reaches them too, and each would tell of it and take the next job
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            running = [executor.submit(function, *arguments) for function, arguments in jobs]
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        try:
            yield running
        except KeyboardInterrupt:
            executor.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                process.terminate()
            raise


def synthetic_jobs(seed: int, count: int) -> list[Job]:
    """Jobs that together make `count` synthetic plates."""
    return _drawn_jobs(synthetic_chunk, seed * 1_000_003, count)


def _drawn_jobs(chunk: Callable[[int, int], Pool], seed: int, count: int) -> list[Job]:
    return [(chunk, (seed + start, min(_CHUNK, count - start))) for start in range(0, count, _CHUNK)]


def real_jobs(seed: int, samples: list[Sample], times: int) -> list[Job]:
    """Jobs that photograph every sample `times` times; rare sets more often, so that large ones do not drown them."""
    sizes: dict[str, int] = {}
    for sample in samples:
        sizes[sample.set] = sizes.get(sample.set, 0) + 1
    repeats = {name: times * min(2.5, max(0.7, (900 / size) ** 0.5)) for name, size in sizes.items()}
    chooser = random.Random(seed)
    chosen = []
    for sample in samples:
        whole, part = divmod(repeats[sample.set], 1)
        chosen += [sample] * (int(whole) + (chooser.random() < part))
    chooser.shuffle(chosen)
    starts = range(0, len(chosen), _CHUNK)
    return [(real_chunk, (seed * 1_000_003 + 7 + start, chosen[start : start + _CHUNK])) for start in starts]


def astray_jobs(seed: int, count: int) -> list[Job]:
    """Jobs that together draw `count` plates to be looked at the wrong way."""
    return _drawn_jobs(astray_chunk, seed * 1_000_003 + 19, count)


def empty_jobs(seed: int, pictures: list[Path], count: int) -> list[Job]:
    """Jobs that together cut `count` plate-free crops."""
    starts = range(0, count, _CHUNK)
    return [(empty_chunk, (seed * 1_000_003 + 13 + start, pictures, min(_CHUNK, count - start))) for start in starts]
