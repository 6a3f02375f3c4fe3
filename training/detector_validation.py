"""The real pictures that judge a detector, float or int8, and the classes of width by which it is judged."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from training import detector_data as data
from training.detector_metrics import Found

WIDTHS = (0, 12, 20, 40, 80)
"""Classes of plate width on the device's canvas, pixels: from each of these up to the next."""

Finder = Callable[[data.Picture], Found]


class Validation:
    """The pictures that judge a detector, in memory; SourceError, at once, if they could judge none."""

    def __init__(self, folder: Path) -> None:
        data.require_judged(folder)
        self.pictures = data.load_pictures(folder, "val")
        self.negatives = data.load_negatives(folder, held_back=True)

    def print(self) -> str:
        """Changes when a picture or one of its labels does."""
        digest = sha256()
        for picture in (*self.pictures, *self.negatives):
            digest.update(f"{picture.source} {picture.name} {picture.boxes.tolist()}\n".encode())
            digest.update(picture.image.tobytes())
        return digest.hexdigest()[:12]

    def run(self, find: Finder) -> tuple[list[Found], list[Found]]:
        """What `find` finds in the pictures with plates and in those without."""
        return [find(picture) for picture in self.pictures], [find(picture) for picture in self.negatives]
