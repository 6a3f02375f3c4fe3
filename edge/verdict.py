"""When a pass is decided, and what the decision is: accepted, undecided or rejected, and why."""

from collections.abc import Sequence
from typing import NamedTuple

from edge.matching import ticks
from edge.poll import MANY_TEXTS, Poll
from edge.records import Reason, Status
from edge.track import Track
from edge.vote import Vote, VoteSettings

_MORE_LIKELY = 0.5
_ROWS_OF_A_CAPTION = 2


class Verdict(NamedTuple):
    """The outcome of a pass; the reason is None when accepted."""

    status: Status
    reason: Reason | None


def judge(track: Track, settings: VoteSettings) -> Verdict:
    """What the pass comes to with the readings so far."""
    poll, vote = track.poll, track.poll.vote
    if _is_static_text(track, settings):
        return Verdict("rejected", "static_text")
    if not vote.voters:
        return _judge_refused(poll, settings)
    if not settings.min_characters <= len(vote.answer) <= settings.max_characters:
        return Verdict("rejected", "low_confidence" if len(vote.answer) < settings.min_characters else "format")
    if not _is_legible(vote.characters, settings):
        return Verdict("rejected", "low_confidence")
    if vote.confidence >= settings.needed(vote.voters) and vote.margin >= settings.min_margin:
        return Verdict("accepted", None)
    disagree = vote.voters > 1 and vote.agreement < settings.consensus_agreement
    return Verdict("undecided", "no_consensus" if disagree else "low_confidence")


def is_due(track: Track, time: float, verdict: Verdict, settings: VoteSettings) -> bool:
    """Whether the pass can be decided while the plate is still in view."""
    if may_be_static(track, time, settings):
        return False
    poll = track.poll
    if verdict.status == "accepted" and poll.first_vote is not None:
        return has_consensus(poll, settings) or time - poll.first_vote >= settings.max_delay
    if verdict.reason == "too_small":
        return False  # in the queue, and not at the gate yet: it will come nearer, or go away
    return time - max(poll.improved, track.still_since) >= settings.patience


def may_be_static(track: Track, time: float, settings: VoteSettings) -> bool:
    """Whether a text stands where it was when the camera began to look, or where others came and went without moving,
    too short a time to tell it from a plate."""
    waits = (track.opening and not track.moved) or track.suspect
    return waits and time - track.first_time < settings.static_after


def has_consensus(poll: Poll, settings: VoteSettings) -> bool:
    """Whether enough readings, not all of one moment, say the same."""
    vote = poll.vote
    if vote.voters < settings.consensus_readings or vote.agreement < settings.consensus_agreement:
        return False
    if vote.confidence < settings.needed_early:
        return False
    times = [ballot.time for ballot in poll.ballots]
    return max(times) - min(times) >= settings.consensus_span


def worth_a_preview(vote: Vote, verdict: Verdict) -> bool:
    """Whether at least two readings agree on an acceptable plate."""
    return verdict.status == "accepted" and vote.agreement * vote.voters > 1.5


def _judge_refused(poll: Poll, settings: VoteSettings) -> Verdict:
    """The verdict on a pass of which no reading may vote: the most frequent cause."""
    reason: Reason = poll.refused.most_common(1)[0][0] if poll.refused else "low_confidence"
    characters = poll.boldest.characters if poll.boldest else ()
    legible = _is_legible(characters, settings) and len(characters) <= settings.max_characters
    return Verdict("undecided" if legible else "rejected", reason)


def _is_legible(characters: Sequence[tuple[str, float]], settings: VoteSettings) -> bool:
    """Whether there is anything to be undecided about: enough characters that are more likely right than wrong."""
    return sum(confidence >= _MORE_LIKELY for _, confidence in characters) >= settings.min_characters


def _is_static_text(track: Track, settings: VoteSettings) -> bool:
    """Part of the picture: still since the camera began to look, clear to read, and yet it says this and that; or a
    text that came and went without moving where others did, whose texts are as those of a clock, or always this one.
    """
    texts, lasted = track.poll.clear_texts, track.last_time - track.first_time
    if track.opening and not track.moved and lasted >= settings.static_after and len(texts) >= MANY_TEXTS:
        return True
    if track.place is None or not track.suspect:
        return False
    always = track.poll.text == track.place.text and track.place.times >= _ROWS_OF_A_CAPTION
    return always or ticks(texts, track.place.texts)
