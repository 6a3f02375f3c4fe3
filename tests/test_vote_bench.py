import math
from pathlib import Path

import pytest

pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("PIL", reason="pillow is not installed; it comes with the extras [test] and [training]")

import numpy as np
from core_fakes import box, reading

from edge.alignment import distance
from edge.errors import ConfigError, SourceError
from edge.vote import VoteSettings
from training.pass_scene import GATES, draw_approach, glimpses
from training.readings import RecordedPass, Sight, read_passes, write_passes
from training.vote_bench import (
    OURS,
    bench_others,
    calibration,
    gain_in_exact,
    main,
    score,
    similar_plates,
    single_frames,
)
from training.vote_curves import Setting, as_wrong_as, curve, run_settings, settings_curve
from training.vote_outcomes import Outcome, judge_ours, readable_time
from training.vote_picture import draw_curves
from training.vote_rules import (
    ClusterRepresentative,
    FirstReading,
    MajorityOfStrings,
    MostConfident,
    Rule,
    SumOfConfidences,
    jaro_winkler,
)

SIZE = (1280, 720)


def recorded(truth: str, *texts: str, confidence: float = 0.97, step: float = 0.2) -> RecordedPass:
    """A pass whose plate moves a little with each frame; an empty text is a frame without a box."""
    sights = [
        Sight(i * step, SIZE, box(300 + 4 * i) if text else None, reading(text, confidence) if text else None)
        for i, text in enumerate(texts)
    ]
    return RecordedPass(f"test/{truth}", truth, {"light": "day", "country": "IT"}, tuple(sights))


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        (FirstReading(0.8), "AB123CO"),
        (MostConfident(), "A8123CD"),
        (MajorityOfStrings(), "AB123CD"),
        (SumOfConfidences(), "AB123CD"),
        (ClusterRepresentative(), "A8123CD"),
    ],
)
def test_each_rule_answers_in_its_own_way(rule: Rule, answer: str) -> None:
    assert rule.answer().text == ""
    for text, confidence in (
        ("XX", 0.3),
        ("AB123CO", 0.81),
        ("AB123CD", 0.9),
        ("A8123CD", 0.99),
        ("AB123CD", 0.85),
    ):
        rule.add(reading(text, confidence))
    assert rule.answer().text == answer


def test_jaro_winkler_as_published() -> None:
    assert jaro_winkler("MARTHA", "MARHTA") == pytest.approx(0.961, abs=1e-3)
    assert jaro_winkler("DIXON", "DICKSONX") == pytest.approx(0.813, abs=1e-3)
    assert jaro_winkler("ABC", "XYZ") == 0.0


def test_readings_are_written_and_read_again(tmp_path: Path) -> None:
    passes = [recorded("AB123CD", "AB123CD", "", "AB123C0"), recorded("XY987ZW", "XY987ZW")]
    file = tmp_path / "readings.jsonl"
    assert write_passes(file, passes) == 2
    assert list(read_passes(file)) == passes


@pytest.mark.parametrize("line", ["{", '{"pass": "1", "truth": "A"}', "[]", "3"])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "readings.jsonl"
    file.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"readings\.jsonl:1"):
        list(read_passes(file))


def test_the_bench_counts_what_each_rule_made_of_the_passes() -> None:
    passes = [
        recorded("AB123CD", *["AB123CD"] * 6),
        recorded("AB123CD", *["A8123CD"] * 6),
        recorded("AB123CD", *["AB123CD"] * 6, confidence=0.4),
        recorded("AB123CD", "", "", ""),
    ]
    outcomes = {**bench_others(passes, VoteSettings()), OURS: [judge_ours(one, VoteSettings()) for one in passes]}
    scores = {name: score(passes, found) for name, found in outcomes.items()}
    assert len(scores) == 6
    for each in scores.values():
        assert (each["exact"]["count"], each["wrong"]["count"], each["undecided"]["count"]) == (1, 1, 2)
        assert each["false_grant"]["count"] == 1


def test_a_wrong_and_a_right_plate_of_one_pass_are_wrong() -> None:
    texts = ["AB123CD"] * 6 + [""] * 12 + ["XY987ZW"] * 6
    found = judge_ours(recorded("AB123CD", *texts), VoteSettings())
    assert set(found.accepted) == {"AB123CD", "XY987ZW"}
    scores = score([recorded("AB123CD", *texts)], [found])
    assert (scores["exact"]["count"], scores["wrong"]["count"]) == (0, 1)


def test_time_counts_from_the_third_readable_frame() -> None:
    one = recorded("AB123CD", "", "A", *["AB123CD"] * 12)
    assert readable_time(one, VoteSettings()) == pytest.approx(0.8)
    found = judge_ours(one, VoteSettings())
    assert 0.0 <= found.seconds <= VoteSettings().max_delay


def test_single_readings_and_the_calibration_of_ours() -> None:
    passes = [
        recorded("AB123CD", *["AB123CD"] * 5, "", "A8123CD"),
        recorded("XY987ZW", "X", *["XY987ZN"] * 2, confidence=0.6),
        recorded("NN000NN", "", ""),
    ]
    assert single_frames(passes, VoteSettings()) == {"readings": 8, "exact": 5 / 8}
    outcomes = [Outcome("AB123CD", 0.9, (), 0, 0), Outcome("XY987ZN", 0.6, (), 0, 0), Outcome("", 0.0, (), 0, 0)]
    found = calibration(passes, outcomes)
    assert found is not None
    assert found["log_loss"] == pytest.approx(-(math.log(0.9) + math.log(0.4)) / 2)
    assert found["error"] == pytest.approx((0.1 + 0.6) / 2)
    assert [(each["number"], each["right"]) for each in found["bins"]] == [(1, 0.0), (1, 1.0)]


