"""`training check`: each fault is found where it is, sound data has none, and a corrected copy is sound."""

import csv
import json
import struct
import zlib
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from edge.errors import ConfigError, OutputError, SourceError
from edge.reader import PlateReader

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from test_reader_report import spell

from edge.preprocess import PlateView
from training.check import check, look_at, main
from training.check_coverage import coverage, coverage_findings
from training.check_lines import better_lines
from training.check_pairs import split_findings
from training.check_pictures import Picture, likeness, measure, near_duplicates
from training.check_rules import corrected
from training.check_table import Finding, find_sets
from training.dataset import data_folder, load_picture, read_samples

Rows = list[tuple[str, str]]


def plate_picture(text: str, width: int = 160, height: int = 48, seed: int = 0) -> np.ndarray:
    """A plate-like picture whose look depends on the text and, a little, on the seed."""
    random_ = np.random.default_rng([seed, *text.encode()])
    image = random_.normal(150, 4, (height, width, 3))
    image[:, : width // 5] -= random_.uniform(20, 120)
    shown = np.clip(image, 0, 255).astype(np.uint8)
    scale = width / 160 * 7 / max(7, len(text))
    cv2.putText(shown, text, (width // 20, height * 2 // 3), cv2.FONT_HERSHEY_SIMPLEX, scale, (10, 10, 10), 2)
    return shown


def write_set(folder: Path, rows: Rows, meta: dict[str, str] | None = None) -> None:
    """Pictures and label files; `meta` has, for single pictures, other values than the right ones."""
    (folder / "images").mkdir(parents=True)
    labels, told = ["image,text,country,source"], ["image,width,height,lines,group,note"]
    for name, text in rows:
        cv2.imwrite(str(folder / name), plate_picture(text))
        labels.append(f"{name},{text},DE,test")
        told.append((meta or {}).get(name, f"{name},160,48,1,,"))
    (folder / "labels.csv").write_text("\n".join(labels) + "\n", encoding="utf-8")
    (folder / "meta.csv").write_text("\n".join(told) + "\n", encoding="utf-8")


def names(count: int, start: int = 0) -> Rows:
    return [(f"images/{n}.png", f"AB{n * 37 % 10}{n * 7919 % 9000 + 1000}") for n in range(start, start + count)]


def append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def faults(data: Path) -> list[Finding]:
    sets = find_sets(data)
    pictures = look_at(sets)
    found, _ = check(sets, pictures, better_lines(sets, pictures, PlateReader()), 1)
    return [finding for finding in found if finding.level != "note"]


def kinds(data: Path) -> list[tuple[str, str]]:
    return [(finding.level, finding.kind) for finding in faults(data)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write_set(tmp_path / "reader" / "home" / "train", names(6))
    write_set(tmp_path / "reader" / "home" / "val", names(3, start=20))
    return tmp_path


def test_sound_data_has_no_findings_wherever_one_points(tree: Path) -> None:
    for data in (tree, tree / "reader", tree / "reader" / "home", tree / "reader" / "home" / "train"):
        assert faults(data) == []
    with pytest.raises(SourceError, match=r"no labels\.csv in it"):
        find_sets(tree / "reader" / "home" / "train" / "images")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ab 12", "alphabet"),
        ("ÄB12", "alphabet"),
        ("", "empty"),
        ("ABCDEFGH12345", "long"),
        ("A" * 21, "infeasible"),
    ],
)
def test_a_label_that_cannot_be_learned_is_an_error(tree: Path, text: str, kind: str) -> None:
    train = tree / "reader" / "home" / "train"
    lines = (train / "labels.csv").read_text(encoding="utf-8").splitlines()
    lines[2] = f"images/1.png,{text},DE,test"
    (train / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = [finding for finding in faults(tree) if finding.kind == kind]
    assert [(finding.level, finding.where) for finding in found] == [("error", f"{train / 'labels.csv'}:3")]


def test_a_crop_without_a_plate_is_allowed_among_own_crops_only(tmp_path: Path) -> None:
    write_set(tmp_path / "mine", [*names(2), ("images/none.png", "")])
    assert faults(tmp_path / "mine") == []


def test_pictures_that_cannot_be_used(tree: Path) -> None:
    images = tree / "reader" / "home" / "train" / "images"
    (images / "0.png").unlink()
    (images / "1.png").write_bytes(b"no picture")
    cv2.imwrite(str(images / "2.png"), np.full((48, 160), 90, np.uint8))
    faint = 100 + (plate_picture("AB12").astype(np.float32) - 128) * 0.08
    cv2.imwrite(str(images / "3.png"), faint.astype(np.uint8))
    cv2.imwrite(str(images / "4.png"), plate_picture("AB12", width=24, height=8))
    whole = cv2.imencode(".jpg", plate_picture("CUT"))[1].tobytes()
    (images / "5.png").write_bytes(whole[: len(whole) * 2 // 3])
    found = {(f.level, f.kind) for f in faults(tree)}
    assert found >= {
        ("error", "missing"),
        ("error", "unreadable"),
        ("error", "blank"),
        ("warning", "contrast"),
        ("warning", "small"),
        ("warning", "damaged"),
    }


def test_rows_and_files_that_do_not_belong_together(tree: Path) -> None:
    train = tree / "reader" / "home" / "train"
    cv2.imwrite(str(train / "images" / "stray.jpg"), plate_picture("STRAY"))
    append(train / "labels.csv", "images/0.png,AB01000,DE,test")  # again
    append(train / "labels.csv", "images/1.png,OTHER,DE,test")  # again, otherwise
    append(train / "labels.csv", "../val/images/20.png,AB00380,DE,test")
    append(train / "meta.csv", "images/gone.png,1,1,1,,")
    found = kinds(tree)
    assert ("warning", "unlabelled") in found
    assert ("warning", "twice") in found
    assert ("error", "contradiction") in found
    assert ("error", "outside") in found
    assert ("warning", "meta-only") in found
    assert ("warning", "meta-missing") in found


def test_meta_that_disagrees_with_the_picture(tmp_path: Path) -> None:
    rows = names(3)
    meta = {rows[0][0]: f"{rows[0][0]},161,48,1,,", rows[1][0]: f"{rows[1][0]},160,48,2,,"}
    meta[rows[2][0]] = f"{rows[2][0]},160,48,two,,"
    write_set(tmp_path / "home" / "train", rows, meta)
    assert sorted(kinds(tmp_path)) == [("error", "meta-lines"), ("warning", "meta-lines"), ("warning", "meta-size")]


def test_missing_columns_and_cells(tree: Path) -> None:
    train, val = (tree / "reader" / "home" / split for split in ("train", "val"))
    (val / "labels.csv").write_text("image,plate\nimages/20.png,AB1\n")
    (train / "meta.csv").write_text("image,width\nimages/0.png,160\n")
    append(train / "labels.csv", "images/0.png")
    found = faults(tree)
    assert [f.text.split(";")[0] for f in found if f.kind == "column" and f.level == "error"] == [
        "no column 'lines'",
        "no column 'text'",
    ]
    assert [f.where for f in found if f.kind == "cells"] == [f"{train / 'labels.csv'}:8"]
    assert not [f for f in found if f.kind == "meta-missing"]  # told once, not for every row


def test_duplicates_and_contradictions(tree: Path) -> None:
    train, val = (tree / "reader" / "home" / split / "images" for split in ("train", "val"))
    (train / "1.png").write_bytes((train / "0.png").read_bytes())
    brighter = cv2.convertScaleAbs(load_picture(train / "2.png"), alpha=0.9, beta=12)
    cv2.imwrite(str(val / "20.png"), brighter, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    found = {(f.level, f.kind, f.where.rpartition(":")[2]) for f in faults(tree)}
    assert found == {
        ("error", "contradiction", "3"),  # the same bytes, another text
        ("error", "near-duplicate-across", "2"),
        ("warning", "contradiction", "2"),  # the same to the eye, another text
    }


def test_a_plate_or_a_group_in_two_splits(tmp_path: Path) -> None:
    train, val = names(3), names(2, start=20)
    write_set(tmp_path / "home" / "train", train, {name: f"{name},160,48,1,ride," for name, _ in train[:1]})
    write_set(tmp_path / "home" / "val", [*val, ("images/b.png", train[1][1])])
    meta = tmp_path / "home" / "val" / "meta.csv"
    meta.write_text(meta.read_text().replace("images/20.png,160,48,1,", "images/20.png,160,48,1,ride"))
    cv2.imwrite(str(tmp_path / "home" / "val" / "images" / "b.png"), plate_picture("ANOTHER"))
    assert [(f.kind, f.where.rpartition(":")[2]) for f in faults(tmp_path) if f.level == "error"] == [
        ("plate-across", "4"),
        ("group-across", "2"),
    ]
    labels = tmp_path / "home" / "val" / "labels.csv"
    labels.write_text(labels.read_text().replace(f"{train[1][1]},DE", f"{train[1][1]},FR"))
    assert "plate-across" not in [kind for _, kind in kinds(tmp_path)]  # another country's plate of the same text


def test_pictures_of_one_group_may_resemble_each_other(tmp_path: Path) -> None:
    rows = names(2)
    same = {name: f"{name},160,48,1,pass7," for name, _ in rows}
    write_set(tmp_path / "home" / "train", rows, same)
    labels = tmp_path / "home" / "train" / "labels.csv"
    labels.write_text(labels.read_text().replace(rows[1][1], rows[0][1]))
    for seed, (name, _) in enumerate(rows):
        cv2.imwrite(str(tmp_path / "home" / "train" / name), plate_picture("AB12345") + np.uint8(seed))
    assert faults(tmp_path) == []


def test_two_plates_of_one_country_are_no_near_duplicates(tmp_path: Path) -> None:
    measured = []
    for number, text in enumerate(("MAB1234", "MAB1284", "MXY907")):
        path = tmp_path / f"{number}.png"
        white = np.full((48, 160, 3), 225, np.uint8)
        cv2.putText(white, text, (8, 34), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20, 20, 20), 3)
        cv2.imwrite(str(path), white)
        measured.append(measure(path))
    pictures = [each for each in measured if isinstance(each, Picture)]
    assert len(pictures) == 3
    assert list(near_duplicates(pictures)) == []
    assert likeness(pictures[0].look, pictures[0].look) == pytest.approx(1)


def test_coverage_counts_plates_once_and_names_what_is_missing() -> None:
    covered = coverage("train", ["A1", "A1", "B2", "", "b3"])
    assert covered.plates == 2
    assert covered.lengths == {2: 2}
    assert covered.positions[0]["A"] == 1
    told = [finding.text for finding in coverage_findings(covered, 1)]
    assert told[0] == "2 plates, by length 2: 2"
    assert "C 0" in told[1]
    assert "A 0" not in told[1]
    many = coverage("train", [f"{a}{b}" for a in "ABCDEF" for b in "0123456789"])
    places = [f.text for f in coverage_findings(many, 1) if f.kind == "positions"]
    assert places[0] == "position 1 (60 plates): never 0123456789GHIJKLMNOPQRSTUVWXYZ"


def test_corrections_have_one_right_answer() -> None:
    assert corrected("m-ab 12·3") == "MAB123"
    assert corrected("ÄB12") is None
    assert corrected(" - ") is None


def test_a_corrected_copy_is_sound_and_the_original_untouched(
    tree: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    train = tree / "reader" / "home" / "train"
    lines = (train / "labels.csv").read_text().splitlines()
    lines[1] = lines[1].replace("AB0", "ab-0")
    lines[2] = "images/1.png,ÄÖ,DE,test"
    (train / "labels.csv").write_text("\n".join([*lines, "images/2.png,AB45838,DE,test", lines[4]]) + "\n")
    (train / "images" / "4.png").unlink()
    meta = train / "meta.csv"
    meta.write_text(meta.read_text().replace("images/3.png,160", "images/3.png,999"))
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    new = tmp_path_factory.mktemp("fixed") / "copy"
    assert main([str(tree), "--fix", str(new)]) == 1
    shown = capsys.readouterr().out
    assert {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()} == before
    changes = (new / "changes.txt").read_text().splitlines()
    assert all(line in shown for line in changes)
    told = " | ".join(changes)
    for what in ("'ab-01000' became 'AB01000'", "'ÄÖ' has signs", "left out images/4.png", "size 999×48 became 160×48"):
        assert what in told
    with (new / "reader" / "home" / "train" / "labels.csv").open() as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert texts[0] == "AB01000"
    assert main([str(new)]) == 1  # row 2 is labelled in two ways: a person decides
    assert {kind for level, kind in kinds(new) if level == "error"} == {"contradiction"}
    with pytest.raises(ConfigError, match="is there already"):
        main([str(tree), "--fix", str(new)])
    with pytest.raises(ConfigError, match="lies within"):
        main([str(tree), "--fix", str(tree / "copy")])


def test_a_row_of_too_many_cells_is_left_out_and_never_learned(
    tree: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    train, val = (tree / "reader" / "home" / split for split in ("train", "val"))
    labels = train / "labels.csv"
    labels.write_text(labels.read_text().replace("images/1.png,", "images/1.png,1,"))
    meta = val / "meta.csv"
    meta.write_text(meta.read_text().replace("images/20.png,160,", "images/20.png,160,5,"))
    for folder, file, line in ((train, "labels", 3), (val, "meta", 2)):
        with pytest.raises(SourceError, match=rf"{file}\.csv:{line}: not \d cells as in the header"):
            read_samples(folder)
    new = tmp_path_factory.mktemp("fixed") / "copy"
    assert main([str(tree), "--fix", str(new)]) == 1
    shown = capsys.readouterr().out
    assert f"{labels}:3: left out images/1.png: not 4 cells" in shown
    assert "left out images/20.png: meta.csv:2: not 6 cells" in shown
    for split, count in (("train", 5), ("val", 2)):
        assert len(read_samples(new / "reader" / "home" / split)) == count
    assert faults(new) == []


def test_a_crop_without_a_text_is_left_out_of_a_tree(
    tree: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tree / "reader" / "home" / "train" / "labels.csv"
    labels.write_text(labels.read_text().replace(names(1)[0][1], ""))
    new = tmp_path_factory.mktemp("fixed") / "copy"
    main([str(tree), "--fix", str(new)])
    assert f"{labels}:2: left out images/0.png: no text" in capsys.readouterr().out
    assert all(sample.text for sample in read_samples(new / "reader" / "home" / "train"))


def test_links_and_paths_of_another_kind_are_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, store = tmp_path / "mine", tmp_path / "store"
    write_set(mine, names(3))
    (mine / "images").rename(store)
    (mine / "images").mkdir()
    for number in range(3):
        (mine / "images" / f"{number}.png").symlink_to(store / f"{number}.png")
    assert faults(mine) == []
    for file in (mine / "labels.csv", mine / "meta.csv"):
        text = file.read_text().replace("images/0", f"{mine}/images/0").replace("images/1", "images\\1")
        file.write_text(text)
    assert kinds(mine) == [("warning", "path"), ("error", "path")]
    new = tmp_path / "copy"
    assert main([str(mine), "--fix", str(new)]) == 1
    shown = capsys.readouterr().out
    assert f"{mine}/images/0.png became images/0.png" in shown
    assert "images\\1.png became images/1.png" in shown
    assert [sample.image.name for sample in read_samples(new)] == ["0.png", "1.png", "2.png"]
    assert not any((new / name).is_symlink() for name, _ in names(3))
    assert faults(new) == []


def test_no_copy_is_left_half_made_or_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, new = tmp_path / "mine", tmp_path / "copy"
    write_set(mine, names(2))
    with monkeypatch.context() as full:
        full.setattr("training.check_fix.shutil.copyfile", Mock(side_effect=OSError(28, "No space left on device")))
        with pytest.raises(OutputError, match="No space left on device"):
            main([str(mine), "--fix", str(new)])
    assert not new.exists()
    for name, _ in names(2):
        (mine / name).unlink()
    capsys.readouterr()
    with pytest.raises(SourceError, match="no corrected copy: none of its rows can be kept"):
        main([str(mine), "--fix", str(new)])
    assert not new.exists()
    assert capsys.readouterr().out.count("error  missing") == 2


@pytest.mark.parametrize("side", [19_000, 200_000])
def test_a_picture_of_too_many_pixels_is_named(tree: Path, side: int) -> None:
    picture = tree / "reader" / "home" / "train" / "images" / "0.png"
    write_png_header(picture, side)
    (found,) = [finding for finding in faults(tree) if finding.level == "error"]
    assert (found.kind, found.text) == (
        "unreadable",
        "images/0.png: too large for a picture of a plate; cut the plate out",
    )
    if side == 200_000:  # of the other one OpenCV fills up what is missing
        with pytest.raises(SourceError, match=r"0\.png: too large"):
            load_picture(picture)


def write_png_header(path: Path, side: int) -> None:
    """A PNG that claims to be so many pixels wide and high, and has none."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b""))
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


@pytest.mark.parametrize(
    ("encoding", "separator", "fault"),
    [
        ("utf-16", ",", "not in UTF-8; save it again as CSV UTF-8"),
        ("cp1252", ",", "not in UTF-8"),
        ("utf-8", ";", "parted by semicolons; save it again with commas"),
        ("utf-8", "\t", "parted by tabs; save it again with commas"),
    ],
)
def test_a_table_that_a_spreadsheet_saved_otherwise_is_told_and_not_copied(
    tree: Path, capsys: pytest.CaptureFixture[str], encoding: str, separator: str, fault: str
) -> None:
    labels = tree / "reader" / "home" / "train" / "labels.csv"
    text = labels.read_text().replace("test\n", "Zürich\n").replace(",", separator)
    labels.write_bytes(text.encode(encoding))
    new = tree.with_name(f"{tree.name}-fixed")
    assert main([str(tree), "--fix", str(new)]) == 1
    assert not new.exists()
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("error") and fault in line]) == 1
    assert f"no corrected copy: mend {labels} first" in lines[-1]
    with pytest.raises(SourceError, match=f"labels.csv: .*{fault}"):
        read_samples(labels.parent)


def test_json_tells_all_and_the_exit_status_counts_errors_only(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tree / "reader" / "home" / "val" / "images" / "stray.png"), plate_picture("S"))
    assert main([str(tree), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["errors"], told["warnings"]) == (0, 1)
    assert told["coverage"][0]["plates"] == 6
    (tree / "reader" / "home" / "val" / "images" / "20.png").unlink()
    assert main([str(tree), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["errors"] == 1


def write_two_lines(folder: Path, name: str, upper: str, lower: str) -> None:
    """A picture of a plate that the shipped reader reads in two lines, and not at all in one."""
    plate = np.full((120, 160, 3), 230, np.uint8)
    for text, base in ((upper, 52), (lower, 110)):
        cv2.putText(plate, text, (30, base), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (20, 20, 20), 5)
    cv2.imwrite(str(folder / name), plate)


def test_a_plate_in_two_lines_that_is_marked_as_one_is_told_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "mine"
    two = ("images/two.png", "AB12345")
    marked = {"images/right.png": "images/right.png,160,120,2,,"}
    marked["images/two.png"] = "images/two.png,160,120,1,gate,"
    marked["images/none.png"] = "images/none.png,160,120,1,,"
    write_set(own, [*names(2), two, ("images/right.png", "AB12345"), ("images/none.png", "")], marked)
    for name, upper, lower in (("two", "AB12", "345"), ("right", "AB12", "345"), ("none", "XY98", "761")):
        write_two_lines(own, f"images/{name}.png", upper, lower)  # what has no label is not read
    cv2.imwrite(str(own / "images" / "right.png"), load_picture(own / "images" / "right.png") - np.uint8(20))
    (found,) = [finding for finding in faults(own) if finding.kind == "lines"]
    assert (found.level, found.where) == ("warning", f"{own / 'labels.csv'}:4")
    assert "--fix writes lines = 2" in found.text

    assert main([str(own), "--fix", str(tmp_path / "with")]) == 0
    assert "images/two.png: lines '1' became '2'" in capsys.readouterr().out
    assert [sample.lines for sample in read_samples(tmp_path / "with")] == [1, 1, 2, 2, 1]
    assert read_samples(tmp_path / "with")[2].group == "gate"
    assert not [finding for finding in faults(tmp_path / "with") if finding.kind == "lines"]

    (own / "meta.csv").unlink()
    assert main([str(own), "--fix", str(tmp_path / "without")]) == 0
    changes = (tmp_path / "without" / "changes.txt").read_text().splitlines()
    assert [line.split(": ", 1)[1] for line in changes] == [
        "images/two.png: lines '1' became '2'",
        "images/right.png: lines '1' became '2'",
    ]
    assert [sample.lines for sample in read_samples(tmp_path / "without")] == [1, 1, 2, 2, 1]
    assert not [finding for finding in faults(tmp_path / "without") if finding.level == "error"]


def test_a_label_that_the_reader_surely_reads_otherwise_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "mine"
    write_set(own, [(f"images/{name}.png", text) for name, text in (("right", "AB1"), ("slip", "AB2"), ("none", ""))])
    for name, upper, lower in (("right", "AB12", "345"), ("slip", "XY98", "761"), ("none", "CD43", "218")):
        write_two_lines(own, f"images/{name}.png", upper, lower)
    labels = own / "labels.csv"
    labels.write_text(labels.read_text().replace("AB1", "ab12 345").replace("AB2", "XY98781"))
    assert main([str(own), "--json"]) == 1  # for the lower case, which --fix writes otherwise
    told = [each for each in json.loads(capsys.readouterr().out)["findings"] if each["kind"] == "label"]
    assert [(each["level"], each["where"]) for each in told] == [("warning", f"{labels}:3"), ("warning", f"{labels}:4")]
    assert "labelled XY98781, but the shipped reader reads XY98761" in told[0]["text"]
    assert "labelled as no plate, but the shipped reader reads CD43218" in told[1]["text"]


def test_only_what_is_misread_as_it_is_marked_is_read_the_other_way(tmp_path: Path) -> None:
    own = tmp_path / "mine"
    narrow = {name: f"{name},120,48,1,," for name, _ in names(2)}
    write_set(own, names(2), narrow)
    for name, text in names(2):
        cv2.imwrite(str(own / name), plate_picture(text, width=120))
    asked: list[int] = []

    class Reader(PlateReader):
        def logits(self, view: PlateView) -> np.ndarray:
            asked.append(view.lines)
            return spell(names(1)[0][1] if view.lines == 1 else "", 9.0)

    sets = find_sets(own)
    assert better_lines(sets, look_at(sets), Reader()) == {}
    assert asked == [1, 1, 2]


def test_many_findings_of_a_kind_are_cut_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set(tmp_path / "home" / "train", names(1))
    for number in range(30):
        append(tmp_path / "home" / "train" / "labels.csv", f"images/gone{number}.png,AB1,DE,x")
    assert main([str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert shown.count("error  missing") == 21
    assert "… and 10 more of this kind; --all shows them" in shown
    main([str(tmp_path), "--all"])
    assert capsys.readouterr().out.count("error  missing") == 30


@pytest.mark.slow
@pytest.mark.skipif(not (data_folder() / "reader").is_dir(), reason="no real plates: set GATEREADER_DATA")
def test_real_crops_have_no_false_alarms() -> None:
    sets = find_sets(data_folder())
    across = [(finding.kind, finding.text.split()[1]) for finding in split_findings(sets)]
    assert across == [("group-across", "'dayride_type1_001'")]  # one ride, whose plates are parted
    looked = [each for each in sets if each.name == "indonesia"]
    pictures = look_at(looked)
    better = better_lines(looked, pictures, PlateReader())
    found = [(f.level, f.kind) for f in check(looked, pictures, better, 20)[0] if f.level != "note"]
    assert found == [("warning", "near-duplicate")]
