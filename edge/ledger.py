"""Everything that is kept of an event: its pictures, its row, its JSON line, in this order."""

import contextlib
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Self

from edge.csv_log import CsvLog, CsvSettings
from edge.entry import Entry
from edge.erasure import journal_path
from edge.json_log import JsonLog, JsonSettings, json_path
from edge.log_files import real_log
from edge.pictures import Pictures, PictureSettings, pictures_folder
from edge.records import PlateEvent


class Ledger:
    """Call it with each event, in order. Raises OutputError when made, if a file cannot be written; later nothing.

    `error` says in one line what is wrong (empty: nothing), `waiting` how many lines wait for the disk.
    """

    def __init__(self, csv: CsvLog, json: JsonLog, pictures: Pictures, keep_rows: int) -> None:
        self._csv, self._json, self._pictures = csv, json, pictures
        # a pass has two lines at most; the marks of those that are lost beyond keep_rows stay where they are
        self._marks: deque[Path] = deque(maxlen=max(1, keep_rows // 2))

    @classmethod
    def open(cls, csv: CsvSettings, json: JsonSettings, pictures: PictureSettings) -> Self:
        """All three as the settings say."""
        journal = record_journal(csv, json)
        rows = CsvLog(csv, journal)
        try:
            lines = JsonLog(json, json_path(json, csv.path), journal)
        except OSError:
            rows.close()
            raise
        # as the files' folders: rows name the pictures from there
        kept = Pictures(pictures, pictures_folder(pictures, csv.path).resolve())
        return cls(rows, lines, kept, min(csv.keep_rows, json.keep_rows))

    def __call__(self, event: PlateEvent) -> None:
        """Keeps the event. The pictures come first, so that a row never names one that was not written yet."""
        # a picture that no line names could not be found again when its plate is to be erased
        saved = self._pictures.save(event) if self._csv.takes(event) or self._json.takes(event) else None
        entry = Entry(event, saved.crop, saved.frame) if saved else Entry(event)
        self._csv(entry)
        self._json(entry)
        if saved and saved.mark:
            self._marks.append(saved.mark)
        self._unmark()

    @property
    def error(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        return "; ".join(part.error for part in (self._csv, self._json, self._pictures) if part.error)

    @property
    def astray(self) -> bool:
        """Whether lines go to another disk than before."""
        return self._csv.astray or self._json.astray

    @property
    def waiting(self) -> int:
        """Lines that the disk does not take at the moment."""
        return self._csv.waiting + self._json.waiting

    def flush(self) -> None:
        """Tries the waiting lines again."""
        self._csv.flush()
        self._json.flush()
        self._unmark()

    def tidy(self) -> None:
        """Deletes what is too old or too much."""
        self._csv.tidy()
        self._json.tidy()
        self._pictures.tidy()

    def close(self) -> None:
        """Tries once more what is waiting, and closes the files."""
        self._csv.close()
        self._json.close()
        self._unmark()

    def _unmark(self) -> None:
        """Rows name all the pictures, if none of them waits."""
        while self._marks and not self.waiting:
            with contextlib.suppress(OSError):  # an erasure looks at the rows, too
                self._marks.popleft().unlink(missing_ok=True)


def record_files(csv: CsvSettings, json: JsonSettings) -> list[Path]:
    """The files of the record, beyond symbolic links: the CSV file and the JSON lines, as far as they are wanted."""
    lines = json_path(json, csv.path)
    return [*([real_log(Path(csv.path))] if csv.path else []), *([lines] if lines is not None else [])]


def erasable_files(csv: CsvSettings, json: JsonSettings) -> list[Path]:
    """As `record_files`, and where lines lie that were written before they were switched off or went elsewhere: the
    JSON lines' configured place and their default one, and without a CSV file its default place."""
    lines = [json_path(replace(json, enabled=True, path=path), csv.path) for path in (json.path, "")]
    files = [real_log(Path(csv.path or "plates.csv")), *(path for path in lines if path is not None)]
    return list({file.resolve(): file for file in files}.values())


def record_journal(csv: CsvSettings, json: JsonSettings) -> Path:
    """Where an erasure of the record notes what it does: beside the CSV file, else beside the JSON lines."""
    return journal_path(next(iter(record_files(csv, json)), Path("plates.csv")))
