"""`gatereader aim` on pictures and on the demo scene, and the page's figures over HTTP."""

import io
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import cv2
import httpx
import numpy as np
import pytest
from aim_scenes import BY_NAME, Scene, scene
from demo_clips import best_moment, largest_pass, picture_at, write_frames, write_picture
from output_samples import MOMENT
from test_service import FakeCamera

from edge.aim import AimMeter, AimSettings, Measure, measure
from edge.aim_command import _Screen, aim_live, aim_pictures, picture_lines
from edge.aim_words import aim_values, report_of
from edge.cli import main
from edge.config import Config
from edge.detector import DetectorSettings
from edge.errors import ModelError
from edge.live import LiveServer, LiveSettings
from edge.records import Frame, FrameResult, PlateReading, TrackedPlate
from edge.source import SourceSettings

PASS = largest_pass()


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_picture(tmp_path_factory.mktemp("aim") / "gate.png", picture_at(best_moment(PASS) - 1.5))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("aim") / "frames", PASS)


def test_a_picture_gives_a_block_for_each_plate(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["aim", str(picture), "--distance", "6"]) == 0
    told = capsys.readouterr().out
    assert f"{picture}: {PASS.plate}" in told
    width = re.search(rf"{PASS.plate}\n  plate in the picture +(\d+) px", told)
    assert width is not None
    assert "motion blur" in told
    assert "\x1b" not in told, "no colours but in a terminal"
    if int(width[1]) < 125:
        assert re.search(r"→ move \d+\.\d m closer \(to \d\.\d m\), or zoom ×\d\.\d", told)


