"""Six rules that make one answer of the readings of a pass, side by side on the same recorded readings.

Ours is the device's own pipeline, fed with the recorded boxes and readings frame by frame, tracker and all. The other
rules get every reading of at least three characters and the whole pass before they must answer; they accept at the same
threshold, on their own confidence. `passes` records the readings.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from edge.alignment import distance, look_alike
from edge.alphabet import ALPHABET
from edge.countries import COUNTRIES
from edge.errors import SourceError
from edge.pipeline import Pipeline
from edge.poll import refusal_of
from edge.records import Frame, Image, PlateBox, PlateEvent, PlateReading
from edge.tracker import TrackerSettings
from edge.vote import VoteSettings
from training.readings import RecordedPass, Sight, read_passes
from training.scores import mean_interval, share_interval
from training.vote_picture import draw_curves
from training.vote_rules import (
    NOTHING,
    Answer,
    ClusterRepresentative,
    FirstReading,
    MajorityOfStrings,
    MostConfident,
    Rule,
    SumOfConfidences,
)

OURS = "ours"
LIST_SIZE = 100
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


def similar_plates(truth: str, size: int = LIST_SIZE) -> frozenset[str]:
    """A list of `size` plates, none of them `truth`, chosen to be taken for it: all that one look-alike character makes
    of it, all that lack its first or last one, then any at one or two steps. The same truth gives the same list."""
    random_ = Random(truth)
    swaps = [truth[:i] + c + truth[i + 1 :] for i, was in enumerate(truth) for c in ALPHABET if look_alike(was, c)]
    random_.shuffle(swaps)
    chosen = dict.fromkeys([*swaps, truth[1:], truth[:-1]])
    while len(chosen) < size:
        text = list(truth)
        for _ in range(random_.choice([1, 2])):
            text[random_.randrange(len(text))] = random_.choice(ALPHABET)
        if 0 < distance(truth, "".join(text)) <= 2:
            chosen["".join(text)] = None
    chosen.pop(truth, None)
    return frozenset(list(chosen)[:size])


def _frame(time: float, size: tuple[int, int]) -> Frame:
    return Frame(_blank(size), time, _START + timedelta(seconds=time), 0)


def _blank(size: tuple[int, int]) -> Image:
    """(H, W, 3) black, without its memory."""
    return np.broadcast_to(np.zeros(3, dtype=np.uint8), (size[1], size[0], 3))


def _formats_of(one: RecordedPass) -> tuple[str, ...]:
    code = str(one.conditions.get("country", "RO" if "ride" in one.conditions else "")).lower()
    return (code,) if code in COUNTRIES else ()


def rules(settings: VoteSettings) -> dict[str, Callable[[], Rule]]:
    """Name → a new rule of the kind."""
    return {
        "first reading": lambda: FirstReading(settings.accept_confidence),
        "most confident reading": MostConfident,
        "majority of strings": MajorityOfStrings,
        "sum of confidences": SumOfConfidences,
        "cluster": ClusterRepresentative,
    }


def bench(
    passes: Sequence[RecordedPass], settings: VoteSettings, gated: bool = False, formats: bool = False
) -> dict[str, list[Outcome]]:
    """Rule → what it made of each pass."""
    found = {
        name: [judge_rule(one, make(), settings, gated) for one in passes] for name, make in rules(settings).items()
    }
    found[OURS] = [judge_ours(one, settings, formats) for one in passes]
    return found


def score(passes: Sequence[RecordedPass], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Shares of the passes with 95 % bootstrap intervals, median seconds to the final answer, mean flicker."""
    columns = {
        "exact": [set(out.accepted) == {one.truth} for one, out in zip(passes, outcomes, strict=True)],
        "wrong": [bool(set(out.accepted) - {one.truth}) for one, out in zip(passes, outcomes, strict=True)],
        "undecided": [not out.accepted for out in outcomes],
        "false_grant": [
            any(text in similar_plates(one.truth) for text in out.accepted if text != one.truth)
            for one, out in zip(passes, outcomes, strict=True)
        ],
    }
    result: dict[str, Any] = {"passes": len(passes)}
    for name, values in columns.items():
        interval = share_interval(values, range(len(values)))
        result[name] = {"share": float(np.mean(values)), "count": sum(values), "interval": interval}
    seconds = [out.seconds for out in outcomes if out.accepted]
    result["seconds"] = float(np.median(seconds)) if seconds else None
    result["flicker"] = float(np.mean([out.changes for out in outcomes]))
    return result


