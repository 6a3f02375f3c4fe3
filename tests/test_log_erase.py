"""After `erase`, no file of the record holds the plate, and the chain can still be followed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from output_samples import EVENT, event
from review_samples import doubtful, keep

from edge import erasure, log_erase
from edge.chain import CsvForm
from edge.cli import main
from edge.csv_log import CsvSettings
from edge.errors import ConfigError, OutputError
from edge.json_log import JsonSettings
from edge.ledger import Ledger, record_journal
from edge.log_erase import Erased, Place, erase_plate
from edge.log_files import folder_lock, log_files
from edge.log_verify import verify_log
from edge.pictures import Pictures, PictureSettings
from edge.records import PlateEvent, PlateReading, Shot
from edge.review import Answer, read_items, record_answer
from edge.whole_file import create, write_whole

PLATE = "AB123CD"


class Record:
    """A folder with all that a service leaves behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.csv, self.json = CsvSettings(str(folder / "plates.csv")), JsonSettings()
        self.pictures = PictureSettings(min_free_megabytes=0)
        logs = (folder / "plates.csv", folder / "plates.jsonl")
        self.place = Place(logs, folder / "pictures", record_journal(self.csv, self.json))

    def open(self) -> Ledger:
        return Ledger.open(self.csv, self.json, self.pictures)

    def write(self, *plates: str, rotate: str = "") -> None:
        ledger = self.open()
        for plate in plates:
            ledger(of(plate, kind="preview"))
            ledger(of(plate))
        ledger.close()
        if rotate:
            for log in self.place.logs:
                log.rename(log.with_name(f"{log.stem}-{rotate}{log.suffix}"))

    def is_whole(self) -> bool:
        return all(verify_log(log).broken is None for log in self.place.logs)

    def rows(self) -> int:
        return sum(one.rows for one in verify_log(self.place.logs[0]).files)

    def pictures_left(self) -> int:
        return len(list((self.folder / "pictures").rglob("*.jpg")))

    def holding(self, text: str) -> list[str]:
        """Every file below the folder whose name or content holds the text, however it is written."""
        return sorted(
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if text in path.name.upper() or (path.is_file() and text.encode() in path.read_bytes().upper())
        )


def of(plate: str, **changes: object) -> PlateEvent:
    """An event of a plate, with pictures; each plate is one pass."""
    picture = np.full((30, 90, 3), sum(plate.encode()) % 250, np.uint8)
    shot = Shot(picture, picture[5:25], EVENT.box, PlateReading(plate, 0.9, ()), (60, 30))
    number = crc32(plate.encode()) % 10**8
    values: dict[str, object] = {
        "event_id": f"{number:08d}-7d53-5f0e-9a43-3f1d2c0a7b10",
        "plate": plate,
        "plate_raw": plate,
        "second": "",
        "characters": tuple((character, 0.9) for character in plate),
        "shot": shot,
        **changes,
    }
    return event(**values)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


def test_every_trace_of_the_plate_goes_and_nothing_else(record: Record) -> None:
    record.write("XY999ZZ", PLATE, rotate="2026-10")
    record.write("QQ111QQ", PLATE, "XY999ZZ", rotate="2026-11")
    record.write(PLATE, "LAST123")
    before = {file.name: file.read_bytes() for log in record.place.logs for file in log_files(log)}
    heads = [verify_log(log).head for log in record.place.logs]
    assert record.holding(PLATE)
    assert record.pictures_left() == 4  # one for each plate: its passes share an id here, and so a name

    erased = erase_plate(record.place, "ab 123-cd")

    assert (erased.rows, erased.pictures, erased.left, erased.alike) == (9, 1, [], {})
    assert record.holding(PLATE) == []
    assert record.is_whole()
    assert [verify_log(log).head for log in record.place.logs] == heads
    assert record.rows() == 4
    assert record.pictures_left() == 3
    for log in record.place.logs:
        for file in log_files(log):
            now = file.read_bytes().splitlines()
            then = before[file.name].splitlines()
            assert len(now) == len(then)
            assert [a for a, b in zip(now, then, strict=True) if PLATE.encode() not in b] == [
                b for b in then if PLATE.encode() not in b
            ]


@pytest.mark.parametrize("column", ["plate_raw", "second", "unruled"])
def test_a_row_that_only_mentions_the_plate_goes_with_its_whole_pass(record: Record, column: str) -> None:
    ledger = record.open()
    ledger(of("XX123CD", kind="preview"))
    ledger(of("XX123CD", **{column: PLATE}))
    ledger.close()
    assert erase_plate(record.place, PLATE).rows == 3
    assert record.holding(PLATE) == record.holding("XX123CD") == []
    assert record.pictures_left() == 0


def test_undecided_characters_may_be_the_plates_and_what_is_hardly_read_is_nobodys(record: Record) -> None:
    record.write("AB1?3CD", "?????CD", "AB1?3XX")
    assert erase_plate(record.place, PLATE).rows == 3
    assert record.holding("AB1?3CD") == []
    assert record.rows() == 2


