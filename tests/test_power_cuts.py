"""What is left after kill -9, and after a power cut, at every single step of everything that is written."""

import csv
import json
import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import pytest
from output_samples import MOMENT, entry, event
from power_cuts import HOWS, How, Tell, at_every_step
from review_samples import doubtful
from test_log_erase import Record, of
from test_recording import look

from edge.chain import START
from edge.csv_log import CsvLog, CsvSettings
from edge.kept_crops import KeptCrops, ReviewSettings
from edge.log_erase import erase_plate
from edge.log_verify import verify_log
from edge.privacy import PseudonymKey
from edge.recorded import find_frames
from edge.recorded_erase import erase
from edge.recording import Recorder, RecordingSettings
from edge.review import read_items
from edge.source import SourceSettings, open_source
from edge.torn_lines import read_torn

pytestmark = pytest.mark.usefixtures("_no_waiting")  # what reaches the disk is played

EVERY_HOW = pytest.mark.parametrize("how", HOWS)
ONE_HOW = pytest.mark.parametrize(
    "how", [pytest.param(how, marks=pytest.mark.slow) if how != "content lost" else how for how in HOWS]
)
"""The others only where there is time."""


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.endswith((".partial", ".erase-new"))]


def plates(file: Path) -> list[str]:
    with file.open(newline="", encoding="utf-8") as rows:
        return [row["plate"] for row in csv.DictReader(rows, strict=True)]


def record_of(folder: Path) -> Record:
    """Files so small that each row puts one aside, and soon deletes the oldest."""
    record = Record(folder)
    record.csv = replace(record.csv, max_megabytes=0.0022)
    return record


def write_passes(folder: Path, tell: Tell) -> None:
    ledger = record_of(folder).open()
    for number in range(3):
        ledger(of(f"P{number}"))
        if not ledger.error and not ledger.waiting:
            tell(f"P{number}")


@ONE_HOW
def test_rows_lines_and_pictures(how: How, tmp_path: Path) -> None:
    """What was told is there, in order, chained, with its picture; what was not told is there as a whole or not."""
    most = 0
    for ended in at_every_step(tmp_path, write_passes, how):
        record = record_of(ended.folder)
        ledger = record.open()
        assert (ledger.error, ledger.waiting) == ("", 0), ended
        ledger(of("P9"))
        ledger.close()
        reports = [verify_log(log) for log in record.place.logs]
        assert [report.broken for report in reports] == [None, None], ended
        lines = [json.loads(line)["plate"] for line in record.place.logs[1].read_text().splitlines()]
        assert lines in ([*ended.told, "P9"], [*ended.told, f"P{len(ended.told)}", "P9"]), ended
        written = [plate for one in reports[0].files for plate in plates(one.file)]
        # a row that no line follows yet was not told; the cap may have deleted the oldest rows, never the newest
        assert written[-1] == "P9"
        all_rows = [*ended.told, *([f"P{len(ended.told)}"] if f"P{len(ended.told)}" in written else []), "P9"]
        assert written == all_rows[-len(written) :], ended
        assert len(written) >= min(2, len(all_rows)), ended
        for one in reports[0].files:
            with one.file.open(newline="", encoding="utf-8") as rows:
                for row in csv.DictReader(rows):
                    assert cv2.imread(str(ended.folder / row["crop"])) is not None, (ended, row["crop"])
        assert leftovers(ended.folder) == [], ended
        for plate in ("P0", "P1", "P2", "P9"):
            erase_plate(record.place, plate)
        assert record.pictures_left() == 0, ended  # also the one whose row was not written yet
        most = max(most, ended.step)
    assert most > 50


@EVERY_HOW
def test_half_a_row_survives_a_second_power_cut_while_it_is_put_aside(how: How, tmp_path: Path) -> None:
    torn = b"1,0b9c,half a row"

    def again(folder: Path, tell: Tell) -> None:
        path = folder / "plates.csv"
        path.write_bytes(whole + torn)
        CsvLog(CsvSettings(str(path))).close()
        tell("open")

    first = tmp_path / "first.csv"
    log = CsvLog(CsvSettings(str(first)))
    log(entry(plate="A1"))
    log.close()
    whole = first.read_bytes()
    for ended in at_every_step(tmp_path / "steps", again, how):
        path = ended.folder / "plates.csv"
        if not path.stat().st_size:
            continue  # it died before the test itself had laid the file there
        CsvLog(CsvSettings(str(path))).close()
        assert path.read_bytes() == whole, ended
        assert torn in [one.piece for one in read_torn(path)], ended
        report = verify_log(path)
        assert (report.broken, report.head != START) == (None, True), ended


