"""`gatereader replay` as a comparison: with what the gate said, with another configuration, with the truth."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from demo_clips import largest_pass, write_frames

from edge.cli import main
from edge.config import Config
from edge.demo import demo_truth
from edge.recorded import MARKER
from edge.replay import open_recording
from edge.source import SourceSettings

PASS = largest_pass()
START = PASS.first_seen - 0.2
END = PASS.last_seen + 0.8
"""When the frames of `write_frames` begin and end in the demo scene."""
TRUTH = [
    (one.plate, max(START, one.first_seen) - START, min(END, one.last_seen) - START)
    for one in demo_truth(0)
    if min(END, one.last_seen) - max(START, one.first_seen) > 1
]
"""The plates in them, longer than a second, with the seconds of their first and last sight."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `gatereader run --record` leaves of the demo scene's largest plate, and `plates.csv` beside it."""
    folder = tmp_path_factory.mktemp("gate")
    frames = write_frames(folder / "frames", PASS)
    options = ["--csv", str(folder / "plates.csv"), "--set", "live.enabled=false", "--set", "source.realtime=false"]
    options += [
        "--set",
        "detector.model=large",
        "--set",
        "recording.frames=all",
        "--set",
        f"review.folder={folder / 'review'}",
    ]
    assert main(["run", "--source", str(frames), "--record", str(folder / "recorded"), *options]) == 0
    return folder / "recorded"


def test_a_replay_ends_though_the_source_is_to_loop(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes())
    config = Config(source=SourceSettings(loop=True))
    assert len([frame for frame in open_recording(config, str(tmp_path)) if frame is not None]) == 3


@pytest.mark.parametrize("timed", [False, True])
def test_a_recording_is_not_turned_again(timed: bool, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "20261120T140301Z_t0000000.000.jpg"), np.zeros((40, 60, 3), np.uint8))
    (tmp_path / MARKER).write_text("{}")
    source = open_recording(Config(source=SourceSettings(rotate=90)), str(tmp_path), timed=timed)
    assert [frame.image.shape for frame in source if frame is not None] == [(40, 60, 3)]


def compared(capsys: pytest.CaptureFixture[str], status: int, *arguments: object) -> tuple[list[dict], dict]:  # type: ignore[type-arg]
    """The differences, and the summary in the last line."""
    capsys.readouterr()
    assert main(["replay", "--json", *map(str, arguments)]) == status
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["passes"] == len(lines) - 1
    return lines[:-1], lines[-1]


