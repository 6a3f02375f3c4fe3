"""The detector's report: figures counted by hand, and a page that holds all it shows."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed; it comes with the extra [training]")

from edge.card import ModelCard
from edge.errors import OutputError
from training.detector_data import Picture
from training.detector_metrics import Found, precision_recall
from training.detector_report import Judged, causes, curves, false_boxes, groups, write_report
from training.detector_tiles import TILE, missed, sheet, tile

CARD = ModelCard.read(Path(__file__).parent.parent / "models" / "detector.json")
FRONT, ASIDE, FAR = (100.0, 100.0, 200.0, 120.0), (300.0, 200.0, 380.0, 230.0), (0.0, 10.0, 12.0, 16.0)


def picture(grey: int, source: str, *plates: tuple[float, float, float, float]) -> Picture:
    return Picture(np.full((400, 640, 3), grey, np.uint8), np.array(plates, np.float32).reshape(-1, 4), source, "p.jpg")


def found(*rows: tuple[float, float, float, float, float]) -> Found:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Found(table[:, :4], table[:, 4])


@pytest.fixture
def judged() -> Judged:
    """Found: the plate seen from the front. Missed: one by its confidence, one by its place, one altogether."""
    pictures = [
        picture(120, "openimages", FRONT, ASIDE),
        picture(30, "romania", FRONT, FAR),
    ]
    boxes = [
        found((*FRONT, 0.9), (*ASIDE, 0.2), (500, 300, 560, 320, 0.6)),
        found((100.0, 100.0, 140.0, 120.0, 0.8)),
    ]
    without = [picture(200, "negatives"), picture(200, "negatives")]
    return Judged(pictures, without, boxes, [found((10, 10, 90, 40, 0.7)), found()], 0.5, 512)


def test_recall_is_counted_by_group(judged: Judged) -> None:
    by = groups(judged)
    assert {name: (row["plates"], row["recall"]) for name, row in by["source"].items()} == {
        "openimages": (2, 0.5),
        "romania": (2, 0.0),
    }
    assert {name: row["recall"] for name, row in by["light"].items()} == {"day": 0.5, "night": 0.0}
    # 100, 80 and 12 of 640 px are 80, 64 and 9.6 of the 512 of the canvas
    assert {name: (row["plates"], row["recall"]) for name, row in by["width"].items()} == {
        "0–12 px": (1, 0.0),
        "40–80 px": (1, 0.0),
        "80 px and more": (2, 0.5),
    }
    assert by["place"]["cut by the picture's edge"]["plates"] == 1
    assert sum(row["plates"] for row in by["shape"].values()) == 4
    assert by["source"]["openimages"]["ap50"] == pytest.approx(0.5 + 0.5 * 2 / 3, abs=1e-4)


def test_each_missed_plate_has_a_cause(judged: Judged) -> None:
    assert causes(judged) == {"no box": 1, "too little confidence": 1, "box misplaced (IoU 0.1 to 0.5)": 1}


def test_false_boxes_are_counted_a_picture(judged: Judged) -> None:
    assert false_boxes(judged) == {"with plates": 1.0, "without plates": 0.5}


def test_the_curves_go_where_they_must(judged: Judged) -> None:
    drawn = curves(judged)
    recall, precision = zip(*drawn["precision"], strict=True)
    assert list(recall) == sorted(recall)
    assert list(precision) == sorted(precision, reverse=True)
    boxed, reached = zip(*drawn["boxed"], strict=True)
    assert list(boxed) == sorted(boxed)
    assert max(reached) == 0.5
    assert [0.3, 0.5] in drawn["overlap"]  # the box on less than half a plate counts here


def test_nothing_found_has_no_curve() -> None:
    recall, precision = precision_recall([found()], [np.zeros((0, 4), np.float32)], 0.5)
    assert not len(recall)
    assert not len(precision)


def test_the_page_holds_all_that_it_shows(judged: Judged, tmp_path: Path) -> None:
    figures = {
        "threshold": 0.5,
        "all": {"pictures": 2, "plates": 4, "recall": 0.25, "ap50": 0.4, "ap50_95": 0.3},
        "negatives": {"pictures": 2, "boxed": 0.5},
    }
    page = write_report(tmp_path / "report", CARD, judged, figures, "python -m training <x>")
    text = page.read_text(encoding="utf-8")
    assert "http" not in text.replace("http://www.w3.org", "")
    assert text.count("<figure") == 3 + 2 + 1  # missed, on pictures with plates, on pictures without
    assert "python -m training &lt;x&gt;" in text
    told = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert told["all"]["recall"] == 0.25
    assert told["causes"]["no box"] == 1
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(tmp_path / "file", CARD, judged, figures, "")


def test_a_tile_shows_truth_and_finds_in_their_colours(judged: Judged) -> None:
    far, aside, _ = missed(judged.pictures, judged.found, judged.threshold)
    assert far.score == 0.0
    assert aside.score == pytest.approx(0.2)
    colours = {tuple(colour) for colour in tile(aside, judged.threshold).reshape(-1, 3).tolist()}
    assert (0, 255, 255) in colours  # found with too little confidence, over the green of the truth
    assert (0, 0, 255) not in colours
    assert sheet([far, aside], judged.threshold).shape == (TILE, 6 * TILE, 3)
