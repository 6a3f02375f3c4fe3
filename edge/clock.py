"""Whether the machine's clock is right, as far as the machine knows: a Raspberry Pi has none of its own."""

import ctypes
from pathlib import Path

_TIMESYNCD = Path("/run/systemd/timesync")
"""systemd-timesyncd makes the folder when it starts and the file `synchronized` in it once it knows the time."""
_TIME_ERROR = 5
"""What adjtimex(2) returns while the kernel's clock is not synchronised."""
_ROOM = 512
"""Bytes for `struct timex`, of which 208 are used on 64 bits; all zeros ask and set nothing."""


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


def _kernel_state() -> int:
    """What adjtimex(2) returns; negative where it may not be called or does not exist."""
    try:
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_ROOM)))
    except AttributeError:  # not Linux
        return -1
