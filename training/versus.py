"""Readers side by side: the same crops, the same scorer, one run."""

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from edge.alphabet import ALPHABET
from edge.records import Image
from training.dataset import Sample
from training.reader_metrics import mcnemar
from training.scores import mean_interval, score
from training.versus_readers import Contender

LISTED = 20
"""Crops of a list that the terminal shows; the report has them all."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reader made of N crops, and the processor time that a crop took it."""

    name: str
    texts: list[str]
    milliseconds: float


def run(reader: Contender, crops: Sequence[Image]) -> Outcome:
    """Let a reader read N crops; its time includes that of the programs it started, and no waiting."""
    before = _processor_seconds()
    texts = [plain(text) for text in reader.read(crops)]
    return Outcome(reader.name, texts, 1000 * (_processor_seconds() - before) / len(crops))


def plain(text: str) -> str:
    """An answer in the alphabet of the labels, so that nobody loses by a space: capital letters and digits only."""
    return "".join(character for character in text.upper() if character in ALPHABET)


def _processor_seconds() -> float:
    started = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + started.ru_utime + started.ru_stime


def compare(samples: Sequence[Sample], ours: Outcome, others: Sequence[Outcome]) -> dict[str, Any]:
    """Scores of each reader by set, and of each other one how it differs from `ours`; see `difference`."""
    rows = {
        each.name: {"milliseconds": round(each.milliseconds, 3), "scores": score(samples, each.texts)}
        for each in (ours, *others)
    }
    for other in others:
        rows[other.name]["against"] = difference(samples, ours, other)
    return rows


def difference(samples: Sequence[Sample], ours: Outcome, other: Outcome) -> dict[str, Any]:
    """Exact share of `ours` less that of `other` on the same crops, its 95 % interval (plates drawn anew), McNemar's p,
    "times" our processor time, and every crop that only one of them read: "fixed" if that was ours, else "broken"."""
    truth = [sample.text for sample in samples]
    mine = np.array([a == b for a, b in zip(ours.texts, truth, strict=True)])
    theirs = np.array([a == b for a, b in zip(other.texts, truth, strict=True)])
    low, high = mean_interval(mine.astype(float) - theirs, truth)

    def listed(rows: Sequence[int]) -> list[dict[str, str]]:
        return [
            {
                "image": str(samples[row].image),
                "set": samples[row].set,
                "truth": truth[row],
                "ours": ours.texts[row],
                "other": other.texts[row],
            }
            for row in rows
        ]

    fixed, broken = np.flatnonzero(mine & ~theirs).tolist(), np.flatnonzero(theirs & ~mine).tolist()
    return {
        "difference": round(float(mine.mean() - theirs.mean()), 4),
        "interval": [round(low, 3), round(high, 3)],
        "p": mcnemar(len(fixed), len(broken)),
        "times": round(other.milliseconds / max(ours.milliseconds, 1e-6), 2),
        "fixed": listed(fixed),
        "broken": listed(broken),
    }


def comparison_table(rows: dict[str, Any]) -> Table:
    """The comparison for the terminal: a line for each set, a column for each reader."""
    names = list(rows)
    table = Table("exact", "crops", *names)
    for group, first in rows[names[0]]["scores"].items():
        table.add_row(group, str(first["crops"]), *(f"{rows[name]['scores'][group]['exact']:.1%}" for name in names))
    table.add_section()
    table.add_row("characters", "", *(f"{rows[name]['scores']['all']['characters']:.1%}" for name in names))
    table.add_row("processor ms a crop", "", *(f"{rows[name]['milliseconds']:.2f}" for name in names))
    table.add_row("times ours", "", *(f"{rows[name].get('against', {'times': 1})['times']:.3g}" for name in names))
    return table


def comparison_lines(rows: dict[str, Any]) -> list[str]:
    """For each other reader: the difference and how sure it is, then what was fixed and broken, cut at `LISTED`."""
    lines = []
    for name, row in rows.items():
        against = row.get("against")
        if against is None:
            continue
        points, low, high = (100 * share for share in (against["difference"], *against["interval"]))
        lines.append(
            f"against {name}: {points:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}, McNemar "
            f"p = {against['p']:.2g}); only ours right {len(against['fixed'])}, only theirs {len(against['broken'])}"
        )
        for kind in ("fixed", "broken"):
            crops = against[kind]
            lines += [
                f"  {kind} {each['truth']} ({each['set']}): ours {each['ours'] or '–'}, theirs {each['other'] or '–'}"
                for each in crops[:LISTED]
            ]
            if len(crops) > LISTED:
                lines.append(f"  … and {len(crops) - LISTED} more {kind}; --report and --json have them all")
    return lines
