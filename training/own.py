"""The owner's own crops: one folder with `labels.csv`, as `gatereader review --export` writes it.

They are few, so the usual data is rehearsed beside them, and what they are judged by is held back by plate: all
pictures of one plate, and all of one `group`, are either learned from or judged by.
"""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from edge.errors import SourceError
from training.dataset import Sample, data_folder, load_picture, read_samples, read_split

NAME = "own"
"""What this data set is called in scores and on the card."""

HELD_BACK = 0.2
"""Share of the plates that training is judged by."""


def is_own(data: Path) -> bool:
    """Whether the folder is a set of its own crops, and not one with reader/*/train and val."""
    return (data / "labels.csv").is_file()


def read_own(folder: Path) -> list[Sample]:
    """All crops of the folder; SourceError names the first row that cannot be learned from, and why."""
    samples = [replace(sample, set=NAME) for sample in read_samples(folder)]
    for sample in samples:
        load_picture(sample.image)
    if not any(sample.text for sample in samples):
        raise SourceError(
            f"{folder}: no plate in labels.csv; answer some crops with `gatereader review` and export them"
        )
    return samples


def split_own(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """(to learn from, to judge by); a plate stays where it is as other crops join, of itself too.

    Where a group ties plates, all are held back only if each would be alone: what is judged by was never learned from.
    (Of the first handful of plates one is held back whichever it is, and may be learned from once there are more.)
    Crops without a plate are learned from. A single plate is learned from, and then there is nothing to judge by.
    """
    family = _families(samples)
    ranks: dict[str, float] = {}
    for row, sample in enumerate(samples):
        if sample.text:
            ranks[family[row]] = max(ranks.get(family[row], 0.0), _rank(sample.text))
    plates = sorted(ranks, key=lambda name: ranks[name])
    held = {name for name in plates if ranks[name] < HELD_BACK} or set(plates[:1])
    if plates and len(held) == len(plates):
        held.discard(plates[-1])
    judged = [row for row, sample in enumerate(samples) if sample.text and family[row] in held]
    learned = [row for row in range(len(samples)) if row not in set(judged)]
    return [samples[row] for row in learned], [samples[row] for row in judged]


def _rank(text: str) -> float:
    """0 to 1, of the plate and nothing else."""
    return int(sha256(f"text {text}".encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def _families(samples: list[Sample]) -> dict[int, str]:
    """Row → the name of all rows that it is tied to, by the plate's text or by its group, however far the ties go."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    keys = [_keys(sample) for sample in samples]
    for names in keys:
        first, *others = sorted(find(name) for name in names)
        for other in others:
            leader[other] = first
    return {row: find(names[0]) for row, names in enumerate(keys)}


def _keys(sample: Sample) -> list[str]:
    named = {"text": sample.text, "group": sample.group}
    return [f"{kind} {name}" for kind, name in named.items() if name] or [f"image {sample.image.name}"]


def real_samples(data: Path, split: str) -> list[Sample]:
    """The real plates of a split ("train", "val"); of own crops their part, and the usual ones where they are there.

    "all" is both splits of a tree, and all own crops without any usual ones.
    """
    if not is_own(data):
        both = usual_samples("train", data) + usual_samples("val", data) if split == "all" else []
        return both or read_split(data / "reader", "val" if split == "all" else split)
    samples = read_own(data)
    if split == "all":
        return samples
    learned, judged = split_own(samples)
    return (judged if split == "val" else learned) + usual_samples(split, data_folder())


def usual_samples(split: str, data: Path) -> list[Sample]:
    """The real plates of the tree `data`; none where it has none."""
    root = data / "reader"
    return read_split(root, split) if any(root.glob(f"*/{split}/labels.csv")) else []
