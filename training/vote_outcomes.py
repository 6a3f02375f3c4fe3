"""What the voting rules, ours and others, make of recorded passes: the answer, what was accepted, and when.

Ours is the device's own pipeline, tracker and all, fed frame by frame with what was recorded; the others are fed the
same readings and must answer at the end of the pass.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from edge.countries import COUNTRIES
from edge.pipeline import Pipeline
from edge.poll import refusal_of
from edge.records import Frame, Image, PlateBox, PlateEvent, PlateReading
from edge.tracker import TrackerSettings
from edge.vote import VoteSettings
from training.readings import RecordedPass, Sight
from training.vote_rules import NOTHING, Answer, FirstReading, Rule

_START = datetime(2026, 1, 1, tzinfo=UTC)
_STEP = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule made of one pass."""

    text: str
    confidence: float
    accepted: tuple[str, ...]
    """Every plate accepted in this pass: none, one or, where a track broke, more."""
    seconds: float
    """From the third readable frame (the last readable one, if there are fewer) to the final answer."""
    changes: int
    """How often the text shown changed after it first appeared."""


class _Script:
    """Detector and reader that say what was recorded."""

    def __init__(self) -> None:
        self.sight: Sight | None = None

    def detect(self, image: Image) -> tuple[PlateBox, ...]:  # noqa: ARG002
        """The recorded box."""
        return (self.sight.box,) if self.sight is not None and self.sight.box is not None else ()

    def read(self, crop: Image) -> PlateReading:  # noqa: ARG002
        """The recorded reading."""
        assert self.sight is not None
        assert self.sight.reading is not None
        return self.sight.reading


def run_ours(one: RecordedPass, settings: VoteSettings) -> tuple[list[PlateEvent], list[float], list[str]]:
    """The final events of a pass, the time of each, and the text shown in each frame that shows one."""
    script = _Script()
    pipeline = Pipeline(script, script, TrackerSettings(), settings)
    finals: list[PlateEvent] = []
    times: list[float] = []
    shown: list[str] = []

    def take(events: Iterable[PlateEvent], time: float) -> None:
        for event in events:
            if event.kind == "final":
                finals.append(event)
                times.append(time)

    # a frame before the pass: what stands there in the very first frame may be part of the picture
    first = one.sights[0]
    script.sight = None
    pipeline.process(_frame(first.time - _STEP, first.frame_size))
    for script.sight in one.sights:
        result = pipeline.process(_frame(script.sight.time, script.sight.frame_size))
        take(result.events, script.sight.time)
        shown += [track.text for track in result.tracks if track.text]
    for step in range(1, 100):
        time = one.sights[-1].time + step * _STEP
        take(pipeline.idle(time), time)
    take(pipeline.finish(), one.sights[-1].time + 100 * _STEP)
    return finals, times, shown


def judge_ours(one: RecordedPass, settings: VoteSettings, formats: bool = False) -> Outcome:
    """What the device's pipeline makes of a pass; with `formats` it knows those of the plate's country."""
    if formats:
        settings = replace(settings, formats=_formats_of(one))
    finals, times, shown = run_ours(one, settings)
    accepted = [(event, time) for event, time in zip(finals, times, strict=True) if event.status == "accepted"]
    best = max(finals, key=lambda event: (event.status == "accepted", event.votes), default=None)
    start = readable_time(one, settings)
    ends = [time for _, time in accepted] or times
    return Outcome(
        text="".join(character for character, _ in best.characters) if best else "",
        confidence=best.confidence if best and best.votes else 0.0,
        accepted=tuple(event.plate for event, _ in accepted),
        seconds=min(ends, default=start) - start,
        changes=sum(a != b for a, b in pairwise(shown)),
    )


def judge_rule(one: RecordedPass, rule: Rule, settings: VoteSettings, gated: bool) -> Outcome:
    """What another rule makes of a pass; with `gated` it sees only the readings that may vote in ours."""
    answers: list[Answer] = []
    decided = None
    last = one.sights[0].time
    for sight in one.sights:
        if sight.reading is None or len(sight.reading.text) < settings.min_characters:
            continue
        last = sight.time
        if gated and not may_vote(sight, settings):
            continue
        rule.add(sight.reading)
        answers.append(rule.answer())
        if decided is None and answers[-1].confidence >= settings.accept_confidence:
            decided = sight.time
    final = answers[-1] if answers else NOTHING
    accepted = final.confidence >= settings.accept_confidence and bool(final.text)
    end = last + TrackerSettings().expiry
    if isinstance(rule, FirstReading) and decided is not None:
        end = decided
    texts = [answer.text for answer in answers]
    return Outcome(
        text=final.text,
        confidence=final.confidence,
        accepted=(final.text,) if accepted else (),
        seconds=end - readable_time(one, settings),
        changes=sum(a != b for a, b in pairwise(texts)),
    )


def may_vote(sight: Sight, settings: VoteSettings) -> bool:
    """Whether a reading counts as readable: whole, large and sharp enough, with enough characters."""
    if sight.reading is None or sight.box is None:
        return False
    return refusal_of(sight.reading, sight.box, sight.frame_size, settings) is None


def readable_time(one: RecordedPass, settings: VoteSettings) -> float:
    """When the third readable frame came; the last readable one, or the first frame, where there are fewer."""
    times = [sight.time for sight in one.sights if may_vote(sight, settings)][:3]
    return times[-1] if times else one.sights[0].time


def readable_frames(one: RecordedPass, settings: VoteSettings) -> int:
    """Frames of the pass whose reading may vote."""
    return sum(may_vote(sight, settings) for sight in one.sights)


def _frame(time: float, size: tuple[int, int]) -> Frame:
    return Frame(_blank(size), time, _START + timedelta(seconds=time), 0)


def _blank(size: tuple[int, int]) -> Image:
    """(H, W, 3) black, without its memory."""
    return np.broadcast_to(np.zeros(3, dtype=np.uint8), (size[1], size[0], 3))


def _formats_of(one: RecordedPass) -> tuple[str, ...]:
    code = str(one.conditions.get("country", "RO" if "ride" in one.conditions else "")).lower()
    return (code,) if code in COUNTRIES else ()
