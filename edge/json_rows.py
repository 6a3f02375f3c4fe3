"""One event, preview or final → one JSON object on one line. docs/csv.md explains each key."""

import json
from pathlib import Path
from typing import Any

from edge.chain import utc_text
from edge.entry import Entry, relative

SCHEMA = 1
"""Goes up when a key changes its meaning; new keys may join at any time."""


def json_body(entry: Entry, folder: Path) -> bytes:
    """The object without the hashes, which are added at its end; pictures are named as found from `folder`."""
    return json.dumps(json_values(entry, folder), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def json_values(entry: Entry, folder: Path) -> dict[str, Any]:
    """The event by keys: what it is, the answer, the vote, the place, the time, the pictures."""
    event, box = entry.event, entry.event.box
    return {
        "schema": SCHEMA,
        "type": event.kind,
        "event_id": event.event_id,
        "track": event.track,
        "camera": event.camera,
        "status": event.status,
        "reason": event.reason,
        "plate": event.plate,
        "plate_raw": event.plate_raw,
        "unruled": event.unruled,
        "format": event.format,
        "known": event.known,
        "veiled": event.veiled,
        "moved": event.moved,
        "direction": event.direction,
        "second": {"plate": event.second, "margin": round(event.margin, 4)},
        "confidence": round(event.confidence, 4),
        "chars": [{"c": character, "p": round(confidence, 4)} for character, confidence in event.characters],
        "votes": {
            "readings": event.readings,
            "used": event.votes,
            "agreement": round(event.agreement, 4),
            "rejected": dict(event.rejected_readings),
        },
        "geometry": {
            "box": [round(box.x1), round(box.y1), round(box.x2) - round(box.x1), round(box.y2) - round(box.y1)],
            "plate_w_px": round(box.width, 1),
            "plate_h_px": round(box.height, 1),
            "sharpness": round(event.sharpness, 1),
            "detection": round(box.confidence, 4),
        },
        "time": {
            "first": utc_text(event.first_utc),
            "last": utc_text(event.last_utc),
            "best": utc_text(event.best_utc),
            "local": event.first_utc.astimezone().isoformat(timespec="milliseconds"),
            "recorded": utc_text(entry.recorded),
            "clock_synced": entry.clock_synced,
        },
        "crop": relative(entry.crop, folder) or None,
        "frame": relative(entry.frame, folder) or None,
        "salt": entry.salt,
    }