def test_what_may_be_a_misreading_stays_and_is_told(record: Record) -> None:
    record.write("AB128CD", "AB123CDE", "ZZ128CD")
    erased = erase_plate(record.place, PLATE)
    assert erased == Erased(alike={"AB128CD": 3, "AB123CDE": 3})
    assert record.rows() == 3


def test_half_rows_of_power_cuts_go_too_and_their_notes_stay(record: Record) -> None:
    plate = "GH123KL"  # nothing that a row's hash could spell by chance
    record.write("XX111XX", plate)
    csv = record.place.logs[0]
    csv.write_bytes(csv.read_bytes()[:-90])  # tears the row
    record.write("YY222YY")
    assert "plates.csv.torn" in record.holding(plate)
    csv.write_bytes(csv.read_bytes() + b"1,x,7,gate,accepted,,GH123KL,GH12")  # and once more, before the next start
    erase_plate(record.place, plate)
    assert record.holding(plate) == record.holding("GH12") == []
    report = verify_log(csv)
    assert report.broken is None
    assert report.notes == ("a power cut left half a row after plates.csv:2; it is erased",)


def test_the_rows_of_older_versions_go_too(record: Record) -> None:
    record.write("XX111XX")
    old = record.folder / "plates.1.csv"
    old.write_text('schema,plate,note\r\n1,AB123CD,x\r\n1,XX111XX,"a\tb"\r\n')
    assert erase_plate(record.place, PLATE).rows == 1
    assert old.read_bytes() == b"schema,plate,note\r\n1,XX111XX,a\tb\r\n"


def test_rows_of_older_versions_that_may_be_the_plates_go_too(record: Record) -> None:
    record.write("XX111XX")
    old = record.folder / "plates.1.csv"
    old.write_bytes(b'schema,plate,note\r\n1,AB?23CD,x\r\n1,XX111XX,"two\r\nlines"\r\n')
    assert erase_plate(record.place, PLATE).rows == 1
    assert old.read_bytes() == b'schema,plate,note\r\n1,XX111XX,"two\r\nlines"\r\n'


@pytest.mark.parametrize(
    "name", ["{stem}-20261122{suffix}", "{stem}-20261122-1795161600{suffix}", "{stem}{suffix}-20261122-1795161600"]
)
def test_what_logrotate_renamed_is_of_the_record(record: Record, name: str) -> None:
    """With `extension .csv`, or a `dateformat` of its own."""
    record.write("XX111XX", PLATE)
    for log in record.place.logs:
        log.rename(log.with_name(name.format(stem=log.stem, suffix=log.suffix)))
    record.write("YY222YY", PLATE)
    assert (record.is_whole(), record.rows()) == (True, 4)
    erased = erase_plate(record.place, PLATE)
    assert (erased.rows, erased.left, record.holding(PLATE)) == (6, [], [])
    assert (record.is_whole(), record.rows()) == (True, 2)


@pytest.mark.parametrize("name", ["plates-old.csv", "plates-2026.csv", "plates.csv.bak", "plates-november.jsonl"])
def test_what_looks_like_the_record_and_has_another_name_is_told(record: Record, name: str) -> None:
    """An export, or a file that somebody renamed: not ours to change, for it may be another camera's."""
    record.write("XX111XX", PLATE)
    other = record.folder / name
    shutil.copy(record.place.logs[name.endswith("jsonl")], other)
    before = other.read_bytes()
    (told,) = erase_plate(record.place, PLATE).left
    option = "--set json.path=" if name.endswith("jsonl") else "--csv "
    assert told.startswith(f"{other} holds the plate, and is not named as")
    assert told.endswith(f"; delete it, or erase with {option}{other}")
    assert other.read_bytes() == before
    assert erase_plate(record.place, "ZZ999ZZ").left == []


def test_what_is_compressed_under_another_name_is_told(record: Record) -> None:
    record.write(PLATE)
    (record.folder / "plates-old.csv.gz").write_bytes(b"")
    assert len(erase_plate(record.place, PLATE).left) == 1


def test_what_cannot_be_looked_into_is_told(record: Record) -> None:
    record.write("XX111XX")
    (record.folder / "plates.csv.2.gz").write_bytes(b"")
    (record.folder / "plates.csv.3").write_text("AB123CD was here\n")
    left = erase_plate(record.place, PLATE).left
    assert len(left) == 2
    assert all(name in " ".join(left) for name in ("plates.csv.2.gz", "plates.csv.3"))


def test_a_row_cannot_name_a_file_that_is_no_picture_of_ours(record: Record, tmp_path: Path) -> None:
    record.write("XX111XX")
    precious = tmp_path / "precious.jpg"
    precious.write_bytes(b"")
    csv = record.place.logs[0]
    header, row = csv.read_bytes().splitlines(keepends=True)
    form = CsvForm(header)
    cells = row.decode().rstrip().split(",")
    cells[form.columns.index("plate")] = PLATE
    cells[form.columns.index("crop")] = "precious.jpg"
    csv.write_bytes(header + form.seal(",".join(cells[:-2]).encode(), cells[-2]))
    assert "precious.jpg" in erase_plate(record.place, PLATE).left[0]
    assert precious.exists()


