"""Whole photographs and sequences with label tables: what is wrong with a table is told in one line."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from edge.errors import ConfigError, OutputError, SourceError
from training.passes import main as passes
from training.readings import RecordedPass, read_passes, write_passes
from training.scenes import main as scenes
from training.scenes import read_labels

LABELS = "image,x,y,w,h,text,country\na.png,10,20,60,16,AB12,RO\n"
TRACKS = "track,ride,text,t_seconds,image\n7,1,AB12,1.0,a.png\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((60, 120, 3), 90, np.uint8))
    (tmp_path / "labels.csv").write_text(LABELS)
    (tmp_path / "tracks.csv").write_text(TRACKS)
    return tmp_path


def test_a_byte_order_mark_is_no_part_of_a_column(folder: Path) -> None:
    for name in ("labels.csv", "tracks.csv"):
        (folder / name).write_text((folder / name).read_text(), encoding="utf-8-sig")
    assert [plate.text for plate in read_labels(folder)[folder / "a.png"]] == ["AB12"]
    assert passes([str(folder / "readings.jsonl"), "--sequences", str(folder)]) == 0
    (one,) = read_passes(folder / "readings.jsonl")
    assert (one.truth, len(one.sights)) == ("AB12", 1)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("image,x,y,w,text\na.png,10,20,60,AB12\n", "no column h; wanted image,x,y,w,h,text,country"),
        ("image,x,y,w,h,text\na.png,10,20,wide,16,AB12\n", "row 2: .*'wide'; wanted x, y, w and h in pixels"),
        ("image;x;y;w;h;text\n", ".*parted by semicolons"),
        ("image,x,y,w,h,text\n", "no rows"),
    ],
)
def test_labels_that_cannot_be_judged_by_are_told(folder: Path, table: str, words: str) -> None:
    (folder / "labels.csv").write_text(table)
    with pytest.raises(SourceError, match=rf"labels\.csv: {words}"):
        read_labels(folder)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("track,text,image\n7,AB12,a.png\n", r"tracks\.csv: no column ride, t_seconds; wanted track,ride"),
        (TRACKS.replace("1.0", "soon"), r"tracks\.csv: row 2: t_seconds: .*'soon'"),
        (TRACKS.replace("AB12", "CD34"), r"labels\.csv: no CD34 in a\.png, where track 7 has it"),
        (None, r"tracks\.csv: No such file or directory; wanted track,ride"),
    ],
)
def test_tracks_that_cannot_be_followed_are_told(folder: Path, table: str | None, words: str) -> None:
    if table is None:
        (folder / "tracks.csv").unlink()
    else:
        (folder / "tracks.csv").write_text(table)
    with pytest.raises(SourceError, match=words):
        passes([str(folder / "readings.jsonl"), "--sequences", str(folder)])


def test_without_readable_plates_there_are_no_shares_of_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "labels.csv").write_text(LABELS.replace("AB12", ""))
    assert scenes(["--folder", str(folder)]) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (told["plates"], told["readable"], told["exact"], told["readable_found"]) == (1, 0, None, None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--sequences", "none"), "--sequences none: no such folder"),
        (("--seed", "-1"), "--seed -1: wanted 0 or more"),
        (("--count", "0"), "--count 0: wanted 1 or more"),
    ],
)
def test_what_cannot_be_recorded_leaves_the_readings_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(folder)
    Path("readings.jsonl").write_text("those of an hour")
    with pytest.raises(ConfigError, match=words):
        passes(["readings.jsonl", *wrong])
    assert Path("readings.jsonl").read_text() == "those of an hour"


def test_passes_that_are_broken_off_leave_no_part_of_a_file(folder: Path) -> None:
    def broken_off() -> Iterator[RecordedPass]:
        yield RecordedPass("1", "AB12", {}, ())
        raise KeyboardInterrupt

    there = sorted(folder.iterdir())
    with pytest.raises(KeyboardInterrupt):
        write_passes(folder / "readings.jsonl", broken_off())
    assert sorted(folder.iterdir()) == there
    with pytest.raises(OutputError, match=r"cannot be written \(Is a directory\)"):
        write_passes(folder, broken_off())


def test_a_sheet_that_was_not_written_is_not_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "labels.csv").write_text(LABELS.replace("AB12", ""))  # which nobody can read
    caplog.set_level("INFO")
    assert scenes(["--folder", str(folder), "--sheet", str(folder / "misses.png")]) == 0
    assert not (folder / "misses.png").exists()
    assert caplog.messages[-1] == f"every plate read exactly: no {folder / 'misses.png'} was written"
