"""Whether the machine's clock is right, as far as the machine knows: a Raspberry Pi has none of its own."""

import contextlib
import ctypes
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

log = logging.getLogger(__name__)

Now = Callable[[], datetime]
"""The wall clock, with its time zone."""
EARLIEST, LATEST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2056, 1, 1, tzinfo=UTC)
"""This program was not there before, and a clock that says a year beyond is wrong."""

_WORTH_TELLING = timedelta(minutes=1)
_TOLD_FOR = 3600.0
_UNSET = "no network time since the start; nothing is deleted by age"
_UNSET_AFTER, _UNSET_EVERY = 600.0, 60.0
"""Seconds that the network's time may take before it is missed, and between two looks for it."""
_TIMESYNCD = Path("/run/systemd/timesync")
"""systemd-timesyncd makes the folder when it starts and the file `synchronized` in it once it knows the time."""
_RTCS = Path("/sys/class/rtc")
_AGREES = timedelta(minutes=2)
_TIME_ERROR = 5
"""What adjtimex(2) returns while the kernel's clock is not synchronised."""
_ROOM = 512
"""Bytes for `struct timex`, of which 208 are used on 64 bits; all zeros ask and set nothing."""


def utc_now() -> datetime:
    """What the machine's clock says."""
    return datetime.now(UTC)


def possible(moment: datetime) -> bool:
    """Whether a clock that says so can be right at all."""
    return EARLIEST <= moment < LATEST


def running_time() -> float:
    """Seconds that only go on, also while the machine sleeps: a wake-up is no jump of the clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class JumpMeter:
    """How far the wall clock was set ahead or back, beside a clock that cannot be set."""

    def __init__(self, now: Now = utc_now, running: Callable[[], float] = running_time) -> None:
        self._now, self._running = now, running
        self._wall, self._run = now(), running()

    def jump(self) -> timedelta:
        """By how much it was set since the last call; negative for back. A drift that is slewed away is none."""
        wall, run = self._now(), self._running()
        jump = (wall - self._wall) - timedelta(seconds=run - self._run)
        self._wall, self._run = wall, run
        return jump


class ClockWatch:
    """Tells the owner of a clock that was set by a minute or more, for an hour, and of one that is not to be believed.

    `trouble` says it in one line; empty: nothing to tell. Each jump is one line in the log. A time zone that the owner
    sets is taken over.
    """

    def __init__(self, now: Now = utc_now, running: Callable[[], float] = running_time) -> None:
        self.trouble = ""
        self._now, self._running = now, running
        self._meter = JumpMeter(now, running)
        self._jumped, self._jumped_at = "", float("-inf")
        self._unset, self._look_at = "", running() + _UNSET_AFTER

    def look(self) -> None:
        """Compare the clocks; often, as jumps in between are added up."""
        time.tzset()  # else a running program keeps the time zone that it was started in (localtime(3))
        jump, now = self._meter.jump(), self._now()
        if abs(jump) >= _WORTH_TELLING:
            way = "ahead" if jump > timedelta() else "back"
            self._jumped = f"the clock was set {_span(abs(jump))} {way}, to {now:%Y-%m-%d %H:%M} UTC"
            self._jumped_at = self._running()
            log.warning("%s; rows say the new time from now on", self._jumped)
        if not possible(now):
            self.trouble = f"the clock cannot be right: it says {now:%Y-%m-%d}; nothing is deleted by age"
        elif self._running() - self._jumped_at < _TOLD_FOR:
            self.trouble = self._jumped
        else:
            self.trouble = self._missing(now)

    def _missing(self, now: datetime) -> str:
        """What to say where `edge.ages` deletes nothing because nobody vouches for the clock."""
        if self._running() >= self._look_at:
            self._look_at = self._running() + _UNSET_EVERY
            self._unset = _UNSET if clock_synced() is False and not battery_agrees(now) else ""
        return self._unset


def _span(time: timedelta) -> str:
    minutes = round(time.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"


def clock_synced() -> bool | None:
    """Whether network time has set the clock since the start of the machine; None if nothing here can tell.

    timesyncd says it in a file. For chrony, ntpd and others the kernel says it, unless the service may not ask
    (`ProtectClock=` in a systemd unit forbids the question too).
    """
    if (_TIMESYNCD / "synchronized").exists():
        return True
    state = _kernel_state()
    if state >= 0:
        return state != _TIME_ERROR
    return False if _TIMESYNCD.is_dir() else None


def battery_agrees(now: datetime, rtcs: Path | None = None) -> bool:
    """Whether the machine has a clock of its own that says the same as the system's `now`, to two minutes.

    At a gate without a network that is the best there is. A clock that lost its power tells the year 1970 or 2000.
    `rtcs` is where the kernel shows such clocks, if not below /sys.
    """
    for told in sorted((rtcs or _RTCS).glob("rtc*/since_epoch")):
        with contextlib.suppress(OSError, ValueError, OverflowError):
            if abs(datetime.fromtimestamp(int(told.read_text(encoding="ascii")), UTC) - now) <= _AGREES:
                return True
    return False


def _kernel_state() -> int:
    """What adjtimex(2) returns; negative where it may not be called or does not exist."""
    try:
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_ROOM)))
    except AttributeError:  # not Linux
        return -1
