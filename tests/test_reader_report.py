"""What a reader is worth: metrics on cases counted by hand, calibration, and the report as a page; no TensorFlow."""

import csv
import json
import re
from base64 import b64decode
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from test_reader_data import write_set

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from edge.alphabet import ALPHABET, encode
from edge.errors import ConfigError, OutputError, SourceError
from edge.records import Image, PlateReading
from training import evaluate
from training.calibrate import best_temperature, held_out_outcomes, outcomes
from training.dataset import Sample, data_folder, load_picture, read_split
from training.reader_metrics import (
    calibration_error,
    character_report,
    confusion_matrix,
    confusions,
    mcnemar,
    reliability,
    right_of_surest,
    risk_coverage,
    surest,
)
from training.scores import (
    Judged,
    aligned,
    character_interval,
    drawn_interval,
    mean_interval,
    score,
    score_groups,
    share_interval,
)


def reading(text: str, confidence: float) -> PlateReading:
    return PlateReading(text, confidence, tuple((character, confidence) for character in text))


def test_texts_are_aligned_by_edit_distance() -> None:
    assert aligned("TR95XMI", "TR95XM")[-1] == ("I", "")
    assert aligned("SPARTAS", "SPARTAST")[-1] == ("", "T")
    assert aligned("AB1", "AB7") == [("A", "A"), ("B", "B"), ("1", "7")]
    assert aligned("ABC", "BCD") == [("A", ""), ("B", "B"), ("C", "C"), ("", "D")]
    assert aligned("", "") == []
    assert aligned("", "A") == [("", "A")]


def test_the_calibration_error_is_the_weighted_gap() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.5, 0.5, 1.0])
    right = np.array([True, True, True, False, True, False, True])
    bins = reliability(confidence, right, bins=10)
    assert [(each.low, each.high, each.number) for each in bins] == [(0.5, 0.6, 2), (0.9, 1.0, 5)]  # 1 is in the last
    assert [(each.confidence, each.right) for each in bins] == [(0.5, 0.5), pytest.approx((0.96, 0.8))]
    assert calibration_error(bins) == pytest.approx(5 * 0.16 / 7)


def test_risk_and_coverage() -> None:
    confidence = np.array([0.2, 0.9, 0.8, 0.8, 0.99])
    right = np.array([False, True, True, False, True])
    assert risk_coverage(confidence, right) == pytest.approx([1, 1, 2 / 3, 3 / 4, 3 / 5])
    assert surest(confidence, right, 0.6) == [4, 1, 3]
    assert right_of_surest(confidence, right, 0.8) == 0.75
    assert right_of_surest(confidence, right, 0.01) == 1.0
    ten = np.linspace(0, 1, 10)
    assert len(surest(ten, ten > 0, 0.7)) == 7  # 0.7 × 10 is a hair above 7 as floating point goes


