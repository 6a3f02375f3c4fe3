"""`gatereader log export`: the rows that are asked for, and nothing that a spreadsheet would run."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from output_samples import MOMENT, entry

from edge.cli import main
from edge.csv_log import CsvLog, CsvSettings
from edge.csv_rows import COLUMNS, HEADER
from edge.errors import ConfigError
from edge.log_export import Choice, export, parse_moment
from edge.log_verify import verify_files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Four passes, an hour apart, in two files."""
    path = tmp_path / "plates.csv"
    passes = [("AB123CD", "accepted"), ("AB1?3CD", "undecided"), ("XY999ZZ", "accepted"), ("QQ111QQ", "rejected")]
    for number, (plate, status) in enumerate(passes):
        if number == 2:
            path.rename(tmp_path / "plates-2026-11-20.csv")
        log = CsvLog(CsvSettings(str(path)))
        seen = MOMENT + timedelta(hours=number)
        log(entry(plate=plate, plate_raw=plate, second="", status=status, first_utc=seen))
        log.close()
    return path


def plates(path: Path, choice: Choice) -> list[str]:
    text = b"".join(export(path, choice)).decode()
    return [row["plate"] for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)]


def test_all_rows_of_all_files_come_as_they_are(path: Path, tmp_path: Path) -> None:
    first, second = (tmp_path / "plates-2026-11-20.csv").read_bytes(), path.read_bytes()
    assert b"".join(export(path, Choice())) == first + second.removeprefix(HEADER)
    whole = tmp_path / "export.csv"
    assert main(["log", "export", "--csv", str(path), "--output", str(whole)]) == 0
    assert verify_files([whole]).report.broken is None, "an export of everything is a chain itself"


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (Choice(statuses=("accepted",)), ["AB123CD", "XY999ZZ"]),
        (Choice(statuses=("rejected", "undecided")), ["AB1?3CD", "QQ111QQ"]),
        (Choice(plate="ab 123 cd"), ["AB123CD", "AB1?3CD"]),
        (Choice(plate="*1*"), ["AB123CD", "AB1?3CD", "QQ111QQ"]),
        (Choice(plate="Z"), []),
        (Choice(since=MOMENT + timedelta(minutes=30)), ["AB1?3CD", "XY999ZZ", "QQ111QQ"]),
        (Choice(until=MOMENT + timedelta(minutes=90)), ["AB123CD", "AB1?3CD"]),
    ],
)
def test_rows_are_chosen_by_status_plate_and_time(path: Path, choice: Choice, wanted: list[str]) -> None:
    assert plates(path, choice) == wanted


def test_json_lines_have_numbers(path: Path) -> None:
    values = [json.loads(line) for line in export(path, Choice(), as_json=True)]
    assert len(values) == 4
    assert tuple(values[0]) == COLUMNS
    assert (values[0]["plate"], values[0]["readings"], values[0]["confidence"]) == ("AB123CD", 9, 0.97)


def test_a_formula_that_somebody_wrote_into_a_file_is_none_in_the_export(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"XY999ZZ", b"=1+1*Z9"))
    assert "'=1+1*Z9" in plates(path, Choice())


def test_rows_of_the_first_version_are_exported_too(path: Path) -> None:
    path.with_name("plates.1.csv").write_text(
        "schema,status,plate,first_seen_utc\n1,accepted,OLD1,2026-01-01T00:00:00Z\n"
    )
    assert plates(path, Choice())[0] == "OLD1"
    assert plates(path, Choice(since=MOMENT - timedelta(days=1)))[0] == "AB123CD"


@pytest.mark.usefixtures("_berlin")
def test_times_are_local_unless_they_say_otherwise() -> None:
    assert parse_moment("2026-11-20T15:03").isoformat() == "2026-11-20T15:03:00+01:00"
    assert parse_moment("2026-11-20T15:03Z") == parse_moment("2026-11-20T16:03")
    assert parse_moment("2026-11-20", is_end=True) == parse_moment("2026-11-21")
    assert parse_moment("20261120", is_end=True) == parse_moment("2026-11-21")
    with pytest.raises(ConfigError, match="is no time"):
        parse_moment("yesterday")


@pytest.mark.usefixtures("_berlin")
@pytest.mark.parametrize(("text", "is_end"), [("0001-01-01", False), ("9999-12-31", True)])
def test_a_time_at_the_end_of_the_calendar_is_answered_in_a_line(text: str, is_end: bool) -> None:
    with pytest.raises(ConfigError, match=f"'{text}' is no time"):
        parse_moment(text, is_end)


def test_the_command(path: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    arguments = ["log", "export", "--csv", str(path)]
    assert main([*arguments, "--plate", "XY999ZZ", "--from", "2026-11-20T00:00Z", "--to", "2026-11-21T00:00Z"]) == 0
    out = capfdbinary.readouterr().out
    assert out.count(b"\r\n") == 2
    assert b"XY999ZZ" in out
    assert main([*arguments, "--json", "--status", "accepted", "--output", str(tmp_path / "out.jsonl")]) == 0
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
    assert main([*arguments, "--from", "soon"]) == 78
    assert main([*arguments, "--output", str(tmp_path / "no" / "folder.csv")]) == 1
    only_lines = ["--csv", "", "--set", f"json.path={tmp_path / 'out.jsonl'}"]
    assert main(["log", "export", *only_lines]) == 78


@pytest.mark.usefixtures("_berlin")
@pytest.mark.parametrize(("since", "until"), [("2026-11-21", "2026-11-20"), ("2026-11-20T14:00", "2026-11-20T13:00Z")])
def test_a_span_that_ends_before_it_begins_is_told(
    path: Path, capsys: pytest.CaptureFixture[str], since: str, until: str
) -> None:
    """An answer without rows would be taken for none at that time."""
    assert main(["log", "export", "--csv", str(path), "--from", since, "--to", until]) == 78
    assert capsys.readouterr() == (
        "",
        f"gatereader: --from {since} is not before --to {until}: no row can be between the two\n",
    )
    assert main(["log", "export", "--csv", str(path), "--from", "2026-11-20", "--to", "2026-11-20"]) == 0


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("plates-2026-11-02.csv.gz", b"\x1f\x8b\x08", "is compressed; unpack it and export again"),
        ("plates-2026-11-02.csv", b"\x1f\x8b\x08", "has no columns plate, status, first_seen_utc"),
        ("plates-2026-11-02.csv", HEADER.replace(b",", b";") + b"1;x\r\n", "has no columns plate, status"),
        ("plates.csv.1", bytes(200_000), "has no columns plate, status"),
    ],
)
def test_files_that_cannot_be_exported_are_told(
    path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes, cause: str
) -> None:
    path.with_name(name).write_bytes(content)
    path.with_name("plates.csv.2").touch()  # an empty one lacks nothing
    assert main(["log", "export", "--csv", str(path)]) == 1
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 5
    assert err.startswith(f"gatereader: NOT EXPORTED: {path.with_name(name)} {cause}")
    assert err.count("\n") == 1


def test_rows_behind_a_link_are_exported_from_all_files(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    link = path.parent / "home" / "gate.csv"
    link.parent.mkdir()
    link.symlink_to(path)
    assert main(["log", "export", "--csv", str(link)]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 5


def test_the_record_itself_is_never_written_over(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    later = ("plates-2026-12.csv", "plates-2026-12-01.2.jsonl", "plates.2.csv", "plates.csv.1", "plates.csv.torn")
    for own in (*before, path.with_suffix(".jsonl"), *map(path.with_name, later)):
        assert main(["log", "export", "--csv", str(path), "--output", str(own)]) == 1
        assert "is a file of the record itself" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before