def test_a_recording_replays_at_its_times_and_says_what_the_gate_said(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, total = compared(capsys, 0, recorded, "--against", recorded)
    assert (total["passes"], total["worse"]) == (
        len(found),
        0,
    )  # frames come back as JPEG, so a doubtful pass may change
    (one,) = [one for one in found if one["before"]["plate"] == PASS.plate]
    assert one["verdict"] == "same"
    assert one["after"]["status"] == "accepted"
    assert one["after"]["first_seen"] == pytest.approx(one["before"]["first_seen"], abs=0.3)


@pytest.mark.slow
def test_a_known_plate_is_marked_as_at_the_gate_and_no_other_is_veiled(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--set", f'privacy.known=["{PASS.plate}"]', "--set", "privacy.unknown=drop"]
    capsys.readouterr()
    assert main(["replay", "--json", str(recorded), *settings]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["plate"] for event in events if event["known"]} == {PASS.plate}
    assert all(event["known"] is False for event in events if event["plate"] != PASS.plate)
    assert any(event["plate"] for event in events if not event["known"])
    assert not any(event["veiled"] for event in events)


@pytest.mark.slow
def test_another_configuration_that_finds_less_is_worse(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, total = compared(capsys, 3, recorded, "--versus-set", "vote.min_plate_width=1000")
    (one,) = [one for one in found if one["before"] and one["before"]["plate"] == PASS.plate]
    assert one["worse"]
    assert one["verdict"] in ("changed", "newly missed")
    assert total["worse"] >= 1


@pytest.mark.slow
def test_another_configuration_file_against_the_truth(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, other = tmp_path / "truth.csv", tmp_path / "other.toml"
    truth.write_text("plate,first_seen,last_seen\n" + "".join(f"{plate},{a},{b}\n" for plate, a, b in TRUTH))
    other.write_text("[vote]\nmin_plate_width = 1000\n")
    found, _ = compared(capsys, 3, recorded, "--versus", other, "--truth", truth)
    assert {one["truth"]["plate"] for one in found if one["truth"]} == {plate for plate, _, _ in TRUTH}
    assert all(one["verdict"] in ("broken", "newly missed") for one in found if one["worse"])
    back = ["--config", other, "--versus-set", "vote.min_plate_width=45"]
    found, _ = compared(capsys, 0, recorded, *back, "--truth", truth)
    (one,) = [one for one in found if one["truth"] and one["truth"]["plate"] == PASS.plate]
    assert one["verdict"] in ("fixed", "newly found")


@pytest.mark.slow
def test_a_table_for_people_marks_what_is_worse(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = tmp_path / "truth.jsonl"
    rows = [{"plate": PASS.plate, "start": 0.2, "end": 4}, {"plate": "ZZ999ZZ", "start": 200, "end": 201}]
    truth.write_text("".join(json.dumps(row) + "\n" for row in rows))
    capsys.readouterr()
    assert main(["replay", str(recorded), "--against", str(truth)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  right") and PASS.plate in line for line in lines)
    assert any(line.startswith("! missed") and line.endswith("ZZ999ZZ") for line in lines)
    assert lines[-1].endswith("not right")


@pytest.mark.slow
def test_a_folder_of_others_replays_with_the_times_in_its_names(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rides = tmp_path / "rides"
    rides.mkdir()
    for path in recorded.glob("*.jpg"):
        seconds = float(path.stem.rpartition("_t")[2])
        (rides / f"ride_1_t{1000 + seconds:.3f}.jpg").symlink_to(path)
    capsys.readouterr()
    assert main(["replay", "--json", "--timed", str(rides)]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (one,) = [event for event in events if event["plate"] == PASS.plate]
    assert 1000 <= one["first_seen"] < one["last_seen"] < 1010
    tracks = tmp_path / "tracks.csv"
    sights = [(plate, 1000 + moment) for plate, *moments in TRUTH for moment in moments]
    rows = [f"{plate},ride_1,{plate},{moment:.1f}\n" for plate, moment in sights]
    tracks.write_text("".join(["track,ride,text,t_seconds\n", *rows, "x,ride_2,AB1,5\n"]))
    _, total = compared(capsys, 0, "--timed", rides, "--truth", tracks)
    assert total["summary"]["right"] == len(TRUTH)
    assert "missed" not in total["summary"]


WRONG = {
    "no such file": (["--against", "none.jsonl"], 1, "none.jsonl: cannot be read"),
    "two references": (["--against", "x", "--versus-set", "vote.max_delay=3"], 78, "give one of them"),
    "an unknown key": (["--versus-set", "vote.max_dely=3"], 78, "did you mean `max_delay`"),
    "no such model": (["--versus-reader", "none.tflite"], 1, "none.tflite"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_in_one_line(what: str, recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, status, words = WRONG[what]
    capsys.readouterr()
    assert main(["replay", str(recorded), *arguments]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_what_has_no_end_cannot_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "demo:", "--versus-set", "vote.max_delay=3"]) == 78
    assert "has no end" in capsys.readouterr().err


def test_a_clip_has_no_times_in_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--timed", str(tmp_path / "clip.avi")]) == 1
    assert "--timed is for a folder" in capsys.readouterr().err
    assert main(["replay", "--timed", str(tmp_path)]) == 1
    assert "no frames with times in their names" in capsys.readouterr().err


def test_a_damaged_recording_is_not_called_fine(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in recorded.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    frame = sorted(copy.glob("*.jpg"))[0]
    frame.write_bytes(frame.read_bytes()[:300])
    compared(capsys, 1, copy, "--against", recorded)