@pytest.mark.parametrize("plate", ["", "-", "A", "AB1?3CD"])
def test_what_is_no_plate_erases_nothing(record: Record, plate: str) -> None:
    record.write("XX111XX")
    with pytest.raises(ConfigError, match="no plate to erase"):
        erase_plate(record.place, plate)


def test_a_trial_changes_nothing(record: Record) -> None:
    record.write(PLATE, "XX111XX")
    before = {path: path.read_bytes() for path in record.folder.rglob("*") if path.is_file()}
    erased = erase_plate(record.place, PLATE, trial=True)
    assert (erased.rows, erased.pictures) == (3, 1)
    assert {path: path.read_bytes() for path in record.folder.rglob("*") if path.is_file()} == before


def test_the_new_file_keeps_mode_and_date(record: Record) -> None:
    record.write(PLATE)
    csv = record.place.logs[0]
    csv.chmod(0o604)
    os.utime(csv, (1e9, 1e9))
    erase_plate(record.place, PLATE)
    assert csv.stat().st_mode & 0o777 == 0o604
    assert csv.stat().st_mtime == 1e9


def killed_before_the_row(record: Record, plate: str) -> None:
    """As `kill -9` leaves it: the picture is written, and its row is not."""
    pictures = Pictures(record.pictures, record.folder / "pictures")
    assert pictures.save(of(plate)).mark is not None


def test_a_picture_whose_row_was_never_written_goes_whosever_it_is(record: Record) -> None:
    record.write("XX111XX")
    killed_before_the_row(record, PLATE)
    killed_before_the_row(record, "YY222YY")
    record.write("ZZ333ZZ")
    assert erase_plate(record.place, PLATE, trial=True).pictures == 2
    assert record.pictures_left() == 4
    assert erase_plate(record.place, PLATE).pictures == 2
    assert record.pictures_left() == 2
    assert not list(record.folder.rglob("*.unnamed"))
    assert erase_plate(record.place, PLATE).pictures == 0


def test_a_picture_that_another_cameras_row_names_stays(record: Record) -> None:
    """It was killed when the row was written and the picture not yet known to be named."""
    record.write("XX111XX")
    back = Ledger.open(CsvSettings(str(record.folder / "back.csv")), JsonSettings(enabled=False), record.pictures)
    back(of("YY222YY"))
    back.close()
    killed_before_the_row(record, "YY222YY")
    killed_before_the_row(record, "XX111XX")
    assert erase_plate(record.place, PLATE).pictures == 0
    assert record.pictures_left() == 2
    assert not list(record.folder.rglob("*.unnamed"))


@pytest.mark.parametrize("other", ["plates-back", "plates.back", "plates.csv-back"])
def test_the_interrupted_erasure_of_another_camera_is_left_to_it(
    record: Record, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """Two logs in one folder, whose names begin alike: what one is to become is not the other's to delete."""
    record.write("XX111XX")
    back = Record(record.folder)
    back.csv = CsvSettings(str(record.folder / f"{other}.csv"))
    logs = (record.folder / f"{other}.csv", record.folder / f"{other}.jsonl")
    back.place = Place(logs, record.folder / "pictures", record_journal(back.csv, back.json))
    back.write(PLATE)
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "finish", lambda _: False)  # the power goes when the journal is written
        erase_plate(back.place, PLATE)
    assert back.place.journal.exists()
    record.open().close()
    erase_plate(record.place, "QQ999QQ")
    back.open().close()
    assert record.holding(PLATE) == []
    assert back.is_whole()


def test_what_an_erasure_of_this_log_left_before_it_was_decided_goes(record: Record) -> None:
    record.write("XX111XX", rotate="2026-10")
    record.write("XX111XX")
    names = ("plates.csv", "plates-2026-10.csv", "plates.csv.torn", "plates.1.csv", "plates.jsonl", "plates.csv.1")
    for name in names:
        erasure.new_file(record.folder / name).write_bytes(b"AB")
    record.place.journal.with_name(f"{record.place.journal.name}.partial").write_bytes(b"{")
    record.open().close()
    assert not list(record.folder.glob("*eras*"))


# --- symbolic links ---


