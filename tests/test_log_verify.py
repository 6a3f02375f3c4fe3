"""The chain through the files: whatever is changed, taken out or put in is found, and what is no fault is told."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from output_samples import entry

from edge.chain import START, CsvForm, JsonForm
from edge.cli import main
from edge.csv_log import CsvLog, CsvSettings
from edge.csv_rows import COLUMNS, HEADER
from edge.json_log import JsonLog, JsonSettings
from edge.log_files import in_order, log_files
from edge.log_verify import Report, verify_files, verify_log
from edge.torn_lines import read_torn


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plates.csv"


def write(path: Path, *plates: str) -> None:
    log = CsvLog(CsvSettings(str(path)))
    for plate in plates:
        log(entry(plate=plate))
    log.close()


class Clock:
    """Stands still unless it is told to go on; files get its time too, as they would from the kernel."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


def write_months(path: Path, months: int, rotate: str = "monthly") -> None:
    """One row on the 20th of each month, in a new run of the program each time."""
    clock = Clock(datetime(2026, 1, 20, tzinfo=UTC))
    for number in range(months):
        log = CsvLog(CsvSettings(str(path), rotate=rotate), now=clock)  # type: ignore[arg-type]
        log(entry(plate=f"A{number}"))
        log.close()
        os.utime(path, (clock.moment.timestamp(), clock.moment.timestamp()))
        clock.moment += timedelta(days=31)


def broken(report: Report) -> str:
    assert report.broken is not None
    return f"{report.broken.file.name}:{report.broken.bad_line}"


def counted(report: Report) -> list[tuple[str, int]]:
    assert report.broken is None, report
    return [(one.file.name, one.rows) for one in report.files]


def test_each_row_names_the_hash_of_the_one_before_and_its_own(path: Path) -> None:
    write(path, "A1", 'B,"2"')
    write(path, "C3")
    before = START
    for line in path.read_bytes().splitlines()[1:]:
        content, _, own = line.rpartition(b",")
        assert content.rpartition(b",")[2].decode() == before
        before = sha256(content).hexdigest()
        assert own.decode() == before
    report = verify_log(path)
    assert counted(report) == [("plates.csv", 3)]
    assert report.head == before


def test_json_lines_are_chained_too(tmp_path: Path) -> None:
    path = tmp_path / "plates.jsonl"
    log = JsonLog(JsonSettings(), path)
    for kind in ("preview", "final"):
        log(entry(kind=kind))
    log.close()
    assert counted(verify_log(path)) == [("plates.jsonl", 2)]
    content, _, own = path.read_text().splitlines()[1].removesuffix('"}').rpartition(',"hash":"')
    assert sha256(content.encode()).hexdigest() == own
    path.write_text(path.read_text().replace('"preview"', '"previaw"'))
    assert broken(verify_log(path)) == "plates.jsonl:1"


def tampered(lines: list[bytes]) -> Iterator[tuple[str, list[bytes], int]]:
    """Ways to tamper with a header and five rows, each with the first line that shows it."""
    yield "a row is changed", [*lines[:3], lines[3].replace(b"C3", b"D3"), *lines[4:]], 4
    yield "a row is taken out", [*lines[:3], *lines[4:]], 4
    yield (
        "the first row is taken out, the second calls itself first",
        [lines[0], refer(lines[2]), *lines[3:]],
        3,
    )
    yield "two rows change places", [*lines[:2], lines[3], lines[2], *lines[4:]], 3
    yield "a row is there twice", [*lines[:3], lines[2], *lines[3:]], 4
    yield "a row of somebody's own is put in", [*lines[:3], CsvForm(HEADER).seal(b"1,x", START), *lines[3:]], 4
    yield "a line of rubbish", [*lines[:3], b"hello\r\n", *lines[3:]], 4
    yield "an empty line", [*lines[:3], b"\r\n", *lines[3:]], 4
    yield "a row calls itself erased and keeps its plate", [*lines[:3], lines[3].replace(b"accepted", b"erased")], 4


def refer(line: bytes) -> bytes:
    """The row, sealed anew as the first of a chain."""
    body = line.rpartition(b",")[0].rpartition(b",")[0]
    return CsvForm(HEADER).seal(body, START)


@pytest.mark.parametrize("number", range(9))
def test_whatever_is_done_to_a_row_is_found_with_its_line(path: Path, number: int) -> None:
    write(path, "A1", "B2", "C3", "D4", "E5")
    _, lines, line = list(tampered(path.read_bytes().splitlines(keepends=True)))[number]
    path.write_bytes(b"".join(lines))
    assert broken(verify_log(path)) == f"plates.csv:{line}"


