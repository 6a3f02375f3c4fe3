"""One event as it goes into the record: with the moment, the state of the clock, and its pictures."""

import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from edge.clock import clock_synced, utc_now
from edge.records import PlateEvent


def _salt() -> str:
    return secrets.token_hex(12)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and what is known of its recording."""

    event: PlateEvent
    crop: Path | None = None
    """The saved picture of the plate, as the reader saw it; None if there is none."""
    frame: Path | None = None
    """The saved picture of the whole frame that the crop is from."""
    recorded: datetime = field(default_factory=utc_now)
    """By the machine's clock."""
    clock_synced: bool | None = field(default_factory=clock_synced)
    """Whether that clock was right; None if nobody knows."""
    salt: str = field(default_factory=_salt)
    """A random number, so that the hash that stays of an erased line tells nothing about it."""


def relative(picture: Path | None, folder: Path) -> str:
    """A picture's path as it is found from `folder`, with slashes; empty for None."""
    return "" if picture is None else os.path.relpath(picture, folder)
