"""All events, previews too, as JSON lines beside the CSV file, with the same care for power cuts and full disks."""

from dataclasses import dataclass
from pathlib import Path

from edge.chain import JsonForm
from edge.clock import Now, utc_now
from edge.entry import Entry
from edge.event_log import EventLog
from edge.json_rows import json_body
from edge.line_log import Keeping, Rotate, check_keeping, check_path
from edge.log_files import real_log
from edge.records import PlateEvent


@dataclass(frozen=True, slots=True)
class JsonSettings:
    """The JSON lines: every event, previews too, for other programs."""

    enabled: bool = True
    """Write them; false for none."""
    path: str = ""
    """Where to write; empty for the name of the CSV file with the ending .jsonl, beside it."""
    rotate: Rotate = "daily"
    """When a new file begins; the old one is then plates-2026-11-20.jsonl (UTC). "never" leaves all in one file."""
    max_megabytes: float = 100.0
    """Megabytes that all files together may have: the oldest is deleted, and the log says so. With rotate = "never"
    nothing is deleted, the log only says so."""
    max_days: float = 30.0
    """Days after whose end an old file is deleted, whole; 0 keeps all."""
    keep_rows: int = 10_000
    """Lines to keep in memory, at most, while the disk takes none (about 1,000 bytes each)."""

    def __post_init__(self) -> None:
        check_path(self.path, "plates.jsonl")
        check_keeping(self.rotate, self.max_megabytes, self.max_days, self.keep_rows)


def json_path(settings: JsonSettings, csv_path: str) -> Path | None:
    """Where the JSON lines go, given the path of the CSV file, beyond a symbolic link; None if there are none."""
    if not settings.enabled:
        return None
    return real_log(Path(settings.path or Path(csv_path or "plates.csv").with_suffix(".jsonl")))


class JsonLog(EventLog):
    """Every event becomes a line in the file at `path`.

    Raises OutputError when made, if the file cannot be written. `journal` is as for the CSV file.
    """

    def __init__(
        self, settings: JsonSettings, path: Path | None, journal: Path | None = None, now: Now = utc_now
    ) -> None:
        keeping = Keeping.of(settings.rotate, settings.max_megabytes, settings.max_days, settings.keep_rows)
        super().__init__(path, JsonForm(), keeping, "json.path", journal=journal, now=now)

    def takes(self, event: PlateEvent) -> bool:  # noqa: ARG002
        """Whether the event becomes a line."""
        return self._log is not None

    def body(self, entry: Entry, folder: Path) -> bytes:
        """The object without its hashes."""
        return json_body(entry, folder)
