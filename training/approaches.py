"""Judges the whole device on photographs that become films: the camera comes nearer, as if the car drove up.

Of each photograph of `scenes/NAME/val` the widest readable plate is approached for some seconds, shaken, smeared and
noisy, a third of them in the dusk. Each film goes through `gatereader replay`, with nothing told but the film: what is
missed, read wrongly or counted twice is the device's as a whole, from detector to vote. Wrong is every accepted
row whose plate is not among the picture's labels: lettering, and other plates that nobody has labelled, too.
"""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from edge.errors import ConfigError, OutputError, SourceError
from edge.records import Image
from training.augment import Generator
from training.camera import smear
from training.dataset import data_folder, load_picture
from training.output import writing
from training.scenes import Labelled, read_labels

log = logging.getLogger(__name__)

FRAME = (960, 540)
"""Width and height of a film, pixels."""
FRAMES_PER_SECOND = 10
FRAMES = 36
_FIRST_WIDTH = 45.0
"""Pixels in the film; the plate grows from this …"""
_LAST_WIDTHS = (60.0, 170.0)
_ENLARGED = 1.6
"""… to as many times its width in the photograph, within `_LAST_WIDTHS`."""
_DUSK = (0.3, 0.35)
"""How often it is dusk, and what is left of the light then."""
_SMEARED = 6.0
"""Pixels by which a frame is smeared at most."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The accepted rows of one film, and how its other rows ended."""

    name: str
    truth: frozenset[str]
    accepted: tuple[str, ...]
    others: tuple[str, ...]
    """Such as `undecided no_consensus ??12 (AB12)`."""

    @property
    def right(self) -> bool:
        """Whether there was one row for one plate, or for several of the photograph, and no other."""
        once = set(self.accepted)
        return bool(once) and once <= self.truth and len(once) == len(self.accepted)


def film(photograph: Image, plate: Labelled, random_: Generator) -> Iterator[Image]:
    """`FRAMES` pictures of `FRAME`'s size, (H, W, 3) BGR, that come ever nearer to the plate."""
    width, height = FRAME
    last = float(np.clip(_ENLARGED * plate.box.width, *_LAST_WIDTHS))
    centre = np.array([plate.box.x1 + plate.box.x2, plate.box.y1 + plate.box.y2]) / 2
    begin = random_.uniform((0.35, 0.5), (0.65, 0.75)) * FRAME
    drift = np.array([random_.uniform(-0.2, 0.2) * width, 0.1 * height])
    angle = float(np.degrees(np.arctan2(drift[1], drift[0])))
    light = _DUSK[1] if random_.random() < _DUSK[0] else 1.0
    around = tuple(float(value) for value in photograph.mean(axis=(0, 1)))
    for share in np.linspace(0.0, 1.0, FRAMES):
        wide = 1.0 / ((1.0 - share) / _FIRST_WIDTH + share / last)  # at an even speed the distance falls evenly
        scale = wide / plate.box.width
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        near = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=way)
        shift = begin + share * drift - scale * centre + random_.normal(0.0, 1.0, 2)
        moved = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
        seen = cv2.warpAffine(near, moved, FRAME, borderMode=cv2.BORDER_CONSTANT, borderValue=around)
        length = 1.0 + wide / last * random_.uniform(0.0, _SMEARED - 1.0)
        seen = cv2.filter2D(seen, cv2.CV_32F, smear(length, angle)) * light
        yield np.clip(seen + random_.normal(0.0, 4.0, seen.shape), 0, 255).astype(np.uint8)


def write_film(path: Path, frames: Iterator[Image]) -> None:
    """An MPEG-4 clip; OutputError if it cannot be written."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FRAMES_PER_SECOND, FRAME)
    if not writer.isOpened():
        raise OutputError(
            f"{path}: cannot be written (a folder that is not there, a full disk, or OpenCV lacks FFmpeg)"
        )
    try:
        for frame in frames:
            writer.write(frame)
    finally:
        writer.release()


def replayed(path: Path, options: Sequence[str]) -> list[dict[str, Any]]:
    """The final events of `gatereader replay`; SourceError with its words if it fails."""
    command = [sys.executable, "-m", "edge", "replay", str(path), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SourceError(f"replay of {path}: {done.stderr.strip().splitlines()[-1:] or [done.returncode]}")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return [event for event in events if event["kind"] == "final"]


def judge(name: str, plates: Sequence[Labelled], events: Sequence[dict[str, Any]]) -> Outcome:
    """What became of a film."""
    accepted = tuple(event["plate"] for event in events if event["status"] == "accepted")
    others = tuple(
        f"{event['status']} {event['reason']} {event['plate']} ({event['plate_raw']})"
        for event in events
        if event["status"] != "accepted"
    )
    return Outcome(name, frozenset(plate.text for plate in plates if plate.text), accepted, others)


def score(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Films; those with an exact row, accepted; wrong rows; rows for a plate that had one."""
    rows = [(text, outcome.truth) for outcome in outcomes for text in outcome.accepted]
    exact = [outcome for outcome in outcomes if outcome.truth & set(outcome.accepted)]
    hits = [(index, text) for index, each in enumerate(outcomes) for text in each.accepted if text in each.truth]
    return {
        "films": len(outcomes),
        "exact": len(exact),
        "wrong": sum(text not in truth for text, truth in rows),
        "twice": len(hits) - len(set(hits)),
        "other_rows": sum(len(outcome.others) for outcome in outcomes),
    }


def main(arguments: list[str]) -> int:
    """`python -m training approaches`."""
    parser = argparse.ArgumentParser(prog="python -m training approaches", description=__doc__)
    parser.add_argument("--folder", type=Path, default=data_folder() / "scenes" / "openimages" / "val")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the films there, to look at")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="as of `gatereader replay`; may be repeated"
    )
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    options = [word for setting in given.set for word in ("--set", setting)]
    pictures = {path: plates for path, plates in read_labels(given.folder).items() if any(p.text for p in plates)}
    if not pictures:
        raise ConfigError(f"{given.folder}: not one plate with a text; wanted some to judge by")
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        into = given.keep or Path(folder)
        with writing(f"--keep {into}"):
            into.mkdir(parents=True, exist_ok=True)
        for path, plates in track(pictures.items(), "films", console=Console(stderr=True), transient=True):
            widest = max((plate for plate in plates if plate.text), key=lambda plate: plate.box.width)
            clip = into / f"{path.stem}.mp4"
            write_film(clip, film(load_picture(path), widest, np.random.default_rng(zlib.crc32(path.name.encode()))))
            outcomes.append(judge(path.name, plates, replayed(clip, options)))
            if not given.keep:
                clip.unlink()
    for outcome in outcomes:
        if not outcome.right:
            rows = "; ".join((*(f"accepted {text}" for text in outcome.accepted), *outcome.others)) or "no row"
            log.info("%s: %s: %s", outcome.name, ", ".join(sorted(outcome.truth)), rows)
    sys.stdout.write(json.dumps(score(outcomes)) + "\n")
    return 0
