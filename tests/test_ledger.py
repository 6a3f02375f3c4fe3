"""Rows, JSON lines and pictures together: killed at any moment, moved away, put aside by date, fought over."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import pytest
from output_samples import entry, event
from test_log_erase import Record, of

from edge.csv_log import CsvLog, CsvSettings
from edge.errors import OutputError
from edge.json_log import JsonSettings
from edge.ledger import Ledger
from edge.log_verify import verify_log
from edge.pictures import PictureSettings


def plates(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row["plate"] for row in csv.DictReader(file, strict=True)]


@pytest.mark.slow
def test_a_program_killed_at_any_moment_keeps_all_that_it_told(tmp_path: Path) -> None:
    """Files so small that it also dies while it puts one aside; what it printed must be there, whole and chained."""
    program = textwrap.dedent(f"""
        import sys
        sys.path[:0] = {[path for path in sys.path if path]!r} + ["."]
        from test_log_erase import Record, of
        from pathlib import Path
        from dataclasses import replace
        record = Record(Path({str(tmp_path)!r}))
        record.csv = replace(record.csv, max_megabytes=0.08)
        ledger = record.open()
        number = int(sys.argv[1])
        while True:
            ledger(of(f"P{{number}}"))
            print(number, flush=True)
            number += 1
    """)
    luck = random.Random(5)
    told: list[int] = []
    for _ in range(5):
        begin = told[-1] + 1000 if told else 0
        child = subprocess.Popen([sys.executable, "-c", program, str(begin)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        with child.stdout:
            told.append(int(child.stdout.readline()))
            time.sleep(luck.uniform(0.0, 0.08))
            child.send_signal(signal.SIGKILL)
            told += [int(line) for line in child.stdout]
            child.wait()
    record = Record(tmp_path)
    record.open().close()
    for log in record.place.logs:
        assert verify_log(log).broken is None
    files = [one.file for one in verify_log(record.place.logs[0]).files]
    written = [plate for file in files for plate in plates(file)]
    # the cap may have deleted the oldest; of what is left none is missing
    first = int(written[0][1:])
    assert [f"P{number}" for number in told if number >= first] == [one for one in written if int(one[1:]) in told]
    for file in files:
        with file.open(newline="", encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                assert cv2.imread(str(tmp_path / row["crop"])) is not None
    lines = [json.loads(line)["plate"] for line in record.place.logs[1].read_text().splitlines()]
    assert [f"P{number}" for number in told] == [one for one in lines if int(one[1:]) in told]


def test_plates_csv_is_always_the_newest_file(tmp_path: Path) -> None:
    path = tmp_path / "plates.csv"
    moment = datetime(2026, 10, 30, 23, 30, tzinfo=UTC)
    log = CsvLog(CsvSettings(str(path), rotate="daily"), now=lambda: moment)
    for number in range(6):
        log(entry(plate=f"A{number}"))
        moment += timedelta(hours=8)
    log.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        *("plates-2026-10-30.csv", "plates-2026-10-31.csv", "plates.csv")
    ]
    assert plates(tmp_path / "plates-2026-10-30.csv") == ["A0"]
    assert plates(tmp_path / "plates-2026-10-31.csv") == ["A1", "A2", "A3"]
    assert plates(path) == ["A4", "A5"]


def test_dated_files_lie_beside_the_file_that_a_link_leads_to(tmp_path: Path) -> None:
    disk, link = tmp_path / "disk" / "gate.csv", tmp_path / "home" / "plates.csv"
    link.parent.mkdir()
    link.symlink_to(disk)
    moment = datetime(2026, 10, 30, tzinfo=UTC)
    log = CsvLog(CsvSettings(str(link), rotate="daily", max_days=3), now=lambda: moment)
    for number in range(3):
        log(entry(plate=f"A{number}"))
        moment += timedelta(days=1)
    assert [path.name for path in link.parent.iterdir()] == ["plates.csv"]
    assert sorted(path.name for path in disk.parent.iterdir()) == [
        *("gate-2026-10-30.csv", "gate-2026-10-31.csv", "gate.csv")
    ]
    assert plates(link) == ["A2"]
    report = verify_log(disk)
    assert (report.broken, len(report.files)) == (None, 3)
    log.close()


def test_a_link_that_leads_to_itself_is_told(tmp_path: Path) -> None:
    path = tmp_path / "plates.csv"
    path.symlink_to(path)
    with pytest.raises(OutputError, match=r"symbolic links; set csv\.path"):
        CsvLog(CsvSettings(str(path)))


def test_a_month_that_ended_while_the_program_was_off_is_put_aside_with_the_first_row(tmp_path: Path) -> None:
    path = tmp_path / "plates.csv"
    CsvLog(CsvSettings(str(path))).close()
    log = CsvLog(CsvSettings(str(path)))
    log(entry(plate="OLD"))
    log.close()
    september = datetime(2026, 9, 15, tzinfo=UTC).timestamp()
    os.utime(path, (september, september))
    log = CsvLog(CsvSettings(str(path)), now=lambda: datetime(2026, 11, 1, tzinfo=UTC))
    assert plates(path) == ["OLD"]
    log(entry(plate="NEW"))
    log.close()
    assert plates(tmp_path / "plates-2026-09.csv") == ["OLD"]
    assert plates(path) == ["NEW"]


def test_a_clock_that_jumps_loses_no_row(tmp_path: Path) -> None:
    """A Raspberry Pi starts in 1970, or in the future, until the network tells it."""
    path = tmp_path / "plates.csv"
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    log = CsvLog(CsvSettings(str(path), rotate="daily"), now=lambda: moment)
    for year in (2026, 1970, 2026, 2099, 2026):
        moment = datetime(year, 1, 1, tzinfo=UTC)
        log(entry(plate=f"A{year}"))
    log.close()
    report = verify_log(path)
    assert report.broken is None
    assert sum(one.rows for one in report.files) == 5


def test_one_file_for_ever_is_never_renamed(tmp_path: Path) -> None:
    path = tmp_path / "plates.csv"
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    log = CsvLog(CsvSettings(str(path), rotate="never", max_megabytes=0.001), now=lambda: moment)
    for _ in range(5):
        log(entry())
        moment += timedelta(days=400)
    log.close()
    assert len(plates(path)) == 5
    assert [file.name for file in tmp_path.iterdir()] == ["plates.csv"]


def test_files_that_logrotate_moves_stay_in_the_chain(tmp_path: Path) -> None:
    record = Record(tmp_path)
    ledger = record.open()
    ledger(of("AA111AA"))
    for log in record.place.logs:
        log.rename(log.with_name(f"{log.name}.1"))
    ledger(of("BB222BB"))
    for log in record.place.logs:  # "create" in logrotate's configuration
        log.rename(log.with_name(f"{log.name}-20261120"))
        log.touch()
    ledger(of("CC333CC"))
    ledger.close()
    for log in record.place.logs:
        report = verify_log(log)
        assert report.broken is None
        assert [one.rows for one in report.files] == [1, 1, 1]


def test_two_programs_cannot_write_one_record_and_the_second_leaves_nothing_open(tmp_path: Path) -> None:
    record = Record(tmp_path)
    first = record.open()
    with pytest.raises(OutputError, match=r"another program is writing to it; set csv\.path"):
        record.open()
    other = CsvSettings(str(tmp_path / "other.csv"))
    with pytest.raises(OutputError, match=r"another program is writing to it; set json\.path"):
        Ledger.open(other, JsonSettings(path=str(tmp_path / "plates.jsonl")), PictureSettings(keep="off"))
    second = Ledger.open(other, JsonSettings(), PictureSettings(keep="off"))
    first(of("AA111AA"))
    second(of("BB222BB"))
    for ledger in (first, second):
        assert (ledger.error, ledger.waiting) == ("", 0)
        ledger.close()


def test_everything_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ledger = Ledger.open(CsvSettings(path=""), JsonSettings(enabled=False), PictureSettings())
    ledger(event())
    ledger(of("AA111AA"))
    ledger.flush()
    ledger.tidy()
    ledger.close()
    assert list(tmp_path.iterdir()) == []