@pytest.mark.slow
@EVERY_HOW
def test_crops_for_review(how: How, tmp_path: Path) -> None:
    def keep(folder: Path, tell: Tell) -> None:
        crops = KeptCrops(ReviewSettings(max_items=2), folder)
        for number in range(1, 5):
            crops.add(doubtful(number))
            assert crops.error == ""
            tell(f"{number:08x}")

    for ended in at_every_step(tmp_path, keep, how):
        for path in ended.folder.iterdir():
            number = re.search(r"-(\d{8})", path.name)
            assert number is not None
            os.utime(path, (0, MOMENT.timestamp() - 1000 + int(number[1])))  # long ago, and in their order
        crops = KeptCrops(ReviewSettings(max_items=2), ended.folder)
        items, problems = read_items(ended.folder)
        assert (problems, crops.error) == ([], ""), ended
        # the one that was at work may be there already, and the oldest be gone for it
        ids = {item.id for item in items}
        assert set(ended.told[-1:]) <= ids, ended
        assert all(cv2.imread(str(item.picture)) is not None for item in items), ended
        assert len(list(ended.folder.iterdir())) == 2 * len(items), (ended, list(ended.folder.iterdir()))


@pytest.mark.slow
@EVERY_HOW
def test_recorded_frames(how: How, tmp_path: Path) -> None:
    """They are not synchronised, fifteen of them a second would wear a card out: the last ones may be lost or torn."""
    passes = [event(event_id=f"{number}", first_seen=500.0, last_seen=500.0) for number in range(3)]

    def record(folder: Path, tell: Tell) -> None:
        recorder = Recorder(RecordingSettings(folder=str(folder), frames="all", min_free_megabytes=0))
        for number, one in enumerate(passes):
            recorder(look(number, "reading", (one,)))
            assert recorder.error == ""
            tell(f"{number}")

    for ended in at_every_step(tmp_path, record, how):
        recorder = Recorder(RecordingSettings(folder=str(ended.folder), frames="all", min_free_megabytes=0))
        recorder(look(50))
        assert recorder.error == "", ended
        assert leftovers(ended.folder) == [], ended
        with open_source(SourceSettings(source=str(ended.folder), realtime=False)) as source:
            frames = [frame for frame in source if frame is not None]
        if how in ("killed", "half written"):
            assert not source.skipped
            assert len(frames) >= len(ended.told) + 1, ended
            events = ended.folder / "events.jsonl"
            lines = events.read_text().splitlines() if events.exists() else []
            noted = [json.loads(line)["event_id"] for line in lines]
            assert noted[: len(ended.told)] == ended.told, ended
            erase(ended.folder, "AB123CD")
            (left,) = find_frames(ended.folder)  # that of the second start: a pass that was cut short goes too
            assert left.session == "20261120T140327Z", ended
        else:
            assert len(frames) >= 1, ended


@ONE_HOW
def test_the_key_of_the_pseudonyms(how: How, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one or the new one, never half of one: half a key would stop the service at its next start."""
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)

    def renew(folder: Path, tell: Tell) -> None:
        moment = [MOMENT]
        key = PseudonymKey(folder / "privacy.key", 30, lambda: moment[0])
        tell(key.pseudonym("AB123CD"))
        moment[0] += timedelta(days=31)
        tell(key.pseudonym("AB123CD"))

    for ended in at_every_step(tmp_path, renew, how):
        again = PseudonymKey(ended.folder / "privacy.key", 0).pseudonym("AB123CD")
        if len(ended.told) == 2:
            assert again == ended.told[1], ended
        assert PseudonymKey(ended.folder / "privacy.key", 0).pseudonym("AB123CD") == again
