"""What is too old to keep, by a clock that may be wrong: neither a jump to 2099 nor a start in 1970 empties the record.

Files are deleted by age only while the clock can be believed: never while the machine knows that it is wrong or it
says what cannot be; and where nothing tells (no network time), not within a day after it was set by more than a day,
or was found at the start so far ahead of the newest file that all would go at once.
"""

import contextlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.clock import EARLIEST, LATEST, JumpMeter, Now, battery_agrees, clock_synced, possible, running_time, utc_now
from edge.errors import ConfigError

NO_DATE = datetime.max.replace(tzinfo=UTC)
"""What a name tells that looks like a date and is none; it never gets old."""
MOST_DAYS = 36_500.0
"""A hundred years; of some more the calendar has no day so long ago."""
_LARGE = timedelta(days=1)
_SETTLE = 86_400.0
"""Seconds without a large jump after which a clock is believed that nothing vouches for."""


def check_days(name: str, days: float, least: str = "0 (for ever)") -> None:
    """ConfigError for an age, in the setting `name`, that cannot be reckoned with; `least` is told as what it may be
    from on."""
    if not 0 <= days <= MOST_DAYS:
        raise ConfigError(f"{name} = {days}: wanted {least} to {MOST_DAYS:g}")


class Ages:
    """Tells from when on things are too old. `max_days` is 0 where they never are; `now` is the wall clock.

    `newest` is the moment of the newest thing that was there at the start; None if there was nothing.
    """

    def __init__(
        self,
        max_days: float,
        now: Now = utc_now,
        newest: datetime | None = None,
        running: Callable[[], float] = running_time,
    ) -> None:
        self._days, self._now, self._running = timedelta(days=max_days), now, running
        self._meter = JumpMeter(now, running)
        self._doubted = float("-inf")
        self._noticed: dict[Path, datetime] = {}
        if newest is not None and now() - newest > max(self._days, _LARGE):
            self._doubted = running()

    def oldest(self) -> datetime | None:
        """What is from before this moment is too old; None: nothing is, or nobody can tell at the moment."""
        if abs(self._meter.jump()) > _LARGE:
            self._doubted = self._running()
        now = self._now()
        if not self._days or not possible(now) or (synced := _believed(now)) is False:
            return None
        if synced is None and self._running() - self._doubted < _SETTLE:
            return None
        return now - self._days

    def is_too_old(self, path: Path, told: datetime) -> bool:
        """Whether the file or folder, which tells that it is from `told`, is too old; no while nobody can tell."""
        oldest = self.oldest()
        return oldest is not None and self.born(path, told) <= oldest

    def born(self, path: Path, told: datetime) -> datetime:
        """When the file or folder is from, which says `told` by its name or its stamp.

        What was made while the clock was wrong, in 1970 or in the future, counts from when that is noticed: its own
        time of change is set to that moment. While the clock cannot be believed it is as new as anything.
        """
        now = self._now()
        if told == NO_DATE or EARLIEST <= told <= now + _LARGE:
            return told
        if not possible(now) or _believed(now) is False:
            return told if possible(told) else LATEST
        if path not in self._noticed:
            self._noticed[path] = _noticed(path, now)
        return self._noticed[path]


def _believed(now: datetime) -> bool | None:
    """Whether the clock is right, as `clock_synced`; a battery's that says the same makes a "no" a "nobody knows"."""
    synced = clock_synced()
    return None if synced is False and battery_agrees(now) else synced


def _noticed(path: Path, now: datetime) -> datetime:
    """The moment that an earlier run noted as the time of change, else `now`, which is noted."""
    with contextlib.suppress(OSError):
        stamp = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if EARLIEST <= stamp <= now + _LARGE:
            return stamp
        os.utime(path, (now.timestamp(), now.timestamp()))
    return now
