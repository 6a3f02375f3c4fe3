"""A small disk that everything is written to until nothing fits, and one that turns read-only: rows come first."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from output_samples import MOMENT, event
from review_samples import doubtful
from test_csv_log import files_of_at_most
from test_pictures import fill, open_ledger, shown, small_disk
from test_recording import look
from test_service import FakeCamera

from edge.kept_crops import KeptCrops, ReviewSettings
from edge.ledger import Ledger
from edge.log_verify import verify_log
from edge.recording import Recorder, RecordingSettings
from edge.records import Frame
from edge.review import read_items
from edge.service import Progress
from edge.whole_file import free_bytes

__all__ = ["small_disk"]


class Gate:
    """All that a service writes, onto one disk."""

    def __init__(self, disk: Path, min_free_megabytes: float) -> None:
        self.disk = disk
        self.ledger: Ledger = open_ledger(disk, min_free_megabytes=0.1)
        self.crops = KeptCrops(ReviewSettings(max_megabytes=0.05, min_free_megabytes=0.1), disk / "review")
        self.recorder = Recorder(RecordingSettings(str(disk / "frames"), "all", min_free_megabytes=min_free_megabytes))
        self.passes = 0

    def see(self) -> None:
        """Another pass."""
        self.passes += 1
        self.ledger(shown(self.passes, MOMENT + timedelta(minutes=self.passes)))
        self.crops.add(doubtful(self.passes))
        self.recorder(look(self.passes * 100))

    @property
    def errors(self) -> list[str]:
        return [self.ledger.error, self.crops.error, self.recorder.error]

    def rows(self) -> int:
        report = verify_log(self.disk / "plates.csv")
        assert report.broken is None
        return sum(one.rows for one in report.files)


def test_a_recording_leaves_room_for_rows_and_pictures(small_disk: Path) -> None:
    """It keeps a ring of frames while there is room, and when the pictures of passes need that, it goes first."""
    gate = Gate(small_disk, min_free_megabytes=0.2)
    frames = []
    for _ in range(60):
        gate.see()
        frames.append(len(list((small_disk / "frames").glob("*.jpg"))))
        assert (gate.errors[:2], gate.ledger.waiting) == (["", ""], 0)
    assert gate.rows() == 60
    assert len(list((small_disk / "pictures").rglob("*-frame.jpg"))) > 5
    assert max(frames) > 2
    assert frames[-1] == 0
    assert "recording.min_free_megabytes" in gate.recorder.error


def test_crops_for_review_leave_room_for_rows(small_disk: Path) -> None:
    """Their own cap, 50 MB, is a hundred times the disk."""
    crops, ledger = KeptCrops(ReviewSettings(min_free_megabytes=0.3), small_disk / "review"), open_ledger(small_disk)
    for number in range(1, 100):
        crops.add(doubtful(number))
        assert (crops.error, free_bytes(small_disk) >= 295_000) == ("", True)
    kept = [item.id for item in read_items(small_disk / "review")[0]]
    assert len(kept) > 10
    assert (kept[-1], "00000001" in kept) == (f"{99:08x}", False)
    fill(small_disk / "ballast")
    crops.add(doubtful(100))
    assert crops.error.endswith("(review.min_free_megabytes)")
    assert read_items(small_disk / "review")[0] == [], "they went, and there is still no room for more"
    for number in range(20):
        ledger(event(event_id=f"{number}"))
    assert (ledger.error, ledger.waiting) == ("", 0)


def test_a_disk_that_somebody_else_fills_stops_nothing_and_all_is_written_later(small_disk: Path) -> None:
    gate = Gate(small_disk, min_free_megabytes=0)
    gate.see()
    fill(small_disk / "ballast")
    for _ in range(20):
        gate.see()
    assert "No space left" in gate.ledger.error
    assert "review.min_free_megabytes" in gate.crops.error
    assert gate.recorder.error == ""  # it takes the place of its own oldest frame
    assert gate.ledger.waiting > 10
    (small_disk / "ballast").unlink()
    gate.see()
    assert (gate.errors, gate.ledger.waiting) == (["", "", ""], 0)
    assert gate.rows() == 22
    assert read_items(small_disk / "review")[1] == []
    assert not list(small_disk.rglob("*.partial"))


def test_a_recording_that_cannot_begin_does_not_look_through_its_folder_with_every_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "frames").write_text("in its place")
    recorder = Recorder(RecordingSettings(str(tmp_path / "frames"), "all", min_free_megabytes=0))
    tries = []
    begin = recorder._begin

    def counted(frame: Frame) -> None:
        tries.append(frame.index)
        begin(frame)

    monkeypatch.setattr(recorder, "_begin", counted)
    for index in range(250):  # 25 seconds
        recorder(look(index))
    assert tries == [0, 100, 200]
    (tmp_path / "frames").unlink()
    recorder(look(300))
    assert recorder.error == ""
    assert len(list((tmp_path / "frames").glob("*.jpg"))) == 1


@pytest.fixture
def two_faced(small_disk: Path) -> Iterator[Path]:
    yield small_disk
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)


def test_a_disk_that_turns_read_only_stops_nothing_and_all_is_written_later(two_faced: Path) -> None:
    """As the kernel does with a card that fails: files that are open can no longer be written either."""
    gate = Gate(two_faced, min_free_megabytes=0)
    gate.see()
    gate.ledger.close()  # the kernel refuses to do it by hand while a file is open for writing
    subprocess.run(["mount", "-o", "remount,ro", str(two_faced)], check=True)
    for _ in range(5):
        gate.see()
    assert all("Read-only file system" in error for error in gate.errors), gate.errors
    assert gate.ledger.waiting == 10  # rows and JSON lines
    subprocess.run(["mount", "-o", "remount,rw", str(two_faced)], check=True)
    gate.see()
    assert (gate.errors, gate.ledger.waiting) == (["", "", ""], 0)
    assert gate.rows() == 7


def test_a_disk_that_is_taken_out_is_told_until_it_is_back(
    small_disk: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The folder is made again under the mount point: what is written there is not in the record of the disk."""
    folder, kept = small_disk / "gate", tmp_path / "kept"
    kept.mkdir()
    ledger = open_ledger(folder, min_free_megabytes=0)
    progress = Progress("gate", FakeCamera(), ledger)
    ledger(event(event_id="0"))
    subprocess.run(["mount", "--bind", str(small_disk), str(kept)], check=True)
    subprocess.run(["umount", "-l", str(small_disk)], check=True)
    try:
        for number in (1, 2):
            ledger(event(event_id=f"{number}"))
            assert f"plates.csv: its disk is gone; rows go to a new file in {folder}" in ledger.error
            assert "its disk is gone" in str(progress.status()["not_written"])
    finally:
        subprocess.run(["mount", "--bind", str(kept), str(small_disk)], check=True)
        subprocess.run(["umount", "-l", str(kept)], check=True)
    ledger(event(event_id="3"))
    ledger.close()
    assert (ledger.error, progress.status()["not_written"]) == ("", "")
    told = [message.partition(": ")[2] for message in caplog.messages if "plates.csv" in message]
    assert told == [
        f"its disk is gone, or another one is in its place: a new file begins in {folder}",
        f"its disk is back; rows that were written meanwhile lie on the other one, under {folder}",
    ]
    (there,) = verify_log(folder / "plates.csv").files
    assert there.rows == 2


