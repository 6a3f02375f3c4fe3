"""The owner's answers to kept crops: in a terminal as a user has it, from the command line, exported, erased."""

import csv
import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from review_samples import doubtful, keep, plate_picture

from edge.cli import main
from edge.errors import ConfigError, OutputError
from edge.half_blocks import colours_of, picture_lines
from edge.review import Answer, erase, parse_answer, read_items, record_answer
from edge.review_session import Session, suggestion

ROOT = Path(__file__).resolve().parent.parent
FIRST, SECOND, THIRD = "00000001", "00000002", "00000003"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three crops: one that lacks a character, one that is whole, one that is hopeless."""
    review = tmp_path / "review"
    keep(
        review,
        doubtful(1, "AB1Z3CD"),
        doubtful(2, "XY987ZW", plate="XY987ZW", reason="low_confidence", second=""),
        doubtful(3, "K1", plate="???", second=""),
    )
    return review


def answers(folder: Path) -> dict[str, Answer | None]:
    return {item.id: item.answer for item in read_items(folder)[0]}


# --- in a terminal


TAKES_THE_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # else Ctrl-C reaches nobody
signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests in the background ignores it for all
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Terminal:
    """`gatereader review` behind a pseudo-terminal."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._master, slave = pty.openpty()
        command = [sys.executable, "-c", TAKES_THE_TERMINAL, "-m", "edge", "review", "--folder", str(folder)]
        settings = {
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            "LINES": "40",
            "INPUTRC": "/dev/null",
        }
        inherited = {key: value for key, value in os.environ.items() if key not in ("COLORTERM", "NO_COLOR")}
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**inherited, **settings, **environment},
            start_new_session=True,
        )
        os.close(slave)
        self._bytes = b""

    def wait_for(self, words: str) -> str:
        """What has come since the last call, up to and with `words`."""
        end, wanted = time.monotonic() + 60, words.encode()
        while wanted not in self._bytes and time.monotonic() < end:
            if select.select([self._master], [], [], 1)[0]:
                try:
                    self._bytes += os.read(self._master, 65_536)
                except OSError:  # the program has ended
                    break
        assert wanted in self._bytes, self._bytes[-300:].decode(errors="replace")
        before, _, self._bytes = self._bytes.partition(wanted)
        return before.decode(errors="replace") + words

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C, as often as it takes: one that comes just before readline waits is only noted (CPython)."""
        end = time.monotonic() + 30
        while self._process.poll() is None and time.monotonic() < end:
            self.type("\x03")
            with suppress(subprocess.TimeoutExpired):  # a second one while it ends would kill it
                self._process.wait(4)

    def end(self) -> int:
        return self._process.wait(30)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(folder: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def opens(**environment: str) -> Terminal:
        opened.append(Terminal(folder, **environment))
        return opened[-1]

    yield opens
    for one in opened:
        one.close()


def test_crop_after_crop_is_answered_and_what_is_left_comes_the_next_time(
    folder: Path, terminal: Callable[..., Terminal]
) -> None:
    first = terminal(COLORTERM="truecolor")
    shown = first.wait_for("plate [AB1Z3CD]: ")
    assert "3 crops wait in" in shown
    assert "1 of 3" in shown
    assert "AB1?3CD" in shown
    assert "AB128CD" in shown
    assert str(folder / f"20261120T140323Z-{FIRST}.jpg") in shown
    assert shown.count("▀") > 1000
    assert "\x1b[38;2;" in shown
    first.type("ab 123-cdé\n")
    first.wait_for("is not on plates here")
    first.wait_for("plate [AB1Z3CD]: ")
    first.type("ab 123-cd\n")
    first.wait_for("2 of 3")
    first.wait_for("plate [XY987ZW]: ")
    first.type("\n")
    first.wait_for("3 of 3")
    assert answers(folder) == {FIRST: Answer("plate", "AB123CD"), SECOND: Answer("plate", "XY987ZW"), THIRD: None}
    first.wait_for("plate: ")
    first.type("q\n")
    first.wait_for("2 answered, 1 wait")
    assert first.end() == 0

    again = terminal(TERM="dumb")
    shown = again.wait_for("plate: ")
    assert "1 of 1" in shown
    assert "▀" not in shown
    again.type("\n")
    again.wait_for("nothing to confirm here")
    again.type("?\n")
    again.wait_for("1 answered, 0 wait")
    assert again.end() == 0
    assert answers(folder)[THIRD] == Answer("unreadable")

    last = terminal()
    last.wait_for("no crops wait")
    assert last.end() == 0


@pytest.mark.slow
def test_control_d_ends_it_and_control_c_too_and_both_keep_what_was_answered(
    folder: Path, terminal: Callable[..., Terminal]
) -> None:
    one = terminal()
    one.wait_for("plate [")
    one.type("-\n")
    one.wait_for("2 of 3")
    one.wait_for("plate [")
    one.type("\x04")
    one.wait_for("1 answered, 2 wait")
    assert one.end() == 0
    other = terminal()
    other.wait_for("plate [")
    other.type("\n")
    other.wait_for("2 of 2")
    other.wait_for("plate: ")
    other.interrupt()
    assert other.end() == 130
    assert answers(folder) == {FIRST: Answer("no_plate"), SECOND: Answer("plate", "XY987ZW"), THIRD: None}


def session(folder: Path, *lines: str) -> tuple[Session, str]:
    """A session in which these lines are typed, and all that it said."""
    typed, output = iter(lines), io.StringIO()

    def ask(prompt: str) -> str:
        output.write(prompt)
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    one = Session(read_items(folder)[0], output, ask)
    one.run()
    return one, output.getvalue()


def test_skip_and_back(folder: Path) -> None:
    one, said = session(folder, "s", "b", "AB123CD", "b", "AB128CD", "q")
    assert one.answered == 1
    assert answers(folder) == {FIRST: Answer("plate", "AB128CD"), SECOND: None, THIRD: None}
    assert "plate [AB123CD]: " in said  # what was answered is what Enter would take


def test_enter_keeps_an_answer_that_is_no_text(folder: Path) -> None:
    session(folder, "-", "b", "", "?", "b", "")
    assert list(answers(folder).values()) == [Answer("no_plate"), Answer("unreadable"), None]


def test_a_crop_that_was_removed_meanwhile_is_told_and_the_rest_goes_on(folder: Path) -> None:
    items = read_items(folder)[0]
    output = io.StringIO()
    lines = iter(["AB123CD", "", "q"])

    def ask(_: str) -> str:
        line = next(lines)
        items[0].path.unlink(missing_ok=True)
        return line

    Session(items, output, ask).run()
    assert "was removed meanwhile" in output.getvalue()
    assert answers(folder)[SECOND] == Answer("plate", "XY987ZW")


def test_what_a_description_holds_steers_no_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Such as one that was copied here from another machine."""
    path = read_items(folder)[0][0].path
    evil = "\x1b]0;x\x07\n"
    texts = dict.fromkeys(("id", "time", "camera", "status", "reason", "plate", "plate_raw", "second"), evil)
    answer = {"kind": "plate", "text": evil}
    path.write_text(json.dumps(json.loads(path.read_text()) | texts | {"answer": answer}), encoding="utf-8")
    _, said = session(folder, "s")
    assert main(["review", "--folder", str(folder), "--list", "--all"]) == 0
    for text in (said, capsys.readouterr().out):
        assert "\\x1b]0;x\\x07\\n" in text
        assert "\x1b" not in text
        assert "\x07" not in text


