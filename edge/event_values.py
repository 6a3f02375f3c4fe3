"""An event as JSON values, flat, as the live page, `replay --json` and kept crops tell it, and as a line of the log."""

from collections.abc import Sequence
from typing import Any

from edge.chain import utc_text
from edge.records import PlateEvent


def event_values(event: PlateEvent) -> dict[str, Any]:
    """One event as JSON values. `local_time` is that of the first sight, in the machine's time zone."""
    box = event.box
    return {
        "event_id": event.event_id,
        "track": event.track,
        "camera": event.camera,
        "kind": event.kind,
        **answer_values(event),
        "known": event.known,
        "veiled": event.veiled,
        "moved": event.moved,
        "direction": event.direction,
        "rejected_readings": dict(event.rejected_readings),
        "first_seen": utc_text(event.first_utc),
        "last_seen": utc_text(event.last_utc),
        "best_seen": utc_text(event.best_utc),
        "local_time": event.first_utc.astimezone().isoformat(timespec="milliseconds"),
        "box": box.sides,
        "detection": round(box.confidence, 4),
        "sharpness": round(event.sharpness, 1),
    }


def answer_values(event: PlateEvent) -> dict[str, Any]:
    """The answer of a pass and the vote behind it, as JSON values."""
    return {
        "status": event.status,
        "reason": event.reason,
        "plate": event.plate,
        "plate_raw": event.plate_raw,
        "unruled": event.unruled,
        "format": event.format,
        "second": event.second,
        "margin": round(event.margin, 4),
        "confidence": round(event.confidence, 4),
        "characters": pairs(event.characters),
        "readings": event.readings,
        "votes": event.votes,
        "agreement": round(event.agreement, 4),
    }


def pairs(characters: Sequence[tuple[str, float]]) -> list[list[str | float]]:
    """Characters with what each is worth, as JSON values."""
    return [[character, round(confidence, 4)] for character, confidence in characters]


def event_line(event: PlateEvent, show_plate: bool = True) -> str:
    """A pass in one line: plate, status, confidence, readings, and unless it was accepted the reason."""
    plate = (event.plate or "-") if show_plate else "(plate)"
    reason = f", {event.reason}" if event.reason else ""
    return f"{plate} {event.status} {event.confidence:.2f}, {event.readings} readings{reason}"
