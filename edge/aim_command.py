"""`gatereader aim`: a meter in the terminal for whoever places the camera, or one block for each plate of pictures."""

import json
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, TextIO

from edge.aim import AimMeter, frame_scale, measure
from edge.aim_words import NOTHING, Report, Verdict, report_of, report_sight
from edge.config import Config
from edge.detector import PlateDetector
from edge.detector_choice import settled
from edge.errors import SourceError
from edge.half_blocks import colours_of
from edge.motion import open_detector
from edge.pipeline import Pipeline
from edge.printable import printable
from edge.reader import PlateReader
from edge.records import Frame, PlateBox
from edge.source import open_source, starting
from edge.stills import as_utf8, failure_values, frames_of, read_still

_WORDS: dict[Verdict, str] = {"good": "good", "fair": "fair", "poor": "POOR", "unknown": "-"}
_HEADLINES: dict[Verdict, str] = {
    "good": "well placed",
    "fair": "it will do; better:",
    "poor": "not yet:",
    "unknown": "nothing to judge",
}
_COLOURS: dict[Verdict, str] = {"good": "32", "fair": "33", "poor": "1;31", "unknown": "2"}
_REDRAW_SECONDS, _LINE_SECONDS = 0.2, 1.0
_ONCE_SECONDS = 2.0
"""`--once` ends when no better look has come for so long."""
_BAR = 16
_WITH_BEST, _WITH_BAR = 88, 77
"""Columns that a figure's line takes with its best value, and with its bar; narrower terminals go without."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def aim_pictures(config: Config, paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """For each picture a dictionary with its `plates`, each a `Report`, or with an `error`; found as by `read`.

    ModelError if a model cannot be used.
    """
    detector = PlateDetector(config.detector.of_stills, config.region)
    reader = PlateReader(config.reader)
    canvas = detector.card.input.shape[1]
    for path, frame in frames_of(paths):
        if isinstance(frame, SourceError):
            yield failure_values(path, frame)
            continue
        scale = frame_scale(frame, canvas, config.region)
        plates: list[tuple[PlateBox, Report]] = []
        for box, reading in read_still(path, frame, detector, reader, config.vote.formats).plates:
            margin = config.vote.edge_margin
            look = measure(frame.image, box, reading.text, reading.lines, scale=scale, margin=margin)
            plates.append((box, report_of(look, config.aim, config.source.shutter)))
        yield {"image": as_utf8(path), "plates": plates}


def picture_lines(told: dict[str, Any], *, as_json: bool, colour: bool) -> Iterator[str]:
    """What is printed of one picture of `aim_pictures`."""
    if as_json:
        values = dict(told)
        if "plates" in told:
            values["plates"] = [{**report.values(), "box": box.sides} for box, report in told["plates"]]
        yield json.dumps(values, ensure_ascii=False)
        return
    if not told["plates"]:
        yield printable(f"{told['image']}: no plate")
    for _, report in told["plates"]:
        yield printable(f"{told['image']}: {report.text or '(illegible)'}")
        yield from block(report, colour=colour)


def live_reports(config: Config, *, for_ever: bool = True) -> Iterator[tuple[Frame, Report]]:
    """What is seen of each frame of the source, until it ends. ModelError, SourceError as elsewhere.

    A camera that is not there is waited for `for_ever`, or else no longer than `check` waits.
    """
    detector = open_detector(settled(config.detector, config.region), config.region, config.motion)
    pipeline = Pipeline(detector, PlateReader(config.reader), config.tracker, config.vote, config.service.camera)
    meter = AimMeter(
        lambda frame: frame_scale(frame, detector.card.input.shape[1], config.region), lambda: config.vote.edge_margin
    )
    with open_source(config.source) as source:
        told = ""
        for frame in source if for_ever else starting(source):
            if frame is None:
                cause = source.state().cause
                if cause and cause != told:
                    sys.stderr.write(f"gatereader: {source.description}: {cause}\n")
                told = cause
                continue
            told = ""
            yield frame, report_sight(meter.look(pipeline.process(frame)), config.aim, config.source.shutter)


def aim_live(config: Config, stream: TextIO, *, as_json: bool, once: bool) -> int:
    """Shows the meter on `stream` until the source ends, or with `once` until one plate was seen; the exit status.

    A terminal is redrawn a few times a second, anything else gets a line a second while there is a plate. 1 if no plate
    came before the end.
    """
    if once:
        best = _first_plate(config)
        if best is not None and as_json:
            _write(stream, json.dumps(best.values(), ensure_ascii=False))
        elif best is not None:
            colour = colours_of(stream) != "none"
            _write(stream, "\n".join([best.text or "(illegible)", *block(best, colour=colour)]))
        seen = best is not None
    else:
        seen = _meter(config, stream, as_json=as_json)
    if not seen:
        sys.stderr.write(f"gatereader: {NOTHING}\n")
    return 0 if seen else 1


def _meter(config: Config, stream: TextIO, *, as_json: bool) -> bool:
    """Show what is seen until the source ends or Ctrl-C comes; whether there ever was a plate."""
    screen = _Screen(stream) if stream.isatty() and not as_json else None
    due, seen = float("-inf"), False
    with screen or nullcontext(), suppress(KeyboardInterrupt):  # how a meter is ended
        for _, report in live_reports(config):
            in_view = report.ago == 0.0
            seen |= in_view
            now = time.monotonic()
            if now < due or (screen is None and not in_view):
                continue
            due = now + (_REDRAW_SECONDS if screen else _LINE_SECONDS)
            if screen is not None:
                screen.show(report)
            else:
                _write(stream, json.dumps(report.values(), ensure_ascii=False) if as_json else line(report))
    return seen


def _first_plate(config: Config) -> Report | None:
    """The best look at the first plate, once no clearly better one has come for a while; None if none came."""
    best: Report | None = None
    improved = 0.0
    for frame, report in live_reports(config, for_ever=False):
        if report.ago == 0.0 and (best is None or _is_clearly_better(report, best)):
            best, improved = report, frame.time
        if best is not None and frame.time - improved >= _ONCE_SECONDS:
            break
    return best


def _is_clearly_better(one: Report, other: Report) -> bool:
    """Whether its verdict is better, or of equal verdicts its plate clearly wider."""
    return one.rank > other.rank or (one.rank == other.rank and one.width > 1.03 * other.width)


def block(report: Report, *, colour: bool) -> Iterator[str]:
    """A report as lines: a figure each with a bar and its verdict, and the advice."""
    yield from _figure_lines(report, _WITH_BEST, colour=colour)
    yield from _advice_lines(report, colour=colour)


def _figure_lines(report: Report, columns: int, *, colour: bool) -> Iterator[str]:
    for one in report.figures:
        share = 0.0 if one.value is None else min(1.0, abs(one.value) / one.scale.full)
        bar = "#" * round(share * _BAR)
        sign = "≥" if one.scale.good > one.scale.fair else "≤"
        aim = f"{sign} {one.told(one.scale.good)}"
        word = _painted(f"{_WORDS[one.verdict]:4}", one.verdict, colour=colour)
        drawn = f"  [{bar:{_BAR}}]" if columns >= _WITH_BAR else " "
        best = f" best {one.told(one.best)}" if columns >= _WITH_BEST else ""
        yield f"  {one.label:22} {one.shown:>9}{drawn} {word}  {aim:12}{best}"
    if report.exact is not None:
        yield f"  of single looks at a plate as wide, at most {report.exact:.0%} can be read without any error"
    if report.ago:
        yield f"  no plate in view: the best of the last seconds, {report.ago:.0f} s ago"


def _advice_lines(report: Report, *, colour: bool) -> Iterator[str]:
    yield f"  {_painted(_HEADLINES[report.verdict], report.verdict, colour=colour)}"
    for advice in report.advice:
        yield f"  → {advice}"


def line(report: Report) -> str:
    """A report as one plain line: `AB123CD fair: 96 px, …; come to 0.74 of the distance`."""
    figures = ", ".join(f"{one.label} {one.shown} {_WORDS[one.verdict]}" for one in report.figures)
    return "; ".join([f"{report.text or '(illegible)'} {report.verdict}: {figures}", *report.advice])


def _painted(text: str, verdict: Verdict, *, colour: bool) -> str:
    return f"\x1b[{_COLOURS[verdict]}m{text}\x1b[0m" if colour else text


def _write(stream: TextIO, text: str) -> None:
    stream.write(text + "\n")
    stream.flush()


class _Screen:
    """A block of lines in a terminal that is drawn over itself; works over SSH, as it only moves the cursor up.

    Once there was no room for all lines, the advice stands first, and the last figures are left out.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = colours_of(stream) != "none"
        self._height = 0
        self._advice_first = False

    def __enter__(self) -> "_Screen":
        self._stream.write("\x1b[?25l")  # no cursor that jumps about
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.write("\x1b[?25h")
        self._stream.flush()

    def show(self, report: Report) -> None:
        """Draw it over what was drawn last."""
        columns, rows = shutil.get_terminal_size()
        head = [report.text or "no plate" if report.ago is None else report.text or "(illegible)"]
        figures = list(_figure_lines(report, columns, colour=self._colour))
        advice = list(_advice_lines(report, colour=self._colour))
        lines = _all_folded([*head, *figures, *advice], columns - 1)
        self._advice_first |= len(lines) >= rows  # from now on: lines that change places are hard to read
        if self._advice_first:
            lines = _all_folded([*head, *advice, *figures], columns - 1)[: rows - 1]
        up = f"\x1b[{self._height}A" if self._height else ""
        self._stream.write(up + "\r" + "".join(f"{text}\x1b[K\n" for text in lines) + "\x1b[J")
        self._stream.flush()
        self._height = len(lines)


def _all_folded(texts: Sequence[str], columns: int) -> list[str]:
    return [part for text in texts for part in _folded(text, columns)]


def _folded(text: str, columns: int) -> Iterator[str]:
    """What is too long goes on in the next line, without its colours; no line is wider than the terminal."""
    if len(_COLOUR.sub("", text)) <= columns:
        yield text
        return
    text = _COLOUR.sub("", text)
    while len(text) > columns:
        cut = text.rfind(" ", 5, columns)
        cut = cut if cut > 0 else columns
        yield text[:cut]
        text = "    " + text[cut:].lstrip()
    yield text
