"""Root does no more in a folder than its owner could, and what root makes there is the owner's."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from output_samples import entry
from test_log_erase import PLATE, Record, keep_more

from edge import erasure
from edge.cli import main
from edge.csv_log import CsvLog, CsvSettings
from edge.errors import OutputError
from edge.log_erase import erase_plate
from edge.ownership import as_owner, user_name, whose
from edge.whole_file import append_whole, write_named, write_whole

OWNER = 12345
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")


@pytest.fixture
def ground() -> Iterator[Path]:
    """A folder of root's that others can go through, which those that pytest makes are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(ground: Path) -> Path:
    """The service's folder."""
    folder = ground / "home"
    folder.mkdir()
    give(folder)
    return folder


@pytest.fixture
def victim(ground: Path) -> Path:
    file = ground / "victim.jpg"
    file.write_bytes(b"root's own")
    file.chmod(0o600)
    return file


def give(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, OWNER, OWNER, follow_symlinks=False)


def test_nobody_is_told_to_give_away_the_folder_above(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: OWNER + 1)
    refused = PermissionError(13, "Permission denied", str(home / "new.csv"))
    assert whose(refused) == f"{home} belongs to {OWNER}"
    (home / "new.csv").touch()
    os.chown(home, OWNER + 1, -1)
    assert whose(refused) == f"{home / 'new.csv'} belongs to root: sudo chown -R {OWNER + 1} {home}"


def test_what_a_user_names_may_be_a_device_a_pipe_or_his_own_link(home: Path, ground: Path) -> None:
    pipe, link, file, theirs = ground / "pipe", ground / "link", ground / "real.csv", home / "link"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_named(pipe, b"rows")
    assert os.read(reader, 10) == b"rows"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    file.touch()
    for made in (link, theirs):
        made.symlink_to(file)
    os.chown(theirs, OWNER, OWNER, follow_symlinks=False)
    write_named(link, b"rows")
    assert (link.is_symlink(), file.read_bytes()) == (True, b"rows")
    write_named(theirs, b"others")
    assert (theirs.is_symlink(), file.read_bytes()) == (False, b"rows"), "somebody else's link leads root nowhere"
    loop = ground / "loop"
    loop.symlink_to(loop)
    write_named(loop, b"rows")
    assert loop.read_bytes() == b"rows"
    with pytest.raises(OSError, match="No space left"):
        write_named(Path("/dev/full"), b"rows")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_what_standard_output_is_is_added_to_and_not_replaced(ground: Path) -> None:
    text = "from edge.whole_file import *; from pathlib import Path; write_named(Path('/dev/stdout'), b'rows\\n')"
    (ground / "all.csv").write_text("old\n")
    command = f'( "{sys.executable}" -c "{text}"; echo after ) >>{ground}/all.csv'
    subprocess.run(command, shell=True, check=True, cwd=Path(__file__).parents[1])
    assert (ground / "all.csv").read_text() == "old\nrows\nafter\n"


def is_untouched(victim: Path) -> bool:
    return victim.read_bytes() == b"root's own" and victim.stat().st_uid == 0


def erase(home: Path, *options: str) -> int:
    return main(["log", "erase", "--plate", PLATE, "--csv", str(home / "plates.csv"), *options])


def test_root_is_the_owner_for_a_while(home: Path, ground: Path) -> None:
    groups = os.getgroups()
    with as_owner(home / "not" / "there"), as_owner(home):
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (OWNER, OWNER, [OWNER])
    assert (os.geteuid(), os.getegid(), os.getgroups()) == (0, 0, groups)
    with as_owner(ground):
        assert os.geteuid() == 0
    link = home / "link"
    link.symlink_to(ground)
    os.chown(link, OWNER, OWNER, follow_symlinks=False)
    with as_owner(link):
        assert os.geteuid() == OWNER
    with pytest.raises(OutputError, match=f"root-only: Permission denied; .*{ground} belongs to root"), as_owner(home):
        (ground / "root-only").write_bytes(b"")
    assert os.geteuid() == 0


def test_an_owner_who_cannot_get_to_his_folder_is_told(home: Path, ground: Path) -> None:
    ground.chmod(0o700)
    with pytest.raises(OutputError, match="belongs to 12345, who cannot get there"), as_owner(home):
        pass


