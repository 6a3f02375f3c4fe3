"""What the service writes to its disk: an SD card endures only so much."""

import re
from collections.abc import Mapping
from pathlib import Path

A_DAY = 86_400.0
ROWS_WAIT, UNWRITTEN = "rows wait for", "not kept:"
"""How the service's status tells of rows that the disk does not take, and of what else is not kept."""
LONG_ENOUGH = 3600.0
"""Seconds after which a day can be told from what was written."""


def written_bytes(io: Path = Path("/proc/self/io")) -> int | None:
    """Bytes that this process sent to disks since its start (proc(5), write_bytes less what was cancelled).

    Whole pages, as the kernel counts; what the file system and the card add for themselves is not in it, only in the
    disk's own counter. None where the kernel does not tell.
    """
    try:
        text = io.read_text(encoding="ascii")
    except OSError:
        return None
    found = {name: int(number) for name, number in re.findall(r"^(\w+): (\d+)$", text, re.MULTILINE)}
    if "write_bytes" not in found:
        return None
    return max(0, found["write_bytes"] - found.get("cancelled_write_bytes", 0))


def written_values(written: int | None, uptime: float) -> dict[str, float | None]:
    """Megabytes for the status, and what they come to in a day; None where they cannot be told, or not yet."""
    daily = written * A_DAY / uptime if written is not None and uptime >= LONG_ENOUGH else None
    return {
        "written_mb": None if written is None else round(written / 1e6, 1),
        "written_mb_a_day": None if daily is None else round(daily / 1e6, 1),
    }


def written_text(health: Mapping[str, object]) -> str:
    """What `/healthz` tells of it, as the end of a sentence; empty if it tells nothing."""
    written, daily = health.get("written_mb"), health.get("written_mb_a_day")
    if not isinstance(written, int | float):
        return ""
    return f", {written:g} MB written" + (f" ({daily:g} a day)" if isinstance(daily, int | float) else "")
