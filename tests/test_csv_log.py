import csv
import errno
import logging
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from unittest.mock import Mock

import pytest
from output_samples import entry

from edge import line_file
from edge.chain import START
from edge.csv_log import CsvLog, CsvSettings
from edge.csv_rows import COLUMNS, HEADER
from edge.errors import ConfigError, OutputError
from edge.log_erase import Place, erase_plate
from edge.log_files import lock_now
from edge.log_verify import verify_log
from edge.records import Reason
from edge.torn_lines import read_torn
from edge.whole_file import write_all


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plates.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def write(path: Path, *plates: str) -> None:
    log = CsvLog(CsvSettings(str(path)))
    for plate in plates:
        log(entry(plate=plate))
    log.close()


@pytest.mark.usefixtures("_berlin")
def test_a_row_says_everything(path: Path) -> None:
    log = CsvLog(CsvSettings(str(path)))
    log(entry(unruled="AB1Z3CD", format="it"))
    log.close()
    assert path.read_bytes().startswith(HEADER)
    assert path.read_bytes().endswith(b"\r\n")
    (row,) = rows(path)
    assert len(bytes.fromhex(row.pop("salt"))) == 12
    assert len(bytes.fromhex(row.pop("hash"))) == 32
    assert [row] == [
        {
            "schema": "1",
            "event_id": "0b9c5a1e-7d53-5f0e-9a43-3f1d2c0a7b10",
            "track": "7",
            "camera": "gate",
            "status": "accepted",
            "reason": "",
            "plate": "AB123CD",
            "plate_raw": "AB1Z3CD",
            "second": "AB128CD",
            "margin": "0.6123",
            "confidence": "0.9700",
            "readings": "9",
            "votes": "7",
            "agreement": "0.8571",
            "first_seen_utc": "2026-11-20T14:03:22.123Z",
            "last_seen_utc": "2026-11-20T14:03:25.123Z",
            "best_utc": "2026-11-20T14:03:23.123Z",
            "local_time": "2026-11-20T15:03:22.123+01:00",
            "plate_w_px": "117.6",
            "plate_h_px": "29.4",
            "sharpness": "210.0",
            "detection": "0.9100",
            "x": "100",
            "y": "201",
            "w": "118",
            "h": "29",
            "unruled": "AB1Z3CD",
            "format": "it",
            "clock_synced": "yes",
            "recorded_utc": "2026-11-20T14:03:27.123Z",
            "crop": "",
            "frame": "",
            "moved": "yes",
            "direction": "approaching",
            "prev_hash": START,
        }
    ]


def test_rows_join_those_that_are_there(path: Path) -> None:
    write(path, "A1")
    write(path, "B2", "C3")
    assert [entry["plate"] for entry in rows(path)] == ["A1", "B2", "C3"]
    assert path.read_bytes().count(b"schema") == 1
    assert [file.name for file in path.parent.iterdir()] == ["plates.csv"]


def test_previews_and_unwanted_statuses_get_no_row(path: Path) -> None:
    log = CsvLog(CsvSettings(str(path), include=("accepted",)))
    log(entry(kind="preview"))
    log(entry(status="rejected", reason="too_small"))
    log(entry(plate="OK1"))
    log.close()
    assert [entry["plate"] for entry in rows(path)] == ["OK1"]


def test_without_a_path_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = CsvLog(CsvSettings(path=""))
    log(entry())
    log.close()
    assert list(tmp_path.iterdir()) == []
    assert log.waiting == 0


def test_the_folder_is_created(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b" / "plates.csv", "A1")
    assert len(rows(tmp_path / "a" / "b" / "plates.csv")) == 1


@pytest.mark.parametrize("settings", [{"include": ()}, {"keep_rows": 0}])
def test_settings_that_cannot_be(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        CsvSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " ="])
def test_no_cell_is_a_formula(path: Path, start: str) -> None:
    log = CsvLog(CsvSettings(str(path)))
    log(entry(camera=start + 'HYPERLINK("http://x","y")'))
    log.close()
    assert rows(path)[0]["camera"].startswith("'")


def test_a_cell_cannot_break_the_row(path: Path) -> None:
    log = CsvLog(CsvSettings(str(path)))
    log(entry(camera='north "main", gate\r\nschema,1 ü\x00', plate="Ä\udc80"))
    log.close()
    assert rows(path)[0]["camera"] == 'north "main", gate  schema,1 ü '
    assert len(path.read_bytes().splitlines()) == 2


# --- after a power cut ---


