"""Frames recorded around passes: which ones, under which cap, and that they replay at the times at which they came."""

import fcntl
import json
import os
import shutil
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from output_samples import MOMENT, event
from test_service import FakeCamera, FakeOutputs, FakePipeline, frame

from edge import recorded_lines
from edge.clip import Clip
from edge.config import Config, load_config
from edge.errors import ConfigError, OutputError, SourceError
from edge.parts import Parts
from edge.passes import read_passes
from edge.recorded import APART, TimedPictures, find_frames, session_starts
from edge.recorded_erase import erase, erase_passes, passes_of
from edge.recording import Recorder, RecordingSettings
from edge.records import Frame, FrameResult, PlateBox, PlateEvent, TrackedPlate
from edge.service import Loop, Progress, Stop
from edge.source import SourceSettings, open_source
from edge.whole_file import write_whole

BOX = PlateBox(10, 10, 60, 22, 0.9)
IMAGE = np.random.default_rng(1).integers(0, 255, (72, 128, 3), dtype=np.uint8)


def look(index: int, state: str = "", events: tuple[PlateEvent, ...] = (), fps: float = 10.0) -> FrameResult:
    time = 500 + index / fps
    frame = Frame(IMAGE, time, MOMENT + timedelta(seconds=index / fps), index)
    tracks = (TrackedPlate(1, BOX, "AB1", 0.9, state, 1),) if state else ()  # type: ignore[arg-type]
    return FrameResult(frame, (), tracks, events)


def record(folder: Path, results: list[FrameResult], **settings: object) -> Recorder:
    recorder = Recorder(RecordingSettings(folder=str(folder), **settings), {"camera": "gate"})  # type: ignore[arg-type]
    for result in results:
        recorder(result)
    return recorder


def seconds(folder: Path) -> list[float]:
    return [frame.seconds for frame in find_frames(folder)]


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def a_pass(first: int, last: int, total: int) -> list[FrameResult]:
    """`total` frames at 10 a second; a plate is being read from frame `first` to `last`, and then known."""
    states = ["reading" if first <= index <= last else "accepted" if index > last else "" for index in range(total)]
    return [look(index, state) for index, state in enumerate(states)]


def test_frames_around_a_pass_are_recorded_and_a_parked_car_costs_nothing_more(tmp_path: Path) -> None:
    record(tmp_path, a_pass(30, 40, 300), before=1.0, after=2.0)
    assert seconds(tmp_path) == [round(2.0 + index / 10, 3) for index in range(41)]  # 1 s before 3.0 to 2 s after 4.0


def test_all_frames_are_recorded_on_demand_and_none_without_a_pass(tmp_path: Path) -> None:
    nothing = [look(index) for index in range(30)]
    record(tmp_path / "passes", nothing)
    with pytest.raises(SourceError, match="no frames with times"):
        find_frames(tmp_path / "passes")
    record(tmp_path / "all", nothing, frames="all")
    assert len(seconds(tmp_path / "all")) == 30


def test_fewer_frames_a_second_on_demand(tmp_path: Path) -> None:
    record(tmp_path, [look(index) for index in range(31)], frames="all", fps=2)
    assert seconds(tmp_path) == [0, 0.5, 1, 1.5, 2, 2.5, 3]


def test_what_comes_before_a_pass_is_bounded_in_memory(tmp_path: Path) -> None:
    record(tmp_path, [*[look(i, fps=100) for i in range(100)], look(100, "reading", fps=100)], before=60.0)
    assert len(seconds(tmp_path)) == 16


def test_large_frames_that_wait_are_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.recording._WAITING_BYTES", 3.5 * IMAGE.nbytes)
    record(tmp_path, [*[look(i) for i in range(9)], look(9, "reading")], before=60.0)
    assert len(seconds(tmp_path)) == 3
    monkeypatch.setattr("edge.recording._WAITING_BYTES", 1)
    record(tmp_path / "huge", [look(0), look(1, "reading")])
    assert len(seconds(tmp_path / "huge")) == 1  # a frame that is there is recorded, however large


def test_the_oldest_frames_make_room(tmp_path: Path) -> None:
    record(tmp_path / "one", [look(0)], frames="all")
    size = next((tmp_path / "one").glob("*.jpg")).stat().st_size
    record(tmp_path / "many", [look(i) for i in range(20)], frames="all", max_megabytes=5.5 * size / 1e6)
    assert seconds(tmp_path / "many") == [1.5, 1.6, 1.7, 1.8, 1.9]