def test_any_changed_byte_of_any_row_is_found(path: Path) -> None:
    write(path, "A1", "B2")
    whole = path.read_bytes()
    for position in range(len(HEADER), len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        report = verify_log(path)
        # the last line feed: the row looks half-written, which is a note
        assert report.broken or report.files[0].notes, position
        assert report.broken or position >= len(whole) - 2, position


def test_rows_cut_off_at_the_end_are_found_by_a_hash_noted_before(path: Path) -> None:
    write(path, "A1", "B2")
    noted = verify_log(path).head
    write(path, "C3")
    assert verify_log(path, noted).found
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    report = verify_log(path, noted)
    assert report.broken is None
    assert not report.found


def test_the_chain_goes_on_through_dated_files(path: Path) -> None:
    write_months(path, 4)
    names = [file.name for file in in_order(log_files(path))]
    assert names == ["plates-2026-01.csv", "plates-2026-02.csv", "plates-2026-03.csv", "plates.csv"]
    assert counted(verify_log(path)) == [(name, 1) for name in names]
    assert all((path.parent / name).read_bytes().startswith(HEADER) for name in names)


def test_a_missing_file_in_the_middle_is_found_and_a_missing_first_one_is_a_note(path: Path) -> None:
    write_months(path, 4)
    kept = path.with_name("plates-2026-02.csv").read_bytes()
    path.with_name("plates-2026-02.csv").unlink()
    assert broken(verify_log(path)) == "plates-2026-03.csv:2"
    path.with_name("plates-2026-02.csv").write_bytes(kept)
    path.with_name("plates-2026-01.csv").unlink()
    report = verify_log(path)
    assert len(counted(report)) == 3
    assert "rows that are gone" in report.files[0].notes[0]


def test_a_program_whose_file_was_moved_goes_on_with_the_chain_after_a_restart(path: Path) -> None:
    write(path, "A1")
    path.rename(path.with_name("plates.csv.1"))
    write(path, "B2")
    assert counted(verify_log(path)) == [("plates.csv.1", 1), ("plates.csv", 1)]


def test_a_file_of_the_first_version_is_set_aside_and_told(path: Path) -> None:
    path.write_bytes(",".join(COLUMNS[:26]).encode() + b"\r\n1,x\r\n")
    write(path, "A1")
    report = verify_log(path)
    assert [(one.file.name, one.rows) for one in report.files] == [("plates.1.csv", 0), ("plates.csv", 1)]
    assert "without a chain" in report.files[0].notes[0]


@pytest.mark.slow
@pytest.mark.usefixtures("_no_waiting")
def test_after_every_possible_power_cut_the_chain_goes_on_and_tells_it(path: Path) -> None:
    write(path, "A1", "B2", "C3")
    whole = path.read_bytes()
    start = len(b"".join(whole.splitlines(keepends=True)[:2]))
    for kept in range(start, len(whole)):
        for file in path.parent.iterdir():
            file.unlink()
        path.write_bytes(whole[:kept])
        write(path, "D4")
        report = verify_log(path)
        assert report.broken is None, kept
        torn = list(read_torn(path))
        assert len(report.notes) == len(torn) <= 1
        rows = report.files[0].rows
        assert rows == 2 + (kept >= start + (len(whole) - start) // 2 - 2) + (kept >= len(whole) - 2)
        if torn:
            assert whole[:kept].endswith(torn[0].piece)
            assert f"after plates.csv:{rows}" in report.notes[0]  # the row before the last; the header is line 1


def test_half_a_row_at_the_end_is_no_fault_of_a_running_program(path: Path) -> None:
    write(path, "A1", "B2")
    path.write_bytes(path.read_bytes()[:-40])
    report = verify_log(path)
    assert report.broken is None
    assert "half a row in line 3" in report.files[0].notes[0]


def test_single_files_are_checked_by_themselves(path: Path) -> None:
    write_months(path, 3)
    assert verify_files([path.with_name("plates-2026-02.csv")]).report.broken is None
    assert verify_files([path.with_name("plates-2026-01.csv"), path]).report.broken is not None


def test_files_that_the_shell_has_sorted_are_followed_in_the_order_of_their_chain(path: Path) -> None:
    """It puts `.2` before what it comes after."""
    clock = Clock(datetime(2026, 1, 20, tzinfo=UTC))
    log = CsvLog(CsvSettings(str(path), max_megabytes=0.012), now=clock)
    for number in range(8):
        log(entry(plate=f"A{number}"))
    log.close()
    named = sorted(str(file) for file in path.parent.iterdir())
    assert [Path(name).name for name in named[:2]] == ["plates-2026-01.2.csv", "plates-2026-01.csv"]
    assert main(["log", "verify", *named]) == 0


def test_compressed_files_are_told(path: Path) -> None:
    write(path, "A1")
    path.with_name("plates.csv.2.gz").write_bytes(b"")
    assert "plates.csv.2.gz is compressed" in verify_log(path).notes[0]


@pytest.mark.parametrize("form", [CsvForm(HEADER), JsonForm()])
def test_a_line_knows_its_hashes_with_and_without_its_end(form: CsvForm | JsonForm) -> None:
    line = form.seal(b'{"a":1}', START)
    link = form.link(line)
    assert link is not None
    assert (link.before, link.whole, link.erased) == (START, True, False)
    assert form.link(line.rstrip(b"\n")) == form.link(line.rstrip(b"\r\n")) == link
    assert form.link(line.rstrip(b"\r\n")[:-1] + b"x") is None
    tombstone = form.tombstone(link, datetime(2026, 1, 1, tzinfo=UTC))
    assert form.link(tombstone) == link._replace(erased=True)


def test_files_of_a_size_are_put_aside_early_and_the_oldest_are_deleted(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = CsvLog(CsvSettings(str(path), max_megabytes=0.05), now=Clock(datetime(2026, 1, 20, tzinfo=UTC)))
    most = 0
    for number in count():
        log(entry(plate=f"A{number}"))
        most = max(most, sum(file.stat().st_size for file in path.parent.iterdir()))
        if "deleted" in caplog.text and number > 200:
            break
    log.close()
    assert most <= 50_000
    report = verify_log(path)
    assert report.broken is None
    assert report.files[-1].file == path
    assert "rows that are gone" in report.files[0].notes[0]
    assert sum(one.rows for one in report.files) > 50