def test_the_shutter_of_the_configuration_is_judged(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera = ["--source", "picamera:0", "--set", "source.shutter=20"]
    assert main(["aim", str(picture), "--speed", "30", *camera]) == 0
    told = capsys.readouterr().out
    assert re.search(r"shutter for 30 km/h +20\.0 ms .* POOR", told)
    assert "not yet:" in told
    assert "for 30 km/h: shutter 1/500 s or shorter; it is 1/50 s" in told


def test_a_picture_as_json(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    assert main(["aim", "--json", str(picture), str(broken)]) == 1
    one, two = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    plate = next(plate for plate in one["plates"] if plate["text"] == PASS.plate)
    width = next(figure for figure in plate["figures"] if figure["key"] == "width")
    assert width["value"] == pytest.approx(plate["box"][2] - plate["box"][0], abs=0.2)
    assert plate["verdict"] in ("good", "fair", "poor")
    assert two["image"] == str(broken)
    assert "error" in two


def test_it_finds_what_read_finds_and_by_the_same_formats(
    picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ruled = PlateReading("RULED1", 0.9, tuple((character, 0.9) for character in "RULED1"))
    monkeypatch.setattr("edge.stills.rule_reading", lambda reading, _: (ruled, "it"))
    told = []
    for command in ("read", "aim"):
        assert main([command, "--json", str(picture), "--set", 'vote.formats=["it"]']) == 0
        values = json.loads(capsys.readouterr().out)
        told.append([(plate["text"], plate["box"]) for plate in values["plates"]])
    assert told[0] == told[1]
    assert {text for text, _ in told[0]} == {"RULED1"}

    def asked_for(settings: DetectorSettings, _: object) -> None:
        raise ModelError(f"boxes from {settings.candidates} on")

    monkeypatch.setattr("edge.aim_command.PlateDetector", asked_for)
    with pytest.raises(ModelError, match=f"from {DetectorSettings().of_stills.candidates} on"):
        next(aim_pictures(Config(), [picture]))


def test_a_files_name_steers_no_terminal_and_colours_stay() -> None:
    report = Mock(text="AB123CD", verdict="good", figures=[], exact=None, ago=0, advice=[])
    for plates in ([], [(None, report)]):
        told = {"image": "g\x1b]0;x\x07.jpg", "plates": plates}
        first, *more = picture_lines(told, as_json=False, colour=True)
        assert first.startswith("g\\x1b]0;x\\x07.jpg: ")
        assert [line.count("\x1b[") for line in more] == [2] * len(plates)


def test_a_files_name_that_is_no_text_is_told_as_by_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.zeros((90, 160, 3), np.uint8))
    (tmp_path / "empty.png").rename(tmp_path / os.fsdecode(b"g\xe9.png"))
    (tmp_path / os.fsdecode(b"b\xe9.png")).write_bytes(b"")
    told = []
    for command in ("read", "aim"):
        assert main([command, "--json", str(tmp_path)]) == 1
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        told.append([(line["image"], line.get("error")) for line in lines])
    assert told[1] == told[0] == [(f"{tmp_path}/b\\xe9.png", "an empty file"), (f"{tmp_path}/g\\xe9.png", None)]


def test_an_unreadable_picture_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["aim", str(tmp_path / "gone.jpg")]) == 1
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.count("\n") == 1
    assert "gone.jpg" in caught.err


def test_a_source_gives_plain_lines_where_there_is_no_terminal(
    frames: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["aim", "--source", str(frames), "--set", "source.realtime=false"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all("plate in the picture" in line and "\x1b" not in line for line in lines)


@pytest.mark.slow
def test_once_ends_with_one_plate(frames: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["aim", "--source", str(frames), "--set", "source.realtime=false", "--once"]
    assert main([*arguments, "--json"]) == 0
    (told,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert told["figures"][0]["value"] > 40
    assert main(arguments) == 0
    assert "plate in the detector" in capsys.readouterr().out


def test_once_waits_for_a_camera_no_longer_than_check_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Silent(FakeCamera):
        online = False

        def __iter__(self) -> Iterator[None]:
            yield from [None] * 25
            pytest.fail("waited for longer than twelve seconds")

    monkeypatch.setattr("edge.aim_command.open_source", lambda _: nullcontext(Silent()))
    assert main(["aim", "--once"]) == 1
    assert "a camera: no picture yet: unreachable" in capsys.readouterr().err


def test_no_plate_is_said_and_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "empty.png", np.full((90, 160, 3), 90, np.uint8))
    assert main(["aim", "--source", str(tmp_path), "--once"]) == 1
    assert "hold a plate, or park a car, at the stop line" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--distance", "x"], 2), (["--distance", "900"], 78), (["--speed", "0.5"], 78)]
)
def test_wrong_numbers(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        found = main(["aim", *arguments])
    except SystemExit as error:
        found = int(str(error.code))
    assert found == status
    assert arguments[0].strip("-") in capsys.readouterr().err


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_drawn_over_itself(frames: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("edge.aim_command._REDRAW_SECONDS", 0.0)
    terminal = Terminal()
    config = Config(source=SourceSettings(source=str(frames), realtime=False))
    assert aim_live(config, terminal, as_json=False, once=False) == 0
    drawn = terminal.getvalue()
    assert drawn.startswith("\x1b[?25l")
    assert drawn.endswith("\x1b[?25h"), "the cursor comes back"
    assert re.search(r"\x1b\[\d+A", drawn), "the next block begins where the last one began"
    assert "hold a plate, or park a car" in drawn
    assert PASS.plate in drawn


def test_ctrl_c_ends_the_meter_and_brings_the_cursor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Config) -> Iterator[Any]:
        yield result_of(0.0, 100).frame, report_of(look_at(scene(2, 100)), AimSettings())
        raise KeyboardInterrupt

    monkeypatch.setattr("edge.aim_command.live_reports", interrupted)
    terminal = Terminal()
    assert aim_live(Config(), terminal, as_json=False, once=False) == 0
    assert terminal.getvalue().endswith("\x1b[?25h")


def test_no_line_of_the_block_is_longer_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    terminal = Terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    with _Screen(terminal) as screen:
        screen.show(report_of(look_at(scene(2, 60, slope=9.0)), AimSettings()))
    lines = re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", terminal.getvalue()).split("\n")
    assert max(len(line) for line in lines) < 60
    assert "".join(lines).count("°") >= 4


def drawn_by(terminal: Terminal) -> list[str]:
    """The lines, colours taken out."""
    return re.sub(r"\x1b\[[?;\d]*[A-Za-z]|\r", "", terminal.getvalue()).split("\n")


@pytest.mark.parametrize("colours", ["", "1"])
@pytest.mark.parametrize("columns", [30, 56, 60, 76, 77, 80, 87, 88, 120])
def test_no_line_wraps_and_the_cursor_goes_up_as_far_as_it_came_down(
    columns: int, colours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COLUMNS", str(columns)), ("LINES", "50"), ("NO_COLOR", colours), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    terminal, report = Terminal(), report_of(look_at(scene(2, 60, slope=9.0)), AimSettings(), 20.0)
    with _Screen(terminal) as screen:
        screen.show(report)
        lines = drawn_by(terminal)
        screen.show(report)
    assert ("\x1b[1;31m" in terminal.getvalue()) is not bool(colours)
    assert max(map(len, lines)) < columns
    assert f"\x1b[{len(lines) - 1}A" in terminal.getvalue()
    assert any(" best " in line for line in lines) is (columns >= 88)
    assert any("[###" in line for line in lines) is (columns >= 77)


@pytest.mark.parametrize("colours", ["", "1"])
def test_where_rows_are_scarce_the_advice_comes_first_and_stays_there(
    colours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COLUMNS", "60"), ("LINES", "16"), ("NO_COLOR", colours), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    terminal, report = Terminal(), report_of(look_at(scene(2, 60, slope=9.0)), AimSettings(), 20.0)
    with _Screen(terminal) as screen:
        screen.show(report)
        lines = drawn_by(terminal)
        assert len(lines) == 16, "the last one is empty: there the cursor stands"
        assert all(advice[:20] in "\n".join(lines[:9]) for advice in report.advice)
        monkeypatch.setenv("LINES", "60")
        screen.show(report)
    again = drawn_by(terminal)[15:]
    assert again[1].strip() == "not yet:"
    assert any("shutter for 20 km/h" in line for line in again)


def look_at(one: Scene) -> Measure:
    return measure(one.image, one.box, one.text, one.lines)


# --- the page's figures ---


def result_of(time: float, width: float) -> FrameResult:
    one = scene(2, width, style=BY_NAME["dutch"])
    track = TrackedPlate(1, one.box, one.text, 0.9, "reading", 3)
    return FrameResult(Frame(one.image, time, MOMENT, int(time)), (one.box,), (track,), ())


@pytest.fixture
def server() -> Iterator[LiveServer]:
    aim = aim_values(AimMeter(lambda _: 0.4), AimSettings(distance=5.0), 0.0)
    server = LiveServer(LiveSettings(listen="127.0.0.1:0"), lambda: {"camera": {"online": True}}, aim)
    server.start()
    yield server
    server.close()


def test_the_page_gets_the_newest_plate_and_what_to_do(server: LiveServer) -> None:
    asked = f"{server.url}api/aim"
    assert httpx.get(asked).json()["aim"] is None
    server.publish(result_of(1.0, 80))
    told = httpx.get(asked).json()
    assert told["status"] == {"camera": {"online": True}}
    assert told["aim"]["figures"][0]["shown"] == "80 px"
    assert told["aim"]["figures"][1]["shown"] == "32 px"
    assert told["aim"]["advice"][0].startswith("move 2.1 m closer")
    time.sleep(0.2)
    server.publish(replace(result_of(3.0, 80), tracks=()))
    gone = httpx.get(asked).json()["aim"]
    assert gone["ago"] == 2.0
    assert gone["figures"][0]["shown"] == "80 px"


def test_it_is_measured_only_a_few_times_a_second_however_many_ask() -> None:
    asked = 0

    def aim(_: FrameResult) -> dict[str, object]:
        nonlocal asked
        asked += 1
        return {"n": asked}

    server = LiveServer(LiveSettings(listen="127.0.0.1:0"), dict, aim)
    server.start()
    try:
        start = time.monotonic()
        server.publish(result_of(1.0, 60))
        for _ in range(12):
            httpx.get(f"{server.url}api/aim")
        assert 1 <= asked <= 1 + (time.monotonic() - start) / 0.15
    finally:
        server.close()


def test_without_a_meter_there_are_no_figures() -> None:
    server = LiveServer(LiveSettings(listen="127.0.0.1:0"), dict)
    server.start()
    try:
        assert httpx.get(f"{server.url}api/aim").status_code == 404
    finally:
        server.close()