@pytest.mark.usefixtures("_no_waiting")
def test_a_file_cut_at_any_byte_of_its_last_row_loses_only_that(path: Path) -> None:
    write(path, "A1", "B2", "C3")
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    torn_file = path.with_name("plates.csv.torn")
    for kept in range(len(last)):
        torn_file.unlink(missing_ok=True)
        path.write_bytes(whole[: len(whole) - len(last) + kept])
        write(path, "D4")
        complete = kept >= len(last) - 2  # only the end of the line is missing
        assert [entry["plate"] for entry in rows(path)] == ["A1", "B2", *(["C3"] if complete else []), "D4"]
        assert torn_file.exists() == (kept > 0 and not complete)
        if torn_file.exists():
            assert [torn.piece for torn in read_torn(path)] == [last[:kept]]


@pytest.mark.usefixtures("_no_waiting")
def test_a_file_cut_at_any_byte_of_its_header_begins_anew(path: Path) -> None:
    for kept in range(len(HEADER) + 1):
        path.write_bytes(HEADER[:kept])
        write(path, "A1")
        assert [entry["plate"] for entry in rows(path)] == ["A1"]
    assert [file.name for file in path.parent.iterdir()] == ["plates.csv"]


def test_zeros_that_a_power_cut_leaves_are_moved_away(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(path, "A1")
    with path.open("ab") as file:
        file.write(b"1,2026" + bytes(9000))
    write(path, "B2")
    assert [entry["plate"] for entry in rows(path)] == ["A1", "B2"]
    assert [torn.piece for torn in read_torn(path)] == [b"1,2026" + bytes(9000)]
    assert "plates.csv.torn" in caplog.text


def test_torn_rows_of_several_power_cuts_are_all_kept(path: Path) -> None:
    for tail in (b"1,one", b"1,two"):
        write(path, "A1")
        with path.open("ab") as file:
            file.write(tail)
    write(path, "B2")
    assert [torn.piece for torn in read_torn(path)] == [b"1,one", b"1,two"]


def test_a_killed_program_leaves_whole_rows(path: Path) -> None:
    program = textwrap.dedent(f"""
        import sys
        sys.path[:0] = {[path for path in sys.path if path]!r} + ["."]
        from output_samples import entry
        from edge.csv_log import CsvLog, CsvSettings
        log = CsvLog(CsvSettings({str(path)!r}))
        number = 0
        while True:
            log(entry(plate=f"A{{number}}"))
            number += 1
            print(number, flush=True)
    """)
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout:
        for line in child.stdout:
            if int(line) == 20:
                child.send_signal(signal.SIGKILL)
                break
        child.wait()
    write(path, "LAST")
    plates = [entry["plate"] for entry in rows(path)]
    assert plates[:20] == [f"A{number}" for number in range(20)]
    assert plates[-1] == "LAST"


# --- files that are not ours ---


@pytest.mark.parametrize("content", [b"time,plate\n1,AB\n", b"no header at all", HEADER.replace(b"schema", b"Schema")])
def test_a_file_of_another_format_is_set_aside(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(content)
    path.with_name("plates.1.csv").write_bytes(b"older still")
    write(path, "A1")
    assert path.with_name("plates.2.csv").read_bytes() == content
    assert path.with_name("plates.1.csv").read_bytes() == b"older still"
    assert len(rows(path)) == 1
    assert "plates.2.csv" in caplog.text


def test_two_programs_cannot_write_one_file(path: Path) -> None:
    first = CsvLog(CsvSettings(str(path)))
    with pytest.raises(OutputError, match="another program is writing to it"):
        CsvLog(CsvSettings(str(path)))
    first.close()
    write(path, "A1")


def test_another_version_leaves_the_file_of_one_that_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = CsvLog(CsvSettings(str(path)))
    with monkeypatch.context() as patch:
        patch.setattr("edge.csv_log.HEADER", HEADER.replace(b"schema", b"schema,newer"))
        with pytest.raises(OutputError, match="another program is writing to it"):
            CsvLog(CsvSettings(str(path)))
        first(entry(plate="A1"))
        first.close()
        CsvLog(CsvSettings(str(path))).close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["plates.1.csv", "plates.csv"]
    assert [entry["plate"] for entry in rows(path.with_name("plates.1.csv"))] == ["A1"]


def test_a_new_file_after_one_of_another_format_is_ours_alone(path: Path) -> None:
    path.write_bytes(b"time,plate\n")
    first = CsvLog(CsvSettings(str(path)))
    with pytest.raises(OutputError, match="another program is writing to it"):
        CsvLog(CsvSettings(str(path)))
    first.close()


def test_a_file_that_is_put_aside_while_it_is_opened_is_not_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, "A1")
    aside = path.with_name("plates-2026-10.csv")

    def put_aside(file: int) -> None:
        if not aside.exists():
            path.rename(aside)
        lock_now(file)

    monkeypatch.setattr(line_file, "lock_now", put_aside)
    log = CsvLog(CsvSettings(str(path)))
    assert path.read_bytes() == HEADER
    with pytest.raises(OutputError, match="another program is writing to it"):
        CsvLog(CsvSettings(str(path)))
    log.close()


@pytest.mark.parametrize("where", ["", "plates.csv/below"])
def test_what_cannot_be_written_is_one_line_at_start(path: Path, where: str) -> None:
    if where:
        path.write_text("")
    with pytest.raises(OutputError, match=r"^cannot write .*; set csv\.path$") as raised:
        CsvLog(CsvSettings(str(path.parent / where)))
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_line_at_start(path: Path) -> None:
    path.parent.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        CsvLog(CsvSettings(str(path)))


def test_others_may_not_read_the_plates(path: Path) -> None:
    write(path, "A1")
    assert path.stat().st_mode & 0o007 == 0


# --- while it runs ---


def test_a_file_moved_away_is_begun_anew(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = CsvLog(CsvSettings(str(path)))
    log(entry(plate="A1"))
    path.rename(path.with_name("old.csv"))
    log(entry(plate="B2"))
    log.close()
    assert [entry["plate"] for entry in rows(path.with_name("old.csv"))] == ["A1"]
    assert [entry["plate"] for entry in rows(path)] == ["B2"]
    assert caplog.messages == [f"{path} was moved or deleted: a new file begins in {path.parent}"]


def test_a_file_that_is_put_aside_or_erased_from_is_not_missed(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As logrotate, the program itself and `log erase` do it: the chain is still there."""
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    moment = datetime(2026, 10, 30, tzinfo=UTC)
    log = CsvLog(CsvSettings(str(path), rotate="daily"), now=lambda: moment)
    log(entry(plate="A1"))
    path.rename(path.with_name("plates.csv.1"))
    log(entry(plate="B2"))
    moment += timedelta(days=1)
    log(entry(plate="C3"))
    erase_plate(Place((path,), path.parent / "pictures", path.with_name("plates.csv.erasing")), "C3")
    log(entry(plate="D4"))
    log.close()
    assert caplog.messages == []
    assert [entry["plate"] for entry in rows(path)][-1] == "D4"
    assert len(list(path.parent.glob("plates-*.csv"))) > 0, "its day was over"
    assert verify_log(path).broken is None


def test_a_row_never_joins_what_somebody_else_left_half(path: Path) -> None:
    log = CsvLog(CsvSettings(str(path)))
    log(entry(plate="A1"))
    with path.open("ab") as file:
        file.write(b"1,half")
    log(entry(plate="B2"))
    log.close()
    assert [entry["plate"] for entry in rows(path)] == ["A1", "B2"]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full, for real: writing past `size` bytes stops in the middle of a row, then fails."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_loses_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = CsvLog(CsvSettings(str(path)))
    log(entry(plate="A1"))
    with files_of_at_most(path.stat().st_size + 50):
        for plate in ("B2", "C3", "D4"):
            log(entry(plate=plate))
        assert log.waiting == 3
        assert "File too large" in log.error
        assert [entry["plate"] for entry in rows(path)] == ["A1"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR], "once for each cause"
    log(entry(plate="E5"))
    assert (log.waiting, log.error) == (0, "")
    log.close()
    assert [entry["plate"] for entry in rows(path)] == ["A1", "B2", "C3", "D4", "E5"]


def test_what_waits_is_written_at_the_end(path: Path) -> None:
    log = CsvLog(CsvSettings(str(path)))
    with files_of_at_most(path.stat().st_size + 50):
        log(entry(plate="A1"))
    log.close()
    assert [entry["plate"] for entry in rows(path)] == ["A1"]


def test_thousands_that_waited_are_synchronised_a_few_times(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes an SD card 20 ms and more, and systemd's watchdog waits 30 s."""
    log = CsvLog(CsvSettings(str(path)))
    plates = [f"P{number}" for number in range(1200)]
    with files_of_at_most(path.stat().st_size + 50):
        for plate in plates:
            log(entry(plate=plate))
    synchronise = Mock(side_effect=line_file._synchronise)
    monkeypatch.setattr(line_file, "_synchronise", synchronise)
    log.flush()
    log.close()
    assert synchronise.call_count < 10
    assert [entry["plate"] for entry in rows(path)] == plates
    assert verify_log(path).broken is None


def test_room_for_one_more_row_is_used(path: Path) -> None:
    log = CsvLog(CsvSettings(str(path)))
    log(entry(plate="A1"))
    head, one = path.stat().st_size, len(path.read_bytes().splitlines(keepends=True)[-1])
    with files_of_at_most(head + 50):
        for plate in ("B2", "C3", "D4"):
            log(entry(plate=plate))
    with files_of_at_most(head + one + 50):
        log.flush()
        assert log.waiting == 2
    log.close()
    assert [entry["plate"] for entry in rows(path)] == ["A1", "B2", "C3", "D4"]


def test_memory_is_bounded_and_what_is_lost_is_counted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = CsvLog(CsvSettings(str(path), keep_rows=2))
    with files_of_at_most(path.stat().st_size):
        for plate in ("A1", "B2", "C3"):
            log(entry(plate=plate))
        assert log.waiting == 2
        assert log.error.endswith("(1 older ones are lost, beyond keep_rows)")
        log.close()
    assert "keep_rows = 2 rows wait, and each more costs the oldest" in caplog.text
    assert "3 rows could not be written and are lost" in caplog.text


def test_what_found_no_room_in_memory_is_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = CsvLog(CsvSettings(str(path), keep_rows=2))
    with files_of_at_most(path.stat().st_size):
        for plate in ("A1", "B2", "C3"):
            log(entry(plate=plate))
    log.flush()
    log.close()
    assert "2 rows at once, 1 were lost" in caplog.text
    assert [entry["plate"] for entry in rows(path)] == ["B2", "C3"]


def test_each_outage_counts_what_it_lost(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = CsvLog(CsvSettings(str(path), keep_rows=2))
    for plates in (("A1", "B2", "C3", "D4"), ("E5",)):
        with files_of_at_most(path.stat().st_size):
            for plate in plates:
                log(entry(plate=plate))
        log.flush()
    log.close()
    told = [message.partition("again: ")[2] for message in caplog.messages if "again: " in message]
    assert told == ["2 rows at once, 2 were lost", "1 rows at once, 0 were lost"]


def test_a_row_that_finds_the_disk_back_costs_no_other(path: Path) -> None:
    log = CsvLog(CsvSettings(str(path), keep_rows=2))
    with files_of_at_most(path.stat().st_size):
        for plate in ("A1", "B2"):
            log(entry(plate=plate))
    log(entry(plate="C3"))
    log.close()
    assert [entry["plate"] for entry in rows(path)] == ["A1", "B2", "C3"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("call", ["ftruncate", "write", "_synchronise"])
def test_no_failure_of_the_disk_stops_recognition(
    path: Path, call: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails after half a row, the file holds every row once the disk works, and none is torn."""
    log = CsvLog(CsvSettings(str(path)))
    log(entry(plate="A1"))

    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    def write_half(file: int, data: bytes) -> None:
        write_all(file, data[: len(data) // 2])
        fail()

    with monkeypatch.context() as patch:
        if call == "_synchronise":
            patch.setattr(line_file, "_synchronise", fail)
        else:
            patch.setattr(line_file, "write_all", write_half)
        if call == "ftruncate":
            patch.setattr(os, "ftruncate", fail)
        log(entry(plate="B2"))
        log(entry(plate="C3"))
        assert log.waiting == 2
        assert os.strerror(code) in log.error
    log(entry(plate="D4"))
    log.close()
    assert [entry["plate"] for entry in rows(path)] == ["A1", "B2", "C3", "D4"]


def test_a_folder_that_vanishes_and_returns(path: Path) -> None:
    folder = path.parent / "stick"
    log = CsvLog(CsvSettings(str(folder / "plates.csv")))
    log(entry(plate="A1"))
    folder.rename(path.parent / "pulled")
    folder.write_text("something else in its place")
    log(entry(plate="B2"))
    assert log.waiting == 1
    folder.unlink()
    (path.parent / "pulled").rename(folder)
    log(entry(plate="C3"))
    log.close()
    assert [entry["plate"] for entry in rows(folder / "plates.csv")] == ["A1", "B2", "C3"]


def test_the_documents_explain_every_column_and_reason() -> None:
    text = (Path(__file__).parents[1] / "docs" / "csv.md").read_text(encoding="utf-8")
    text = text.partition("## The CSV file")[2].partition("## What happens")[0]
    explained = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert tuple(explained) == COLUMNS + get_args(Reason)


def test_files_that_could_not_be_deleted_are_tried_again_with_the_next_row(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CsvLog(CsvSettings(str(path)))
    with monkeypatch.context() as patch:
        patch.setattr("edge.line_log.dated_files", Mock(side_effect=OSError(errno.EROFS, os.strerror(errno.EROFS))))
        log.tidy()
    assert "old files cannot be deleted: Read-only file system" in log.error
    log(entry())
    assert log.error == "", "the disk can be written again"
    log.close()
