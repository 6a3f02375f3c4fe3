"""Two runs over one recording: which passes belong together, what is said of them, and what the files may hold."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.compare import SLACK, Difference, compare, examine, summary
from edge.errors import SourceError
from edge.passes import Pass, read_passes
from edge.recorded import Session


def seen(plate: str, first: float, last: float | None = None, status: str = "accepted", raw: str = "") -> Pass:
    return Pass(plate, first, first + 2 if last is None else last, status, raw=raw)


def verdicts(found: Iterable[Difference]) -> list[tuple[str, bool]]:
    return [(one.verdict, one.worse) for one in found]


UNSURE = "undecided"

WITHOUT_TRUTH = {
    # what: (before, after, verdict, worse)
    "the same plate": (seen("AB123CD", 1), seen("AB123CD", 1.2), "same", False),
    "another plate": (seen("AB123CD", 1), seen("AB128CD", 1), "changed", True),
    "no longer sure": (seen("AB123CD", 1), seen("AB1?3CD", 1, status=UNSURE), "changed", True),
    "sure at last": (seen("AB1?3CD", 1, status=UNSURE), seen("AB123CD", 1), "changed", False),
    "gone": (seen("AB123CD", 1), None, "newly missed", True),
    "an unsure one gone": (seen("AB1?3CD", 1, status=UNSURE), None, "newly missed", True),
    "rubbish gone": (seen("1I", 1, status="rejected"), None, "newly missed", False),
    "found": (None, seen("AB123CD", 1), "newly found", False),
}


@pytest.mark.parametrize("what", WITHOUT_TRUTH)
def test_without_truth_a_lost_sure_plate_is_worse(what: str) -> None:
    before, after, verdict, worse = WITHOUT_TRUTH[what]
    found = compare([before] if before else [], [after] if after else [])
    assert verdicts(found) == [(verdict, worse)]
    assert (found[0].before, found[0].after) == (before, after)


RIGHT, WRONG = seen("AB123CD", 1), seen("AB128CD", 1)
ASKING = seen("AB1?3CD", 1, status=UNSURE)
AGAINST_TRUTH = {
    "right twice": (RIGHT, RIGHT, "same", False),
    "wrong twice, alike": (WRONG, WRONG, "same", False),
    "wrong twice, otherwise": (WRONG, seen("AB723CD", 1), "changed", False),
    "wrong, then right": (WRONG, RIGHT, "fixed", False),
    "unsure, then right": (ASKING, RIGHT, "fixed", False),
    "missed, then right": (None, RIGHT, "newly found", False),
    "missed, then unsure": (None, ASKING, "newly found", False),
    "missed twice": (None, None, "same", False),
    "right, then wrong": (RIGHT, WRONG, "broken", True),
    "right, then unsure": (RIGHT, ASKING, "broken", True),
    "unsure, then wrong": (ASKING, WRONG, "broken", True),
    "right, then missed": (RIGHT, None, "newly missed", True),
    "unsure, then missed": (ASKING, None, "newly missed", True),
    "missed, then wrong": (None, WRONG, "broken", True),
    "wrong, then missed": (WRONG, None, "newly missed", False),
    "wrong, then unsure": (WRONG, ASKING, "changed", False),
}


@pytest.mark.parametrize("what", AGAINST_TRUTH)
def test_with_truth_right_and_wrong_are_meant_against_it(what: str) -> None:
    before, after, verdict, worse = AGAINST_TRUTH[what]
    truth = seen("AB123CD", 0.5)
    found = compare([before] if before else [], [after] if after else [], [truth])
    assert verdicts(found) == [(verdict, worse)]
    assert found[0].truth == truth


def test_a_plate_accepted_where_there_is_none_is_broken_and_no_longer_so_is_fixed() -> None:
    stranger, rubbish = seen("XY987ZW", 50), seen("1I", 50, status="rejected")
    assert verdicts(compare([], [stranger], [])) == [("broken", True)]
    assert verdicts(compare([stranger], [], [])) == [("fixed", False)]
    assert verdicts(compare([], [rubbish], [])) == [("newly found", False)]
    assert verdicts(compare([rubbish], [], [])) == [("newly missed", False)]


def test_one_run_against_the_truth() -> None:
    truth = [seen("AB123CD", 1), seen("XY987ZW", 20), seen("KL456MN", 40), seen("PQ111RS", 60)]
    run = [seen("AB123CD", 1), seen("XY987VW", 20), seen("KL4?6MN", 40, status=UNSURE), seen("ST222UV", 90)]
    found = examine(run, truth)
    assert verdicts(found) == [
        ("right", False),
        ("wrong", True),
        ("undecided", True),
        ("missed", True),
        ("extra", True),
    ]
    assert summary(found) == {"right": 1, "wrong": 1, "undecided": 1, "missed": 1, "extra": 1}


def test_two_cars_side_by_side_are_told_apart_by_their_text() -> None:
    before = [seen("AB123CD", 1, 9), seen("XY987ZW", 1, 9)]
    after = [seen("XY987ZW", 1, 9), seen("AB12?CD", 1, 9, UNSURE)]
    pairs = {
        (one.before.plate if one.before else "", one.after.plate if one.after else "") for one in compare(before, after)
    }
    assert pairs == {("AB123CD", "AB12?CD"), ("XY987ZW", "XY987ZW")}


def test_cars_one_after_the_other_with_other_plates_are_two_passes() -> None:
    found = compare([seen("AB123CD", 0, 4)], [seen("XY987ZW", 4.5, 9)])
    assert verdicts(found) == [("newly missed", True), ("newly found", False)]


def test_the_same_plate_at_another_time_is_another_pass() -> None:
    apart = 2 + SLACK + 0.1
    assert len(compare([seen("AB123CD", 0)], [seen("AB123CD", apart)])) == 2
    assert len(compare([seen("AB123CD", 0)], [seen("AB123CD", apart - 0.2)])) == 1


def test_a_pass_without_text_is_matched_by_its_time() -> None:
    (one,) = compare([seen("", 3, status="rejected")], [seen("AB123CD", 3)])
    assert one.verdict == "changed"


def test_a_pass_that_falls_apart_gives_one_match_and_one_more() -> None:
    found = compare([seen("AB123CD", 0, 9)], [seen("AB123CD", 0, 4), seen("AB123CD", 5, 9)], [seen("AB123CD", 0, 9)])
    assert sorted(verdicts(found)) == [("broken", True), ("same", False)]


plates = st.sampled_from(["AB123CD", "AB128CD", "XY987ZW", "XY9?7ZW", "", "1I"])
statuses = st.sampled_from(["accepted", "undecided", "rejected"])
passes = st.builds(
    lambda plate, first, length, status: Pass(plate, first, first + length, status),
    plates, st.floats(0, 60), st.floats(0, 30), statuses,
)  # fmt: skip
runs = st.lists(passes, max_size=12)


@given(runs, runs, st.none() | runs)
def test_every_pass_is_in_exactly_one_difference(
    before: list[Pass], after: list[Pass], truth: list[Pass] | None
) -> None:
    found = compare(before, after, truth)

    def ids(which: str) -> list[int]:
        return sorted(id(one) for each in found if (one := getattr(each, which)) is not None)

    assert ids("before") == sorted(map(id, before))
    assert ids("after") == sorted(map(id, after))
    assert ids("truth") == sorted(map(id, truth or []))
    assert [one.first for one in found] == sorted(one.first for one in found)
    assert sum(summary(found).values()) == len(found)


@given(runs, st.none() | runs)
def test_a_run_is_never_worse_than_itself(run: list[Pass], truth: list[Pass] | None) -> None:
    assert all((one.verdict, one.worse) == ("same", False) for one in compare(run, run, truth))


# --- files


def written(folder: Path, text: str, name: str = "passes.jsonl") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_stored_events_are_read_without_previews(tmp_path: Path) -> None:
    line = (
        '{"plate": "AB123CD", "status": "accepted", "confidence": 0.9, "first_seen": 1.5, "last_seen": 2, "kind": "%s"}'
    )
    stored = read_passes(written(tmp_path, line % "preview" + "\n\n" + line % "final" + "\n"))
    assert not stored.is_truth
    assert stored.passes == (Pass("AB123CD", 1.5, 2.0, "accepted", None, 0.9),)


def test_numbers_in_a_table_are_numbers(tmp_path: Path) -> None:
    header = "plate,first_seen,last_seen,status,reason,confidence,plate_raw\n"
    table = written(tmp_path, header + "AB123CD,1,2,accepted,,0.9578,AB123CD\n?,5,6,rejected,blurred,,O\n", "a.csv")
    accepted = Pass("AB123CD", 1.0, 2.0, "accepted", None, 0.9578, "AB123CD")
    assert read_passes(table).passes == (accepted, Pass("?", 5.0, 6.0, "rejected", "blurred", 0.0, "O"))


def test_seconds_in_a_session_count_where_it_is_known(tmp_path: Path) -> None:
    line = (
        '{"plate": "AB1", "status": "accepted", "confidence": 1, "first_seen": 3700, "last_seen": 3702, '
        '"session": "r2", "session_first_seen": 90, "session_last_seen": 92}'
    )
    path = written(tmp_path, line)
    assert read_passes(path).passes == (Pass("AB1", 3700, 3702),)
    assert read_passes(path, {"r2": Session("r2", -10.0, 50.0)}).passes == (Pass("AB1", 80, 82),)


def test_passes_whose_frames_are_gone_are_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sights = written(tmp_path, "track,ride,text,t_seconds\na,r1,AB1,7\nb,r2,XY9,3\nc,r2,QR3,8\nd,r3,,8\n", "tracks.csv")
    assert read_passes(sights, {"r2": Session("r2", 1000.0, 5.0)}).passes == (Pass("QR3", 1008, 1008),)
    (message,) = caplog.messages
    assert message.endswith("2 of 3 passes are left out")
    with pytest.raises(SourceError, match=r"no session 'r1', .* wanted sessions such as r4"):
        read_passes(sights, {"r4": Session("r4", 0.0, 0.0)})


def test_truth_may_be_spans_or_sights_and_spreadsheets_write_a_mark_before_the_header(tmp_path: Path) -> None:
    spans = written(tmp_path, "\ufeffplate,start,end\nab 123 cd,1,2.5\n", "spans.csv")
    assert read_passes(spans) == ((Pass("AB123CD", 1.0, 2.5),), True)
    sights = written(tmp_path, "track,ride,text,t_seconds\na,r1,AB1,7\na,r1,AB1,5\nb,r2,XY9,3\nc,r2,,4\n", "tracks.csv")
    assert read_passes(sights).passes == (Pass("AB1", 5, 7), Pass("XY9", 3, 3))
    assert read_passes(sights, {"r2": Session("r2", 1000.0, 0.0)}).passes == (Pass("XY9", 1003, 1003),)


@pytest.mark.parametrize(
    ("text", "is_truth"),
    [
        ("", False),  # what `replay --json` prints where nothing passes
        ("\n", False),
        ("plate,status,first_seen,last_seen\n", False),
        ('{"kind": "preview", "plate": "A", "status": "undecided", "first_seen": 1, "last_seen": 2}', False),
        ("\ufeffplate,start,end\r\n", True),
        ("track,text,t_seconds\n", True),
    ],
)
def test_a_file_may_hold_no_pass(text: str, is_truth: bool, tmp_path: Path) -> None:
    assert read_passes(written(tmp_path, text)) == ((), is_truth)


BROKEN = {
    "no table": ("a letter to the editor\n", ":1: no plate or text among the columns"),
    "half a line": ('{"plate": "A", "first_seen": 1, "last_seen": 2}\n{"pla', ":2: not a JSON object"),
    "no time": ("plate,status\nAB1,accepted\n", ":2: no first_seen"),
    "no plate": ("first_seen,last_seen\n1,2\n", ":1: no plate or text"),
    "no plate in JSON": ('{"first_seen": 1, "last_seen": 2}', ":1: no plate or text"),
    "a moment": ("plate,first_seen,last_seen\nAB1,2026-11-20T14:03:22Z,3\n", "wanted seconds in the recording"),
    "not a number": ("plate,first_seen,last_seen\nAB1,nan,3\n", "wanted seconds in the recording"),
    "no confidence": ("plate,status,first_seen,last_seen,confidence\nAB1,x,1,2,sure\n", "'sure'; wanted 0 to 1"),
    "backwards": ("plate,first_seen,last_seen\nAB1,3,2\n", "the last sight is before the first"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_with_a_file_is_told_with_its_line(what: str, tmp_path: Path) -> None:
    text, words = BROKEN[what]
    with pytest.raises(SourceError) as caught:
        read_passes(written(tmp_path, text))
    assert words in str(caught.value)
    assert str(tmp_path / "passes.jsonl") in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        read_passes(tmp_path / "none.jsonl")
    (tmp_path / "clip.avi").write_bytes(b"RIFF\xff\xfe\x00")
    with pytest.raises(SourceError, match="not a text in UTF-8"):
        read_passes(tmp_path / "clip.avi")
