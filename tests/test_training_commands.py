"""`python -m training`: what cannot be done is one line, told before the work; needs no TensorFlow."""

from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from test_reader_data import write_set

from edge.errors import SourceError
from training import evaluate, scenes, vote_bench
from training.__main__ import main as training_command
from training.own import read_own
from training.readings import RecordedPass, Sight, write_passes
from training.tables import read_table

SCENES = "image,x,y,w,h,text,country\na.png,10,20,60,16,AB12,RO\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set of scenes, a file of readings, and one that is none."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((60, 120, 3), 90, np.uint8))
    (tmp_path / "labels.csv").write_text(SCENES)
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00\x81")
    box_less = (Sight(0.0, (640, 360), None, None),)
    write_passes(tmp_path / "passes.jsonl", [RecordedPass("1", "AB12", {}, box_less)])
    return tmp_path


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """The exit status of a command, and the one line that it tells."""
    monkeypatch.setattr("sys.argv", ["training", *map(str, arguments)])
    status = training_command()
    (line,) = capsys.readouterr().err.splitlines()
    return status, line.removeprefix(f"python -m training {arguments[0]}: ")


def test_a_picture_needs_a_name_that_can_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, work in ((evaluate, "PlateReader"), (scenes, "PlateDetector"), (vote_bench, "read_passes")):
        monkeypatch.setattr(module, work, Mock(side_effect=AssertionError("told after the work")))
    bench = ("vote-bench", folder / "passes.jsonl")
    for *command, option in (("evaluate", "--sheet"), ("scenes", "--sheet"), (*bench, "--picture")):
        status, line = told(monkeypatch, capsys, *command, option, folder / "misses")
        assert (status, line) == (
            78,
            f"{option} {folder / 'misses'}: not the name of a picture; wanted one such as misses.png",
        )
        status, line = told(monkeypatch, capsys, *command, option, folder / "a.png" / "misses.png")
        assert status == 1
        assert "its folder cannot be made" in line


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("scenes", "--threshold", "1.5"), 78, "--threshold 1.5: wanted 0 or more and below 1"),
        (("vote-bench", "passes.jsonl", "--processes", "0"), 78, "--processes 0: wanted 1 or more"),
        (("vote-bench", "binary.jsonl"), 1, "binary.jsonl: no file of readings (JSON lines); `python -m training"),
        (("passes", "a.png/readings.jsonl"), 1, "a.png/readings.jsonl: cannot be written (File exists)"),
    ],
)
def test_what_cannot_be_is_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    words: str,
) -> None:
    monkeypatch.chdir(folder)
    ended, line = told(monkeypatch, capsys, *arguments)
    assert ended == status
    assert words in line


def test_a_backend_that_keras_does_not_know_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "foo")
    status, line = told(monkeypatch, capsys, "train")
    assert (status, line) == (78, "KERAS_BACKEND=foo: wanted tensorflow, jax, torch, or unset it")


def test_a_row_of_another_number_of_cells_is_named(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text('a,b\n1,"2\n3"\n\n4,5,6\n')
    with pytest.raises(SourceError, match=r"table\.csv:5: not 2 cells as in the header; quote a value"):
        read_table(table, ["a"])
    table.write_text("a,b\n1\n")
    with pytest.raises(SourceError, match=r"table\.csv:2: not 2 cells"):
        read_table(table, ["a"])
    table.write_text("a,b\n1,2\n")
    assert read_table(table, ["a"]) == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize("text", ["ab-12 ö", "AB 12", "ABCDEFGHIJKLM"])
def test_scenes_are_labelled_with_texts_that_a_reader_may_read(folder: Path, text: str) -> None:
    (folder / "labels.csv").write_text(SCENES.replace("AB12", text), encoding="utf-8")
    with pytest.raises(SourceError, match=r"labels\.csv: row 2: "):
        scenes.read_labels(folder)


def test_own_crops_of_another_number_of_cells_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path / "own", ["AB12", "CD34"])
    labels = tmp_path / "own" / "labels.csv"
    labels.write_text(labels.read_text().replace(",CD34,", ",1,23E+10,"))
    with pytest.raises(SourceError, match=r"labels\.csv:3: not 4 cells"):
        read_own(tmp_path / "own")


def test_a_sheet_of_nothing_misread_is_not_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    evaluate._write_sheet(tmp_path / "misses.png", Mock(right=np.array([True, True])))
    assert caplog.messages == [f"no crop misread: no {tmp_path / 'misses.png'} was written"]
