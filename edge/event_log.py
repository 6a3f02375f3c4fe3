"""What the CSV file and the JSON lines have in common: they are called with each entry and take some of them."""

from pathlib import Path

from edge.chain import Form
from edge.clock import Now
from edge.entry import Entry
from edge.erasure import journal_path
from edge.line_log import Keeping, LineLog
from edge.log_files import real_log
from edge.records import PlateEvent


class EventLog:
    """Call it with each entry; those that it takes become lines.

    Raises OutputError when made, if the file at `path`, the setting `name`, cannot be written; `journal` is where an
    erasure of several files notes what it does, without one beside the file. Later on nothing is raised: `error` says
    in one line what is wrong (empty: nothing), `waiting` how many lines are kept in memory. Without a path nothing is
    taken.
    """

    def __init__(
        self, path: Path | None, form: Form, keeping: Keeping, name: str, *, journal: Path | None, now: Now
    ) -> None:
        self._log: LineLog | None = None
        if path is not None:
            path = real_log(path)
            self._log = LineLog(path, form, keeping, setting=name, journal=journal or journal_path(path), now=now)

    def takes(self, event: PlateEvent) -> bool:
        """Whether the event becomes a line."""
        raise NotImplementedError

    def body(self, entry: Entry, folder: Path) -> bytes:
        """The line without its end and its hashes; `folder` is that of the file."""
        raise NotImplementedError

    def __call__(self, entry: Entry) -> None:
        """Writes the line of the entry, and those that are waiting."""
        if self._log is not None and self.takes(entry.event):
            folder = self._log.path.parent.resolve()  # a link on the way would lead the `..` of a picture elsewhere
            self._log.write(self.body(entry, folder))

    @property
    def error(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        return self._log.error if self._log else ""

    @property
    def astray(self) -> bool:
        """Whether the lines go to another disk than before."""
        return self._log is not None and self._log.astray

    @property
    def waiting(self) -> int:
        """Lines that are not on the disk yet."""
        return self._log.waiting if self._log else 0

    def flush(self) -> None:
        """Tries to write the waiting lines, in order."""
        if self._log:
            self._log.flush()

    def tidy(self) -> None:
        """Deletes the oldest files if all are too large or too old."""
        if self._log:
            self._log.tidy()

    def close(self) -> None:
        """Tries once more what is waiting, and closes the file."""
        if self._log:
            self._log.close()