def as_wrong_as(passes: Sequence[RecordedPass], outcomes: Sequence[Outcome], wrong: float) -> list[Outcome]:
    """The same outcomes accepted at another threshold: the laxest at which no greater share is wrong than `wrong`."""
    line = curve(passes, outcomes)
    ranked = sorted((out.confidence for out in outcomes if out.text), reverse=True)
    enough = np.flatnonzero(line[:, 0] <= wrong)
    threshold = ranked[enough[-1]] if len(enough) else 2.0
    return [replace(out, accepted=(out.text,) if out.text and out.confidence >= threshold else ()) for out in outcomes]


def gain_in_exact(
    passes: Sequence[RecordedPass], ours: Sequence[Outcome], other: Sequence[Outcome]
) -> tuple[float, float]:
    """95 % bootstrap interval, over passes, of how many more of them ours gets exact."""
    gain = np.array(
        [
            int(set(a.accepted) == {one.truth}) - int(set(b.accepted) == {one.truth})
            for one, a, b in zip(passes, ours, other, strict=True)
        ]
    )
    return mean_interval(gain, range(len(gain)))


def curve(passes: Sequence[RecordedPass], outcomes: Sequence[Outcome]) -> npt.NDArray[np.float64]:
    """(N, 2) wrong and exact shares of all passes, for every threshold from the strictest to none."""
    ranked = sorted(
        ((out.confidence, out.text == one.truth) for one, out in zip(passes, outcomes, strict=True) if out.text),
        reverse=True,
    )
    right = np.cumsum([hit for _, hit in ranked])
    wrong = np.cumsum([not hit for _, hit in ranked])
    return np.asarray(np.c_[wrong, right] / len(passes), dtype=np.float64)


def main(arguments: list[str]) -> int:
    """`python -m training vote-bench`."""
    parser = argparse.ArgumentParser(prog="python -m training vote-bench", description=__doc__)
    parser.add_argument("readings", nargs="+", type=Path, help="files of recorded readings (JSON lines)")
    parser.add_argument("--least", type=int, default=0, help="only passes with so many readable frames (%(default)s)")
    parser.add_argument("--gated", action="store_true", help="show the others only what may vote in ours")
    parser.add_argument("--formats", action="store_true", help="let ours know the formats of each plate's country")
    parser.add_argument("--by", metavar="CONDITION", help="and ours for each value of it: light, fps, country, …")
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    parser.add_argument("--picture", type=Path, help="draw exact over wrong for every threshold (PNG)")
    given = parser.parse_args(arguments)
    settings = VoteSettings()
    passes = [one for path in given.readings for one in read_passes(path)]
    passes = [one for one in passes if readable_frames(one, settings) >= given.least]
    if not passes:
        raise SourceError(
            f"{', '.join(map(str, given.readings))}: no pass with {given.least} readable frames; lower --least"
        )
    outcomes = bench(passes, settings, given.gated, given.formats)
    scores = {name: score(passes, found) for name, found in outcomes.items()}
    for name in scores.keys() - {OURS}:
        matched = as_wrong_as(passes, outcomes[OURS], scores[name]["wrong"]["share"])
        scores[name]["gain"] = gain_in_exact(passes, matched, outcomes[name])
    if given.by:
        for value in sorted({str(one.conditions.get(given.by, "")) for one in passes}):
            rows = [row for row, one in enumerate(passes) if str(one.conditions.get(given.by, "")) == value]
            scores[f"{OURS}: {value}"] = score([passes[row] for row in rows], [outcomes[OURS][row] for row in rows])
    if given.json:
        sys.stdout.write(json.dumps(scores) + "\n")
    else:
        Console(width=150).print(_table(scores))
    if given.picture:
        given.picture.parent.mkdir(parents=True, exist_ok=True)
        curves = {name: curve(passes, found) for name, found in outcomes.items()}
        points = {name: (each["wrong"]["share"], each["exact"]["share"]) for name, each in scores.items()}
        cv2.imwrite(str(given.picture), draw_curves(curves, points))
    return 0


def _table(scores: dict[str, dict[str, Any]]) -> Table:
    table = Table(
        "rule", "passes", "exact", "wrong", "undecided", "false grant", "seconds", "flicker", "ours, if as wrong"
    )
    for name, each in scores.items():
        gain = each.get("gain")
        table.add_row(
            name,
            str(each["passes"]),
            *(_percent(each[key]) for key in ("exact", "wrong", "undecided", "false_grant")),
            "–" if each["seconds"] is None else f"{each['seconds']:.2f}",
            f"{each['flicker']:.1f}",
            f"{100 * gain[0]:+.1f} to {100 * gain[1]:+.1f}" if gain else "",
        )
    return table


def _percent(value: dict[str, Any]) -> str:
    low, high = value["interval"]
    return f"{100 * value['share']:.2f} ({100 * low:.2f}–{100 * high:.2f})"
