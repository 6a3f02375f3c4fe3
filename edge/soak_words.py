"""The long bench in words: what it means for the cars on this drive, and what to do."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from edge.doctor_board import COOL
from edge.soak import Passing, Sample, SoakReport, is_heat

_GROWS = 1.0
"""MB in 100,000 frames above which memory is said to grow."""
_KINDS = {"resting": "nothing moves", "looking": "something moves, no plate", "plate": "a plate"}


def sample_line(sample: Sample, minutes: float) -> str:
    """How it goes, for a terminal."""
    heat = "" if sample.degrees is None else f", {sample.degrees:.0f} °C"
    slowed = f", {sample.throttled}" if sample.throttled else ""
    return (
        f"{sample.minute:.1f} of {minutes:g} min: {sample.frames_per_second:g} frames/s with "
        f"{sample.plate_share:.0%} plates{heat}{slowed}, {sample.memory_mb:.0f} MB"
    )


def soak_json(report: SoakReport) -> str:
    """The report as one JSON object, with the answers in words."""
    values: Mapping[str, Any] = asdict(report) | {"words": answers(report)}
    return json.dumps(values, ensure_ascii=False)


def soak_text(report: SoakReport) -> str:
    """The report for a terminal."""
    ended = "" if report.complete else " (interrupted)"
    lines = [
        f"{report.source}: {report.frames} frames {report.width}x{report.height} in {report.minutes:g} min{ended}",
        "  ".join(f"{_KINDS[kind]}: {value:.1f} ms" for kind, value in report.milliseconds.items()),
        "frames/s by the share of frames with a plate: "
        + ", ".join(f"{float(share):.0%} {rate:g}" for share, rate in report.by_plate_share.items()),
        "",
        f"{'minute':>8}{'frames/s':>10}{'plates':>8}{'slower':>8}{'°C':>6}{'MB':>7}",
    ]
    step = max(1, len(report.samples) // 12)
    for sample in report.samples[step - 1 :: step]:
        degrees = "-" if sample.degrees is None else f"{sample.degrees:.0f}"
        lines.append(
            f"{sample.minute:8.1f}{sample.frames_per_second:10.1f}{sample.plate_share:8.0%}{sample.pace - 1:8.0%}"
            f"{degrees:>6}{sample.memory_mb:7.0f}"
        )
    return "\n".join([*lines, "", *answers(report)])


def answers(report: SoakReport) -> list[str]:
    """One line for each question that an owner has."""
    rate = 1000 / report.milliseconds.get("plate", max(report.milliseconds.values()))
    told = f"{rate:.0f} frames/s while a plate is in view"
    if report.camera_rate is not None and report.camera_rate < rate:
        told += f", of which the camera gives {report.camera_rate:.0f}"
    lines = [told] if "plate" in report.milliseconds else [f"{told} (none came: this is without reading it)"]
    lines += [_passing(one, report) for one in report.passing]
    lines += [_thermal(report), _memory(report)]
    return lines


def _passing(one: Passing, report: SoakReport) -> str:
    times = "once" if one.readings == 1 else f"{one.readings} times"
    where = f"a car at {one.kmh:g} km/h is read {times} on the {report.way:g} m where its plate is wide enough"
    if one.readings >= 2 * report.needed:
        return f"{where}: enough"
    if one.readings >= report.needed:
        return f"{where}: just enough ({report.needed} must agree)"
    if one.readings:
        return f"{where}: too few ({report.needed} must agree); slow the cars down, come closer, or take a faster board"
    return f"a car at {one.kmh:g} km/h passes unread: the plate is wide enough on {report.way:g} m only"


def _thermal(report: SoakReport) -> str:
    hot = [sample.degrees for sample in report.samples if sample.degrees is not None]
    warmest = f"at most {max(hot):.0f} °C" if hot else "this machine tells no temperature"
    if report.slower_from is None:
        return f"it kept its pace for {report.minutes:g} min; {warmest}"
    told = f"from minute {report.slower_from:.1f} on {report.slower_by:.0%} slower"
    since = [sample for sample in report.samples if sample.minute > report.slower_from and is_heat(sample)]
    if since:
        degrees = next((f" at {sample.degrees:.0f} °C" for sample in since if sample.degrees is not None), "")
        said = next((f" ({sample.throttled})" for sample in since if sample.throttled), "")
        return f"{told}: the processor throttles{degrees}{said}; {COOL}"
    why = f"not for heat ({warmest})" if hot else "whether for heat this machine does not tell"
    return f"{told}; {why}: does another program work beside it?"


def _memory(report: SoakReport) -> str:
    if report.memory_slope is None:
        return "memory: too few frames to tell whether it grows"
    told = f"memory: {report.samples[-1].memory_mb:.0f} MB at the end, {report.memory_slope:+.1f} MB in 100 000 frames"
    if report.memory_slope <= _GROWS or report.frames >= 100_000:
        return told
    return f"{told}; of {report.frames} frames that is not sure yet, run it longer"
