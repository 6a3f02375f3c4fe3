"""Which passes leave a crop, what stands beside it, and the quota that they stay under."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from output_samples import event, result
from review_samples import doubtful, keep, plate_picture

from edge.errors import ConfigError
from edge.kept_crops import KeptCrops, ReviewSettings, crops_folder, doubt
from edge.review import parse_answer, read_items, record_answer, remove

DOUBTS: dict[str, tuple[dict[str, Any], str, str]] = {
    # what: (changes of an accepted, clear pass; kept as "undecided"; kept as "all")
    "clear": ({}, "", ""),
    "undecided": ({"status": "undecided"}, "undecided", "undecided"),
    "rejected with a text": ({"status": "rejected", "reason": "blurred"}, "rejected", "rejected"),
    "rejected without": ({"status": "rejected", "reason": "blurred", "plate_raw": "1I"}, "", ""),
    "a duplicate": ({"status": "rejected", "reason": "duplicate"}, "", ""),
    "a caption": ({"status": "rejected", "reason": "static_text"}, "", ""),
    "close": ({"margin": 0.1}, "", "small_margin"),
    "disagreeing": ({"agreement": 0.3}, "", "disagreement"),
    "a preview": ({"status": "undecided", "kind": "preview"}, "", ""),
}


@pytest.mark.parametrize("what", DOUBTS)
def test_which_passes_are_worth_a_look(what: str) -> None:
    changes, undecided, everything = DOUBTS[what]
    one = event(**changes)
    assert doubt(one, ReviewSettings(keep="undecided")) == undecided
    assert doubt(one, ReviewSettings(keep="all")) == everything
    assert doubt(one, ReviewSettings(keep="off")) == ""


def test_a_crop_is_kept_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    crops = KeptCrops(ReviewSettings(), tmp_path / "new" / "review", {"reader": "c0ffee"})
    crops(result(events=[event(), doubtful(1)]))
    (item,) = read_items(tmp_path / "new" / "review")[0]
    assert item.path.name == "20261120T140323Z-00000001.json"
    wanted = {
        "id": "00000001", "plate": "AB1?3CD", "plate_raw": "AB1Z3CD", "second": "AB128CD", "status": "undecided",
        "reason": "no_consensus", "why": "undecided", "box": [100, 200, 220, 230], "frame": [640, 480],
        "models": {"reader": "c0ffee"}, "time": "2026-11-20T14:03:23.123Z", "answer": None,
    }  # fmt: skip
    assert {key: item.values[key] for key in wanted} == wanted
    assert item.values["reading"]["text"] == "AB1Z3CD"
    picture = cv2.imread(str(item.picture))
    assert picture is not None
    assert np.abs(picture.astype(int) - plate_picture("AB1Z3CD")).mean() < 5
    assert {path.stat().st_mode & 0o007 for path in item.path.parent.iterdir()} == {0}
    assert item.path.parent.stat().st_mode & 0o007 == 0


def test_an_answer_outlives_the_same_clip_played_again(tmp_path: Path) -> None:
    keep(tmp_path, doubtful(1, plate="AB1?3CD"), doubtful(2))
    record_answer(read_items(tmp_path)[0][0], parse_answer("AB123CD"))
    keep(tmp_path, doubtful(1, plate="AB???CD"), doubtful(2, plate="AB???CD"))
    told = [(item.values["plate"], item.answer and item.answer.text) for item in read_items(tmp_path)[0]]
    assert told == [("AB1?3CD", "AB123CD"), ("AB???CD", None)]


def test_the_same_clip_played_again_at_the_quota_pushes_nothing_out(tmp_path: Path) -> None:
    clip = [doubtful(number) for number in (1, 2, 3)]
    keep(tmp_path, *clip, max_items=3)
    for item in read_items(tmp_path)[0][1:]:
        record_answer(item, parse_answer("AB123CD"))
    keep(tmp_path, *clip, max_items=3)
    told = [item.answer and item.answer.text for item in read_items(tmp_path)[0]]
    assert told == [None, "AB123CD", "AB123CD"]
    assert names(tmp_path) == ids(1, 2, 3)


def test_a_crop_that_is_kept_again_is_as_new_as_its_file(tmp_path: Path) -> None:
    crops = keep(tmp_path, doubtful(1), doubtful(2), doubtful(1), max_items=2)
    crops.add(doubtful(3))
    assert names(tmp_path) == ids(1, 3)


def test_a_pass_without_a_picture_leaves_none(tmp_path: Path) -> None:
    crops = keep(tmp_path / "review", doubtful(1, shot=None))
    assert crops.error == ""
    assert not (tmp_path / "review").exists()


def names(folder: Path) -> list[str]:
    assert {path.stem for path in folder.glob("*.jpg")} == {path.stem for path in folder.glob("*.json")}
    return [item.id for item in read_items(folder)[0]]


def ids(*numbers: int) -> list[str]:
    return [f"{number:08x}" for number in numbers]


def test_the_oldest_goes_when_there_are_too_many(tmp_path: Path) -> None:
    keep(tmp_path, *(doubtful(number) for number in range(1, 8)), max_items=3)
    assert names(tmp_path) == ids(5, 6, 7)


def test_the_oldest_goes_when_they_take_too_much(tmp_path: Path) -> None:
    keep(tmp_path / "one", doubtful(1))
    size = sum(path.stat().st_size for path in (tmp_path / "one").iterdir())
    keep(tmp_path / "many", *(doubtful(number) for number in range(1, 8)), max_megabytes=2.5 * size / 1e6)
    assert names(tmp_path / "many") == ids(6, 7)


def test_the_oldest_goes_while_the_disk_has_too_little_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [210e6]
    monkeypatch.setattr("edge.whole_file.free_bytes", lambda _: free[0])
    crops = keep(tmp_path, *(doubtful(number) for number in range(1, 4)))
    assert names(tmp_path) == ids(1, 2, 3)

    def freeing(path: Path) -> None:
        remove(path)
        free[0] += 150_000

    monkeypatch.setattr("edge.kept_crops.remove", freeing)
    free[0] = 199.8e6
    crops.tidy()
    assert names(tmp_path) == ids(3)
    assert crops.error == ""


def test_what_is_too_old_goes_at_the_next_start_and_when_it_is_tidied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    keep(tmp_path, doubtful(1), doubtful(2))
    month = 31 * 86_400
    first = tmp_path / "20261120T140323Z-00000001.jpg"
    os.utime(first, (first.stat().st_atime, first.stat().st_mtime - month))
    clock = [(tmp_path / "20261120T140323Z-00000002.jpg").stat().st_mtime]
    crops = KeptCrops(ReviewSettings(keep="off"), tmp_path, now=lambda: datetime.fromtimestamp(clock[0], UTC))
    assert names(tmp_path) == ids(2)
    clock[0] += month
    crops.tidy()
    assert names(tmp_path) == []


def test_the_quota_counts_what_an_earlier_run_left(tmp_path: Path) -> None:
    keep(tmp_path, doubtful(1), doubtful(2), doubtful(3))
    for number in (1, 2, 3):  # the clock of files may be coarser than the passes are apart
        path = tmp_path / f"20261120T140323Z-0000000{number}.jpg"
        os.utime(path, (path.stat().st_mtime + number, path.stat().st_mtime + number))
    keep(tmp_path, doubtful(4), max_items=2)
    assert names(tmp_path) == ids(3, 4)


def test_half_an_item_of_a_killed_program_goes_at_the_next_start(tmp_path: Path) -> None:
    alone, fresh = "20261120T140323Z-00000001.jpg", "20261120T140323Z-00000002.jpg"
    for name in (alone, f".{alone}.partial", fresh):
        (tmp_path / name).write_bytes(b"x")
        if name != fresh:
            os.utime(tmp_path / name, (1e9, 1e9))
    keep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [fresh]


def test_files_of_others_stay_and_count_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    stem = "20261120T140323Z-00000001"
    theirs = {
        "holiday.jpg", "notes.json", "car1.jpg", "car1.json", ".holiday.jpg.partial", f"{stem} (copy).jpg",
        f"{stem}.jpeg", f"my {stem}.json", "20261120T140323Z-0000000G.jpg", "20261120-00000001.json",
    }  # fmt: skip
    for name in theirs:
        (tmp_path / name).write_bytes(b"x" * 50_000)
        os.utime(tmp_path / name, (1.77e9, 1.77e9))
    crops = keep(tmp_path, doubtful(2), doubtful(3), doubtful(4), max_items=2, max_megabytes=0.04)
    crops.tidy()
    assert read_items(tmp_path)[1] == []
    later = datetime.now(UTC) + timedelta(days=400)
    assert [item.id for item in read_items(tmp_path)[0]] == ids(3, 4)
    assert KeptCrops(ReviewSettings(), tmp_path, now=lambda: later).error == ""
    assert {path.name for path in tmp_path.iterdir()} == theirs
    assert caplog.messages == []


def test_a_full_disk_is_told_once_leaves_nothing_half_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    crops = keep(tmp_path, doubtful(1))
    writes = os.write

    def full(file: int, data: Any) -> int:
        if bytes(data[:1]) == b"{":  # the picture still fits, its description does not
            raise OSError(28, "No space left on device")
        return writes(file, data)

    with monkeypatch.context() as patch:
        patch.setattr("edge.whole_file.os.write", full)
        crops.add(doubtful(2))
        crops.add(doubtful(3))
    assert crops.error == f"{tmp_path}: No space left on device"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert sorted(path.name[-12:] for path in tmp_path.iterdir()) == ["00000001.jpg", "0000001.json"]
    crops.add(doubtful(4))
    assert crops.error == ""
    assert names(tmp_path) == ids(1, 4)


def test_a_folder_that_cannot_be_made_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in keep(tmp_path / "file" / "review", doubtful(1)).error


def test_crops_that_somebody_removed_are_no_error(tmp_path: Path) -> None:
    crops = keep(tmp_path, doubtful(1), doubtful(2), max_items=2)
    for path in tmp_path.iterdir():
        path.unlink()
    crops.add(doubtful(3))
    crops.add(doubtful(4))
    assert crops.error == ""
    assert names(tmp_path) == ids(3, 4)


def test_they_lie_beside_the_csv_file_unless_told_otherwise() -> None:
    assert crops_folder(ReviewSettings(), "/srv/gate/plates.csv") == Path("/srv/gate/review")
    assert crops_folder(ReviewSettings(), "") == Path("review")
    assert crops_folder(ReviewSettings(folder="/elsewhere"), "/srv/gate/plates.csv") == Path("/elsewhere")


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_items": 0},
        {"max_megabytes": -1},
        {"max_days": 0},
        {"max_days": 36_501},
        {"min_free_megabytes": -1},
        {"margin": 2},
        {"agreement": -1},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ReviewSettings(**wrong)
