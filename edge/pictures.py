"""The pictures behind the rows: of each pass the plate as the reader saw it best, and if wanted the whole frame.

They lie in a folder for each day of writing, under a size and an age cap, and leave room on the disk for the rows.
Files of other names than these pictures have are somebody else's: they count for nothing and stay.
"""

import contextlib
import errno
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from edge.ages import NO_DATE, Ages, check_days
from edge.clock import Now, utc_now
from edge.errors import ConfigError
from edge.jpeg import encode_jpeg
from edge.records import PlateEvent
from edge.whole_file import (
    PARTIAL,
    create,
    lacking_bytes,
    make_folder,
    require_free,
    synchronise_folder,
    write_whole,
)

log = logging.getLogger(__name__)

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_STEM = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-[0-9a-zA-Z]{1,8}"
_KINDS = ("crop", "frame")
_NAME = re.compile(rf"{_STEM}-({'|'.join(_KINDS)})\.jpg")
_UNNAMED = ".unnamed"
_MARK = re.compile(rf"\.({_STEM}){re.escape(_UNNAMED)}")
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """The pictures kept of each pass, named by the rows of the CSV file and the JSON lines."""

    keep: Literal["off", "crops", "frames"] = "crops"
    """"crops" keeps the plate, cut out, and shows no person; "frames" keeps the whole frame too; "off" nothing."""
    folder: str = ""
    """Where they lie; empty for `pictures` beside the CSV file. The folder is created."""
    max_megabytes: float = 500.0
    """Megabytes that they may take together: the oldest goes first."""
    max_days: float = 30.0
    """Days after which a picture goes; 0 keeps it until there are too many."""
    min_free_megabytes: float = 200.0
    """Megabytes of the disk to leave free: the oldest go, and then no more are taken, so that rows find room."""
    quality: int = 90
    """JPEG quality, 10 to 100."""

    def __post_init__(self) -> None:
        if self.max_megabytes <= 0:
            raise ConfigError(f'max_megabytes = {self.max_megabytes}: wanted more than 0; keep = "off" keeps none')
        check_days("max_days", self.max_days)
        if self.min_free_megabytes < 0:
            raise ConfigError(f"min_free_megabytes = {self.min_free_megabytes}: wanted 0 or more")
        if not 10 <= self.quality <= 100:
            raise ConfigError(f"quality = {self.quality}: wanted 10 to 100")


def pictures_folder(settings: PictureSettings, csv_path: str) -> Path:
    """Where the pictures lie: the folder of the settings, else `pictures` beside the CSV file."""
    return Path(settings.folder) if settings.folder else Path(csv_path or ".").parent / "pictures"


def _start_of(day: str) -> datetime:
    """The first moment of a day, by the name of its folder; for a name that is no day, NO_DATE."""
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return NO_DATE


class Saved(NamedTuple):
    """Paths of an event's pictures; None for those that are not kept."""

    crop: Path | None = None
    frame: Path | None = None
    mark: Path | None = None
    """Lies beside them until it is removed: once a row names them. Else nothing would lead an erasure there."""


def unnamed_pictures(folder: Path) -> dict[Path, Path]:
    """Picture → its mark, of all below the folder that have one: the program was killed before the row was written, or
    before the mark was removed, or is at it."""
    marks = ((mark, _MARK.fullmatch(mark.name)) for mark in folder.glob(f"*/.*{_UNNAMED}"))
    pictures = {mark.with_name(f"{name[1]}-{kind}.jpg"): mark for mark, name in marks if name for kind in _KINDS}
    return {picture: mark for picture, mark in pictures.items() if picture.is_file()}


