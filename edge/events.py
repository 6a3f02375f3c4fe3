"""A track and the verdict on it → the event."""

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Literal
from uuid import UUID, uuid5

from edge.records import Frame, PlateEvent
from edge.track import Track
from edge.verdict import Verdict
from edge.vote import VoteSettings, surely

_NAMESPACE = UUID("6f1d8f0e-52c8-5d0b-9c1e-67a7e3a4b1d2")
_SET = timedelta(seconds=1)
"""By so much a clock does not drift during a pass: it was set."""


def recording_of(first: Frame) -> str:
    """What tells one source from another by its first frame, and is the same when it runs again.

    Times do not: files from an archive, or from a camera without a clock, may all have the same one. The path does not
    either: a card is mounted where the one before it was.
    """
    return blake2b(first.name.encode("utf-8", "surrogateescape") + first.image.tobytes(), digest_size=16).hexdigest()


def make_event(
    track: Track,
    kind: Literal["preview", "final"],
    verdict: Verdict,
    settings: VoteSettings,
    *,
    camera: str,
    recording: str,
) -> PlateEvent:
    """The event of a pass. Its id is that of the pass: a preview and the final event after it share it.

    `recording` is what `recording_of` says of the first frame of the pass's source.
    """
    poll, vote = track.poll, track.poll.vote
    characters, plate = vote.characters, vote.plate
    if not vote.voters and poll.boldest is not None:
        characters = poll.boldest.characters
        plate = surely(characters, settings.accept_confidence)
    best = poll.best
    first_utc = _moment(track, track.first_time, track.first_utc)
    return PlateEvent(
        event_id=str(uuid5(_NAMESPACE, f"{camera}/{recording}/{track.first_utc.isoformat()}/{track.number}")),
        track=track.number,
        kind=kind,
        status=verdict.status,
        reason=verdict.reason,
        plate=plate,
        plate_raw=poll.boldest.text if poll.boldest else "",
        second=vote.second,
        margin=vote.margin,
        confidence=poll.confidence,
        characters=characters,
        readings=poll.readings,
        votes=vote.voters,
        agreement=vote.agreement,
        rejected_readings={str(reason): number for reason, number in poll.refused.items()},
        first_seen=track.first_time,
        last_seen=track.last_time,
        best_seen=best.time if best else track.first_time,
        first_utc=first_utc,
        last_utc=track.last_utc,
        moved=track.travelled,
        direction=track.direction,
        best_utc=_moment(track, best.time, best.utc) if best else first_utc,
        box=best.box if best else track.first_box,
        sharpness=best.reading.sharpness if best else 0.0,
        camera=camera,
        format=vote.format,
        unruled=vote.unruled,
    )


def _moment(track: Track, time: float, utc: datetime) -> datetime:
    """When a sight of the plate was, by the clock as it was at the last one: it may have been set meanwhile."""
    by_now = track.last_utc - timedelta(seconds=track.last_time - time)
    return utc if abs(by_now - utc) < _SET else by_now