def test_a_damaged_picture_is_told(folder: Path) -> None:
    read_items(folder)[0][0].picture.write_bytes(b"\xff\xd8\xff")
    _, said = session(folder)
    assert "a JPEG that is cut off" in said


def test_only_what_is_on_the_picture_is_asked_for(folder: Path) -> None:
    _, said = session(folder)
    assert "Type only what is on the picture" in said
    assert "cut by the picture's edge" not in said
    keep(folder, doubtful(4, "123CD", plate="123CD", reason="edge_cut"))
    _, said = session(folder, "s", "s", "s")
    assert said.count("cut by the picture's edge") == 1
    assert said.index("4 of 4") < said.index("cut by the picture's edge") < said.index("plate [123CD]: ")


def test_enter_takes_the_answer_or_a_reading_that_fits_it(folder: Path) -> None:
    assert [suggestion(item) for item in read_items(folder)[0]] == ["AB1Z3CD", "XY987ZW", ""]
    keep(folder, doubtful(4, "AB12", plate="AB1?3CD"))
    assert suggestion(read_items(folder)[0][3]) == ""


class Screen(io.StringIO):
    encoding = "UTF-8"

    def __init__(self, is_terminal: bool = True) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("environment", "colours"),
    [
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "true"),
        ({"TERM": "xterm-256color"}, "grey"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, "none"),
        ({}, "none"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "none"),
    ],
)
def test_a_picture_is_shown_where_the_terminal_can(environment: dict[str, str], colours: str) -> None:
    assert colours_of(Screen(), environment) == colours
    assert colours_of(Screen(is_terminal=False), environment) == "none"


