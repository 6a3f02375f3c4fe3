"""The passes that the JSON lines tell of from before the start, as the live page lists them."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from output_samples import entry, event

from edge.event_values import event_values
from edge.json_log import JsonLog, JsonSettings
from edge.live_feed import EVENTS_KEPT, EventBoard
from edge.privacy import Privacy, PrivacySettings
from edge.recent import RecentPass, recent_passes
from edge.records import PlateReading, Shot

SHOT = Shot(None, np.full((20, 80, 3), 90, np.uint8), event().box, PlateReading("AB123CD", 0.9, ()), (640, 360))
JPEG = b"\xff\xd8 a picture \xff\xd9"


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return tmp_path / "plates.jsonl"


def write(path: Path, *plates: str, **more: object) -> None:
    log = JsonLog(JsonSettings(), path)
    for plate in plates:
        log(entry(plate=plate, **more))
    log.close()


def kept(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(values)


def recent(path: Path, most: int = 50, pictures: Path | None = None) -> list[RecentPass]:
    return recent_passes(path, most, veil=kept, pictures=pictures)


def plates(path: Path, most: int = 50) -> list[str]:
    return [values["plate"] for values, _ in recent(path, most)]


def test_a_pass_is_told_as_when_it_was_new(lines: Path) -> None:
    write(lines, "AB123CD", veiled=True, known=True)
    ((values, crop),) = recent(lines)
    fresh = event_values(event(plate="AB123CD", veiled=True, known=True))
    assert set(values) == set(fresh)
    for key in ("box", "sharpness", "detection"):  # in whole pixels there
        assert values.pop(key) == pytest.approx(fresh.pop(key), abs=1)
    assert values == fresh
    assert crop == b""


def test_the_newest_come_first_from_as_many_files_as_it_takes(lines: Path) -> None:
    for day, name in (("17", "A"), ("18", "B"), ("19", "C")):
        write(lines, *(f"{name}{number}" for number in range(3)))
        lines.rename(lines.with_name(f"plates-2026-11-{day}.jsonl"))
    write(lines, "D0")
    write(lines, "X9", kind="preview")
    assert plates(lines) == ["D0", "C2", "C1", "C0", "B2", "B1", "B0"]
    assert plates(lines, 3) == ["D0", "C2", "C1"]
    lines.unlink()
    assert plates(lines, 2) == ["C2", "C1"]
    assert recent_passes(None, 3, veil=kept, pictures=None) == []


def test_what_is_broken_is_passed_over(lines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lines, "AB1", "CD2", "EF3")
    whole = lines.read_bytes().splitlines(keepends=True)
    erased = json.dumps({"schema": 1, "type": "erased"}).encode() + b"\n"
    other = whole[1].replace(b'"schema":1', b'"schema":2')
    lacking = b'{"schema":1,"type":"final"}\n' + b"[" * 100_000 + b"\n"
    lines.write_bytes(b"".join([whole[0], b"not json\n", b"[1]\n", erased, other, lacking, whole[2][:-9]]))
    assert plates(lines) == ["AB1"]
    lines.write_bytes(b"".join(whole))
    monkeypatch.setattr("edge.recent._TAIL_BYTES", len(whole[1]) + len(whole[2]) + 20)
    assert plates(lines) == ["EF3", "CD2"], "the end of a large file, from its first whole line on"


def test_its_picture_is_shown_if_it_is_kept_and_wanted(lines: Path) -> None:
    log, folder = JsonLog(JsonSettings(), lines), lines.parent / "pictures"
    picture = folder / "one.jpg"
    log(replace(entry(), crop=picture))
    log.close()
    assert recent(lines, pictures=folder)[0].crop == b"", "gone meanwhile"
    folder.mkdir()
    picture.write_bytes(JPEG)
    assert recent(lines, pictures=folder)[0].crop == JPEG
    assert recent(lines)[0].crop == b""
    assert recent(lines, pictures=folder / "others")[0].crop == b"", "a line could name any file"
    picture.write_bytes(JPEG * 100_000)
    assert recent(lines, pictures=folder)[0].crop == b""
    picture.unlink()
    os.mkfifo(picture)
    assert recent(lines, pictures=folder)[0].crop == b""


def test_a_mode_that_was_switched_on_meanwhile_counts(lines: Path) -> None:
    log, picture = JsonLog(JsonSettings(), lines), lines.parent / "one.jpg"
    picture.write_bytes(JPEG)
    for plate, status in (("AB123CD", "accepted"), ("XY987ZW", "accepted"), ("AB123CD", "undecided")):
        log(replace(entry(plate=plate, unruled="XY98IZW", status=status, known=True), crop=picture))
    log.close()
    veil = Privacy(PrivacySettings(unknown="drop", known=("AB123CD",)), str(lines)).veil_told
    *strangers, mine = recent_passes(lines, 3, veil=veil, pictures=lines.parent)
    assert (mine.values["plate"], mine.values["known"], mine.crop) == ("AB123CD", True, JPEG)
    for values, crop in strangers:
        assert (values["plate"], values["known"], values["veiled"], crop) == ("", False, True, b"")
        assert not any(text in json.dumps(values) for text in ("AB1", "XY9"))
    veil = Privacy(PrivacySettings(known=("XY987ZW",)), str(lines)).veil_told
    told = recent_passes(lines, 3, veil=veil, pictures=None)
    assert [(one.values["plate"], one.values["known"]) for one in told] == [
        ("AB123CD", False),
        ("XY987ZW", True),
        ("AB123CD", False),
    ]


def test_pictures_go_from_the_list_where_none_are_kept_any_more(lines: Path) -> None:
    picture = lines.parent / "one.jpg"
    picture.write_bytes(JPEG)
    log = JsonLog(JsonSettings(), lines)
    log(replace(entry(), crop=picture))
    log.close()
    board = EventBoard()
    board.recall(recent(lines, 1, lines.parent))
    shown = event(event_id="new", track=8, shot=SHOT)
    board.add([shown])
    assert [bool(one["crop"]) for one in board.listed(earlier=True)] == [True, True]
    before = board.token
    board.show_crops(False)
    assert board.token != before
    assert [one["crop"] for one in board.listed(earlier=True)] == [None, None]
    assert board.crop("new") == b""
    board.add([shown])
    assert board.crop("new") == b""
    board.show_crops(True)
    board.add([shown])
    assert board.crop("new").startswith(b"\xff\xd8")


def test_the_list_has_them_below_the_new_ones_for_who_asks(lines: Path) -> None:
    write(lines, *(f"P{number}" for number in range(EVENTS_KEPT)))
    board, token = EventBoard(), ""
    board.recall(recent(lines, EVENTS_KEPT))
    assert board.token != token
    assert board.listed() == []
    board.add([event(plate="NEW1", event_id="new")])
    assert [one["plate"] for one in board.listed()] == ["NEW1"]
    listed = board.listed(earlier=True)
    assert [one["plate"] for one in listed] == ["NEW1", *(f"P{number}" for number in range(EVENTS_KEPT - 1, 0, -1))]
    assert listed[0]["age"] is not None
    assert {one["age"] for one in listed[1:]} == {None}
    assert {frozenset(one) for one in listed} == {frozenset(listed[0])}
    board.forget()
    assert board.listed(earlier=True) == []