def test_what_lies_behind_a_link_is_erased(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    """The logs on another disk, and links to them where the service runs."""
    disk, home = record.folder / "disk", record.folder / "home"
    for folder in (disk, home):
        folder.mkdir()
    for log in record.place.logs:
        (home / log.name).symlink_to(disk / log.name)
    with working_in(home):
        ledger = Ledger.open(CsvSettings(), JsonSettings(), record.pictures)
        for plate in (PLATE, "XX111XX"):
            ledger(of(plate))
        assert record.pictures_left() == 0
        assert main(["log", "erase", "--plate", PLATE]) == 0
        assert "erased: 2 rows and lines, 0 half rows, 1 pictures" in capsys.readouterr().out
        ledger(of("YY222YY"))
        ledger.close()
        assert main(["log", "verify"]) == 0
        assert "plates.csv: 2 rows, 1 erased" in capsys.readouterr().out
    assert record.holding(PLATE) == []
    assert sorted(path.name for path in disk.iterdir()) == ["plates.csv", "plates.jsonl"]
    assert sorted(path.name for path in home.iterdir()) == ["pictures", "plates.csv", "plates.jsonl"]
    assert all((home / log.name).is_symlink() for log in record.place.logs)
    assert len(list((home / "pictures").rglob("*.jpg"))) == 2


def test_an_old_file_behind_a_link_is_erased_too(record: Record) -> None:
    record.write(PLATE, "XX111XX", rotate="2026-10")
    record.write(PLATE)
    old = record.folder / "plates-2026-10.csv"
    archive = record.folder / "archive" / "october.csv"
    archive.parent.mkdir()
    old.rename(archive)
    old.symlink_to(archive)
    erasure.new_file(archive).write_bytes(b"of an erasure that a power cut ended before it was decided")
    erased = erase_plate(record.place, PLATE)
    assert (erased.rows, erased.pictures, record.pictures_left()) == (6, 1, 1)
    assert record.holding(PLATE) == []
    assert old.is_symlink()
    assert [path.name for path in archive.parent.iterdir()] == ["october.csv"]
    assert (record.rows(), record.is_whole()) == (1, True)


def test_what_a_power_cut_left_of_an_erasure_behind_a_link_goes(record: Record) -> None:
    record.write("XX111XX", rotate="2026-10")
    old, archive = record.folder / "plates-2026-10.csv", record.folder / "october.csv"
    old.rename(archive)
    old.symlink_to(archive)
    erasure.new_file(archive).write_bytes(b"AB")
    record.open().close()
    assert not erasure.new_file(archive).exists()


def test_pictures_are_found_from_a_folder_that_is_a_link(record: Record) -> None:
    """`..` leads elsewhere from behind a link."""
    far = record.folder / "far" / "away" / "disk"
    far.mkdir(parents=True)
    (record.folder / "link").symlink_to(far)
    csv = CsvSettings(str(record.folder / "link" / "plates.csv"))
    pictures = PictureSettings(folder=str(record.folder / "pictures"), min_free_megabytes=0)
    ledger = Ledger.open(csv, record.json, pictures)
    ledger(of(PLATE))
    ledger.close()
    assert record.pictures_left() == 1
    assert (
        main(["log", "erase", "--plate", PLATE, "--csv", csv.path, "--set", f"pictures.folder={pictures.folder}"]) == 0
    )
    assert record.pictures_left() == 0


def test_nothing_is_called_erased_whose_new_file_is_gone(record: Record, caplog: pytest.LogCaptureFixture) -> None:
    record.write(PLATE)
    csv, lines = record.place.logs
    with pytest.raises(FileNotFoundError):
        erasure.commit(record.place.journal, [csv], [])
    assert not record.place.journal.exists()
    erasure.new_file(csv).write_bytes(b"x")
    record.place.journal.write_text(json.dumps({"replace": {csv.name: 1, lines.name: 1}, "delete": []}))
    assert erasure.finish(record.place.journal)
    assert csv.read_bytes() == b"x"
    assert [one.getMessage() for one in caplog.records] == [
        f"nothing was erased from {lines}: what was to take its place is gone; erase the plate again"
    ]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"replace": [], "delete": []}', '{"replace": {}, "delete": ["plates.csv"]}']
)
def test_a_journal_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    journal = tmp_path / "plates.csv.erasing"
    journal.write_text(text)
    with pytest.raises(OSError, match="delete it"):
        erasure.finish(journal)
    assert journal.exists()


def test_no_writer_follows_a_link_in_the_place_of_its_half_written_file(record: Record) -> None:
    victim = record.folder / "victim"
    victim.write_bytes(b"somebody's")
    record.write(PLATE)
    for name in (".new.partial", ".plates.csv.erasing.partial", "link"):
        (record.folder / name).symlink_to(victim)
    write_whole(record.folder / "new", b"x")
    os.close(create(record.folder / "link"))
    erasure.commit(record.place.journal, [], [])
    assert victim.read_bytes() == b"somebody's"
    assert not (record.folder / "new").is_symlink()


# --- power cuts ---