def test_a_picture_fits_into_the_terminal() -> None:
    wide, tall = plate_picture("AB123CD"), plate_picture("AB123CD").transpose(1, 0, 2)
    for image in (wide, tall):
        for colours in ("true", "grey"):
            lines = picture_lines(image, 40, 8, colours)
            assert 1 <= len(lines) <= 8
            assert len({line.count("▀") for line in lines}) == 1
            assert 1 <= lines[0].count("▀") <= 40
            assert all(line.endswith("\x1b[0m") for line in lines)
    assert picture_lines(wide, 40, 8, "none") == []


# --- from the command line


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_what_waits_is_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "--csv", str(folder.parent / "plates.csv"), "--list"]) == 0
    lines = told(capsys)
    assert [line.split()[0] for line in lines] == [FIRST, SECOND, THIRD, "3"]
    assert "AB1?3CD" in lines[0]
    assert "undecided (no_consensus)" in lines[0]
    assert main(["review", "--folder", str(folder), "--list", "--json"]) == 0
    values = [json.loads(line) for line in told(capsys)]
    assert [one["id"] for one in values] == [FIRST, SECOND, THIRD]
    assert Path(values[0]["picture"]).is_file()


def test_answers_from_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--set", f"{FIRST}=ab123cd", "--set", f"{SECOND}=-", "--set", f"review.folder={folder}"]
    assert main(["review", *given, "--list"]) == 0
    assert told(capsys)[-1] == f"1 crop waits in {folder}"
    assert answers(folder) == {FIRST: Answer("plate", "AB123CD"), SECOND: Answer("no_plate"), THIRD: None}
    assert main(["review", "--folder", str(folder), "--list", "--all", "--json"]) == 0
    assert [json.loads(line)["answer"] and json.loads(line)["answer"]["kind"] for line in told(capsys)] == [
        "plate", "no_plate", None
    ]  # fmt: skip


def test_an_answer_is_taken_back(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer(folder, n1="AB123CD", n2="XY987ZW")
    export(folder, tmp_path / "out")
    capsys.readouterr()
    assert main(["review", "--folder", str(folder), "--set", f"{FIRST}=", "--list"]) == 0
    lines = told(capsys)
    assert "answered" not in lines[0]
    assert lines[-1] == f"2 crops wait in {folder}"
    assert answers(folder) == {FIRST: None, SECOND: Answer("plate", "XY987ZW"), THIRD: None}
    labels, _ = export(folder, tmp_path / "out")
    assert [row["text"] for row in labels] == ["XY987ZW"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("77=AB123CD", "no kept crop has the id '77'"),
        ("0000=AB123CD", "3 kept crops have the id '0000'"),
        (f"{SECOND}=AB 12Ö", "'Ö' in 'AB 12Ö' is not on plates here"),
        (f"{SECOND}=.", "0 characters"),
        (f"{SECOND}=ABCDEFGHIJKLM", "13 characters"),
        (SECOND, "wanted ID=TEXT"),
    ],
)
def test_a_wrong_answer_is_one_line_and_none_is_written(
    given: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", "--folder", str(folder), "--set", f"{FIRST}=AB123CD", "--set", given]) == 78
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not any(answers(folder).values())


def test_without_a_terminal_it_says_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("AB123CD\n"))
    assert main(["review", "--folder", str(folder)]) == 78
    assert "--list" in capsys.readouterr().err


def test_nothing_kept_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "--folder", str(tmp_path / "none")]) == 0
    assert told(capsys) == [f"no crops wait in {tmp_path / 'none'}"]


def test_damaged_items_are_told_and_the_others_are_listed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    items = read_items(folder)[0]
    items[0].path.write_text('{"id": "0000')
    items[1].picture.unlink()
    left, problems = read_items(folder)
    assert [item.id for item in left] == [THIRD]
    assert ["damaged" in problems[0], "its picture is missing" in problems[1]] == [True, True]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("ab-123 cd", Answer("plate", "AB123CD")),
        (" - ", Answer("no_plate")),
        ("?", Answer("unreadable")),
        ("W·1", Answer("plate", "W1")),
    ],
)
def test_what_the_owner_may_type(typed: str, answer: Answer) -> None:
    assert parse_answer(typed) == answer


def test_an_undecided_character_is_no_answer() -> None:
    with pytest.raises(ConfigError, match="not on plates"):
        parse_answer("AB1?3CD")


def test_a_disk_that_takes_no_answer_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    item = read_items(folder)[0][0]
    before = item.path.read_bytes()
    monkeypatch.setattr("edge.whole_file.os.write", full)
    with pytest.raises(OutputError, match="No space left"):
        record_answer(item, Answer("plate", "AB123CD"))
    assert item.path.read_bytes() == before
    assert not list(folder.glob(".*"))


