"""Keeps the crop of each pass without a sure answer, for `gatereader review`, under a quota: the oldest goes first.

Nothing here stops recognition. What cannot be written is told, once for each cause, and left out.
"""

import json
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from edge.ages import Ages, check_days
from edge.chain import utc_text
from edge.clock import Now, utc_now
from edge.errors import ConfigError
from edge.event_values import answer_values, pairs
from edge.jpeg import encode_jpeg
from edge.records import FrameResult, PlateEvent, Shot
from edge.review import item_files, read_item, remove, strays
from edge.whole_file import lacking_bytes, make_folder, require_free, write_whole

log = logging.getLogger(__name__)

SCHEMA = 1
FOLDER = "review"
_QUALITY = 95
_PLAUSIBLE = 4
"""Characters from which on a rejected text is worth a look."""


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """The crops kept for `gatereader review`: pictures of plates, nothing else of the frame."""

    keep: Literal["off", "undecided", "all"] = "undecided"
    """Which passes leave a crop: "undecided" those without an answer (undecided, or rejected although there is a text
    to read), "all" also accepted ones that were close (margin, agreement), "off" none."""
    folder: str = ""
    """Where they lie; empty for `review` beside the CSV file. The folder is created."""
    max_items: int = 500
    """Crops to keep, at most; a new one pushes the oldest out."""
    max_megabytes: float = 50.0
    """Megabytes that they may take."""
    max_days: float = 30.0
    """Days after which a crop is removed, looked at or not, within the hour or at the next start."""
    min_free_megabytes: float = 200.0
    """Megabytes of the disk to leave free: the oldest go, and then no more are kept, so that rows find room."""
    margin: float = 0.4
    """An accepted pass was close if the vote's margin is below this, 0 to 1, …"""
    agreement: float = 0.6
    """… or if a smaller share of its voting readings than this said exactly the answer, 0 to 1."""

    def __post_init__(self) -> None:
        if not 1 <= self.max_items <= 100_000:
            raise ConfigError(f"max_items = {self.max_items}: wanted 1 to 100000")
        for name, value in (("max_megabytes", self.max_megabytes), ("max_days", self.max_days)):
            if not value > 0:
                raise ConfigError(f'{name} = {value}: wanted more than 0; keep = "off" keeps none')
        check_days("max_days", self.max_days, "more than 0")
        if self.min_free_megabytes < 0:
            raise ConfigError(f"min_free_megabytes = {self.min_free_megabytes}: wanted 0 or more")
        for name, value in (("margin", self.margin), ("agreement", self.agreement)):
            if not 0 <= value <= 1:
                raise ConfigError(f"{name} = {value}: wanted 0 to 1")


def crops_folder(settings: ReviewSettings, csv_path: str) -> Path:
    """Where the kept crops lie: the folder of the settings, else `review` beside the CSV file."""
    return Path(settings.folder) if settings.folder else Path(csv_path or ".").parent / FOLDER


def doubt(event: PlateEvent, settings: ReviewSettings) -> str:
    """Why the pass is worth a look, in a word; empty if it is not."""
    if event.kind != "final" or settings.keep == "off":
        return ""
    if event.status == "undecided":
        return "undecided"
    if event.status == "rejected":
        told = event.reason in ("duplicate", "static_text")  # of these the owner has a row already
        return "" if told or len(event.plate_raw) < _PLAUSIBLE else "rejected"
    if settings.keep != "all":
        return ""
    if event.votes > 1 and event.agreement < settings.agreement:
        return "disagreement"
    return "small_margin" if event.margin < settings.margin else ""


class _Kept(NamedTuple):
    size: int
    told: datetime
    """When it was written, as its file says, by a clock that may have been wrong."""


