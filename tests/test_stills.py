"""Pictures, folders and clips as `gatereader read` takes them; the reader is a fake that sees one plate in each."""

import errno
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from core_fakes import reading

from edge.jpeg import encode_jpeg
from edge.records import Image, PlateReading
from edge.stills import read_paths, still_line
from edge.vote import VoteSettings, surely


class Reader:
    def read(self, crop: Image) -> PlateReading:
        return reading("AB123CD")


def read(*paths: Path, save: Path | None = None) -> list[dict[str, Any]]:
    return list(read_paths(paths, None, Reader(), VoteSettings(), save))


def write(path: Path, width: int = 60) -> Path:
    path.write_bytes(
        cv2.imencode(".jpg" if width < 65_000 else ".png", np.zeros((20, width, 3), np.uint8))[1].tobytes()
    )
    return path


def test_what_is_not_sure_is_a_question_mark() -> None:
    one = PlateReading("AB1", 0.6, (("A", 0.95), ("B", 0.6), ("1", 0.92)))
    assert surely(one.characters, 0.92) == "A?1"
    assert surely(reading("AB123CD", 0.97).characters, 0.92) == "AB123CD"
    assert surely((), 0.92) == ""


@pytest.mark.parametrize(
    ("text", "plate", "confidence", "line"),
    [
        ("AB123CD", "AB123CD", 0.97, "gate.jpg: AB123CD 97 %"),
        ("AB123CD", "AB12?CD", 0.61, "gate.jpg: AB12?CD (AB123CD 61 %)"),
        ("", "", 0.0, "gate.jpg: (illegible) 0 %"),
    ],
)
def test_the_line_for_people(text: str, plate: str, confidence: float, line: str) -> None:
    assert (
        still_line({"image": "gate.jpg", "plates": [{"text": text, "plate": plate, "confidence": confidence}]}) == line
    )