def test_a_power_cut_at_any_moment_leaves_all_of_the_old_or_all_of_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture of the disk before each step that changes it; from each one the service starts."""
    record = Record(tmp_path / "record")
    record.folder.mkdir()
    record.write("XX111XX", PLATE, rotate="2026-10")
    record.write(PLATE, "YY222YY")
    pictures = record.pictures_left()
    images: list[Path] = []

    def pictured(change: Callable[..., object]) -> Callable[..., object]:
        def first_a_picture(*arguments: object, **options: object) -> object:
            images.append(tmp_path / f"image{len(images)}")
            shutil.copytree(record.folder, images[-1])
            return change(*arguments, **options)

        return first_a_picture

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", pictured(os.fsync))
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, pictured(getattr(Path, name)))
        erase_plate(record.place, PLATE)
    assert len(images) > 15
    old = new = 0
    for image in (*images, record.folder):
        after = Record(image)
        after.open().close()
        assert after.is_whole()
        assert not list(image.glob("*eras*"))
        if after.holding(PLATE):
            old += 1
            assert (after.rows(), after.pictures_left()) == (4, pictures)
        else:
            new += 1
            assert (after.rows(), after.pictures_left()) == (2, pictures - 1)
        after.write("ZZ333ZZ")
        assert after.is_whole()
    assert old > 5
    assert new > 5


@pytest.mark.slow
def test_a_killed_command_is_finished_by_the_next(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.write(*[f"AA{number:03d}BB" for number in range(60)])
    program = textwrap.dedent(f"""
        import sys
        sys.path[:0] = {[path for path in sys.path if path]!r} + ["."]
        from pathlib import Path
        from test_log_erase import Record, erase_plate
        record = Record(Path({str(tmp_path)!r}))
        for number in range(60):
            print(number, flush=True)
            erase_plate(record.place, f"AA{{number:03d}}BB")
    """)
    for wait in (0.0, 0.003, 0.011, 0.02):
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        with child.stdout:
            child.stdout.readline()
            time.sleep(wait)
            child.send_signal(signal.SIGKILL)
            child.wait()
    record.write("LAST123")
    assert record.is_whole()
    erase_plate(record.place, "AA059BB")
    assert record.holding("AA059BB") == []
    assert record.is_whole()


# --- beside a running service ---


def test_a_running_service_loses_no_row_and_goes_on_in_the_new_file(record: Record) -> None:
    ledger = record.open()
    ledger(of(PLATE))
    ledger(of("XX111XX"))
    erase_plate(record.place, PLATE)
    ledger(of("YY222YY"))
    assert (ledger.waiting, ledger.error) == (0, "")
    ledger.close()
    assert record.rows() == 2
    assert record.is_whole()
    assert record.holding(PLATE) == []


def test_rows_wait_while_a_plate_is_erased(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = record.open()
    ledger(of(PLATE))
    commit = erasure.commit

    def meanwhile(*arguments: object) -> None:
        ledger(of("YY222YY"))
        assert ledger.waiting == 2
        assert "being erased" in ledger.error
        commit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(erasure, "commit", meanwhile)
    erase_plate(record.place, PLATE)
    ledger.flush()
    assert (ledger.waiting, ledger.error) == (0, "")
    ledger.close()
    assert record.holding(PLATE) == []
    assert (record.rows(), record.is_whole()) == (1, True)


def test_a_busy_service_and_busy_erasures_lose_nothing(record: Record) -> None:
    """A program writes as fast as it can while plate after plate is erased from under it."""
    plates = [f"QQ{number:03d}WW" for number in range(8)]
    record.write(*plates)
    program = textwrap.dedent(f"""
        import sys
        sys.path[:0] = {[path for path in sys.path if path]!r} + ["."]
        from pathlib import Path
        from test_log_erase import Record, of
        ledger = Record(Path({str(record.folder)!r})).open()
        for number in range(150):
            ledger(of(f"ZZ{{number:03d}}ZZ"))
            print(number, flush=True)
        ledger.close()
        print(ledger.error, flush=True)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        for plate in plates:
            assert erase_plate(record.place, plate).rows == 3
        assert child.stdout.read().endswith("149\n\n")
    assert record.holding("QQ0") == []
    assert record.rows() == 150
    assert record.is_whole()


def test_a_service_that_starts_during_an_erasure_waits_with_its_rows(record: Record) -> None:
    record.write(PLATE)
    with folder_lock(record.folder, exclusive=True):
        ledger = record.open()
        ledger(of("YY222YY"))
        assert ledger.waiting == 2
    ledger.close()
    assert (record.rows(), record.is_whole()) == (2, True)


def test_a_service_that_ends_during_an_erasure_waits_with_its_last_rows(record: Record) -> None:
    ledger = record.open()
    ledger(of("YY111YY"))
    with ExitStack() as stack:
        stack.enter_context(folder_lock(record.folder, exclusive=True))
        ledger(of("YY222YY"))
        assert ledger.waiting == 2
        timer = threading.Timer(0.1, stack.close)
        timer.start()
        ledger.close()
        timer.join()
    assert ledger.error == ""
    assert (record.rows(), record.is_whole()) == (2, True)