def test_what_root_erases_from_stays_the_services(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(home)
    record.write(PLATE)
    give(home)
    seen: list[int] = []
    finish = erasure.finish

    def look(journal: Path) -> bool:
        if journal.exists():
            seen.append(journal.stat().st_uid)
        return finish(journal)

    monkeypatch.setattr(erasure, "finish", look)
    erase_plate(record.place, PLATE)
    assert seen == [OWNER]
    assert {log.stat().st_uid for log in record.place.logs} == {OWNER}


@pytest.mark.parametrize("name", ["victim.jpg", "victim"])
def test_a_journal_leads_root_to_nothing_of_his_own(
    home: Path, ground: Path, victim: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    victim.rename(ground / name)
    Record(home).write(PLATE)
    journal = home / "plates.csv.erasing"
    journal.write_text(json.dumps({"replace": {}, "delete": [f"../{name}"]}))
    give(home)
    assert erase(home) == 1
    assert is_untouched(ground / name)
    assert "cannot erase: " in capsys.readouterr().err
    with pytest.raises(OutputError):
        CsvLog(CsvSettings(str(home / "plates.csv")))  # what `sudo gatereader run` would do
    assert is_untouched(ground / name)


def test_a_link_in_the_place_of_a_half_written_file_leads_root_nowhere(home: Path, victim: Path) -> None:
    Record(home).write(PLATE)
    keep_more(home)
    for link in ("recorded/.events.jsonl.partial", ".plates.csv.erasing.partial", "plates.csv.erase-new"):
        (home / link).symlink_to(victim)
    give(home)
    assert erase(home, "--record", str(home / "recorded")) == 0
    assert is_untouched(victim)
    assert {path.stat().st_uid for path in home.rglob("*")} == {OWNER}
    assert [name for name in Record(home).holding(PLATE) if not name.startswith("kept/")] == []


def test_an_export_goes_where_root_says(home: Path, ground: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Record(home).write("XX111XX")
    give(home)
    private = ground / "private"
    private.mkdir(mode=0o700)
    export = ["log", "export", "--csv", str(home / "plates.csv")]
    assert main([*export, "--output", str(private / "out.csv")]) == 0
    assert "XX111XX" in (private / "out.csv").read_text()
    (home / "plates-2026-10.csv").symlink_to(private / "out.csv")
    assert main(export) == 1
    assert "plates-2026-10.csv: Permission denied; " in capsys.readouterr().err


def test_review_works_with_the_owners_rights(home: Path, ground: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crops = home / "review"
    crops.mkdir()
    name = "20261120T140301Z-0b9c5a1e"
    (crops / f"{name}.jpg").write_bytes(b"")
    (crops / f"{name}.json").write_text(json.dumps({"id": "0b9c5a1e", "plate": PLATE}))
    give(home)
    review = ["review", "--csv", str(home / "plates.csv")]
    assert main([*review, "--set", "0b9c5a1e=?"]) == 0
    assert (crops / f"{name}.json").stat().st_uid == OWNER
    assert main([*review, "--export", str(ground / "mine")]) == 1
    assert f"12345 cannot write into {ground}; export into a folder of 12345's" in capsys.readouterr().err
    assert main([*review, "--export", str(home / "mine")]) == 0
    assert os.geteuid() == 0


def test_what_may_be_the_record_and_cannot_be_read_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Record(home).write(PLATE)
    give(home)
    (home / "plates-old.csv").touch(mode=0o600)
    assert erase(home) == 1
    out = capsys.readouterr().out
    assert "erased: 3 rows" in out
    assert "plates-old.csv may be of the record, and cannot be read" in out


def test_what_cannot_be_deleted_is_told_before_anything_is_changed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the journal would stay, and the service would not start before it is done."""
    record = Record(home)
    record.write(PLATE)
    give(home)
    for folder in (home / "pictures", *(home / "pictures").iterdir()):
        os.chown(folder, 0, 0)
    assert erase(home) == 1
    told = capsys.readouterr().err
    assert "-crop.jpg: Permission denied; " in told
    assert "nothing was changed" in told
    assert not record.place.journal.exists()
    assert record.rows() == 1


def test_what_root_makes_in_the_services_folder_is_the_services(home: Path) -> None:
    log = CsvLog(CsvSettings(str(home / "a" / "b" / "plates.csv")))
    log(entry())
    log.close()
    write_whole(home / "whole", b"x")
    append_whole(home / "lines", b"x")
    assert {path.name: path.stat().st_uid for path in home.rglob("*")} == dict.fromkeys(
        ("a", "b", "plates.csv", "whole", "lines"), OWNER
    )


def test_the_owner_of_what_cannot_be_written_is_named(home: Path, ground: Path) -> None:
    csv = home / "plates.csv"
    csv.write_bytes(b"")
    csv.chmod(0o600)
    with as_owner(home), pytest.raises(OutputError) as refused:
        CsvLog(CsvSettings(str(csv)))
    cure = f"{csv} belongs to root: sudo chown -R 12345 {home}, or set csv.path"
    assert str(refused.value) == f"cannot write {csv}: Permission denied; {cure}"
    with as_owner(home), pytest.raises(OutputError, match=f"; {ground} belongs to root, or set csv.path"):
        CsvLog(CsvSettings(str(ground / "plates.csv")))


def test_users_have_names_or_numbers() -> None:
    assert (user_name(0), user_name(OWNER)) == ("root", "12345")