class KeptCrops:
    """Call it with each result; the doubtful final events in it leave a JPEG and a JSON file.

    `models` (name → hash) goes into each description. `error` says in one line why nothing is kept at the moment
    (empty: all is well). Nothing is raised. `now` is the wall clock; a crop's age is that of its file.
    """

    def __init__(
        self,
        settings: ReviewSettings,
        folder: Path,
        models: Mapping[str, str] | None = None,
        now: Now = utc_now,
    ) -> None:
        self.error = ""
        self._settings, self._folder, self._models, self._now = settings, folder, dict(models or {}), now
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._ages = Ages(settings.max_days, now)
        try:
            if folder.is_dir():
                self._look()
                if self._kept:
                    self._ages = Ages(settings.max_days, now, max(one.told for one in self._kept.values()))
                self._make_room()
        except OSError as error:
            self._report(error)

    def __call__(self, result: FrameResult) -> None:
        """Keeps the crops of its doubtful passes."""
        for event in result.events:
            if event.kind == "final":
                self.add(event)

    def add(self, event: PlateEvent) -> None:
        """Keeps the crop if the pass is doubtful."""
        why = doubt(event, self._settings)
        if not why or event.shot is None:
            return
        short = event.event_id.replace("-", "")[:8]
        path = self._folder / f"{event.best_utc.astimezone(UTC):%Y%m%dT%H%M%SZ}-{short}.json"
        if _answered(path):  # the same clip was played before
            return
        try:
            self._keep(path, event.shot, self._values(event, event.shot, why, short))
        except OSError as error:
            self._report(error)
            return
        if self.error:
            log.warning("crops for `gatereader review` are kept again in %s", self._folder)
            self.error = ""

    def tidy(self) -> None:
        """Removes what has become too old."""
        try:
            self._make_room()
        except OSError as error:
            self._report(error)

    def _keep(self, path: Path, shot: Shot, values: Mapping[str, Any]) -> None:
        picture = encode_jpeg(shot.crop, _QUALITY)
        words = (json.dumps(values, ensure_ascii=False) + "\n").encode()
        size = len(picture) + len(words)
        make_folder(self._folder, 0o750)
        self._make_room(size, path.stem)
        write_whole(path.with_suffix(".jpg"), picture, durable=True)
        try:
            write_whole(path, words, durable=True)
        except OSError:
            path.with_suffix(".jpg").unlink(missing_ok=True)
            raise
        self._kept[path.stem] = _Kept(size, self._now())
        self._kept.move_to_end(path.stem)

    def _values(self, event: PlateEvent, shot: Shot, why: str, short: str) -> dict[str, Any]:
        box, reading = shot.box, shot.reading
        return {
            "schema": SCHEMA,
            "id": short,
            "event_id": event.event_id,
            "camera": event.camera,
            "time": utc_text(event.best_utc),
            "why": why,
            **answer_values(event),
            "reading": {
                "text": reading.text,
                "confidence": round(reading.confidence, 4),
                "characters": pairs(reading.characters),
                "runners_up": pairs(reading.runners_up),
                "lines": reading.lines,
                "sharpness": round(reading.sharpness, 1),
            },
            "box": box.sides,
            "detection": round(box.confidence, 4),
            "frame": list(shot.frame_size),
            "models": self._models,
            "answer": None,
        }

    def _look(self) -> None:
        """What lies in the folder already, oldest first; unfinished files are removed."""
        for stray in strays(self._folder):
            stray.unlink(missing_ok=True)
        found = []
        for path in item_files(self._folder):
            picture = path.with_suffix(".jpg")
            if not picture.exists():  # the picture comes first and goes first: the rest of a removal that was cut off
                path.unlink(missing_ok=True)
                continue
            # the picture's time, for the description's changes with the owner's answer
            told = datetime.fromtimestamp(picture.stat().st_mtime, UTC)
            size = path.stat().st_size + picture.stat().st_size
            found.append((self._ages.born(picture, told), path.stem, _Kept(size, told)))
        self._kept = OrderedDict((stem, one) for _, stem, one in sorted(found))

    def _make_room(self, size: int = 0, stem: str = "") -> None:
        """Removes the oldest until an item `stem` of `size` bytes fits, in place of what it was, and what is too old.

        OSError (ENOSPC) if the disk is full of other things.
        """
        settings = self._settings
        limit = 1e6 * settings.max_megabytes
        others = [(name, one) for name, one in self._kept.items() if name != stem]
        count = len(others) + bool(stem)
        total = size + sum(one.size for _, one in others)
        oldest = self._ages.oldest()
        for name, one in others:
            too_old = oldest is not None and self._ages.born(self._folder / f"{name}.jpg", one.told) < oldest
            lacking = lacking_bytes(self._folder, settings.min_free_megabytes, size)
            if count <= settings.max_items and total <= limit and lacking <= 0 and not too_old:
                break
            remove(self._folder / f"{name}.json")
            del self._kept[name]
            count -= 1
            total -= one.size
        if stem:
            require_free(self._folder, settings.min_free_megabytes, size, "review.min_free_megabytes")

    def _report(self, error: OSError) -> None:
        cause = f"{self._folder}: {error.strerror or error}"
        if cause != self.error:
            log.error("cannot keep crops for `gatereader review` in %s; passes are recognised as before", cause)
        self.error = cause


def _answered(path: Path) -> bool:
    """Whether the item is there and its owner has said what its plate is."""
    try:
        return read_item(path).answer is not None
    except (OSError, ValueError):
        return False