# --- export


def answer(folder: Path, **texts: str) -> None:
    for item in read_items(folder)[0]:
        if (text := texts.get(f"n{int(item.id, 16)}")) is not None:
            record_answer(item, parse_answer(text))


def export(folder: Path, target: Path, status: int = 0) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    assert main(["review", "--folder", str(folder), "--export", str(target)]) == status
    tables = []
    for name in ("labels.csv", "meta.csv"):
        with (target / name).open(newline="", encoding="utf-8") as file:
            tables.append(list(csv.DictReader(file)))
    assert all((target / row["image"]).is_file() for table in tables for row in table)
    assert len(list((target / "images").iterdir())) == len(tables[0])
    return tables[0], tables[1]


def test_answers_become_training_data(folder: Path, tmp_path: Path) -> None:
    keep(folder, doubtful(4, crop=plate_picture("AB123CD", light=90)), doubtful(5, crop=plate_picture("HELLO")))
    answer(folder, n1="AB123CD", n2="?", n4="AB123CD", n5="-")
    labels, meta = export(folder, tmp_path / "out")
    assert [(row["text"], row["country"], row["source"]) for row in labels] == [
        ("AB123CD", "", "review"), ("AB123CD", "", "review"), ("", "", "review")
    ]  # fmt: skip
    assert [row["group"] for row in meta] == ["AB123CD", "AB123CD", "00000005"]
    assert {(row["width"], row["height"], row["lines"]) for row in meta} == {("140", "36", "1")}


def test_the_same_picture_of_the_same_plate_is_exported_once(folder: Path, tmp_path: Path) -> None:
    same, other = plate_picture("AB1Z3CD", light=201), plate_picture("AB1Z3CD", light=120)
    keep(folder, doubtful(4, crop=same), doubtful(5, crop=other))
    answer(folder, n1="AB123CD", n4="AB123CD", n5="AB123CD")
    labels, _ = export(folder, tmp_path / "out")
    assert [Path(row["image"]).stem[-8:] for row in labels] == [FIRST, "00000005"]


def test_an_export_adds_to_an_earlier_one_and_follows_a_changed_mind(folder: Path, tmp_path: Path) -> None:
    answer(folder, n1="AB123CD", n2="XY987ZW")
    export(folder, tmp_path / "out")
    for path in folder.glob(f"*{FIRST}*"):
        path.unlink()  # too old by now
    answer(folder, n2="XY987VW", n3="K1")
    labels, _ = export(folder, tmp_path / "out")
    assert sorted(row["text"] for row in labels) == ["AB123CD", "K1", "XY987VW"]
    for mind, empty in (("?", []), ("-", [""]), ("?", [])):
        answer(folder, n3=mind)
        labels, _ = export(folder, tmp_path / "out")
        assert sorted(row["text"] for row in labels) == [*empty, "AB123CD", "XY987VW"]


def test_a_look_alike_is_exported_when_the_other_one_s_answer_has_changed(folder: Path, tmp_path: Path) -> None:
    keep(folder, doubtful(4, crop=plate_picture("AB1Z3CD", light=201)))
    answer(folder, n1="AB123CD", n4="AB123CD")
    labels, _ = export(folder, tmp_path / "out")
    assert [row["text"] for row in labels] == ["AB123CD"]
    answer(folder, n1="AB128CD")
    labels, _ = export(folder, tmp_path / "out")
    assert sorted(row["text"] for row in labels) == ["AB123CD", "AB128CD"]


def exported(folder: Path, target: Path, name: str) -> Path:
    export(folder, target)
    (picture,) = (target / "images").glob(f"*{name}.jpg")
    return picture


