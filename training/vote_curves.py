"""How much is exact, and how much is wrong, at every threshold.

The other rules answer at the end of a pass whatever their threshold is, so that theirs can be moved afterwards. Ours
answers when it is sure enough, and waits for more readings if it is not: what it would say at another
`accept_confidence` is only known when it is asked again. So it is run at some values, and between them its answers
of the laxer one are cut off at the threshold.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt

from edge.vote import VoteSettings
from training.readings import RecordedPass
from training.vote_outcomes import Outcome, judge_ours

ACCEPT_CONFIDENCES = (0.15, 0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
_NEVER = 2.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What ours made of all passes with one `accept_confidence`."""

    accept: float
    outcomes: list[Outcome]


def run_settings(
    passes: Sequence[RecordedPass], settings: VoteSettings, formats: bool, processes: int
) -> list[Setting]:
    """Ours at each of `ACCEPT_CONFIDENCES` and at its own, from the laxest on."""
    accepts = sorted({*ACCEPT_CONFIDENCES, settings.accept_confidence})
    with ProcessPoolExecutor(processes, get_context("spawn")) as executor:
        running = [
            executor.submit(_judge, passes, replace(settings, accept_confidence=accept), formats) for accept in accepts
        ]
        return [Setting(accept, each.result()) for accept, each in zip(accepts, running, strict=True)]


def _judge(passes: Sequence[RecordedPass], settings: VoteSettings, formats: bool) -> list[Outcome]:
    return [judge_ours(one, settings, formats) for one in passes]


def as_wrong_as(passes: Sequence[RecordedPass], ours: Sequence[Setting], wrong: float) -> list[Outcome]:
    """Ours at the laxest threshold at which no greater share of passes is wrong than `wrong`."""
    setting, threshold = ours[-1], _NEVER
    for each, strict, share, _ in _points(passes, ours):
        if share <= wrong:
            setting, threshold = each, strict
            break
    return [_cut_off(out, threshold) for out in setting.outcomes]


def settings_curve(passes: Sequence[RecordedPass], ours: Sequence[Setting]) -> npt.NDArray[np.float64]:
    """(N, 2) wrong and exact shares of all passes with ours, from the strictest threshold to the laxest."""
    points = [(wrong, exact) for _, _, wrong, exact in _points(passes, ours)]
    return np.array(points[::-1], dtype=np.float64)


def curve(passes: Sequence[RecordedPass], outcomes: Sequence[Outcome]) -> npt.NDArray[np.float64]:
    """(N, 2) wrong and exact shares of all passes, for every threshold from the strictest to none, of a rule whose
    answer does not depend on it."""
    ranked = sorted(
        ((out.confidence, out.text == one.truth) for one, out in zip(passes, outcomes, strict=True) if out.text),
        reverse=True,
    )
    right = np.cumsum([hit for _, hit in ranked])
    wrong = np.cumsum([not hit for _, hit in ranked])
    return np.asarray(np.c_[wrong, right] / len(passes), dtype=np.float64)


def _points(passes: Sequence[RecordedPass], ours: Sequence[Setting]) -> Iterator[tuple[Setting, float, float, float]]:
    """Setting, threshold, wrong and exact share, from the laxest threshold to the strictest."""
    for each, end in zip(ours, [*(after.accept for after in ours[1:]), _NEVER], strict=True):
        confidences = np.array([out.confidence for out in each.outcomes])
        exact = _which(passes, each.outcomes, lambda truth, accepted: accepted == {truth})
        wrong = _which(passes, each.outcomes, lambda truth, accepted: bool(accepted - {truth}))
        inner = {out.confidence for out in each.outcomes if out.accepted and each.accept < out.confidence < end}
        for threshold in sorted({each.accept, *inner}):
            enough = confidences >= threshold
            yield each, threshold, float(np.mean(wrong & enough)), float(np.mean(exact & enough))


def _which(
    passes: Sequence[RecordedPass], outcomes: Sequence[Outcome], wanted: Callable[[str, set[str]], bool]
) -> npt.NDArray[np.bool_]:
    return np.array([wanted(one.truth, set(out.accepted)) for one, out in zip(passes, outcomes, strict=True)])


def _cut_off(outcome: Outcome, threshold: float) -> Outcome:
    return outcome if outcome.confidence >= threshold else replace(outcome, accepted=())
