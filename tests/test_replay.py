"""`gatereader replay` as a comparison: with what the gate said, with another configuration, with the truth."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from core_fakes import Gate, Script, Sight, box, reading
from core_fakes import frame as picture
from demo_clips import largest_pass, write_frames

from edge.cli import main
from edge.config import Config
from edge.demo import demo_truth
from edge.pipeline import Pipeline
from edge.recorded import MARKER
from edge.recording import Recorder, RecordingSettings
from edge.records import Frame, FrameResult, Image, PlateBox, PlateEvent, PlateReading
from edge.replay import open_recording, replay
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


# --- the gaps of a recording


class Eyes(Script):
    """The scripted models in a replay; `looks` counts how often plates were looked for."""

    threshold = 0.0

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.looks = 0
        monkeypatch.setattr("edge.replay.open_detector", lambda *_: self)
        monkeypatch.setattr("edge.replay.PlateReader", lambda *_: self)

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        self.looks += 1
        return super().detect(image)

    def replay(self, frames: Iterable[tuple[Frame, Sequence[Sight]]]) -> list[PlateEvent]:
        def seen() -> Iterator[Frame]:
            for frame, sights in frames:
                self.sights = sights
                yield frame

        return [one.event for one in replay(Config(), seen())]


def timed(time: float, session: str = "20261120T140301Z") -> Frame:
    """A frame of a recorded folder."""
    frame = picture(time)
    return Frame(frame.image, time, frame.utc, 0, f"{session}_t{time:011.3f}.jpg")


def every(first: float, last: float) -> Iterator[float]:
    """Times, five a second."""
    return (index / 5 for index in range(round(5 * first), round(5 * last)))


PARKED = box(400), reading("AB123CD")


def rows(events: Iterable[PlateEvent]) -> list[tuple[str, str, float]]:
    return [(event.plate, event.status, event.first_seen) for event in events]


def parking(time: float) -> list[Sight]:
    """A car comes and parks, others pass."""
    sights = [(box(min(400.0, 100 + 60 * time)), reading("AB123CD"))]
    sights += [
        (box(700 + 60 * (time - came), 500), reading(plate))
        for came, plate in ((100, "XK940LM"), (170, "ZE481RT"), (270, "HG772PO"))
        if 0 <= time - came < 5
    ]
    return sights


def test_a_parked_car_is_the_same_pass_though_nothing_was_recorded_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, recorder = Gate(), Recorder(RecordingSettings(folder=str(tmp_path)))
    for time in every(0, 300):
        recorder(gate.see(time, *parking(time)))
    gate.finish()
    frames = [frame for frame in open_recording(Config(), str(tmp_path)) if frame is not None]
    assert len(frames) < 200
    eyes = Eyes(monkeypatch)
    assert rows(eyes.replay((frame, parking(frame.time)) for frame in frames)) == rows(gate.finals)
    assert len(gate.finals) == 4
    assert eyes.looks == len(frames)


def test_a_night_beside_a_parked_car_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = list[float]()

    class Counted(Pipeline):
        def process(self, frame: Frame) -> FrameResult:
            steps.append(frame.time)
            return super().process(frame)

    monkeypatch.setattr("edge.gaps.Pipeline", Counted)
    times = [*every(0, 10), *every(12 * 3600, 12 * 3600 + 2)]
    assert len(Eyes(monkeypatch).replay((timed(time), [PARKED]) for time in times)) == 1
    assert 1000 < len(steps) < 2500
    assert steps == sorted(steps)


def test_a_parked_car_that_the_last_frame_misses_is_the_same_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [(timed(time), [PARKED] if time < 9.8 else []) for time in every(0, 10)]
    after = [(timed(time), [PARKED]) for time in every(100, 105)]
    assert len(Eyes(monkeypatch).replay([*before, *after])) == 1


BACK = {
    "it left": [(100.0, list[Sight]()), *((time, [PARKED]) for time in every(101, 105))],
    "another one stands there": [(time, [(box(402), reading("XK940LM"))]) for time in every(100, 105)],
    "it stands elsewhere": [(time, [(box(1100), reading("AB123CD"))]) for time in every(100, 105)],
}


@pytest.mark.parametrize("what", BACK)
def test_a_car_that_was_away_while_nothing_was_recorded_is_another_pass(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [(time, [PARKED]) for time in every(0, 10)]
    events = Eyes(monkeypatch).replay((timed(time), sights) for time, sights in [*before, *BACK[what]])
    assert [event.status for event in events] == ["accepted"] * 2


def test_the_plates_of_one_session_do_not_stand_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [*map(timed, every(0, 10)), *(timed(time, "20261121T140301Z") for time in every(100, 105))]
    assert len(Eyes(monkeypatch).replay((frame, [PARKED]) for frame in frames)) == 2


def test_a_clip_without_times_in_its_names_has_no_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [*every(0, 10), *every(100, 105)]
    assert len(Eyes(monkeypatch).replay((picture(time), [PARKED]) for time in times)) == 2


# --- sessions


class Shades:
    """Models to which the shade of a whole picture tells the plate in it."""

    threshold = 0.0
    plates = ((100, "AB123CD"), (150, "XK940LM"), (200, "ZE481RT"))

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        return (PlateBox(40.0, 30.0, 160.0, 58.0, 0.9),) if image.mean() > 50 else ()

    def read(self, crop: Image) -> PlateReading:
        return reading(min(self.plates, key=lambda one: abs(one[0] - crop.mean()))[1])


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recorded folder: one car in the first session, two in the second."""
    monkeypatch.setattr("edge.replay.open_detector", lambda *_: Shades())
    monkeypatch.setattr("edge.replay.PlateReader", lambda *_: Shades())
    folder = tmp_path / "recorded"
    folder.mkdir()
    (folder / MARKER).write_text("{}")
    for session, shades in (("20261120T140301Z", (100,)), ("20261121T140301Z", (150, 200))):
        for number, shade in enumerate(shades):
            for time in every(0, 7):
                image = np.full((120, 200, 3), shade if 2 <= time < 4 else 0, np.uint8)
                cv2.imwrite(str(folder / f"{session}_t{20 + 10 * number + time:011.3f}.jpg"), image)
    return folder


