"""The owner's own crops as training data: what is checked, and that no plate is on both sides; needs no TensorFlow."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import SourceError

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from review_samples import doubtful, keep, plate_picture
from test_reader_data import write_set

from edge.review import parse_answer, read_items, record_answer
from edge.review_export import LABELS, META, export_items
from training.dataset import Sample, real_chunk
from training.own import is_own, read_own, real_samples, split_own
from training.tables import LABEL_COLUMNS, META_COLUMNS


def write_own(folder: Path, labels: str, meta: str = "") -> Path:
    write_set(folder, ["AB12", "CD34"])
    (folder / "labels.csv").write_text(labels, encoding="utf-8")
    (folder / "meta.csv").unlink()
    if meta:
        (folder / "meta.csv").write_text(meta, encoding="utf-8")
    return folder


def test_an_export_of_the_review_has_the_columns_that_training_reads() -> None:
    assert (LABELS, META) == (LABEL_COLUMNS, META_COLUMNS)


def test_an_export_of_the_review_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEREADER_DATA", str(tmp_path / "no usual data"))
    keep(tmp_path / "review", *(doubtful(n, crop=plate_picture(f"AB{n}", 20 * n)) for n in range(1, 10)))
    said = ["AB1", "AB1", "CD2", "CD2", "-", "?", "EF3", "GH4"]
    for item, text in zip(read_items(tmp_path / "review")[0], said, strict=False):  # the last one is not answered
        record_answer(item, parse_answer(text))
    export_items(read_items(tmp_path / "review")[0], tmp_path / "out")
    assert is_own(tmp_path / "out")
    assert not is_own(tmp_path)
    samples = read_own(tmp_path / "out")
    assert sorted(sample.text for sample in samples) == ["", "AB1", "AB1", "CD2", "CD2", "EF3", "GH4"]
    assert {sample.set for sample in samples} == {"own"}
    learned, judged = (real_samples(tmp_path / "out", split) for split in ("train", "val"))
    assert len(learned) + len(judged) == len(samples)
    assert judged
    assert all(sample.text for sample in judged)
    assert real_chunk(1, learned).texts == tuple(sample.text for sample in learned)  # the one without a plate too


def test_the_usual_plates_join_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path / "usual" / "reader" / "home" / "val", ["EF67"])
    monkeypatch.setenv("GATEREADER_DATA", str(tmp_path / "usual"))
    own = write_own(tmp_path / "own", "image,text\nimages/AB12.png,AB12\nimages/CD34.png,CD34\n")
    assert [sample.set for sample in real_samples(own, "val")] == ["own", "home"]
    assert [sample.set for sample in real_samples(own, "train")] == ["own"]
    assert [sample.text for sample in real_samples(own, "all")] == ["AB12", "CD34"]
    assert [sample.text for sample in real_samples(tmp_path / "usual", "val")] == ["EF67"]


samples = st.lists(
    st.builds(
        lambda number, text, group: (f"{number}.png", text, group),
        st.integers(0, 10**6),
        st.sampled_from(["", *"ABCDEFGH"]),
        st.sampled_from(["", *"0123456"]),
    ),
    max_size=30,
    unique_by=lambda one: one[0],
)


@given(samples)
def test_no_plate_and_no_group_is_on_both_sides(rows: list[tuple[str, str, str]]) -> None:
    given_ = [Sample(Path(name), text, "", 1, "own", group) for name, text, group in rows]
    learned, judged = split_own(given_)
    assert sorted(one.image.name for one in (*learned, *judged)) == sorted(name for name, _, _ in rows)
    assert not {one.text for one in judged} & {one.text for one in learned if one.text}
    assert all(one.text for one in judged)
    # a group ties plates only: crops without a plate are always learned from
    groups = {one.group for one in judged if one.group}
    assert not groups & {one.group for one in learned if one.text}
    families = {one.text or one.image.name for one in given_}
    assert learned or not families


def test_a_single_plate_is_learned_and_of_two_one_is_judged_by() -> None:
    one = [Sample(Path(f"{n}.png"), "AB12", "", 1, "own") for n in range(4)]
    assert split_own(one) == (one, [])
    learned, judged = split_own([*one, Sample(Path("x.png"), "CD34", "", 1, "own")])
    assert learned
    assert judged


def test_plates_stay_on_their_side_as_others_join() -> None:
    plates = [Sample(Path(f"{n}.png"), f"P{n}", "", 1, "own") for n in range(200)]
    _, few = split_own(plates[:100])
    _, many = split_own(plates)
    assert set(few) <= set(many)
    assert 0.1 * 200 < len(many) < 0.3 * 200


def test_no_plate_that_was_learned_is_judged_by_once_it_is_seen_again() -> None:
    random_ = random.Random(5)

    def crops(first: int, numbers: Sequence[int]) -> list[Sample]:
        passes = [f"pass-{random_.randrange(10**6)}" for _ in numbers]
        pairs = zip(numbers, passes, strict=True)
        return [Sample(Path(f"{first + n}.png"), f"P{n}", "", 1, "own", name) for n, name in pairs]

    once = crops(0, range(200))
    together = replace(once[7], image=Path("both.png"), text="P8")  # two plates of one pass
    again = crops(1000, range(50, 150))
    learned, judged = split_own(once)
    _, later = split_own([*once, *again, together])
    assert not {one.text for one in later} & {one.text for one in learned}
    assert {one.text for one in judged} - {one.text for one in later} <= {"P7", "P8"}
    assert len(later) > 20


BROKEN = {
    "a strange character": ("image,text\nimages/AB12.png,AB-12\n", "row 2: '-' in 'AB-12'"),
    "small letters": ("image,text\nimages/AB12.png,AB12\nimages/CD34.png,cd34\n", "row 3: 'c' in 'cd34'"),
    "too long": ("image,text\nimages/AB12.png,ABCDEFGHIJKLM\n", "has 13 characters"),
    "no such picture": ("image,text\nimages/none.png,AB12\n", "none.png: missing"),
    "no column": ("picture,text\nimages/AB12.png,AB12\n", "no column image"),
    "no plate": ("image,text\nimages/AB12.png,\n", "no plate in labels.csv"),
    "nothing": ("", "no column image, text"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_be_learned_from_is_named(what: str, tmp_path: Path) -> None:
    labels, words = BROKEN[what]
    with pytest.raises(SourceError) as caught:
        read_own(write_own(tmp_path / "own", labels))
    assert words in str(caught.value)


def test_lines_that_are_no_number_are_named(tmp_path: Path) -> None:
    labels = "image,text\nimages/AB12.png,AB12\n"
    own = write_own(tmp_path / "own", labels, "image,lines\nimages/AB12.png,two\n")
    with pytest.raises(SourceError, match=r"meta\.csv: .*two"):
        read_own(own)