def test_old_frames_and_their_passes_go_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path, [look(0, "reading", (event(first_seen=500.0, last_seen=500.0),))], after=0)
    assert (tmp_path / "events.jsonl").read_text()
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    stamp = next(tmp_path.glob("*.jpg")).stat().st_mtime
    later = datetime.fromtimestamp(stamp, UTC) + timedelta(days=15)
    recorder = Recorder(RecordingSettings(folder=str(tmp_path)), now=lambda: later)
    recorder(look(0))
    assert not list(tmp_path.glob("*.jpg"))
    assert not (tmp_path / "events.jsonl").read_text()


def test_old_frames_and_their_passes_go_while_the_camera_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    clock = [datetime.now(UTC)]
    recorder = Recorder(RecordingSettings(folder=str(tmp_path), after=0), now=lambda: clock[0])
    recorder(look(0, "reading", (event(plate="OLD1", first_seen=500.0, last_seen=500.0),)))
    clock[0] += timedelta(days=10)
    recorder(look(300, "reading", (event(plate="NEW1", first_seen=530.0, last_seen=530.0),)))
    recorder.tidy()
    assert seconds(tmp_path) == [0.0, 30.0]
    clock[0] += timedelta(days=5)
    recorder.tidy()
    assert seconds(tmp_path) == [30.0]
    assert [one["plate"] for one in lines(tmp_path / "events.jsonl")] == ["NEW1"]
    assert [one["first_seen"] for one in lines(tmp_path / "sights.jsonl")] == [30.0]
    clock[0] += timedelta(days=10)
    waiting = Recorder(RecordingSettings(folder=str(tmp_path)), now=lambda: clock[0])  # for its first frame
    waiting.tidy()
    assert not list(tmp_path.glob("*.jpg"))
    assert lines(tmp_path / "events.jsonl") == lines(tmp_path / "sights.jsonl") == []


THEIRS = ("ride_1_t000001.jpg", "mycar_t1.0.jpg", "20261120T140322Z_t1.jpg", ".holiday.jpg.partial", "notes.txt")


def test_frames_of_others_stay_and_count_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    for name in THEIRS:
        (tmp_path / name).write_bytes(b"x" * 50_000)
        os.utime(tmp_path / name, (1.77e9, 1.77e9))
    record(tmp_path, [look(index) for index in range(20)], frames="all", max_megabytes=0.05)
    ours = list(tmp_path.glob("20261120T140322Z_t*.*.jpg"))
    assert 1 < len(ours) < 20
    erase(tmp_path, "AB123CD")
    later = datetime.now(UTC) + timedelta(days=400)
    Recorder(RecordingSettings(folder=str(tmp_path)), now=lambda: later).tidy()
    assert {path.name for path in tmp_path.iterdir()} == {*THEIRS, "recording.json"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("recording.json", '{"title": "my song"}'),
        ("recording.json", "not JSON"),
        ("events.jsonl", '{"event": 1}\n{"plate": "AB123CD"}\n'),
        ("events.jsonl", "notes\n"),
        ("sights.jsonl", "of Rome\n"),
    ],
)
def test_a_file_of_another_program_is_told_once_and_never_written_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    recorder = record(tmp_path, [look(index) for index in range(300)], frames="all")
    recorder.tidy()
    erase(tmp_path, "AB123CD")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == text
    assert f"{name} there is another program's; name another folder" in recorder.error
    assert [one.levelname for one in caplog.records] == ["ERROR"]


