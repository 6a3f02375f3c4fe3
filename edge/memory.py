"""Keeps the process small over years: large arrays go back to the system when they are freed. And tells its size."""

import ctypes
import re
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Parameters of glibc's mallopt(3)."""
_LARGE = 256 * 1024


def return_large_blocks() -> bool:
    """Have glibc map every block of a frame's size on its own, and use few arenas; False where there is no glibc.

    Left alone, glibc raises its threshold to the largest block that was freed and keeps such blocks in its heap, which
    grows by fragments: 40 MB within a minute of the demo scene.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return False
    return all([mallopt(_MMAP_THRESHOLD, _LARGE), mallopt(_TRIM_THRESHOLD, _LARGE), mallopt(_ARENA_MAX, 2)])


def memory_mb(field: str) -> float:
    """A figure of /proc/self/status in MB; 0 where there is none."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    found = re.search(rf"^{field}:\s+(\d+)", status, re.MULTILINE)
    return round(int(found[1]) * 1024 / 1e6, 1) if found else 0.0
