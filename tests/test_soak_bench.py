"""The long bench: what it concludes from its figures, and one short run of the real thing."""

import json
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from core_fakes import IMAGE
from demo_clips import best_moment, largest_pass, picture_at, write_picture
from output_samples import MOMENT
from test_doctor import machine

from edge.cli import main
from edge.config import Override, load_config
from edge.errors import SourceError
from edge.records import Frame
from edge.soak import (
    KINDS,
    Passing,
    Sample,
    SoakReport,
    SoakSettings,
    Stretch,
    costs_of,
    memory_slope,
    paced,
    passing,
    rate_at,
    slowdown,
    soak,
    way_of,
)
from edge.soak_words import answers, soak_text
from edge.source_state import SourceState

SAMPLE = Sample(0.0, 100, 0.5, 10.0, 1.0, None, None, "", 120.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A car that comes, and the empty drive."""
    folder = tmp_path_factory.mktemp("frames")
    moment = best_moment(largest_pass())
    for index in range(6):
        write_picture(folder / f"{index}.jpg", picture_at(moment - 0.5 + index / 15))
    return folder


def samples(*paces: float, **values: object) -> list[Sample]:
    return [replace(SAMPLE, minute=index + 1.0, pace=pace, **values) for index, pace in enumerate(paces)]  # type: ignore[arg-type]


def report(found: Sequence[Sample], **values: object) -> SoakReport:
    slower_from, slower_by = slowdown(found)
    whole = SoakReport(
        source="camera", minutes=8, complete=True, frames=5000, width=1280, height=720,
        milliseconds={"resting": 2.0, "looking": 60.0, "plate": 80.0}, by_plate_share={"0": 500.0, "1": 12.5},
        camera_rate=None, least_width=45.0, way=6.0, passing=[Passing(20, 1.08, 7)], needed=3,
        slower_from=slower_from, slower_by=slower_by, memory_slope=0.2, samples=found,
    )  # fmt: skip
    return replace(whole, **values)  # type: ignore[arg-type]


def test_what_a_frame_costs_is_told_by_its_kind_and_rates_follow_from_it() -> None:
    late: Stretch = {"plate": [0.080, 0.082, 0.5], "resting": [0.002]}
    early: Stretch = {"looking": [0.06], "plate": [0.01]}
    costs = costs_of([late], [early, late])
    assert costs == {"plate": pytest.approx(82), "resting": pytest.approx(2), "looking": pytest.approx(60)}
    assert rate_at(1.0, costs) == pytest.approx(12.2, abs=0.01)
    assert rate_at(0.0, costs) == pytest.approx(500)
    assert rate_at(0.5, costs) == pytest.approx(1000 / 42)
    assert rate_at(0.5, {"looking": 50.0}) == pytest.approx(20)


def test_a_plate_is_wide_enough_on_a_way_that_follows_from_the_lens() -> None:
    """1280 px over 90 degrees: a focal length of 640 px; 0.52 m is 52 px wide at 6.4 m, and 256 px at 1.3 m."""
    assert way_of(1280, 52.0, 90.0, 520.0) == pytest.approx(6.4 - 1.3)
    assert way_of(1280, 52.0, 90.0, 260.0) == pytest.approx((6.4 - 1.3) / 2)
    assert way_of(1280, 300.0, 90.0, 520.0) == 0
    assert passing(36.0, 6.0, 12.0) == Passing(36.0, 0.6, 7)


def test_the_pace_does_not_change_with_the_traffic() -> None:
    """More plates make fewer frames a second, and are no reason to think of heat."""

    def stretch(resting: int, plates: int, pace: float = 1.0) -> Stretch:
        return {"resting": [0.002 * pace] * resting, "plate": [0.08 * pace] * plates}

    quiet, busy, hot = stretch(9, 1), stretch(1, 9), stretch(1, 9, 1.3)
    found = paced([SAMPLE] * 6, [quiet, quiet, busy, quiet, hot, hot])
    assert [sample.pace for sample in found] == pytest.approx([1, 1, 1, 1, 1.3, 1.3], abs=0.001)


def test_slower_is_what_stays_slower() -> None:
    assert slowdown(samples(1.0, 1.4, 1.0, 1.05)) == (None, 0.0)
    minute, by = slowdown(samples(1.0, 1.0, 1.2, 1.4))
    assert (minute, round(by, 6)) == (2.0, 0.3)


def test_the_answers_are_in_words() -> None:
    cool = answers(report(samples(1.0, 1.0, 1.02)))
    assert cool[0] == "12 frames/s while a plate is in view"
    assert cool[1] == "a car at 20 km/h is read 7 times on the 6 m where its plate is wide enough: enough"
    assert cool[2] == "it kept its pace for 8 min; this machine tells no temperature"
    assert cool[3] == "memory: 120 MB at the end, +0.2 MB in 100 000 frames"
    for readings, words in ((4, "just enough (3 must agree)"), (1, "is read once"), (2, "too few"), (0, "unread")):
        assert words in answers(report(samples(1.0), passing=[Passing(50, 0.4, readings)]))[1]
    assert "of which the camera gives 5" in answers(report(samples(1.0), camera_rate=5.0))[0]


@pytest.mark.parametrize(
    ("degrees", "throttled", "words"),
    [
        (82.0, "", "from minute 4.0 on 31% slower: the processor throttles at 82 °C; give it a heat sink or a fan"),
        (60.0, "now: throttled (0x4)", "the processor throttles at 60 °C (now: throttled (0x4)); give it a heat sink"),
        (50.0, "", "31% slower; not for heat (at most 50 °C): does another program work beside it?"),
        (None, "", "31% slower; whether for heat this machine does not tell"),
    ],
)
def test_why_it_became_slower(degrees: float | None, throttled: str, words: str) -> None:
    cold = samples(1.0, 1.0, 1.0, 1.0, degrees=50.0 if degrees else None, limit=80.0)
    hot = [
        replace(SAMPLE, minute=5.0 + index, pace=pace, degrees=degrees, limit=80.0, throttled=throttled)
        for index, pace in enumerate((1.3, 1.32))
    ]
    assert any(words in line for line in answers(report([*cold, *hot])))


def test_the_slope_of_memory_leaves_the_beginning_out() -> None:
    sizes = (50.0, 100.0, *(120.0 + 0.01 * index for index in range(8)))
    found = [replace(SAMPLE, frames=1000, memory_mb=size) for size in sizes]
    assert memory_slope(found) == pytest.approx(1.0)
    assert memory_slope(found[:3]) is None
    assert memory_slope([replace(SAMPLE, frames=10)] * 9) is None
    assert "too few frames" in answers(report(samples(1.0), memory_slope=None))[-1]


class Empty:
    """A pipeline and its detector that find nothing, at once."""

    boxes = ()

    def __init__(self, *_: object) -> None: ...

    def process(self, _: object) -> "Empty":
        return self

    def canvas_scale(self, *_: int) -> float:
        return 1.0


class Came:
    """A camera of 40 frames a second, of which ten are handed out."""

    live, description = True, "camera"

    def __init__(self, clock: list[float], frames: int) -> None:
        self._clock, self._frames = clock, frames

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._frames):
            self._clock[0] += 0.1
            yield Frame(IMAGE, index / 10, MOMENT, index)

    def state(self) -> SourceState:
        return SourceState(True, MOMENT, "", round(40 * self._clock[0]), 0)

    def __enter__(self) -> "Came":
        return self

    def __exit__(self, *_: object) -> None: ...


def soak_of(frames: int, monkeypatch: pytest.MonkeyPatch, *, fps: float = 0.0, live: bool = True) -> SoakReport:
    """A minute of that camera, in which nothing is computed."""
    for name in ("PlateDetector", "PlateReader", "Pipeline"):
        monkeypatch.setattr(f"edge.soak.{name}", Empty)
    clock = [0.0]
    camera = Came(clock, frames)
    camera.live = live
    monkeypatch.setattr("edge.soak.open_source", lambda _: camera)
    config = load_config(None)
    config = replace(config, source=replace(config.source, fps=fps), motion=replace(config.motion, gate=False))
    return soak(config, SoakSettings(frames / 600, (20.0,)), lambda *_: None, clock=lambda: clock[0])


def test_what_the_bench_keeps_of_each_frame_is_no_growth_of_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.soak.memory_mb", lambda _: tracemalloc.get_traced_memory()[0] / 1e6)
    tracemalloc.start()
    try:
        report = soak_of(20_000, monkeypatch)
    finally:
        tracemalloc.stop()
    assert report.frames > 19_000
    assert report.memory_slope is not None
    assert abs(report.memory_slope) < 0.5


def test_readings_follow_from_the_frames_that_the_service_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from those that source.fps throws away, nor from what a clip could give."""
    assert soak_of(600, monkeypatch).camera_rate == pytest.approx(40, rel=0.1)
    for live in (True, False):
        limited = soak_of(600, monkeypatch, fps=10.0, live=live)
        assert limited.camera_rate == 10.0
        assert limited.passing[0].readings == int(limited.way / (20 / 3.6) * 10)
    assert soak_of(600, monkeypatch, live=False).camera_rate is None


@pytest.mark.slow
def test_a_run_of_the_real_models_on_a_warm_board(folder: Path, tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    board = machine(tmp_path, {f"{zone}/temp": 81_000, f"{zone}/type": "cpu-thermal"})
    config = load_config(None, [Override("source", "source", str(folder), "--source")])
    told: list[tuple[Sample, float]] = []
    found = soak(config, SoakSettings(0.04, (20.0,)), lambda *values: told.append(values), board)
    assert found.complete
    assert (found.width, found.height) == (1280, 720)
    assert found.frames == sum(sample.frames for sample in found.samples) > 3
    assert {kind for kind in found.milliseconds if found.milliseconds[kind] > 0} <= set(KINDS)
    assert found.milliseconds["plate"] > 1
    assert (found.samples[0].degrees, found.samples[0].limit) == (81.0, 80.0)
    assert [minutes for _, minutes in told] == [0.04] * len(found.samples)
    assert found.passing[0].readings == int(found.passing[0].seconds * 1000 / found.milliseconds["plate"])
    assert "frames/s by the share of frames with a plate" in soak_text(found)


def test_interrupted_it_reports_what_it_has(folder: Path) -> None:
    """Ctrl-C after the second stretch of an hour that would have sixty."""
    config = load_config(None, [Override("source", "source", str(folder), "--source")])
    now, told = 0.0, 0

    def clock() -> float:
        nonlocal now
        now += 10.0
        return now

    def tell(*_: object) -> None:
        nonlocal told
        told += 1
        if told == 2:
            raise KeyboardInterrupt

    found = soak(config, SoakSettings(60.0), tell, clock=clock)
    assert (found.complete, len(found.samples)) == (False, 2)
    assert "(interrupted)" in soak_text(found)


def test_a_camera_that_gives_nothing_is_no_reason_to_wait_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Came):
        def __iter__(self) -> Iterator[Any]:
            yield from [None] * 25
            pytest.fail("waited for longer than twelve seconds")

        def state(self) -> SourceState:
            return SourceState(False, MOMENT, "refused", 0, 0)

    for name in ("PlateDetector", "PlateReader", "Pipeline"):
        monkeypatch.setattr(f"edge.soak.{name}", Empty)
    monkeypatch.setattr("edge.soak.open_source", lambda _: Silent([0.0], 0))
    config = load_config(None, [Override("motion", "gate", False, "--set")])
    with pytest.raises(SourceError, match="camera: no picture yet: refused"):
        soak(config, SoakSettings(60.0), lambda *_: None)


def test_a_source_without_frames_is_an_error(tmp_path: Path) -> None:
    config = load_config(None, [Override("source", "source", str(tmp_path), "--source")])
    with pytest.raises(SourceError, match="no pictures"):
        soak(config, SoakSettings(0.01), lambda *_: None)


def test_the_command_prints_json_with_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", "--source", str(folder), "--soak", "0.03", "--speed", "5", "--speed", "40", "--fov", "90"]
    assert main([*arguments, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [one["kmh"] for one in values["passing"]] == [5, 40]
    assert any("a car at 40 km/h" in line for line in values["words"])
    with pytest.raises(SystemExit):
        main([*arguments, "--fov", "200"])