def test_a_recording_whose_marker_is_gone_or_empty_goes_on(tmp_path: Path) -> None:
    seen = [look(0, "reading", (event(first_seen=500.0, last_seen=500.0),))]
    assert record(tmp_path, seen).error == ""
    (tmp_path / "recording.json").unlink()
    assert record(tmp_path, seen).error == ""
    (tmp_path / "recording.json").write_text("")
    assert record(tmp_path, seen).error == ""
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("how", ["all of it", "what is in it"])
def test_a_folder_that_somebody_removed_is_begun_anew(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "recorded"
    recorder = record(folder, [look(index) for index in range(110)], frames="all")
    shutil.rmtree(folder)
    if how == "what is in it":
        folder.mkdir()
    recorder(look(110))
    recorder(look(111))
    assert recorder.error == ""
    assert (folder / "recording.json").exists()
    assert {frame.session for frame in find_frames(folder)} == {"20261120T140333Z"}
    assert seconds(folder) == [0.0, 0.1]


def test_frames_that_wait_while_the_folder_is_removed_are_recorded(tmp_path: Path) -> None:
    recorder = record(tmp_path / "recorded", [look(index) for index in range(110)], before=1.0)
    shutil.rmtree(tmp_path / "recorded")
    recorder(look(110, "reading"))
    assert seconds(tmp_path / "recorded") == pytest.approx([index / 10 for index in range(1, 12)])


def test_a_second_start_in_the_same_second_is_another_session(tmp_path: Path) -> None:
    for _ in range(2):
        record(tmp_path, [look(0), look(1)], frames="all")
    frames = find_frames(tmp_path)
    assert [frame.session for frame in frames] == [*["20261120T140322Z"] * 2, *["20261120T140322Z-2"] * 2]
    assert session_starts(frames)["20261120T140322Z-2"] == pytest.approx(0.1 + APART)


def test_a_recorded_folder_is_a_source_with_the_recorded_times(tmp_path: Path) -> None:
    results = [look(0), look(1), look(25)]
    record(tmp_path, results, frames="all")
    with open_source(SourceSettings(source=str(tmp_path), realtime=False)) as source:
        assert isinstance(source, Clip)
        frames = [frame for frame in source if frame is not None]
    assert [frame.time for frame in frames] == [0, 0.1, 2.5]
    assert frames[2].utc == MOMENT.replace(microsecond=0) + timedelta(seconds=2.5)  # names tell whole seconds
    assert [frame.index for frame in frames] == [0, 1, 2]


def test_a_frame_that_is_damaged_is_skipped_and_told(tmp_path: Path) -> None:
    record(tmp_path, [look(index) for index in range(3)], frames="all")
    broken = sorted(tmp_path.glob("*.jpg"))[1]
    broken.write_bytes(broken.read_bytes()[:200])
    with open_source(SourceSettings(source=str(tmp_path), realtime=False)) as source:
        assert [frame.time for frame in source if frame is not None] == [0, 0.2]
        assert source.skipped == ((broken.name, "a JPEG that is cut off"),)


def test_names_with_times_are_those_of_rides_too(tmp_path: Path) -> None:
    for name in ("ride_1_t000889.jpg", "ride_1_t1000.5.PNG", "ride_2_t3.jpg", "notes_t1.txt", "plain.jpg", ".x_t1.jpg"):
        (tmp_path / name).write_bytes(b"")
    frames = find_frames(tmp_path)
    assert [(frame.session, frame.seconds) for frame in frames] == [("ride_1", 889), ("ride_1", 1000.5), ("ride_2", 3)]
    starts = session_starts(frames)
    assert starts == {"ride_1": 0, "ride_2": 1000.5 + APART - 3}
    assert TimedPictures(tmp_path).starts == starts


def test_passes_stand_beside_the_frames_with_seconds_of_the_session(tmp_path: Path) -> None:
    final = event(first_seen=500.0, last_seen=500.2, best_seen=500.1)
    preview = replace(final, kind="preview")
    record(tmp_path, [look(0, "reading"), look(1, "reading", (preview,)), look(2, "accepted", (final,))])
    (line,) = (tmp_path / "events.jsonl").read_text().splitlines()
    values = json.loads(line)
    assert (values["session"], values["plate"], values["first_seen"], values["last_seen"]) == (
        "20261120T140322Z", "AB123CD", 0, 0.2
    )  # fmt: skip
    assert json.loads((tmp_path / "recording.json").read_text()) == {"program": "gatereader", "camera": "gate"}


def test_events_without_a_frame_bring_no_frame_twice(tmp_path: Path) -> None:
    record(tmp_path, [look(0), replace(look(0), events=(event(first_seen=500.0, last_seen=500.0),))], frames="all")
    assert len(seconds(tmp_path)) == 1
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 1


def test_a_full_disk_is_told_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    recorder = record(tmp_path, [look(0)], frames="all")
    with monkeypatch.context() as patch:
        patch.setattr("edge.recording.write_whole", full)
        recorder(look(1))
        recorder(look(2))
    assert recorder.error == f"{tmp_path}: No space left on device"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    recorder(look(3))
    assert recorder.error == ""
    assert 0.3 in seconds(tmp_path)


def test_a_folder_that_cannot_be_made_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = record(tmp_path / "file" / "frames", [look(0)])
    assert "file" in recorder.error


def test_a_plate_is_erased_with_the_frames_around_its_pass(tmp_path: Path) -> None:
    mine = event(plate="AB1?3CD", plate_raw="AB123CD", first_seen=501.0, last_seen=502.0)
    other = event(plate="XY987ZW", plate_raw="XY987ZW", second="", first_seen=520.0, last_seen=521.0)
    results = [look(index) for index in range(300)]
    results[60] = replace(results[60], events=(mine,))
    results[250] = replace(results[250], events=(other,))
    record(tmp_path, results, frames="all")
    assert erase(tmp_path, "ab-123 cd", trial=True) == 1
    assert len(seconds(tmp_path)) == 300
    assert erase(tmp_path, "ab-123 cd") == 1
    assert min(seconds(tmp_path)) > 7.0
    assert len(seconds(tmp_path)) == 300 - 71
    assert [json.loads(line)["plate"] for line in (tmp_path / "events.jsonl").read_text().splitlines()] == ["XY987ZW"]
    assert erase(tmp_path, "AB123CD") == 0
    assert erase(tmp_path / "nowhere", "AB123CD") == 0


def test_a_plate_that_a_format_changed_is_erased_by_what_was_read(tmp_path: Path) -> None:
    ruled = event(plate="AB123CO", plate_raw="", unruled="AB123C0", second="", first_seen=501.0, last_seen=502.0)
    record(tmp_path, [replace(look(60), events=(ruled,))], frames="all")
    assert erase(tmp_path, "AB123C0") == 1


def stands(first: int, decided: int, last: int, total: int, plate: str = "AB123CD") -> list[FrameResult]:
    """`total` frames, two a second: a car comes with the `first`, is known with `decided` and stays until `last`."""
    final = event(track=1, plate=plate, first_seen=500 + first / 2, last_seen=500 + decided / 2)
    results = []
    for index in range(total):
        state = "" if not first <= index <= last else "reading" if index < decided else "accepted"
        results.append(look(index, state, (final,) if index == decided else (), fps=2))
    return results


def test_the_frames_of_a_car_that_stays_go_with_it_and_replay_as_before(tmp_path: Path) -> None:
    """Its pass is decided after two seconds, and its plate is to be seen until it leaves."""
    results = stands(20, 24, 120, 200)
    lost = [replace(one, tracks=()) if 60 <= one.frame.index < 100 else one for one in results]  # by the detector
    record(tmp_path, lost, frames="all")
    (seen,) = read_passes(tmp_path).passes
    assert (seen.plate, seen.first, seen.last) == ("AB123CD", 10.0, 12.0)
    assert (erase(tmp_path, "XX123CD"), len(seconds(tmp_path))) == (0, 200)
    assert passes_of(tmp_path, "AB123CD") == {event().event_id}
    assert erase(tmp_path, "AB123CD", trial=True) == 1
    assert erase(tmp_path, "AB123CD") == 1
    assert [one for one in seconds(tmp_path) if 5 <= one <= 60 + 4] == []
    assert len(seconds(tmp_path)) >= 200 - 2 * (65 - 5) - 1
    assert lines(tmp_path / "sights.jsonl") == lines(tmp_path / "events.jsonl") == []


def test_a_car_that_is_erased_by_its_pass_goes_with_all_its_frames(tmp_path: Path) -> None:
    """The owner's answer names the plate, and no recorded text does."""
    record(tmp_path, stands(0, 4, 60, 61, plate="AB1?3CX"), frames="all")
    assert erase_passes(tmp_path, {event().event_id}) == 1
    assert not list(tmp_path.glob("*.jpg"))


def test_a_pass_that_was_cut_short_goes_whosever_it_is(tmp_path: Path) -> None:
    """`kill -9` before it was decided: no line says which plate is on its frames."""
    record(tmp_path, [look(index, "reading" if index >= 100 else "", fps=2) for index in range(130)], frames="all")
    record(tmp_path, stands(200, 204, 220, 221), frames="all")
    assert not [one for one in lines(tmp_path / "sights.jsonl") if "plate" in one and one["first_seen"] < 100]
    assert erase_passes(tmp_path, {"another"}) == 0
    assert erase(tmp_path, "XX999XX", trial=True) == 1
    assert len(seconds(tmp_path)) == 130 + 221
    assert erase(tmp_path, "XX999XX") == 1
    left = [frame for frame in find_frames(tmp_path) if not frame.session.endswith("-2")]
    assert max(frame.seconds for frame in left) < 45.5
    assert len(seconds(tmp_path)) == 90 + 221
    assert erase(tmp_path, "XX999XX") == 0


def test_a_plate_that_was_decided_in_an_earlier_session_is_found_by_its_text(tmp_path: Path) -> None:
    """Another configuration of the recorder while a car stands there begins a session; the car stays decided."""
    results = stands(0, 4, 60, 61)
    record(tmp_path, results[:20], frames="all")
    record(
        tmp_path,
        [replace(one, tracks=(replace(track, text="AB123CD"),)) for one in results[20:] for track in one.tracks],
        frames="all",
    )
    assert erase(tmp_path, "XX999XX") == 0
    assert len(seconds(tmp_path)) == 61
    assert erase(tmp_path, "AB123CD") == 2
    assert not list(tmp_path.glob("*.jpg"))


def test_what_is_recorded_during_an_erasure_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = stands(0, 4, 4, 5)
    recorder = record(tmp_path, results, frames="all")
    later = look(200, "reading", (event(track=2, plate="XY987ZW", second="", first_seen=600.0, last_seen=600.0),), 2)
    threads = []

    def slowly(path: Path, data: bytes, *, durable: bool) -> None:
        threads.append(threading.Thread(target=recorder, args=(later,)))
        threads[-1].start()
        time.sleep(0.1)  # it would be done by then, if nothing kept it
        write_whole(path, data, durable=durable)

    monkeypatch.setattr(recorded_lines, "write_whole", slowly)
    assert erase(tmp_path, "AB123CD") == 1
    for thread in threads:
        thread.join()
    assert "XY987ZW" in [one["plate"] for one in lines(tmp_path / "events.jsonl")]
    assert recorder.error == ""


def test_a_file_that_another_program_keeps_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_lines, "_PATIENCE", 0.02)
    results = stands(0, 4, 9, 10)
    recorder = record(tmp_path, results[:5], frames="all")
    with (tmp_path / "sights.jsonl").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        recorder(results[7])
        assert recorder.error == f"{tmp_path}: another program is writing to sights.jsonl"
        assert 3.5 not in seconds(tmp_path), "a frame that nothing leads to"
        with pytest.raises(OutputError, match=r"cannot erase .*another program is writing to sights\.jsonl"):
            erase(tmp_path, "AB123CD")
    recorder(results[9])
    assert recorder.error == ""