def test_two_erasures_take_turns(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    record.write(PLATE)
    monkeypatch.setattr(log_erase, "_PATIENCE", 0.0)
    with folder_lock(record.folder, exclusive=True), pytest.raises(OutputError, match="another program is erasing"):
        erase_plate(record.place, PLATE)
    assert record.rows() == 1


def test_a_disk_that_takes_nothing_leaves_all_as_it_was(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    record.write(PLATE, "XX111XX")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left on device; nothing was changed"):
            erase_plate(record.place, PLATE)
    assert record.rows() == 2
    assert not list(record.folder.glob("*eras*"))


# --- the command ---


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def test_the_command_says_what_went_and_what_stays(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    record.write(PLATE, "AB128CD")
    review = record.folder / "review"
    review.mkdir()
    (review / "20261120T140323Z-0000000a.jpg").write_bytes(b"")
    (review / "20261120T140323Z-0000000a.json").write_text(json.dumps({"id": "a", "plate": PLATE}))
    with working_in(record.folder):
        assert main(["log", "erase", "--plate", PLATE, "--dry-run"]) == 0
        assert "would erase: 3 rows and lines, 0 half rows, 1 pictures, 1 kept crops, 0" in capsys.readouterr().out
        assert len(list(review.iterdir())) == 2
        assert main(["log", "erase", "--plate", PLATE]) == 0
    out = capsys.readouterr().out
    assert "erased: 3 rows and lines, 0 half rows, 1 pictures, 1 kept crops" in out
    assert "not erased: 3 rows and lines with AB128CD" in out
    assert record.holding(PLATE) == []
    assert list(review.iterdir()) == []
    with working_in(record.folder):
        assert main(["log", "verify"]) == 0
    assert "plates.csv: 1 rows, 1 erased" in capsys.readouterr().out


def keep_more(folder: Path, plate: str = PLATE) -> None:
    """A crop for review in `kept`, and a recorded pass in `recorded`."""
    for name in ("kept", "recorded"):
        (folder / name).mkdir()
    (folder / "kept" / "20261120T140323Z-0000000a.jpg").write_bytes(b"")
    (folder / "kept" / "20261120T140323Z-0000000a.json").write_text(json.dumps({"id": "a", "plate": plate}))
    (folder / "recorded" / "20261120T140301Z_t0001.000.jpg").write_bytes(b"")
    seen = {"session": "20261120T140301Z", "plate": plate, "first_seen": 1.0, "last_seen": 2.0}
    (folder / "recorded" / "events.jsonl").write_text(json.dumps(seen) + "\n")


def crop_of(record: Record, number: int, row: str, answer: str = "", reading: str = "") -> str:
    """A pass whose row says `row`, and its crop with what the owner or the single reading says; its `event_id`."""
    one = doubtful(number, reading or row, plate=row, plate_raw="", unruled="", second="")
    ledger = record.open()
    ledger(one)
    ledger.close()
    keep(record.folder / "review", one, min_free_megabytes=0)
    if answer:
        item = next(item for item in read_items(record.folder / "review")[0] if item.event_id == one.event_id)
        record_answer(item, Answer("plate", answer))
    return one.event_id


def recorded_pass(record: Record, identity: str, plate: str, second: int) -> None:
    """With one frame."""
    folder = record.folder / "recorded"
    folder.mkdir(exist_ok=True)
    (folder / f"20261120T140301Z_t{second:08.3f}.jpg").write_bytes(b"")
    seen = {"session": "20261120T140301Z", "event_id": identity, "plate": plate}
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({**seen, "first_seen": float(second), "last_seen": second + 1.0}) + "\n")


def erase_with_recorded(record: Record, plate: str, *options: str, status: int = 0) -> None:
    with working_in(record.folder):
        assert main(["log", "erase", "--plate", plate, "--record", "recorded", *options]) == status


@pytest.mark.parametrize("told", [{"answer": "QQ11QQ"}, {"reading": "QQ11QQ"}])
def test_a_pass_whose_crop_names_the_plate_goes_with_its_row_and_its_picture(
    record: Record, capsys: pytest.CaptureFixture[str], told: dict[str, str]
) -> None:
    """The owner has said in the review, or a single reading, what no row has."""
    mine = crop_of(record, 1, "????QQ", **told)
    others = crop_of(record, 2, "????QQ", answer="ZZ11QQ")
    recorded_pass(record, mine, "", 100)
    recorded_pass(record, others, "", 200)
    assert record.pictures_left() == 2
    erase_with_recorded(record, "QQ11QQ", "--dry-run")
    assert record.pictures_left() == 2
    erase_with_recorded(record, "QQ11QQ")
    would, did = capsys.readouterr().out.splitlines()
    # its row and its line; the other's crop too, which may be of the plate by what was read
    assert would == "would erase: 2 rows and lines, 0 half rows, 1 pictures, 2 kept crops, 1 recorded passes"
    assert did == "erased" + would.removeprefix("would erase")
    assert record.holding(mine.upper()) == record.holding("QQ11QQ") == []
    assert len(record.holding(others.upper())) == 3  # CSV, JSON lines and recording
    assert record.pictures_left() == 1
    assert record.is_whole()
    assert [path.name[-12:] for path in (record.folder / "recorded").glob("*.jpg")] == ["0200.000.jpg"]


def test_a_pass_that_only_the_recording_names_goes_and_one_that_only_its_row_names_too(record: Record) -> None:
    recorded = crop_of(record, 1, "XX22XX", answer="XX22XX")
    recorded_pass(record, recorded, PLATE, 100)
    written = crop_of(record, 2, PLATE)
    for item in read_items(record.folder / "review")[0]:
        if item.event_id == written:
            item.path.write_text(json.dumps({"id": item.id, "event_id": written, "plate": "XX33XX"}))
    recorded_pass(record, written, "XX33XX", 200)
    erase_with_recorded(record, PLATE)
    for trace in (PLATE, "XX22XX", "XX33XX", recorded.upper(), written.upper()):
        assert record.holding(trace) == []
    assert record.pictures_left() == 0
    assert not list((record.folder / "review").iterdir())
    assert not list((record.folder / "recorded").glob("*.jpg"))


@pytest.mark.parametrize("failing", ["rows", "crops"])
def test_after_an_erasure_that_failed_half_way_the_next_one_finds_all(
    record: Record, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """What leads to another trace stays until that one is gone."""
    by_crop = crop_of(record, 1, "????CD", answer=PLATE)
    by_row = crop_of(record, 2, PLATE)
    item = next(item for item in read_items(record.folder / "review")[0] if item.event_id == by_row)
    item.path.write_text(json.dumps({"id": item.id, "event_id": by_row, "plate": "XX33XX"}))
    recorded_pass(record, by_crop, "", 100)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(*((erasure, "commit", full) if failing == "rows" else ("edge.review.remove", full)))
        erase_with_recorded(record, PLATE, status=1)
    assert record.holding(PLATE)
    erase_with_recorded(record, PLATE)
    for trace in (PLATE, "XX33XX", by_crop.upper(), by_row.upper()):
        assert record.holding(trace) == []
    assert record.pictures_left() == 0


def test_a_folder_that_is_not_where_it_is_looked_for_is_told(
    record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service's relative folders are below the folder that it runs in, which is seldom the one that one stands in."""
    record.write(PLATE)
    keep_more(record.folder)
    config = record.folder / "gate.toml"
    config.write_text('[review]\nfolder = "kept"\n[recording]\nfolder = "recorded"\n')
    erase = ["log", "erase", "--plate", PLATE, "--config", str(config), "--csv", record.csv.path]
    elsewhere = record.folder / "elsewhere"
    elsewhere.mkdir()
    with working_in(elsewhere):
        assert main([*erase, "--dry-run"]) == 1
        assert main(erase) == 1
    told = capsys.readouterr().out
    for key, name in (("review.folder", "kept"), ("recording.folder", "recorded")):
        assert told.count(f"NOT ERASED: {key}: nothing is at {elsewhere}/{name}; relative paths start where you") == 2
    assert len(record.holding(PLATE)) == 2
    with working_in(record.folder):
        assert main([*erase, "--dry-run"]) == 0
        assert len(record.holding(PLATE)) == 2
        assert main(erase) == 0
    would, did = capsys.readouterr().out.splitlines()
    assert would == "would erase: 0 rows and lines, 0 half rows, 0 pictures, 1 kept crops, 1 recorded passes"
    assert did == "erased" + would.removeprefix("would erase")
    assert record.holding(PLATE) == []
    assert not list((record.folder / "recorded").glob("*.jpg"))


@pytest.mark.parametrize(
    ("section", "key"), [("json", "path"), ("csv", "path"), ("privacy", "key_file"), ("recording", "folder")]
)
def test_what_is_configured_and_not_there_at_all_is_told(
    record: Record, capsys: pytest.CaptureFixture[str], section: str, key: str
) -> None:
    record.write(PLATE)
    wishes = {"csv.path": record.csv.path, "json.path": str(record.place.logs[1])}
    nowhere = wishes[f"{section}.{key}"] = str(record.folder / "nowhere")
    if section == "privacy":
        wishes["privacy.unknown"] = "pseudonym"
    options = [option for name, value in wishes.items() for option in ("--set", f"{name}={value}")]
    assert main(["log", "erase", "--plate", PLATE, *options]) == 1
    out = capsys.readouterr().out
    assert f"NOT ERASED: {section}.{key}: nothing is at {nowhere}; is its disk missing?" in out
    assert out.count("nothing is at") == 1


def test_a_plate_that_stays_on_the_list_of_known_plates_is_told(
    record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    record.write(PLATE)
    known = record.folder / "known.txt"
    known.write_text("ab 123-cd  # the neighbour\n")
    erase = ["log", "erase", "--plate", PLATE, "--csv", record.csv.path, "--set", f"privacy.known_file={known}"]
    assert main([*erase, "--set", 'privacy.known=["AB-123-CD"]']) == 0
    told = capsys.readouterr().out.splitlines()[1:]
    assert told == [
        f"not erased: the plate is still on the list of known plates in {place}: take it out there"
        for place in ("privacy.known", known)
    ]
    known.write_text("XX111XX\n")
    assert main([*erase, "--set", 'privacy.known=["AB123CE"]']) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    known.unlink()
    assert main(erase) == 1
    assert (
        f"NOT ERASED: the plate may be on the list of known plates: privacy.known_file: cannot read {known}: No such"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize("moved", ["csv", "pictures"])
def test_pictures_are_found_when_they_or_the_file_were_moved(
    record: Record, capsys: pytest.CaptureFixture[str], moved: str
) -> None:
    record.write(PLATE, "XX111XX")
    csv, pictures = record.place.logs[0], record.folder / "pictures"
    if moved == "csv":
        (record.folder / "srv" / "deep").mkdir(parents=True)
        csv = csv.rename(record.folder / "srv" / "deep" / csv.name)
    else:
        (record.folder / "lib").mkdir()
        pictures = pictures.rename(record.folder / "lib" / "pictures")
    erase = ["log", "erase", "--csv", str(csv), "--set", f"pictures.folder={pictures}", "--plate"]
    assert main([*erase, PLATE]) == 0
    assert "half rows, 1 pictures" in capsys.readouterr().out
    assert len(list(pictures.rglob("*.jpg"))) == 1
    next(pictures.rglob("*.jpg")).unlink()
    assert main([*erase, "XX111XX"]) == 0
    assert "not found: 1 pictures that the rows name; gone by age or size, or moved" in capsys.readouterr().out


def test_lines_from_before_they_were_switched_off_or_went_elsewhere_are_erased(record: Record) -> None:
    record.write(PLATE, "XX111XX")
    elsewhere = record.folder / "elsewhere.jsonl"
    shutil.copy(record.place.logs[1], elsewhere)
    off = ["--set", "json.enabled=false", "--set", f"json.path={elsewhere}"]
    assert main(["log", "erase", "--plate", PLATE, "--csv", record.csv.path, *off]) == 0
    assert record.holding(PLATE) == []
    with working_in(record.folder):
        assert main(["log", "erase", "--plate", "XX111XX", "--csv", "", "--set", "json.enabled=false"]) == 0
    assert record.rows() == 0


@pytest.mark.parametrize("plate", ["AB12*", "AB123CD, XY987ZT", "AB1?3CD", "", "-", "A", "AB 1ß"])
def test_what_is_not_one_plate_is_wrong_usage(capsys: pytest.CaptureFixture[str], plate: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["log", "erase", "--plate", plate])
    assert ended.value.code == 2
    assert f"argument --plate: {plate!r} is not one plate; wanted" in capsys.readouterr().err


def test_pictures_on_a_disk_that_is_missing_are_named_once(record: Record) -> None:
    record.write(PLATE, "XX111XX")
    (record.folder / "pictures").rename(record.folder / "unplugged")
    (told,) = erase_plate(record.place, PLATE).left
    assert "-crop.jpg is not there" in told


@pytest.mark.parametrize("mode", ["keep", "drop"])
def test_the_folder_of_run_record_is_named_with_the_same_option(record: Record, mode: str) -> None:
    """Also where `[privacy]` allows no more recordings: those from before are the ones to erase from."""
    record.write("XX111XX")
    keep_more(record.folder)
    recorded = record.folder / "recorded"
    erase = ["log", "erase", "--plate", PLATE, "--csv", record.csv.path, "--set", f"privacy.unknown={mode}"]
    assert main([*erase, "--record", str(recorded)]) == 0
    assert [path.name for path in recorded.iterdir()] == ["events.jsonl"]
    assert (recorded / "events.jsonl").read_text() == ""
    assert main([*erase, "--record", f"{recorded}s"]) == 1


@pytest.mark.parametrize("action", [["verify"], ["export"], ["erase", "--plate", PLATE]])
def test_no_record_is_not_taken_for_an_empty_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: list[str]
) -> None:
    """Else whoever stands in the wrong folder would think that all is well, or that a plate is gone."""
    assert main(["log", *action, "--csv", str(tmp_path / "plates.csv")]) == 1
    assert f"no record at {tmp_path}/plates.csv nor {tmp_path}/plates.jsonl; name it" in capsys.readouterr().err


def test_the_commands_exit_status(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    record.write("XX111XX")
    csv = str(record.place.logs[0])
    head = verify_log(record.place.logs[0]).head
    assert main(["log", "verify", "--csv", csv, "--has", head]) == 0
    assert main(["log", "verify", csv, "--has", head]) == 0
    assert main(["log", "verify", csv, "--has", "f" * 64]) == 1
    Path(csv).write_bytes(Path(csv).read_bytes().replace(b"XX111XX", b"XX111XY"))
    capsys.readouterr()
    assert main(["log", "verify", "--csv", csv]) == 1
    assert capsys.readouterr().out.startswith(f"BROKEN  {csv}:2: this row was changed")
    assert main(["log", "verify", csv + ".nowhere"]) == 1
    (record.folder / "plates.csv.1.gz").write_bytes(b"")
    assert main(["log", "erase", "--csv", csv, "--plate", "XX111XX"]) == 1