def blank_png(side: int) -> bytes:
    """A square of one bit for each pixel, as the smallest file with that many."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    pack, row = zlib.compressobj(), bytes(1 + (side + 7) // 8)
    rows = b"".join(pack.compress(row) for _ in range(side)) + pack.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({}, ["12000×12000 pixels are more than OPENCV_IO_MAX_IMAGE_PIXELS = 134217728 allows", "200", "90"]),
        (
            {"OPENCV_IO_MAX_IMAGE_PIXELS": "9999"},
            [
                f"{size} pixels are more than OPENCV_IO_MAX_IMAGE_PIXELS = 9999 allows"
                for size in ("12000×12000", "200×90")
            ]
            + ["90"],
        ),
    ],
)
def test_a_small_file_of_many_megapixels_is_refused_and_the_others_are_read(
    tmp_path: Path, own: dict[str, str], told: list[str]
) -> None:
    """OpenCV reads its limit when it is imported, so in a process of its own."""
    (tmp_path / "1.png").write_bytes(blank_png(12_000))
    (tmp_path / "2.jpg").write_bytes(encode_jpeg(np.zeros((90, 200, 3), np.uint8), 90))
    (tmp_path / "3.png").write_bytes(blank_png(90))
    code = (
        "import sys; from edge.clip import *\n"
        "for path in sys.argv[1:]:\n"
        "    try: print(read_picture(Path(path)).shape[1])\n"
        "    except SourceError as error: print(error)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENCV_IO_MAX_IMAGE_PIXELS"} | own
    command = [sys.executable, "-c", code, *(str(path) for path in sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines(), done.stderr) == (told, "")


def test_a_pipe_and_standard_input_are_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = write(tmp_path / "gate.jpg")
    out, into = os.pipe()
    os.write(into, picture.read_bytes())
    os.close(into)
    try:
        (found,) = read(Path(f"/dev/fd/{out}"))
    finally:
        os.close(out)
    assert (found["width"], found["plates"][0]["text"]) == (60, "AB123CD")
    assert "frame" not in found
    monkeypatch.setattr("edge.stills._STDIN_FILE", picture.rename(tmp_path / "stdin"))
    (found,) = read(Path("-"), save=tmp_path)
    assert (found["image"], found["width"]) == ("-", 60)
    assert (tmp_path / "stdin.plates.jpg").exists()


def test_the_address_of_a_picture_is_told_how_to_read_it() -> None:
    (found,) = read(Path("http://cam/x.jpg"))
    assert "`curl -s ADDRESS | gatereader read -` reads its picture" in found["error"]


def test_a_device_is_no_picture() -> None:
    (found,) = read(Path("/dev/null"))
    assert found["image"] == "/dev/null"
    assert "`gatereader run --source` is for cameras" in found["error"]


def test_a_name_that_is_not_utf_8_is_told_with_its_bytes(tmp_path: Path) -> None:
    write(tmp_path / os.fsdecode(b"lat\xe9n.jpg"))
    (tmp_path / os.fsdecode(b"b\xe9.png")).write_bytes(b"")
    broken, found = (json.loads(json.dumps(one, ensure_ascii=False).encode()) for one in read(tmp_path))
    assert found["image"] == f"{tmp_path}/lat\\xe9n.jpg"
    assert broken == {"image": f"{tmp_path}/b\\xe9.png", "error": "an empty file"}


def test_a_picture_that_is_too_large_to_be_saved_is_told_and_the_others_are_saved(tmp_path: Path) -> None:
    wide, gate = write(tmp_path / "wide.png", 65_600), write(tmp_path / "gate.jpg")
    first, second = read(wide, gate, save=tmp_path / "out")
    assert set(first) == {"image", "error"}
    assert "too large to be saved" in first["error"]
    assert second["plates"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["gate.plates.jpg"]


def test_opencv_4_refuses_a_picture_by_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imencode", Mock(side_effect=cv2.error("Maximum supported image dimension is 65500")))
    with pytest.raises(OSError, match="cannot be encoded"):
        encode_jpeg(np.zeros((4, 4, 3), np.uint8), 90)


def test_no_drawing_takes_the_name_of_a_picture_that_is_read(tmp_path: Path) -> None:
    gate, other = write(tmp_path / "gate.jpg"), write(tmp_path / "gate.plates.jpg", 80)
    before = other.read_bytes()
    assert [found["width"] for found in read(gate, other, save=tmp_path)] == [60, 80]
    assert other.read_bytes() == before
    names = {"gate.jpg", "gate.plates.jpg", "gate.2.plates.jpg", "gate.plates.plates.jpg"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_folder_gives_its_pictures_and_says_in_a_line_what_else_it_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.jpe", "b.JFIF", "c.jpg"):
        write(tmp_path / name)
    for name in ("clip.mp4", "other.mov", "third.avi", ".hidden.mp4", "notes.txt"):
        (tmp_path / name).touch()
    for _ in range(2):  # the second time the drawings of the first are there
        assert [Path(found["image"]).name for found in read(tmp_path, save=tmp_path)] == ["a.jpe", "b.JFIF", "c.jpg"]
    assert caplog.messages == [
        f"{tmp_path}: not looked at: clip.mp4, notes.txt, other.mov and 1 more; name one itself to read it",
        f"{tmp_path}: not looked at: a.plates.jpg, b.plates.jpg, c.plates.jpg and 4 more; name one itself to read it",
    ]
    for name in ("a.jpe", "b.JFIF", "c.jpg"):
        (tmp_path / name).unlink()
    (found,) = read(tmp_path)
    assert "only a.plates.jpg, b.plates.jpg, c.plates.jpg and 4 more: name a clip" in found["error"]
    for name in ("clip.mp4", "other.mov", "third.avi", "notes.txt"):
        (tmp_path / name).unlink()
    (found,) = read(tmp_path)
    assert "drawings of earlier ones" in found["error"]


def test_what_is_wrong_with_a_clip_is_told_without_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gate:7.mp4").write_bytes(bytes(5000))
    (found,) = read(Path("gate:7.mp4"))
    assert found["image"] == "gate:7.mp4"
    assert found["error"].startswith("no video in it")


def test_the_others_are_read_where_a_path_cannot_even_be_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Linux answers for a file in a folder that may not be entered, or a link into one."""
    (tmp_path / "frames").mkdir()
    gate, hidden = write(tmp_path / "gate.jpg"), tmp_path / "hidden"
    others = [write(tmp_path / "frames" / name) for name in ("a.jpg", "b.jpg")]
    stat, read_bytes = Path.stat, Path.read_bytes

    def ask(path: Path, **how: Any) -> os.stat_result:
        if path == hidden / "gate.jpg" or path.name == "a.jpg":
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat(path, **how)

    def look(path: Path) -> bytes:
        ask(path)
        return read_bytes(path)

    monkeypatch.setattr(Path, "stat", ask)
    monkeypatch.setattr(Path, "read_bytes", look)
    found = read(Path("x" * 300 + ".jpg"), Path("y" * 300), hidden / "gate.jpg", tmp_path / "frames", gate)
    assert [one.get("error") for one in found] == [
        "cannot be read: File name too long",
        "cannot be read: File name too long",
        "cannot be read: Permission denied",
        "cannot be read: Permission denied",
        None,
        None,
    ]
    assert [one["image"] for one in found[3:]] == [*map(str, others), str(gate)]


def test_a_drawing_of_a_picture_with_a_long_name_has_a_shorter_one(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    paths = [write(tmp_path / "frames" / f"a{'é' * 121}{number}.jpg") for number in (1, 2)]
    assert all(found["plates"] for found in read(*paths, save=tmp_path / "out"))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"a{'é' * 109}.2.plates.jpg", f"a{'é' * 109}.plates.jpg"]
