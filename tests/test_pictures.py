"""The pictures behind the rows: of the reading that the row shows, under their caps, and never in the way."""

import contextlib
import errno
import json
import logging
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from output_samples import EVENT, MOMENT, event

from edge import line_file
from edge import pictures as pictures_module
from edge.chain import CsvForm, utc_text
from edge.csv_log import CsvSettings
from edge.csv_rows import HEADER
from edge.errors import ConfigError
from edge.json_log import JsonSettings
from edge.ledger import Ledger
from edge.log_rows import read_rows
from edge.pictures import Pictures, PictureSettings, unnamed_pictures
from edge.pipeline import Pipeline
from edge.preprocess import crop_plate
from edge.records import Frame, Image, PlateBox, PlateEvent, PlateReading, Shot
from edge.whole_file import write_whole

ROOMY = PictureSettings(min_free_megabytes=0)


def shown(number: int = 0, moment: datetime = MOMENT, **changes: object) -> PlateEvent:
    """An event with pictures that are hard to compress, so that each has about the same size."""
    image = np.random.default_rng(number).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    shot = Shot(image, image[10:30, 10:60], EVENT.box, PlateReading("AB123CD", 0.9, ()), (80, 40))
    return event(event_id=f"{number:08x}-7d53-5f0e", best_utc=moment, shot=shot, **changes)


