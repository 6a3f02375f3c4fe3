"""Six rules that make one answer of the readings of a pass, side by side on the same recorded readings.

Ours is the device's own pipeline, fed with the recorded boxes and readings frame by frame, tracker and all. The other
rules get every reading of at least three characters and the whole pass before they must answer; they accept at the same
threshold, on their own confidence. `passes` records the readings.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from edge.alignment import distance, look_alike
from edge.alphabet import ALPHABET
from edge.errors import ConfigError, SourceError
from edge.vote import VoteSettings
from training.picture_file import prepare_picture, write_picture
from training.reader_metrics import calibration_error, reliability
from training.readings import RecordedPass, read_passes
from training.scores import mean_interval, share_interval
from training.vote_curves import as_wrong_as, curve, run_settings, settings_curve
from training.vote_outcomes import Outcome, judge_rule, may_vote, readable_frames
from training.vote_picture import draw_curves
from training.vote_rules import (
    ClusterRepresentative,
    FirstReading,
    MajorityOfStrings,
    MostConfident,
    Rule,
    SumOfConfidences,
)

OURS = "ours"
LIST_SIZE = 100
_LEAST_PROBABILITY = 1e-3


def similar_plates(truth: str) -> frozenset[str]:
    """LIST_SIZE plates, none of them `truth`, chosen to be taken for it: all that one look-alike character makes of it,
    all that lack its first or last one, then any at one or two steps. The same truth gives the same plates."""
    random_ = Random(truth)
    swaps = [truth[:i] + c + truth[i + 1 :] for i, was in enumerate(truth) for c in ALPHABET if look_alike(was, c)]
    random_.shuffle(swaps)
    chosen = dict.fromkeys([*swaps, truth[1:], truth[:-1]])
    while len(chosen) < LIST_SIZE:
        text = list(truth)
        for _ in range(random_.choice([1, 2])):
            text[random_.randrange(len(text))] = random_.choice(ALPHABET)
        if 0 < distance(truth, "".join(text)) <= 2:
            chosen["".join(text)] = None
    chosen.pop(truth, None)
    return frozenset(list(chosen)[:LIST_SIZE])


def rules(settings: VoteSettings) -> dict[str, Callable[[], Rule]]:
    """Name → a new rule of the kind."""
    return {
        "first reading": lambda: FirstReading(settings.accept_confidence),
        "most confident reading": MostConfident,
        "majority of strings": MajorityOfStrings,
        "sum of confidences": SumOfConfidences,
        "cluster": ClusterRepresentative,
    }


def bench_others(
    passes: Sequence[RecordedPass], settings: VoteSettings, gated: bool = False
) -> dict[str, list[Outcome]]:
    """Rule → what it made of each pass, of all rules but ours."""
    return {
        name: [judge_rule(one, make(), settings, gated) for one in passes] for name, make in rules(settings).items()
    }


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


def single_frames(passes: Sequence[RecordedPass], settings: VoteSettings) -> dict[str, float]:
    """What the readings that may vote are worth each by itself: their number, and the share that is exact."""
    right = [
        sight.reading.text == one.truth
        for one in passes
        for sight in one.sights
        if sight.reading is not None and may_vote(sight, settings)
    ]
    return {"readings": len(right), "exact": float(np.mean(right)) if right else 0.0}


def calibration(passes: Sequence[RecordedPass], outcomes: Sequence[Outcome]) -> dict[str, Any] | None:
    """Whether a confidence is what it says, of the passes with an answer: mean log loss (0 is best, a coin has 0.69),
    calibration error, and for each step of confidence how many passes, how sure and how often right. None if there is
    no answer."""
    answered = [(out.confidence, out.text == one.truth) for one, out in zip(passes, outcomes, strict=True) if out.text]
    if not answered:
        return None
    confidence, right = np.array([sure for sure, _ in answered]), np.array([hit for _, hit in answered])
    bins = reliability(confidence, right)
    of_truth = np.clip(np.where(right, confidence, 1.0 - confidence), _LEAST_PROBABILITY, 1.0)
    return {
        "log_loss": float(-np.log(of_truth).mean()),
        "error": calibration_error(bins),
        "bins": [each._asdict() for each in bins],
    }


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
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="side by side (%(default)s)")
    given = parser.parse_args(arguments)
    if given.processes < 1:
        raise ConfigError(f"--processes {given.processes}: wanted 1 or more")
    if given.picture:
        prepare_picture(given.picture, "--picture")
    settings = VoteSettings()
    passes = [one for path in given.readings for one in _read(path)]
    passes = [one for one in passes if readable_frames(one, settings) >= given.least]
    if not passes:
        raise SourceError(
            f"{', '.join(map(str, given.readings))}: no pass with {given.least} readable frames; lower --least"
        )
    conditions = sorted({name for one in passes for name in one.conditions})
    if given.by and given.by not in conditions:
        raise ConfigError(f"--by {given.by}: no pass has it; wanted one of {', '.join(conditions) or 'none at all'}")
    ours = run_settings(passes, settings, given.formats, given.processes)
    outcomes = bench_others(passes, settings, given.gated)
    outcomes[OURS] = next(each.outcomes for each in ours if each.accept == settings.accept_confidence)
    scores = {name: score(passes, found) for name, found in outcomes.items()}
    for name in scores.keys() - {OURS}:
        matched = as_wrong_as(passes, ours, scores[name]["wrong"]["share"])
        scores[name]["gain"] = gain_in_exact(passes, matched, outcomes[name])
    if given.by:
        for value in sorted({str(one.conditions.get(given.by, "")) for one in passes}):
            rows = [row for row, one in enumerate(passes) if str(one.conditions.get(given.by, "")) == value]
            scores[f"{OURS}: {value}"] = score([passes[row] for row in rows], [outcomes[OURS][row] for row in rows])
    scores[OURS]["calibration"] = calibration(passes, outcomes[OURS])
    alone = single_frames(passes, settings)
    if given.json:
        sys.stdout.write(json.dumps({**scores, "single frames": alone}) + "\n")
    else:
        Console(width=150).print(_table(scores))
        sys.stdout.write(_words(alone, scores[OURS]["calibration"]))
    if given.picture:
        curves = {name: curve(passes, found) for name, found in outcomes.items()}
        curves[OURS] = settings_curve(passes, ours)
        points = {name: (each["wrong"]["share"], each["exact"]["share"]) for name, each in scores.items()}
        write_picture(given.picture, draw_curves(curves, points))
    return 0


def _read(path: Path) -> list[RecordedPass]:
    try:
        return list(read_passes(path))
    except UnicodeDecodeError:
        raise SourceError(f"{path}: no file of readings (JSON lines); `python -m training passes` makes one") from None


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


def _words(alone: dict[str, float], sure: dict[str, Any] | None) -> str:
    lines = [f"single readings that may vote: {100 * alone['exact']:.2f} % of {alone['readings']:.0f} exact"]
    if sure is None:
        return f"{lines[0]}\nconfidence of ours: no pass has an answer\n"
    lines.append(f"confidence of ours: log loss {sure['log_loss']:.4f}, calibration error {100 * sure['error']:.2f} %")
    lines += [
        f"  {each['low']:.1f} to {each['high']:.1f}: {each['number']:5d} passes, "
        f"sure {100 * each['confidence']:.1f} %, right {100 * each['right']:.1f} %"
        for each in sure["bins"]
    ]
    return "\n".join(lines) + "\n"


def _percent(value: dict[str, Any]) -> str:
    low, high = value["interval"]
    return f"{100 * value['share']:.2f} ({100 * low:.2f}–{100 * high:.2f})"
