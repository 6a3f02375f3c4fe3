import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from core_fakes import box, reading

from edge.errors import OutputError, SourceError
from edge.pictures import expand_paths, load_picture, picture_json, read_picture, save_annotated
from edge.records import Image, PlateBox, PlateReading

A = "AB123CD"


class OnePlate:
    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        return (box(100),)


class ReadsItsShape:
    """Reads A; the confidence says how many pixels the crop is wide, a thousandth for each."""

    def read(self, crop: Image) -> PlateReading:
        return reading(A, crop.shape[1] / 1000)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "Zürich 1.png"
    path.write_bytes(cv2.imencode(".png", np.full((480, 640, 3), 90, np.uint8))[1].tobytes())
    return path


def test_a_picture_as_json(picture: Path) -> None:
    found = picture_json(read_picture(picture, OnePlate(), ReadsItsShape()))
    again = json.loads(json.dumps(found))
    assert set(again) == {"image", "width", "height", "plates", "ms"}
    assert (again["image"], again["width"], again["height"]) == (str(picture), 640, 480)
    (plate,) = again["plates"]
    assert set(plate) == {"text", "confidence", "characters", "box", "detection"}
    assert (plate["text"], plate["box"], plate["detection"]) == (A, [100.0, 300.0, 220.0, 328.0], 0.9)
    assert plate["confidence"] == pytest.approx(0.13, abs=0.002)  # 120 pixels and a margin of 4 % on both sides
    assert [character for character, _ in plate["characters"]] == list(A)
    assert set(again["ms"]) == {"detect", "read"}


def test_a_crop_is_read_whole_without_a_detector(picture: Path) -> None:
    (plate,) = picture_json(read_picture(picture, None, ReadsItsShape()))["plates"]
    assert plate["box"] == [0, 0, 640, 480]
    assert plate["confidence"] == 0.64


def test_grey_pictures_and_pictures_with_alpha_are_bgr(tmp_path: Path) -> None:
    for channels in (1, 4):
        path = tmp_path / f"{channels}.png"
        cv2.imwrite(str(path), np.full((5, 7, channels), 100, np.uint8))
        assert load_picture(path).shape == (5, 7, 3)


@pytest.mark.parametrize("content", [b"", b"no picture at all", None])
def test_what_is_no_picture_is_a_source_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"broken\.jpg") as caught:
        load_picture(path)
    assert "\n" not in str(caught.value)


def test_a_truncated_picture_is_not_read_as_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(".png", noise)[1].tobytes()[:200])
    with pytest.raises(SourceError):
        load_picture(path)


def test_folders_give_their_pictures_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.JPG", "a.png", "notes.txt", "c.webp"):
        (folder / name).touch()
    clip = tmp_path / "clip.mp4"
    paths = expand_paths([clip, folder, tmp_path / "missing.jpg"])
    assert [path.name for path in paths] == ["clip.mp4", "a.png", "b.JPG", "c.webp", "missing.jpg"]


def test_an_empty_folder_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no pictures in this folder"):
        expand_paths([tmp_path])


def test_the_annotated_picture_lies_beside_the_original(picture: Path) -> None:
    original = picture.read_bytes()
    saved = save_annotated(read_picture(picture, OnePlate(), ReadsItsShape()), picture.parent)
    assert saved.name == "Zürich 1.plates.jpg"
    assert picture.read_bytes() == original
    drawn = load_picture(saved)
    assert drawn.shape == (480, 640, 3)
    assert np.abs(drawn[295:305, 95:225].astype(int) - 90).max() > 50


def test_an_unwritable_folder_is_an_output_error(picture: Path) -> None:
    result = read_picture(picture, OnePlate(), ReadsItsShape())
    with pytest.raises(OutputError, match="cannot be written"):
        save_annotated(result, picture / "below a file")