def all_files(folder: Path) -> list[str]:
    """But for the marks that the ledger removes."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".unnamed")
    return sorted(str(path.relative_to(folder)) for path in files)


def test_the_crop_is_named_by_time_and_pass_and_never_by_its_plate(tmp_path: Path) -> None:
    saved = Pictures(ROOMY, tmp_path / "pictures", now=lambda: MOMENT).save(shown(0xAB123CD))
    assert saved.frame is None
    assert all_files(tmp_path) == ["pictures/2026-11-20/2026-11-20T14-03-22.123Z-0ab123cd-crop.jpg"]
    saved = Pictures(ROOMY, tmp_path / "more").save(shown(7))
    assert saved.crop is not None
    assert "AB123CD" not in saved.crop.name.upper()
    assert saved.crop.stat().st_mode & 0o007 == 0


def test_names_sort_by_time(tmp_path: Path) -> None:
    clock = [MOMENT]
    pictures = Pictures(ROOMY, tmp_path, now=lambda: clock[0])
    saved = []
    for number in range(9):
        clock[0] += timedelta(hours=7, milliseconds=1)
        saved.append(pictures.save(shown(97 * number % 10, clock[0])).crop)
    assert len(list(tmp_path.iterdir())) == 4
    assert [path.name for path in sorted(tmp_path.rglob("*.jpg"))] == [path.name for path in saved if path]


@pytest.mark.parametrize(("keep", "kinds"), [("off", []), ("crops", ["crop"]), ("frames", ["crop", "frame"])])
def test_what_is_kept_is_the_owners_choice(tmp_path: Path, keep: str, kinds: list[str]) -> None:
    pictures = Pictures(replace(ROOMY, keep=keep), tmp_path)  # type: ignore[arg-type]
    pictures.save(shown(1, kind="preview"))
    pictures.save(event())  # a pass without a picture
    saved = pictures.save(shown(2))
    assert [name.rpartition("-")[2] for name in all_files(tmp_path)] == [f"{kind}.jpg" for kind in kinds]
    assert [path is not None for path in saved[:2]] == [kind in kinds for kind in ("crop", "frame")]


@pytest.mark.parametrize("key", ["max_megabytes", "max_days", "min_free_megabytes", "quality"])
def test_settings_that_cannot_be(key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        PictureSettings(**{key: -1})  # type: ignore[arg-type]


def test_more_days_than_there_were_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"max_days = 740000: wanted 0 .* to 36500"):
        PictureSettings(max_days=740_000)


# --- of the reading that the row shows ---


BOXES = [PlateBox(100 + 6 * number, 100, 220 + 6 * number, 130, 0.9) for number in range(12)]
BEST = 1


class Eyes:
    """Each frame has its own colour, ten times its number; the plate is most legible in frame `BEST`."""

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        return (BOXES[round(float(image.mean()) / 10)],)

    def read(self, crop: Image) -> PlateReading:
        number = round(float(crop.mean()) / 10)
        characters = tuple((one, 0.95) for one in "AB123CD")
        return PlateReading("AB123CD", 0.95, characters, sharpness=900.0 if number == BEST else 200.0 + number)


def test_the_saved_crop_is_the_crop_of_the_reading_that_the_row_shows(tmp_path: Path) -> None:
    """Each frame has its own colour and its own box: the row's moment, box and sharpness must be the picture's."""
    csv = CsvSettings(str(tmp_path / "plates.csv"))
    ledger = Ledger.open(csv, JsonSettings(), replace(ROOMY, keep="frames", quality=100))
    pipeline = Pipeline(Eyes(), Eyes(), keep_frames=True)
    images = [np.full((240, 400, 3), 10 * number, np.uint8) for number in range(len(BOXES))]
    for number, image in enumerate(images):
        moment = MOMENT + timedelta(seconds=number / 5)
        for one in pipeline.process(Frame(image, number / 5, moment, number)).events:
            ledger(one)
    for one in pipeline.finish():
        ledger(one)
    ledger.close()
    (row,) = read_rows(tmp_path / "plates.csv", CsvForm(HEADER))
    assert row.values["best_utc"] == utc_text(MOMENT + timedelta(seconds=BEST / 5))
    assert (row.values["x"], row.values["sharpness"]) == (str(round(BOXES[BEST].x1)), "900.0")
    crop = cv2.imread(str(tmp_path / row.values["crop"]))
    whole = cv2.imread(str(tmp_path / row.values["frame"]))
    assert crop is not None
    assert whole is not None
    assert crop.shape == crop_plate(images[BEST], BOXES[BEST]).shape
    assert float(crop.mean()) == pytest.approx(10 * BEST, abs=2)
    assert float(whole.mean()) == pytest.approx(10 * BEST, abs=2)
    last = json.loads((tmp_path / "plates.jsonl").read_text().splitlines()[-1])
    assert (last["crop"], last["frame"]) == (row.values["crop"], row.values["frame"])


# --- caps ---


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    clock = [MOMENT]
    pictures = Pictures(replace(ROOMY, max_megabytes=0.02), tmp_path, now=lambda: clock[0])
    names = []
    for number in range(40):
        clock[0] += timedelta(hours=5)
        saved = pictures.save(shown(number, clock[0]))
        assert saved.crop is not None
        names.append(str(saved.crop.relative_to(tmp_path)))
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.jpg")) <= 20_000
    left = all_files(tmp_path)
    assert 3 < len(left) < 20
    assert left == names[-len(left) :]
    assert len(list(tmp_path.iterdir())) == len({name.partition("/")[0] for name in left}), "no empty folders"


def test_a_new_start_counts_what_is_there(tmp_path: Path) -> None:
    clock = [MOMENT]
    for number in range(40):
        clock[0] += timedelta(hours=5)
        pictures = Pictures(replace(ROOMY, max_megabytes=0.02), tmp_path, now=lambda: clock[0])
        assert pictures.save(shown(number, clock[0])).crop is not None
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.jpg")) <= 20_000
    assert len(all_files(tmp_path)) > 3


@pytest.mark.parametrize(("synced", "left"), [(True, 1), (None, 1), (False, 3)])
def test_what_is_too_old_goes_unless_the_clock_is_known_to_be_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synced: bool | None, left: int
) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: synced)
    settings = replace(ROOMY, max_days=30.0)
    clock = [MOMENT]
    before = Pictures(settings, tmp_path, now=lambda: clock[0])
    for days in (0, 5, 29):
        clock[0] = MOMENT + timedelta(days=days)
        before.save(shown(days, clock[0]))
    Pictures(settings, tmp_path, now=lambda: MOMENT + timedelta(days=50))
    assert len(all_files(tmp_path)) == left


def test_old_pictures_go_also_when_no_new_ones_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    settings = replace(ROOMY, max_days=30.0)
    Pictures(settings, tmp_path, now=lambda: MOMENT).save(shown())
    off = Pictures(replace(settings, keep="off"), tmp_path, now=lambda: MOMENT + timedelta(days=29))
    assert len(all_files(tmp_path)) == 1
    assert off.save(shown(1)).crop is None
    Pictures(replace(settings, keep="off"), tmp_path, now=lambda: MOMENT + timedelta(days=50))
    assert not all_files(tmp_path)


def test_pictures_of_an_old_clip_are_as_new_as_the_day_they_were_written_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    settings = replace(ROOMY, max_days=30.0)
    clock = [MOMENT]
    pictures = Pictures(settings, tmp_path, now=lambda: clock[0])
    for number in range(4):
        pictures.save(shown(number, MOMENT - timedelta(days=60 - number)))
    assert len(all_files(tmp_path)) == 4
    for days, left in ((29, 4), (32, 0)):
        clock[0] = MOMENT + timedelta(days=days)
        Pictures(settings, tmp_path, now=lambda: clock[0])
        assert len(all_files(tmp_path)) == left


def test_other_peoples_files_stay(tmp_path: Path) -> None:
    mine = tmp_path / "holiday.jpg"
    mine.write_bytes(b"x" * 50_000)
    clock = [MOMENT]
    pictures = Pictures(replace(ROOMY, max_megabytes=0.02), tmp_path, now=lambda: clock[0])
    for number in range(20):
        clock[0] += timedelta(days=1)
        pictures.save(shown(number, clock[0]))
    assert mine.exists()


def test_other_peoples_files_in_a_day_stay_and_count_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    ours = Pictures(ROOMY, tmp_path, now=lambda: MOMENT).save(shown())
    assert ours.crop is not None
    theirs = {"IMG_1.jpg", "wedding.tif", "film.mp4", ".IMG_1.jpg.partial", f"my {ours.crop.name}", "2026-crop.jpg"}
    for day in (ours.crop.parent, tmp_path / "2020-01-01"):
        day.mkdir(exist_ok=True)
        for name in theirs:
            (day / name).write_bytes(b"x" * 50_000)
    pictures = Pictures(replace(ROOMY, max_megabytes=0.02), tmp_path, now=lambda: MOMENT)
    assert ours.crop.exists(), "what is theirs takes nothing of the room"
    for number in range(1, 20):
        pictures.save(shown(number))
    assert len(list(tmp_path.rglob("*Z-*-crop.jpg"))) - 1 in range(1, 19)
    Pictures(ROOMY, tmp_path, now=lambda: MOMENT + timedelta(days=50))
    assert all_files(tmp_path) == sorted(f"{day}/{name}" for day in ("2020-01-01", "2026-11-20") for name in theirs)


def test_a_file_that_a_power_cut_left_half_written_goes(tmp_path: Path) -> None:
    saved = Pictures(ROOMY, tmp_path).save(shown())
    assert saved.crop is not None
    half = saved.crop.with_name(f".{saved.crop.name}.partial")
    half.write_bytes(b"\xff\xd8")
    Pictures(ROOMY, tmp_path)
    assert not half.exists()
    assert len(all_files(tmp_path)) == 1


# --- disks ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, half a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Until there is no space left."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while os.write(file, bytes(4096)):
            pass
    os.close(file)


def open_ledger(folder: Path, **settings: float) -> Ledger:
    pictures = PictureSettings(keep="frames", **{"min_free_megabytes": 0.0, **settings})  # type: ignore[arg-type]
    return Ledger.open(CsvSettings(str(folder / "plates.csv")), JsonSettings(), pictures)


def test_pictures_leave_room_for_rows(small_disk: Path) -> None:
    ledger = open_ledger(small_disk, min_free_megabytes=0.2)
    for number in range(100):
        ledger(shown(number, MOMENT + timedelta(hours=number)))
    assert (ledger.error, ledger.waiting) == ("", 0)
    assert os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize >= 100_000
    left = sorted((small_disk / "pictures").rglob("*.jpg"))
    assert len(left) > 5
    assert f"{99:08x}" in left[-1].name
    ledger.close()


def test_a_disk_full_of_other_things_stops_nothing_and_loses_no_row(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = open_ledger(small_disk)
    ledger(shown(0))
    ballast = small_disk / "ballast"
    fill(ballast)
    for number in range(1, 30):
        ledger(shown(number, MOMENT + timedelta(hours=number)))
    assert ledger.waiting > 0
    assert "No space left on device" in ledger.error
    assert sum(record.levelno == logging.ERROR for record in caplog.records) <= 3, "once for each cause"
    ballast.unlink()
    ledger(shown(30, MOMENT + timedelta(hours=30)))
    assert (ledger.error, ledger.waiting) == ("", 0)
    ledger.close()
    rows = list(read_rows(small_disk / "plates.csv", CsvForm(HEADER)))
    assert len(rows) == 31
    for row in rows:
        for name in row.pictures:
            assert cv2.imread(str(small_disk / name)) is not None or not (small_disk / name).exists()
    assert not list(small_disk.rglob("*.partial"))


def test_a_read_only_disk_stops_nothing(small_disk: Path) -> None:
    ledger = open_ledger(small_disk)
    ledger(shown(0))
    ledger.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ledger = open_ledger(small_disk)
    ledger(shown(1))
    assert ledger.waiting == 2
    assert "Read-only file system" in ledger.error
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    ledger(shown(2))
    assert (ledger.error, ledger.waiting) == ("", 0)
    ledger.close()
    assert len(list(read_rows(small_disk / "plates.csv", CsvForm(HEADER)))) == 3


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_a_picture_that_cannot_be_written_is_told_once_and_its_row_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    ledger = open_ledger(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(pictures_module, "write_whole", fail)
        ledger(shown(0))
        ledger(shown(1))
        assert os.strerror(code) in ledger.error
        assert ledger.waiting == 0
        assert len(caplog.records) == 1
    ledger(shown(2))
    assert ledger.error == ""
    ledger.close()
    rows = list(read_rows(tmp_path / "plates.csv", CsvForm(HEADER)))
    assert [len(row.pictures) for row in rows] == [0, 0, 2]


def test_a_frame_that_cannot_be_written_takes_its_crop_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row would name the crop, and no erasure find it; what an earlier run of the clip left is named."""
    ledger = open_ledger(tmp_path)
    ledger(shown(0))
    before = all_files(tmp_path / "pictures")

    def full(path: Path, data: bytes, *, durable: bool) -> None:
        if path.name.endswith("-frame.jpg"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        write_whole(path, data, durable=durable)

    monkeypatch.setattr(pictures_module, "write_whole", full)
    for number in (0, 1):
        ledger(shown(number))
        assert os.strerror(errno.EIO) in ledger.error
    ledger.close()
    assert all_files(tmp_path / "pictures") == before
    assert [len(row.pictures) for row in read_rows(tmp_path / "plates.csv", CsvForm(HEADER))] == [2, 0, 0]
    assert unnamed_pictures(tmp_path / "pictures") == {}


def test_where_a_quota_is_used_up_old_pictures_make_way_for_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = Pictures(replace(ROOMY, max_megabytes=0.1), tmp_path, now=lambda: MOMENT)
    saved = [pictures.save(shown(number)) for number in range(3)]

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(pictures_module, "write_whole", full)
    assert pictures.save(shown(3)).crop is None
    assert os.strerror(errno.EDQUOT) in pictures.error
    assert [one.crop is not None and one.crop.exists() for one in saved] == [False, True, True]


def test_pictures_are_marked_until_their_rows_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(line_file, "write_all", full)
        ledger(shown(0))
        ledger(shown(1))
    marked = unnamed_pictures(tmp_path / "pictures")
    wanted = [f"{number}-{kind}.jpg" for number in (0, 1) for kind in ("crop", "frame")]
    assert sorted(path.name.partition("-0000000")[2] for path in marked) == wanted
    ledger.flush()
    ledger(shown(2))
    assert unnamed_pictures(tmp_path / "pictures") == {}
    assert not list(tmp_path.rglob(".*"))
    ledger.close()


def test_the_marks_go_with_the_pictures_of_their_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    Pictures(ROOMY, tmp_path, now=lambda: MOMENT).save(shown())
    Pictures(ROOMY, tmp_path, now=lambda: MOMENT + timedelta(days=50))
    assert list(tmp_path.iterdir()) == []


def test_a_pass_that_no_line_names_leaves_no_picture(tmp_path: Path) -> None:
    csv = CsvSettings(str(tmp_path / "plates.csv"), include=("accepted",))
    ledger = Ledger.open(csv, JsonSettings(enabled=False), ROOMY)
    ledger(shown(0, status="rejected", reason="blurred"))
    assert not (tmp_path / "pictures").exists()
    ledger(shown(1))
    assert len(all_files(tmp_path / "pictures")) == 1
    ledger.close()