class Pictures:
    """`save` the pictures of an event.

    Nothing is raised: `error` says in one line why no picture is kept at the moment (empty: all is well). A picture
    that cannot be written is not kept in memory; its row then names none.
    """

    def __init__(self, settings: PictureSettings, folder: Path, now: Now = utc_now) -> None:
        self.error = ""
        self._settings, self._folder, self._now = settings, folder, now
        self._sizes: dict[str, int] = {}
        """Bytes by the name of the day, which is that of its folder."""
        self._attempt(self._look)
        newest = max(map(_start_of, self._sizes), default=None)
        self._ages = Ages(settings.max_days, now, newest)
        self.tidy()

    def save(self, event: PlateEvent) -> Saved:
        """Writes the pictures of a final event; where they are. Costs a few milliseconds once a pass.

        The caller removes their `mark`.
        """
        if self._settings.keep == "off" or event.kind != "final" or event.shot is None:
            return Saved()
        try:
            saved = self._save(event)
        except OSError as error:
            if error.errno == errno.EDQUOT:  # the disk itself has room, so that nothing else would make some for rows
                self._attempt(self._make_way)
            self._report(error)
            return Saved()
        if self.error:
            log.warning("pictures are kept again in %s", self._folder)
            self.error = ""
        return saved

    def tidy(self) -> None:
        """Deletes what is too old or too much, also while nobody passes or no new ones are kept."""
        self._attempt(lambda: self._make_room(0))

    def _save(self, event: PlateEvent) -> Saved:
        assert event.shot is not None
        moment = event.best_utc.astimezone(UTC)
        # not the day of the moment: what is seen in a clip of last year would be too old as soon as it is written
        day = self._now().astimezone(UTC).strftime("%Y-%m-%d")
        # the id, not the plate: a name is seen where the picture is not
        short = re.sub(r"[^0-9a-zA-Z]", "", event.event_id)[:8]
        stem = f"{moment:%Y-%m-%dT%H-%M-%S}.{moment.microsecond // 1000:03d}Z-{short}"
        crop = encode_jpeg(event.shot.crop, self._settings.quality)
        whole = event.shot.image if self._settings.keep == "frames" else None
        frame = b"" if whole is None else encode_jpeg(whole, self._settings.quality)
        self._make_room(len(crop) + len(frame))
        folder = self._folder / day
        make_folder(self._folder, 0o750)
        if not folder.is_dir():
            make_folder(folder, 0o750)
            synchronise_folder(self._folder)
        crop_path, frame_path = (folder / f"{stem}-{kind}.jpg" for kind in _KINDS)
        mark = folder / f".{stem}{_UNNAMED}"
        new = [path for path in (crop_path, frame_path, mark) if not path.exists()]  # not an earlier run's of the clip
        try:
            os.close(create(mark))  # on the disk with the name of the first picture
            write_whole(crop_path, crop, durable=True)
            if frame:
                write_whole(frame_path, frame, durable=True)
        except OSError:
            for path in new:
                path.unlink(missing_ok=True)
            raise
        self._sizes[day] = self._sizes.get(day, 0) + len(crop) + len(frame)
        return Saved(crop_path, frame_path if frame else None, mark)

    def _look(self) -> None:
        """How much there is already; what a power cut left half-written goes."""
        for folder in self._days():
            with os.scandir(folder) as files:
                for file in files:
                    if file.name.endswith(PARTIAL) and _NAME.fullmatch(file.name[1 : -len(PARTIAL)]):
                        Path(file.path).unlink(missing_ok=True)
                    elif _NAME.fullmatch(file.name):
                        self._sizes[folder.name] = self._sizes.get(folder.name, 0) + file.stat().st_size

    def _days(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(path for path in self._folder.iterdir() if _DAY.fullmatch(path.name) and path.is_dir())

    def _make_room(self, size: int) -> None:
        """Deletes the oldest until `size` bytes more fit; OSError (ENOSPC) if the disk is full of other things."""
        if (oldest := self._ages.oldest()) is not None:
            for day in list(self._sizes):
                # whole days: the last picture of one is a day younger than its name
                if self._born(day) <= oldest - _A_DAY:
                    self._delete(day, None)
        limit = 1e6 * self._settings.max_megabytes
        while self._sizes and (excess := sum(self._sizes.values()) + size - limit) > 0:
            self._delete(self._oldest_day(), excess + self._spare)
        while self._sizes and (lacking := self._lacking(size)) > 0:
            self._delete(self._oldest_day(), lacking)
        if size:
            require_free(self._folder, self._settings.min_free_megabytes, size, "pictures.min_free_megabytes")

    @property
    def _spare(self) -> float:
        """Bytes that are freed beyond what is needed: a folder of many pictures takes long to look through."""
        return 1e4 * self._settings.max_megabytes

    def _make_way(self) -> None:
        if self._sizes:
            self._delete(self._oldest_day(), self._spare)

    def _oldest_day(self) -> str:
        return min(self._sizes, key=lambda day: (self._born(day), day))

    def _born(self, day: str) -> datetime:
        return self._ages.born(self._folder / day, _start_of(day))

    def _lacking(self, size: int) -> float:
        """Bytes that are not free but should be once `size` more are written."""
        return lacking_bytes(self._folder, self._settings.min_free_megabytes, size)

    def _delete(self, day: str, enough: float | None) -> None:
        """The oldest pictures of a day, as many as have `enough` bytes, or all of them."""
        folder, freed = self._folder / day, 0
        found = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208
        names = sorted(name for name in found if _NAME.fullmatch(name))
        for name in names:
            if enough is not None and freed >= enough:
                self._sizes[day] = max(1, self._sizes[day] - freed)
                return
            path = folder / name
            try:
                freed += path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                continue
        self._sizes.pop(day, None)
        for name in filter(_MARK.fullmatch, found):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody else's files are in it, or it is gone
            folder.rmdir()

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            self._report(error)
        else:
            if self._settings.keep == "off":
                self.error = ""  # with pictures, the next one that is written says so

    def _report(self, error: OSError) -> None:
        cause = f"{self._folder}: {error.strerror or error}"
        if cause != self.error:
            log.error("cannot keep pictures in %s; passes are recognised and written as before", cause)
        self.error = cause
