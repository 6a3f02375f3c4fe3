"""One row for each pass in a CSV file that survives power cuts, full disks and other programs' files of its name.

A row is on the disk before the next frame is looked at. What cannot be written is kept in memory and written as soon
as the disk takes it again. docs/csv.md explains the columns and the files.
"""

from dataclasses import dataclass
from pathlib import Path

from edge.chain import CsvForm
from edge.clock import Now, utc_now
from edge.csv_rows import HEADER, csv_body
from edge.entry import Entry
from edge.errors import ConfigError
from edge.event_log import EventLog
from edge.line_log import Keeping, Rotate, check_keeping, check_path
from edge.records import PlateEvent, Status


@dataclass(frozen=True, slots=True)
class CsvSettings:
    """The CSV file: one row for each pass."""

    path: str = "plates.csv"
    """Where to write; empty for no file. The folder is created."""
    include: tuple[Status, ...] = ("accepted", "undecided", "rejected")
    """The statuses that get a row."""
    rotate: Rotate = "monthly"
    """When a new file begins; the old one is then plates-2026-11.csv, or plates-2026-11-20.csv with "daily" (UTC).
    "never" leaves all in one file, which is the owner's to move away."""
    max_megabytes: float = 200.0
    """Megabytes that all files together may have: the oldest is deleted, and the log says so. With rotate = "never"
    nothing is deleted, the log only says so."""
    max_days: float = 0.0
    """Days after whose end an old file is deleted, whole; 0 keeps all."""
    keep_rows: int = 10_000
    """Rows to keep in memory, at most, while the disk takes none (about 600 bytes each)."""

    def __post_init__(self) -> None:
        check_path(self.path, "plates.csv")
        if not self.include:
            raise ConfigError('include is empty; name at least one status, or write path = "" for no file')
        check_keeping(self.rotate, self.max_megabytes, self.max_days, self.keep_rows)


class CsvLog(EventLog):
    """The final events whose status is wanted become rows.

    Raises OutputError when made, if the file cannot be written. `journal` is where an erasure of several files notes
    what it does; without one it is beside the file.
    """

    def __init__(self, settings: CsvSettings, journal: Path | None = None, now: Now = utc_now) -> None:
        path = Path(settings.path) if settings.path else None
        keeping = Keeping.of(settings.rotate, settings.max_megabytes, settings.max_days, settings.keep_rows)
        super().__init__(path, CsvForm(HEADER), keeping, "csv.path", journal=journal, now=now)
        self._include = settings.include

    def takes(self, event: PlateEvent) -> bool:
        """Whether the event becomes a row."""
        return self._log is not None and event.kind == "final" and event.status in self._include

    def body(self, entry: Entry, folder: Path) -> bytes:
        """The row without the columns of the chain."""
        return csv_body(entry, folder)