def test_where_no_pass_has_an_answer_the_bench_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    passes = [recorded("NN000NN", "", ""), recorded("AB123CD", "", "")]
    assert calibration(passes, [judge_ours(one, VoteSettings()) for one in passes]) is None
    file = tmp_path / "readings.jsonl"
    write_passes(file, passes)
    picture = tmp_path / "curves.png"
    assert main([str(file), "--processes", "1", "--picture", str(picture)]) == 0
    assert "no pass has an answer" in capsys.readouterr().out
    assert picture.is_file()


def test_a_condition_that_no_pass_has_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "readings.jsonl"
    write_passes(file, [recorded("AB123CD", *["AB123CD"] * 3)])
    with pytest.raises(ConfigError, match="--by nonsense: no pass has it; wanted one of country, light"):
        main([str(file), "--processes", "1", "--by", "nonsense"])


def test_formats_of_the_country_help_ours() -> None:
    one = recorded("AB123CD", *["ABI23CD"] * 6)
    assert judge_ours(one, VoteSettings()).accepted == ("ABI23CD",)
    assert judge_ours(one, VoteSettings(), formats=True).accepted == ("AB123CD",)


def test_the_list_of_plates_is_near_and_without_the_stranger() -> None:
    plates = similar_plates("AB123CD")
    assert len(plates) == 100
    assert "AB123CD" not in plates
    assert "A8123CD" in plates
    assert all(0 < distance("AB123CD", plate) <= 2 for plate in plates)
    assert plates == similar_plates("AB123CD")


def test_where_two_rules_say_the_same_neither_gains() -> None:
    passes = [recorded("AB123CD", *["AB123CD"] * 6)] * 5
    ours = [judge_ours(one, VoteSettings()) for one in passes]
    assert gain_in_exact(passes, ours, bench_others(passes, VoteSettings())["cluster"]) == (0.0, 0.0)


def test_ours_can_be_made_as_wrong_as_another_rule() -> None:
    passes = [recorded("AB123CD", *["AB123CD"] * 6, confidence=0.7), recorded("AB123CD", *["A8123CD"] * 6)]
    ours = run_settings(passes, VoteSettings(), formats=False, processes=1)
    assert [one.accepted for one in next(each.outcomes for each in ours if each.accept == 0.8)] == [(), ("A8123CD",)]
    assert [one.accepted for one in as_wrong_as(passes, ours, 0.0)] == [(), ()]
    assert [one.accepted for one in as_wrong_as(passes, ours, 0.5)] == [("AB123CD",), ("A8123CD",)]


def test_ours_is_asked_again_at_a_stricter_setting() -> None:
    passes = [recorded("AB123CD", "AB123CD")] * 4
    lax = [Outcome("AB123CD", 0.9, ("AB123CD",), 0, 0), Outcome("A8123CD", 0.85, ("A8123CD",), 0, 0)] * 2
    strict = [Outcome("AB123CD", 0.97, ("AB123CD",), 1, 0)] * 3 + [Outcome("A8123CD", 0.8, (), 1, 0)]
    ours = [Setting(0.8, lax), Setting(0.95, strict)]
    assert settings_curve(passes, ours).tolist() == [[0, 0.75], [0, 0.75], [0, 0.5], [0.5, 0.5], [0.5, 0.5]]
    assert as_wrong_as(passes, ours, 0.5) == lax
    assert [out.accepted for out in as_wrong_as(passes, ours, 0.4)] == [("AB123CD",), ()] * 2
    assert as_wrong_as(passes, ours[1:], 0.4) == strict


def test_the_curve_ends_with_everything_accepted() -> None:
    passes = [recorded("AB123CD", *["AB123CD"] * 6), recorded("AB123CD", *["A8123CD"] * 6)]
    line = curve(passes, bench_others(passes, VoteSettings())["cluster"])
    assert line[-1].tolist() == [0.5, 0.5]
    picture = draw_curves({OURS: line}, {OURS: (0.5, 0.5)})
    assert picture.min() < 100


@pytest.mark.parametrize("gate", GATES)
def test_the_same_numbers_give_the_same_pass(gate: str) -> None:
    def draw() -> list[tuple[float, object, bytes]]:
        seen = glimpses(draw_approach(GATES[gate], 3, 5), np.random.default_rng(1))
        return [(one.time, one.box, b"" if one.crop is None else one.crop.tobytes()) for one in seen]

    assert draw() == draw()


def test_a_plate_grows_on_its_way_and_stays_in_the_picture() -> None:
    for number in range(8):
        seen = list(glimpses(draw_approach(GATES["good"], 1, number), np.random.default_rng(number)))
        boxes = [one.box for one in seen if one.box is not None]
        assert seen == sorted(seen, key=lambda one: one.time)
        assert all(0 <= b.x1 < b.x2 <= SIZE[0] and 0 <= b.y1 < b.y2 <= SIZE[1] for b in boxes)
        if len(boxes) >= 5:  # a fast car before a slow camera may be seen twice only
            assert max(b.width for b in boxes) > 1.5 * boxes[0].width
