"""The bench: every stage is measured, and its report holds together."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from demo_clips import best_moment, largest_pass, picture_at, write_picture
from test_check import SilentCamera

from edge.bench import STAGES, Times, bench, bench_json, bench_text
from edge.cli import main
from edge.config import Override, load_config
from edge.detector import PlateDetector
from edge.errors import SourceError
from edge.pipeline import Pipeline
from edge.reader import PlateReader
from edge.records import Frame, FrameResult, PlateEvent
from edge.source import SourceSettings, open_source


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    moment = best_moment(largest_pass())
    for index in range(8):
        write_picture(folder / f"{index}.jpg", picture_at(moment - 0.5 + index / 15))
    return folder


def test_every_stage_is_measured(folder: Path) -> None:
    config = load_config(None, [Override("source", "source", str(folder), "--source")])
    report = bench(config, 4)
    assert list(report.stages) == list(STAGES)
    assert (report.frames, report.width, report.height, report.threads) == (4, 1280, 720, 1)
    assert report.plates == report.stages["read"].calls >= 1
    assert report.stages["detect"].calls == report.stages["encode"].calls == 4
    assert report.stages["detect"].processor_median > report.stages["crop"].processor_median > 0
    for stage in (*report.stages.values(), report.frame):
        assert 0 <= stage.processor_median <= stage.processor_p95
        assert 0 <= stage.wall_median <= stage.wall_p95
    assert report.frame.wall_median >= report.stages["detect"].wall_median
    assert 20 < report.memory_mb <= report.memory_peak_mb
    if not {"torch", "tensorflow"} & sys.modules.keys():  # whose memory would be measured along
        assert report.memory_peak_mb < 1000
    assert report.versions["opencv-python-headless"][0].isdigit()
    assert report.machine["processor"]


def test_the_report_is_json_or_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--source", str(folder), "--frames", "2", "--threads", "2", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert set(values["stages"]) == set(STAGES)
    assert values["threads"] == 2
    config = load_config(None, [Override("source", "source", str(folder), "--source")])
    report = bench(config, 2)
    text = bench_text(report)
    assert all(f"\n{stage} " in text for stage in STAGES)
    assert json.loads(bench_json(report))["frames"] == 2


def test_a_source_without_frames_is_an_error(tmp_path: Path) -> None:
    config = load_config(None, [Override("source", "source", str(tmp_path), "--source")])
    with pytest.raises(SourceError, match="no pictures"):
        bench(config, 2)


def test_a_camera_that_gives_nothing_is_an_error_and_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.bench.open_source", lambda _: SilentCamera())
    with pytest.raises(SourceError, match="a camera: no picture yet: unreachable"):
        bench(load_config(), 2)


def test_voting_costs_what_the_pipeline_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What remains of a frame is more: crops of boxes that did not count, and the measuring."""
    process = Pipeline.process

    def quick(pipeline: Pipeline, frame: Frame) -> FrameResult:
        result = process(pipeline, frame)
        return replace(result, seconds={**result.seconds, "vote": 2e-6})

    monkeypatch.setattr(Pipeline, "process", quick)
    voting = bench(load_config(None, [Override("source", "source", str(folder), "--source")]), 4).stages["vote"]
    assert (voting.wall_median, voting.wall_p95, voting.processor_p95) == (0.002, 0.002, 0.002)


def test_fewer_frames_than_wanted_are_measured_as_they_are(folder: Path) -> None:
    config = load_config(None, [Override("source", "source", str(folder), "--source")])
    assert bench(config, 100).frames == 5  # of 8, three for warming up


def test_what_remains_is_never_less_than_nothing() -> None:
    assert Times(1.0, 2.0).less(Times(0.25, 3.0)) == Times(0.75, 0.0)


def test_the_bench_counts_what_the_service_would(folder: Path) -> None:
    config = load_config(None, [Override("source", "source", str(folder), "--source")])
    pipeline, events = Pipeline(PlateDetector(), PlateReader()), list[PlateEvent]()
    with open_source(SourceSettings(source=str(folder), realtime=False)) as source:
        for frame in source:
            assert frame is not None
            events += pipeline.process(frame).events
    events += pipeline.finish()
    assert bench(config, 8).passes == sum(event.kind == "final" for event in events)