def stored(sessions: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """What a replay says, in a file."""
    capsys.readouterr()
    assert main(["replay", "--json", str(sessions)]) == 0
    path = sessions.parent / "before.jsonl"
    path.write_text(capsys.readouterr().out)
    return path


def test_events_tell_their_session_and_the_seconds_in_it(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = [json.loads(line) for line in stored(sessions, capsys).read_text().splitlines()]
    assert [(one["plate"], one["session"], one["session_first_seen"], one["first_seen"]) for one in events] == [
        ("AB123CD", "20261120T140301Z", 22, 22),
        ("XK940LM", "20261121T140301Z", 22, 3628.8),
        ("ZE481RT", "20261121T140301Z", 32, 3638.8),
    ]
    for one in events:
        shown = one["session_last_seen"] - one["session_first_seen"]
        assert 0 < shown == pytest.approx(one["last_seen"] - one["first_seen"])


def test_frames_that_play_so_many_a_second_have_no_session(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sessions / MARKER).unlink()
    capsys.readouterr()
    assert main(["replay", "--json", "--fps", "4", str(sessions)]) == 0
    for line in capsys.readouterr().out.splitlines():
        assert not {"session", "session_first_seen", "session_last_seen"} & json.loads(line).keys()


@pytest.mark.parametrize("gone", ["*20T140301Z_t*.jpg", "*_t000002*.jpg"])
def test_what_was_stored_is_compared_though_the_oldest_frames_are_gone(
    gone: str, sessions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = stored(sessions, capsys)
    if "20T" not in gone:
        before.write_text("".join(before.read_text().splitlines(keepends=True)[1:]))
    for path in sessions.glob(gone):
        path.unlink()
    assert main(["replay", "--json", str(sessions), "--against", str(before)]) == 0
    out, err = capsys.readouterr()
    left_out, total = (1, 3) if "20T" in gone else (1, 2)
    assert json.loads(out.splitlines()[-1])["summary"] == {"same": total - left_out}
    (line,) = err.splitlines()
    assert "before.jsonl:1: this recording has no session" in line
    assert f"{left_out} of {total} passes are left out" in line


def test_a_session_that_is_not_there_is_told(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = sessions.parent / "truth.csv"
    rows = ["20261120T140301,AB123CD,22,24", "20261121T140301Z,XK940LM,22,24", "20261121T140301Z,ZE481RT,32,34"]
    truth.write_text("session,plate,first_seen,last_seen\n" + "\n".join(rows))
    assert main(["replay", str(sessions), "--truth", str(truth)]) == 3, "the car of the first row is none in truth"
    assert "1 of 3 passes are left out" in capsys.readouterr().err
    truth.write_text(truth.read_text().replace("Z,", ","))
    for option in ("--truth", "--against"):
        assert main(["replay", str(sessions), option, str(truth)]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        (line,) = err.splitlines()
        assert "truth.csv:2: this recording has no session '20261120T140301'" in line
        assert "wanted sessions such as 20261120T140301Z" in line