def test_characters_as_scikit_learn_would_count_them() -> None:
    """Truth AAB, B1 and C; read as AB (an A missing), B7, and C with an extra 1."""
    pairs = [*aligned("AAB", "AB"), *aligned("B1", "B7"), *aligned("C", "C1")]
    counts = confusions(pairs)
    assert counts == Counter({("A", "A"): 1, ("A", ""): 1, ("B", "B"): 2, ("1", "7"): 1, ("C", "C"): 1, ("", "1"): 1})
    report = character_report(counts, ALPHABET)
    assert report["A"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert report["1"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert report["7"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert report["micro avg"] == {"precision": 4 / 6, "recall": 4 / 6, "f1": 4 / 6, "support": 6}
    assert report["macro avg"]["recall"] == pytest.approx((0.5 + 1 + 0 + 1) / 4)
    assert report["weighted avg"]["recall"] == pytest.approx(4 / 6)
    assert "Z" not in report

    matrix = confusion_matrix(counts, ALPHABET)
    place = ALPHABET.index
    assert matrix.shape == (37, 37)
    assert matrix[place("A"), 36] == 1  # missing
    assert matrix[36, place("1")] == 1  # extra
    assert matrix[place("1"), place("7")] == 1
    assert matrix.sum() == len(pairs)


def test_mcnemar_is_the_binomial_test_of_the_crops_that_only_one_reads() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(3, 3) == 1.0
    assert mcnemar(0, 5) == mcnemar(5, 0) == 2 / 32
    assert mcnemar(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 1024)


def test_five_pictures_of_one_plate_promise_no_more_than_one() -> None:
    right = np.array([True] * 50 + [False] * 50)
    apart = share_interval(right, list(range(100)))
    together = share_interval(right, [row // 10 for row in range(100)])
    assert apart[1] - apart[0] == pytest.approx(0.2, abs=0.03)  # 2 × 1.96 × √(0.25 / 100)
    assert together[1] - together[0] > 2.5 * (apart[1] - apart[0])
    assert share_interval([True] * 3, ["A", "B", "C"]) == pytest.approx((0.025 ** (1 / 3), 1.0))
    assert share_interval([False] * 4, ["A", "A", "B", "B"]) == pytest.approx((0.0, 1 - 0.025**0.5))
    assert mean_interval([0.0, 0.0], ["A", "B"]) == (0.0, 0.0)


def test_one_plate_says_nothing_of_others() -> None:
    plates, right = ["AB12"] * 3, np.array([True, True, False])
    assert share_interval(right, plates) == (0.0, 1.0)
    assert mean_interval(right.astype(float) - [0, 0, 1], plates) == (-1.0, 1.0)
    assert drawn_interval(lambda rows: float(right[rows].mean()), plates) == (0.0, 1.0)
    assert share_interval([True] * 3, plates) == pytest.approx((0.025, 1.0))
    told = score_groups(
        [Sample(Path("a"), text, "", 1, "home") for text in plates], ["AB12", "AB12", "A"], {"": range(3)}
    )
    assert told[""]["interval"] == told[""]["characters_interval"] == [0.0, 1.0]


def test_characters_have_an_interval_too() -> None:
    truth = [f"AB{row:02d}" for row in range(100)]
    read = [text[:3] if row % 2 else text for row, text in enumerate(truth)]
    low, high = character_interval(read, truth)
    assert (low + high) / 2 == pytest.approx(0.875, abs=0.005)
    assert high - low == pytest.approx(0.05, abs=0.01)  # 2 × 1.96 × √(0.25 / 100) of a quarter
    together = character_interval(read, ["AB00" if row % 2 else text for row, text in enumerate(truth)])
    assert together[1] - together[0] > 2 * (high - low)  # fifty of the hundred are one plate
    assert character_interval(["AB", "CD"], ["AB", "CD"]) == pytest.approx((0.025**0.5, 1.0))
    scores = score_groups([Sample(Path("a"), text, "", 1, "home") for text in truth], read, {"all": range(100)})
    assert scores["all"]["characters_interval"] == [round(low, 3), round(high, 3)]


def test_a_figure_that_is_no_mean_is_drawn_by_plate_as_well() -> None:
    values, plates = np.arange(60.0), [row // 3 for row in range(60)]

    def mean(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    assert drawn_interval(mean, plates) == pytest.approx(mean_interval(values, plates))
    # B twice, each once, A twice: 2, 3 or 4 rows
    assert drawn_interval(lambda rows: float(len(rows)), ["A", "A", "B"]) == (2.0, 4.0)


def spell(text: str, height: float) -> np.ndarray:
    """(T, C) logits that say `text`, blanks between, each step so much above the other classes."""
    classes = [step for label in encode(text) for step in (label, 0)]
    logits = np.zeros((len(classes) + 1, 1 + len(ALPHABET)), dtype=np.float32)
    logits[np.arange(len(classes)), classes] = height
    logits[-1, 0] = height
    return logits


def test_the_temperature_is_found_for_what_the_device_would_say_of_both_views() -> None:
    views = [spell("AB", 6.0), spell("CD12345", 6.0)]
    confidence, right = outcomes([views], ["CD12345"], 1.0)
    assert right.tolist() == [True]  # the longer text of the two, as choose_view has it
    assert confidence[0] == pytest.approx(np.exp(6) / (np.exp(6) + 36), abs=1e-6)

    rng = np.random.default_rng(3)
    crops, truth = [], []
    for row in range(200):
        text = f"AB{row:03d}"
        truth.append(text if rng.random() < 0.7 else "ZZZ9999")
        crops.append([spell(text, 9.0)])
    honest = best_temperature(crops, truth)
    confidence, right = outcomes(crops, truth, honest)
    assert right.mean() == pytest.approx(0.7, abs=0.08)
    assert confidence.mean() == pytest.approx(right.mean(), abs=0.06)
    boastful, _ = outcomes(crops, truth, 1.0)
    assert boastful.min() > 0.99


def test_a_plate_does_not_help_to_find_the_temperature_that_it_is_judged_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """One plate is always misread, the other never: each is judged as sure as the other one asks for."""
    crops = [[spell("AB12345", 9.0)] for _ in range(100)]
    truth = ["ZZ99999"] * 10 + ["AB12345"] * 90
    monkeypatch.setattr("training.calibrate.FOLDS", 2)
    confidence, right = held_out_outcomes(crops, truth)
    assert right.sum() == 90
    # its own temperature comes from plates that are always right, that of the others from the one that never is
    assert set(np.round(confidence[:10], 6)) != set(np.round(confidence[10:], 6))
    assert confidence[:10].min() > 0.99
    assert confidence[10:].max() < 0.5


class Shapes(HTMLParser):
    """What a page holds: its tags, and everything that it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    write_set(tmp_path / "reader" / "home" / "val", ["AB12", "CD345", "EF67", "GH890"], two_lines="EF67")
    samples = read_split(tmp_path / "reader", "val")
    crops: list[Image] = [load_picture(sample.image) for sample in samples]
    texts = {"AB12": ("AB12", 0.99), "CD345": ("CD34S", 0.97), "EF67": ("EF7", 0.6), "GH890": ("GH890", 0.9)}
    return Judged(samples, crops, [reading(*texts[sample.text]) for sample in samples])


def test_the_report_shows_every_miss_and_loads_nothing(judged: Judged, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; it comes with [test] and [training]")
    from edge.reader import PlateReader
    from training.report import write_report

    folder = tmp_path / "runs" / "report"
    page = write_report(folder, PlateReader(), judged, {}, "the <command>")
    figures = json.loads((folder / "report.json").read_text())
    assert figures["all"]["exact"] == 0.5
    assert figures["by"]["lines"]["2"]["crops"] == 1
    assert figures["by"]["length"]["5"]["exact"] == 0.5
    assert figures["by"]["width"]["100–129"]["middle"] == 120.0
    assert figures["mistakes"] == [["5", "S", 1], ["6", "", 1]]
    assert figures["shrunk"]["crops"] == 3
    # of the surest 90 % (all four) two are misread, one of them too short
    surest = figures["confidence"]["surest"]
    low, high = surest.pop("interval")
    assert surest == {"share": 0.9, "right": 0.5, "misread": 2, "too_short": 1}
    assert 0 <= low < 0.5 < high <= 1
    assert figures["confidence"]["curve"] == [1.0, 0.5, 0.6667, 0.5]

    with (folder / "readings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["right"] for row in rows] == ["1", "0", "0", "1"]
    assert (rows[1]["read"], rows[1]["errors"], rows[1]["width"]) == ("CD34S", "1", "120")

    text = page.read_text()
    shapes = Shapes()
    shapes.feed(text)
    assert shapes.tags["figure"] == 2
    assert shapes.tags["script"] == 0
    assert shapes.loaded
    for each in shapes.loaded:
        kind, data = each.split(";base64,")
        picture = b64decode(data)
        if kind == "data:image/svg+xml":
            assert ElementTree.fromstring(picture).tag.endswith("svg")
        else:
            assert kind == "data:image/jpeg"
            decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
            assert decoded is not None
            assert decoded.shape == (40, 120, 3)
    assert not re.search(r"url\(|@import|https?://", text)
    # the surest misread comes first, with what is wrong in it marked
    assert text.index("CD34<mark>S</mark>") < text.index("EF<mark>·</mark>7")
    assert "the &lt;command&gt;" in text
    for interval in (figures["all"]["characters_interval"], [low, high]):
        assert "95%: {:.1%} – {:.1%}".format(*interval) in text


def test_errors_of_one_look_are_not_mixed_with_that_after_the_looks(
    judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; it comes with [test] and [training]")
    from edge.reader import PlateReader
    from training.report import confidence
    from training.report_page import _confidence

    logits = {text: [spell(text, 9.0)] for text in judged.truth}
    logits["CD345"] = logits["EF67"] = [spell("ZZ", 9.0)]
    read = iter(judged.truth)
    monkeypatch.setattr("training.report.crop_logits", lambda *_: logits[next(read)])
    monkeypatch.setattr("training.scores.RESAMPLES", 20)
    reader = PlateReader()
    told = confidence(reader, judged)
    # one look: four readings of one confidence, half of them right
    sure, right = outcomes([logits[text] for text in judged.truth], judged.truth, told["temperature"])
    assert right.tolist() == [True, False, False, True]
    assert told["error"] == pytest.approx(sure.mean() - 0.5, abs=1e-4)
    held_out = held_out_outcomes([logits[text] for text in judged.truth], judged.truth)
    assert told["held_out_error"] == pytest.approx(calibration_error(reliability(*held_out)), abs=1e-4)
    # after the looks: 0.6 is wrong, and of 0.9, 0.97 and 0.99 one is wrong
    assert told["error_after_looks"] == pytest.approx((0.6 + abs(2.86 - 2)) / 4, abs=1e-4)
    assert sum(each["number"] * abs(each["confidence"] - each["right"]) for each in told["bins"]) / 4 == pytest.approx(
        told["error_after_looks"], abs=1e-4
    )
    page = _confidence(told)
    for name in ("error", "held_out_error", "error_after_looks"):
        low, high = told[f"{name}_interval"]
        assert low <= high
        assert f"{told[name]:.1%}" in page
        assert f"95%: {low:.1%} – {high:.1%}" in page


@pytest.mark.slow
def test_a_reader_that_reads_all_or_nothing_has_a_page_too(
    judged: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; it comes with [test] and [training]")
    from edge.reader import PlateReader
    from training.report import write_report

    monkeypatch.setattr("training.report_page.confusion_picture", lambda **_: "<svg/>")
    samples, crops = judged.samples[:1], judged.crops[:1]
    page = write_report(tmp_path / "all", PlateReader(), Judged(samples, crops, [reading("AB12", 0.9)]), {}, "")
    assert "Misread: nothing" in page.read_text()
    samples, crops = judged.samples[2:3], judged.crops[2:3]  # two lines: nothing to shrink either
    page = write_report(tmp_path / "none", PlateReader(), Judged(samples, crops, [reading("", 0.0)]), {}, "")
    assert "<mark>·</mark>" * 4 in page.read_text()


def test_a_report_that_cannot_be_written_is_told(judged: Judged, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; it comes with [test] and [training]")
    from edge.reader import PlateReader
    from training.report import write_report

    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken: the report cannot be written"):
        write_report(tmp_path / "taken", PlateReader(), judged, {}, "")


def test_evaluate_judges_own_crops_and_writes_what_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; it comes with [test] and [training]")
    written: list[tuple[Path, Judged, str]] = []

    def write_report(folder: Path, reader: object, judged: Judged, versus: object, command: str) -> Path:
        written.append((folder, judged, command))
        return folder / "index.html"

    monkeypatch.setattr("training.report.write_report", write_report)
    monkeypatch.setenv("GATEREADER_DATA", str(tmp_path / "none"))
    write_set(tmp_path / "own", ["GH12", "IJ345", "KL6", "MN78"])
    arguments = ["--data", str(tmp_path / "own"), "--split", "train", "--report", str(tmp_path / "a report"), "--json"]
    assert evaluate.main([*arguments, "--sheet", str(tmp_path / "sheets" / "misses.png")]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert set(scores) == {"all", "own"}
    assert 0 < scores["all"]["crops"] == scores["all"]["plates"] < 4  # some plate is held back
    ((folder, judged, command),) = written
    assert folder == tmp_path / "a report"
    assert len(judged.samples) == len(judged.crops) == len(judged.readings) == scores["all"]["crops"]
    assert judged.right.mean() == pytest.approx(scores["all"]["exact"], abs=1e-4)
    assert "--report '" in command  # as a shell would take it, the space in its name quoted

    write_set(tmp_path / "one", ["GH12"])
    with pytest.raises(SourceError, match="no plate to judge by in val"):
        evaluate.main(["--data", str(tmp_path / "one")])


def test_a_whole_folder_is_judged_by_and_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("GATEREADER_DATA", str(tmp_path / "usual"))
    usual, own = tmp_path / "usual", tmp_path / "own"
    write_set(usual / "reader" / "home" / "train", ["AB12", "CD345"])
    write_set(usual / "reader" / "home" / "val", ["EF67"])
    write_set(own, ["GH12", "IJ345", "KL6", "MN78", "OP9"])
    labels = (own / "labels.csv").read_text()
    (own / "labels.csv").write_text(labels.replace(",OP9,", ",,"))  # a crop without a plate

    def judged(*arguments: str) -> tuple[dict[str, int], str]:
        caplog.clear()
        with caplog.at_level("INFO", "training.evaluate"):
            assert evaluate.main([*arguments, "--json"]) == 0
        (line,) = [message for message in caplog.messages if message.startswith("judged by")]
        return {name: row["crops"] for name, row in json.loads(capsys.readouterr().out).items()}, line

    crops, line = judged("--data", str(own), "--split", "all")
    assert crops == {"all": 4, "own": 4}
    assert line == f"judged by 4 of 5 crops in {own} (split all); 1 without a plate is left out"
    crops, line = judged("--data", str(own))
    assert crops["home"] == 1
    assert line.startswith(
        f"judged by {crops['own']} of 5 crops in {own} (split val) and 1 usual ones in {usual}; --split"
    )
    crops, line = judged("--data", str(own), "--split", "train")
    assert crops["home"] == 2
    assert "1 without a plate is left out" in line
    assert judged("--data", str(usual), "--split", "all") == (
        {"all": 3, "home": 3},
        f"judged by 3 of 3 crops in {usual} (split all)",
    )
    assert judged("--data", str(usual))[1] == f"judged by 1 of 3 crops in {usual} (split val)"
    with pytest.raises(SourceError, match="no data set with a val folder"):
        evaluate.main(["--data", str(tmp_path / "none"), "--split", "all"])


def test_a_missing_matplotlib_is_told_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in list(sys.modules):
        if name.startswith("training.report"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"--report: matplotlib is not installed; pip install"):
        evaluate.main(["--report", str(tmp_path), "--data", str(tmp_path / "none")])


def test_the_shipped_reader_is_as_sure_as_it_is_right() -> None:
    """On the real validation crops; the interval's lower end, because another model is no worse for a crop or two."""
    root = data_folder() / "reader"
    if not root.is_dir():
        pytest.skip(f"no real plates in {root}; set GATEREADER_DATA")
    from edge.reader import PlateReader

    samples = [sample for sample in read_split(root, "val") if sample.set in ("europe", "romania")]
    reader = PlateReader()
    readings = [reader.read(load_picture(sample.image)) for sample in samples]
    right = np.array([each.text == sample.text for each, sample in zip(readings, samples, strict=True)])
    sure = np.array([each.confidence for each in readings])
    assert abs(sure.mean() - right.mean()) < 0.05
    assert right_of_surest(sure, right, 0.9) > right.mean()
    assert score(samples, [each.text for each in readings])["all"]["exact"] == pytest.approx(right.mean(), abs=1e-4)