def test_a_recorder_goes_on_in_its_session_when_others_are_configured_anew(tmp_path: Path) -> None:
    file = tmp_path / "gatereader.toml"

    def configured(review: str, recording: str = "") -> Config:
        record = f'[csv]\npath = "{tmp_path}/plates.csv"\n[recording]\nfolder = "{tmp_path}/recorded"\n'
        file.write_text(f"{record}{recording}[review]\n{review}")
        return load_config(file)

    with closing(Parts(configured(""))) as parts:
        parts.watch("a camera")
        crops, recorder = parts.extras
        parts.change(configured("max_items = 400\n"))
        assert [one is before for one, before in zip(parts.extras, (crops, recorder), strict=True)] == [False, True]
        parts.change(configured("max_items = 400\n", 'frames = "all"\n'))
        assert parts.extras[1] is not recorder


@pytest.mark.parametrize(
    "wrong",
    [
        {"quality": 5},
        {"before": -1},
        {"after": 100},
        {"fps": 500},
        {"max_megabytes": 0},
        {"max_days": 0},
        {"max_days": 99_999},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        RecordingSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("days", [0, 99_999])
def test_what_is_wanted_of_an_age_is_the_same_from_either_side(days: float) -> None:
    with pytest.raises(ConfigError, match="wanted more than 0"):
        RecordingSettings(max_days=days)


def test_the_loop_hands_every_result_to_the_extras_and_tells_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    class Extra:
        error = "review: No space left on device"

        def __init__(self) -> None:
            self.seen: list[tuple[int, int]] = []
            self.tidied = 0

        def tidy(self) -> None:
            self.tidied += 1

        def __call__(self, result: FrameResult) -> None:
            self.seen.append((result.frame.index, sum(event.kind == "final" for event in result.events)))

    told: list[dict[str, object]] = []
    monkeypatch.setattr("edge.service.notify", lambda **states: told.append(states))
    extra, outputs, camera = Extra(), FakeOutputs(), FakeCamera()
    progress = Progress("gate", camera, outputs, [extra])
    loop = Loop(FakePipeline(ends=[1], still_open=2), outputs, outputs, progress, extras=[extra])
    loop.run([frame(0), frame(1)], Stop())
    assert extra.seen == [(0, 0), (1, 1), (1, 2)]
    assert "not kept: review: No space left on device" in str(told[0]["STATUS"])
    assert progress.status()["not_kept"] == ["review: No space left on device"]
    for later, times in ((3500, 0), (3601, 1), (7000, 1), (7202, 2)):
        monkeypatch.setattr("edge.service.time.monotonic", lambda now=progress.started_at + later: now)
        progress.turn()
        assert (extra.tidied, outputs.tidied) == (times, times)
