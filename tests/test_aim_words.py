"""What the owner is told: verdicts against the thresholds, and advice only where a measured value asks for it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from edge.aim import AimSettings, Measure, Sight
from edge.aim_curve import EXACT, READER, exact_at_most
from edge.aim_words import NOTHING, Report, advise, report_of, report_sight
from edge.card import shipped_model

GOOD = Measure(
    text="AB123CD",
    width=180.0,
    detector_width=72.0,
    character=25.7,
    sharpness=1500.0,
    contrast=0.6,
    brightest=210.0,
    white=0.0,
    slope=1.0,
    lean=2.0,
    smear=0.5,
    sideways=True,
    speed=None,
    cut=False,
)


def verdicts(report: Report) -> dict[str, str]:
    return {one.key: one.verdict for one in report.figures}


SHORT = 2.0
"""Milliseconds; a shutter that suits cars at 20 km/h."""


def advice(settings: AimSettings | None = None, shutter: float = SHORT, **changes: Any) -> list[str]:
    return advise(replace(GOOD, **changes), settings or AimSettings(), shutter)


def test_a_good_look_asks_for_nothing() -> None:
    report = report_of(GOOD, AimSettings(), SHORT)
    assert set(verdicts(report).values()) == {"good"}
    assert report.verdict == "good"
    assert report.advice == ()


@pytest.mark.parametrize(
    ("key", "changes", "verdict"),
    [
        ("width", {"width": 129.0}, "fair"),
        ("width", {"width": 59.0}, "poor"),
        ("detector_width", {"detector_width": 39.0}, "fair"),
        ("detector_width", {"detector_width": 15.0}, "poor"),
        ("character", {"character": 17.9}, "fair"),
        ("character", {"character": None}, "unknown"),
        ("sharpness", {"sharpness": 34.0}, "poor"),
        ("contrast", {"contrast": 0.2}, "fair"),
        ("contrast", {"contrast": 0.09}, "poor"),
        ("white", {"white": 0.12}, "fair"),
        ("white", {"white": 0.3}, "poor"),
        ("slope", {"slope": -6.0}, "fair"),
        ("slope", {"slope": -16.0}, "poor"),
        ("skew", {"lean": -12.0}, "fair"),
        ("smear", {"smear": 3.2}, "fair"),
        ("smear", {"smear": 8.0}, "poor"),
        ("smear", {"smear": None}, "unknown"),
    ],
)
def test_each_figure_has_its_thresholds(key: str, changes: dict[str, Any], verdict: str) -> None:
    report = report_of(replace(GOOD, **changes), AimSettings())
    assert verdicts(report)[key] == verdict
    assert report.verdict == ("good" if verdict == "unknown" else verdict) or key == "slope"


def test_a_cut_plate_is_poor_whatever_else() -> None:
    report = report_of(replace(GOOD, cut=True), AimSettings())
    assert report.verdict == "poor"
    assert "edge cuts the plate" in report.advice[0]


def test_too_small_is_told_in_metres_only_where_the_distance_is_known() -> None:
    small: dict[str, Any] = {"width": 90.0, "character": 90 / 7, "detector_width": 40.0}
    assert advice(**small) == ["come to 0.67 of the distance, or zoom ×1.5"]
    assert advice(AimSettings(distance=6.0), **small) == ["move 2.0 m closer (to 4.0 m), or zoom ×1.5"]


def test_narrow_characters_ask_for_more_than_a_wide_plate() -> None:
    assert advice(width=140.0, character=14.0) == ["come to 0.77 of the distance, or zoom ×1.3"]


def test_the_detector_is_helped_where_the_plate_itself_is_large_enough() -> None:
    told = advice(detector_width=20.0)
    assert len(told) == 1
    assert "[region] look" in told[0]
    assert "2.0 times narrower" in told[0]
    assert len(advice(width=90.0, character=13.0, detector_width=30.0)) == 1, "coming closer mends both"


@pytest.mark.parametrize(("slope", "way"), [(6.0, "6° clockwise"), (-6.0, "6° anticlockwise")])
def test_a_turned_camera_is_turned_back(slope: float, way: str) -> None:
    (told,) = advice(slope=slope, lean=slope)
    assert told.startswith(f"turn the camera {way},")


def test_a_slope_that_comes_from_the_side_is_not_turned_away() -> None:
    (told,) = advice(slope=12.0, lean=0.0)
    assert "lean by 12°" in told
    assert "turn" not in told


def test_light_is_told_by_its_cause() -> None:
    assert advice(white=0.12) == [
        "too much light: 12% of the plate is white; expose less, or dim the infrared lamp",
    ]
    (dark,) = advice(contrast=0.08, brightest=30.0)
    assert dark.startswith("too little light: the brightest part of the plate is at 12%")
    (hazy,) = advice(contrast=0.2, brightest=180.0)
    assert hazy.startswith("little contrast (20%)")


def test_the_shutter_follows_from_what_is_known() -> None:
    smeared: dict[str, Any] = {"smear": 6.0, "shutter": 0.0}
    assert advice(**smeared) == ["smeared over 6 px sideways: shutter 1/500 s or shorter at 20 km/h"]
    assert advice(AimSettings(speed=60), **smeared)[0].endswith("1/1000 s or shorter at 60 km/h")
    assert advice(AimSettings(plate_width=305), **smeared)[0].endswith("1/1000 s or shorter at 20 km/h")
    assert advice(smear=6.0, shutter=8.0)[0].endswith("shutter 1/250 s or shorter instead of 1/125 s")
    assert advice(speed=600.0, **smeared)[0].endswith("it moves 600 px a second: shutter 1/250 s or shorter")
    assert "stands still: fasten the camera" in advice(speed=2.0, **smeared)[0]
    assert advice(sideways=False, **smeared)[0].startswith("smeared over 6 px up or down")


@pytest.mark.parametrize("speed", [None, 0.0, 60.0])
@pytest.mark.parametrize(
    ("shutter", "verdict", "told"),
    [
        (2.0, "good", []),
        (3.2, "good", []),
        (4.0, "fair", ["for 20 km/h: shutter 1/500 s or shorter; it is 1/250 s"]),
        (20.0, "poor", ["for 20 km/h: shutter 1/500 s or shorter; it is 1/50 s"]),
        (0.0, "unknown", ["for 20 km/h: shutter 1/500 s or shorter; it is not known here: see the camera's settings"]),
    ],
)
def test_the_shutter_is_judged_for_passing_cars_where_the_plate_stands(
    shutter: float, verdict: str, told: list[str], speed: float | None
) -> None:
    """60 px a second is a box that trembles, at 15 frames a second by 4 px."""
    report = report_of(replace(GOOD, speed=speed), AimSettings(), shutter)
    assert verdicts(report)["shutter"] == verdict
    assert report.verdict == ("good" if verdict == "unknown" else verdict)
    assert list(report.advice) == told


def test_a_car_that_passes_shows_itself_what_the_shutter_does() -> None:
    for shutter in (0.0, 20.0):
        report = report_of(replace(GOOD, speed=200.0), AimSettings(), shutter)
        assert (verdicts(report)["shutter"], report.verdict, report.advice) == ("unknown", "good", ())


def test_a_car_that_has_passed_is_not_judged_by_its_first_look() -> None:
    first, second = GOOD, replace(GOOD, width=200.0, speed=400.0)
    gone = report_sight(Sight(None, ((2.0, first), (1.0, second)), 0), AimSettings(), 20.0)
    assert (gone.verdict, gone.advice) == ("good", ())


def test_the_shutter_follows_speed_and_plate() -> None:
    slow, narrow = AimSettings(speed=5), AimSettings(plate_width=305)
    assert verdicts(report_of(GOOD, slow, 10.0))["shutter"] == "good"
    assert verdicts(report_of(GOOD, narrow, 3.0))["shutter"] == "fair"
    fast = AimSettings(speed=60)
    assert advice(fast, shutter=4.0) == ["for 60 km/h: shutter 1/1000 s or shorter; it is 1/250 s"]
    for number in (60, 125, 250, 500, 1000):
        for speed in range(3, 80):
            told = advice(AimSettings(speed=speed), shutter=1000 / number)
            assert not any(f"shutter 1/{number} s or shorter" in one for one in told), "who follows it is done"


def test_focus_is_told_only_where_neither_movement_nor_size_explains_it() -> None:
    assert "turn the focus" in advice(sharpness=300.0)[0]
    assert "focus" not in advice(sharpness=300.0, smear=6.0, speed=600.0)[0]
    assert not any("focus" in told for told in advice(sharpness=300.0, width=70.0, character=10.0))


def test_a_plate_that_is_gone_leaves_its_best_values() -> None:
    far = replace(GOOD, width=100.0, contrast=0.8, text="FAR", slope=-3.0)
    near = replace(GOOD, width=200.0, contrast=0.5, text="NEAR", slope=1.0)
    gone = report_sight(Sight(None, ((7.0, near), (4.0, far)), 0), AimSettings())
    values = {one.key: one.value for one in gone.figures}
    assert (gone.text, gone.ago) == ("NEAR", 4.0)
    assert (values["width"], values["contrast"], values["slope"]) == (200.0, 80.0, 1.0)
    seen = report_sight(Sight(far, ((7.0, near), (0.0, far)), 1), AimSettings())
    width = seen.figures[0]
    assert (seen.text, seen.ago, width.value, width.best) == ("FAR", 0.0, 100.0, 200.0)


def test_no_plate_says_what_to_do() -> None:
    report = report_sight(Sight(None, (), 0), AimSettings())
    assert report.advice == (NOTHING,)
    assert report.verdict == "unknown"
    assert {one.shown for one in report.figures} == {"–"}


def test_the_values_are_json_and_whole() -> None:
    values = json.loads(json.dumps(report_of(replace(GOOD, slope=-0.01), AimSettings(), 20.0).values()))
    assert [one["key"] for one in values["figures"]] == [
        *(
            "width",
            "detector_width",
            "character",
            "sharpness",
            "contrast",
            "white",
            "slope",
            "skew",
            "smear",
            "shutter",
        ),
    ]
    shown = {one["key"]: one["shown"] for one in values["figures"]}
    assert shown["width"] == "180 px"
    assert shown["contrast"] == "60 %"
    assert shown["slope"] == "0.0°", "no -0.0"
    shutter = values["figures"][-1]
    assert (shutter["label"], shutter["shown"], shutter["verdict"]) == ("shutter for 20 km/h", "20.0 ms", "poor")
    assert (shutter["good"], shutter["fair"]) == (3.29, 7.49)
    assert values["text"] == "AB123CD"


def test_the_measured_curve_is_that_of_the_shipped_reader() -> None:
    card = json.loads(shipped_model("reader.tflite").with_suffix(".json").read_text(encoding="utf-8"))
    assert card["sha256"] == READER, (
        "another reader ships: run `python -m training evaluate --report DIR` and write `shrunk` of its report.json "
        "into edge/aim_curve.py and docs/aim.md"
    )
    shares = [exact_at_most(width) for width in range(10, 200, 5)]
    assert shares == sorted(shares)
    assert shares[-1] == max(EXACT.values())
    assert exact_at_most(50 / 1.08) == pytest.approx(EXACT[50])