def test_a_damaged_picture_there_is_named_and_the_others_are_exported(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(folder, n1="AB123CD")
    picture = exported(folder, tmp_path / "out", FIRST)
    picture.write_bytes(picture.read_bytes()[:300])
    for path in folder.glob(f"*{FIRST}*"):
        path.unlink()  # too old by now
    answer(folder, n2="XY987ZW")
    labels, _ = export(folder, tmp_path / "out", status=1)
    assert [row["text"] for row in labels] == ["AB123CD", "XY987ZW"]
    assert capsys.readouterr().err.splitlines() == [
        f"gatereader: {picture}: a JPEG that is cut off; delete it, and its row goes with the next export",
        f"gatereader: 1 picture could not be exported to {tmp_path / 'out'}; the lines above say why",
    ]
    picture.unlink()
    labels, _ = export(folder, tmp_path / "out")
    assert [row["text"] for row in labels] == ["XY987ZW"]


def test_a_damaged_picture_there_is_written_again_from_its_crop(folder: Path, tmp_path: Path) -> None:
    answer(folder, n1="AB123CD")
    picture = exported(folder, tmp_path / "out", FIRST)
    before = picture.read_bytes()
    picture.write_bytes(b"")
    table = tmp_path / "out" / "meta.csv"
    table.write_text(table.read_text().replace(",1,AB123CD", ",2,AB123CD"))
    _, meta = export(folder, tmp_path / "out")
    assert picture.read_bytes() == before
    assert [row["lines"] for row in meta] == ["2"]


def test_a_damaged_crop_is_named_and_the_others_are_exported(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(folder, n1="AB123CD", n2="XY987ZW")
    crop = read_items(folder)[0][0].picture
    crop.write_bytes(b"")
    labels, _ = export(folder, tmp_path / "out", status=1)
    assert [row["text"] for row in labels] == ["XY987ZW"]
    assert f"{crop}: an empty file; left out" in capsys.readouterr().err


def test_an_answer_edited_by_hand_is_checked(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer(folder, n1="AB123CD", n2="XY987ZW")
    item = read_items(folder)[0][0]
    item.path.write_text(item.path.read_text().replace('"text": "AB123CD", "time"', '"text": "ab 123", "time"'))
    labels, _ = export(folder, tmp_path / "out", status=1)
    assert [row["text"] for row in labels] == ["XY987ZW"]
    assert "'ab 123' is not the text of a plate" in capsys.readouterr().err


def test_an_export_to_where_nothing_can_be_written_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["review", "--folder", str(folder), "--export", str(tmp_path / "file" / "out")]) == 1
    assert "name another folder" in capsys.readouterr().err


def test_an_export_takes_nothing_from_the_tables_that_are_there(folder: Path, tmp_path: Path) -> None:
    answer(folder, n1="AB123CD", n2="XY987ZW")
    export(folder, tmp_path / "out")
    table = tmp_path / "out" / "meta.csv"
    lines = [
        f"{line},{value}" for line, value in zip(table.read_text().split(), ("weather", "rain", "sun"), strict=True)
    ]
    table.write_text("\n".join(lines), encoding="utf-8-sig")  # as a spreadsheet saves it
    answer(folder, n3="K1")
    _, meta = export(folder, tmp_path / "out")
    assert [row["weather"] for row in meta] == ["rain", "sun", ""]


@pytest.mark.parametrize("name", ["labels.csv", "meta.csv"])
def test_an_export_writes_over_no_other_programs_table(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text("file;label\n1.jpg;cat\n")
    answer(folder, n1="AB123CD")
    assert main(["review", "--folder", str(folder), "--export", str(tmp_path)]) == 1
    assert f"{name} there is somebody else's" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "file;label\n1.jpg;cat\n"


# --- erasing


def test_all_crops_that_may_be_of_a_plate_are_erased(folder: Path) -> None:
    answer(folder, n3="AB123CD")
    assert erase(folder, "ab\u2013123:cd") == 2  # AB1?3CD may be it, and the owner says that the third is
    assert list(answers(folder)) == [SECOND]
    assert len(list(folder.iterdir())) == 2
    assert erase(folder, "AB123CD") == 0
    assert erase(folder / "none", "AB123CD") == 0


def test_what_is_somebody_elses_is_neither_erased_nor_listed(folder: Path) -> None:
    theirs = {"reader.json", "holiday.jpg", "car1.json", "car1.jpg", ".holiday.jpg.partial"}
    for name in theirs:
        (folder / name).write_text(json.dumps({"id": "car1", "plate": "AB123CD"}))
        os.utime(folder / name, (1e9, 1e9))
    items, problems = read_items(folder)
    assert ([item.id for item in items], problems) == ([FIRST, SECOND, THIRD], [])
    assert erase(folder, "AB123CD", trial=True) == erase(folder, "AB123CD") == 1
    assert theirs < {path.name for path in folder.iterdir()}


def test_a_second_best_answer_is_a_trace_of_the_plate_too(folder: Path) -> None:
    assert erase(folder, "AB128CD") == 1


def test_what_cannot_be_read_is_erased_with_its_picture(folder: Path) -> None:
    read_items(folder)[0][1].path.write_text("{")
    assert erase(folder, "ZZ999ZZ") == 1
    assert list(answers(folder)) == [FIRST, THIRD]
    assert len(list(folder.iterdir())) == 4