def test_the_same_files_on_a_disk_of_another_number_are_the_same_record(
    small_disk: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A stick that was pulled out and put in again may be sdb1, no longer sda1."""
    ledger = open_ledger(small_disk, min_free_megabytes=0)
    ledger(event(event_id="0"))
    shutil.copytree(small_disk, tmp_path / "copy")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(small_disk)], check=True)
    try:
        shutil.copytree(tmp_path / "copy", small_disk, dirs_exist_ok=True)
        ledger(event(event_id="1"))
        ledger.close()
        assert (ledger.error, caplog.messages) == ("", [])
        assert verify_log(small_disk / "plates.csv").files[0].rows == 2
    finally:
        subprocess.run(["umount", "-l", str(small_disk)], check=True)


def test_a_half_written_line_of_the_recording_takes_no_other_with_it(tmp_path: Path) -> None:
    recorder = Recorder(RecordingSettings(str(tmp_path), min_free_megabytes=0))
    events = [replace(event(first_seen=500.0, last_seen=500.0), event_id=f"{number}") for number in range(3)]
    recorder(look(0, events=(events[0],)))
    with files_of_at_most((tmp_path / "events.jsonl").stat().st_size + 100):
        recorder(look(0, events=(events[1],)))
    assert "File too large" in recorder.error
    recorder(look(0, events=(events[2],)))
    noted = [json.loads(line)["event_id"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert noted == ["0", "2"]
