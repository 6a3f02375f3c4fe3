"""Layouts, drawing and photographing of synthetic plates; needs Pillow, not TensorFlow."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.alphabet import ALPHABET, time_steps_needed
from edge.errors import ConfigError, OutputError
from edge.preprocess import READER_WIDTH

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from training.augment import jitter, photograph, rephotograph
from training.camera import bloom, coded, denoised, motion_blurred, noisy, rained_on, smear, video_coded
from training.dataset import LONGEST, load_picture, synthetic_chunk
from training.lettering import serial_mask, small_text
from training.plates import (
    LONGEST_SERIAL,
    SEPARATORS,
    Layout,
    _check_sizes,
    draw_serial,
    draw_text,
    font_files,
    load_fonts,
    load_layouts,
)
from training.synth import find_layouts, main, write_data_set
from training.synthesize import _captions, _draw_band, _draw_rim, _draw_stack, draw_plate
from training.vanity import LONGEST_WORD, vanity

LAYOUTS = load_layouts()


def test_there_are_layouts_of_many_countries() -> None:
    assert len({layout.country for layout in LAYOUTS} - {"XX"}) >= 60
    states = [layout for layout in LAYOUTS if layout.name.startswith("US-")]
    assert len({layout.name for layout in states}) == 51  # and the District of Columbia
    assert all(layout.above and layout.country == "US" for layout in states)
    american = sum(layout.weight for layout in LAYOUTS if layout.country == "US")
    assert 0.05 < american / sum(layout.weight for layout in LAYOUTS) < 0.12


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_serial_can_be_written_read_and_spelled(layout: Layout) -> None:
    random_ = random.Random(3)
    for pattern in layout.serials + layout.square + layout.motorcycle:
        for _ in range(20):
            serial = draw_serial(pattern, layout.letters, random_)
            assert set(serial.text) <= set(ALPHABET), pattern
            assert 1 <= len(serial.text) <= LONGEST
            assert len(serial.lines) <= (1 if pattern in layout.serials else 2), pattern
            assert time_steps_needed(serial.text) <= READER_WIDTH // 4
            assert all(set(line) <= set(ALPHABET + SEPARATORS) for line in serial.lines)
    assert font_files(layout.fonts), layout.fonts


def test_the_signs_of_a_pattern() -> None:
    serial = draw_serial("{MH,DL}a 00|X-z*", "B", random.Random(1))
    assert len(serial.lines) == 2
    assert serial.text[:3] in ("MHA", "DLA")
    assert serial.text[3:5].isdigit()
    assert serial.text[-1] == "Z"
    assert draw_serial("AAA", "B", random.Random(1)).text == "BBB"
    assert draw_serial("{KA}{1}#9", "B", random.Random(1)).text == "KA19"
    firsts = {draw_serial("1", "B", random.Random(seed)).text for seed in range(200)}
    assert firsts == set("123456789")


# numbers without leading zeros; `00 000 AA` and such are not in it
@pytest.mark.parametrize(
    "name", ["AT", "CH", "DE", "DK", "GR", "ID", "IL", "LU", "LV", "MY", "NO", "SG", "US-CA", "US-DE"]
)
def test_countries_without_leading_zeros_have_none(name: str) -> None:
    (layout,) = (each for each in LAYOUTS if each.name == name)
    random_ = random.Random(6)
    for pattern in layout.serials + layout.square + layout.motorcycle:
        lines = [draw_serial(pattern, layout.letters, random_).lines for _ in range(60)]
        assert not any(re.match("[^0-9]*0", "".join(each)) for each in lines), pattern


def one(name: str, **changed: object) -> Layout:
    (layout,) = (each for each in LAYOUTS if each.name == name)
    return replace(layout, **changed)  # type: ignore[arg-type]


def blue_above(image: np.ndarray) -> bool:
    """Whether there is a blue band along the upper edge."""
    blue, _, red = image[6:12, 20:-20].reshape(-1, 3).astype(int).T
    return bool(np.median(blue - red) > 60)


@pytest.mark.parametrize("country", ["AR", "BR", "PY", "UY"])
def test_serials_of_the_mercosur_stand_below_its_band_and_older_ones_do_not(country: str) -> None:
    for name, banded in ((country, False), (f"{country}-1", True)):
        plates = [draw_plate(random.Random(seed), one(name, colours=(one(name).colours[0],))) for seed in range(30)]
        assert {blue_above(plate.image) for plate in plates} == {banded}, name
    old, new = one(country), one(f"{country}-1")
    assert {ground for ground, _ in new.colours} == {new.colours[0][0]}
    if country in ("AR", "BR"):
        assert not set(old.serials) & set(new.serials)


def test_ground_and_serial_are_of_one_time() -> None:
    assert all(sum(ground) < 100 for ground, _ in one("GB-1").colours + one("AR").colours)
    assert all(sum(ground) > 400 for ground, _ in one("GB").colours + one("IT").colours + one("FR").colours)
    assert "AA00 AAA" not in one("GB-1").serials
    assert not any(serial.startswith("AA ") for serial in one("IT-1").serials)


def test_a_band_keeps_its_letters_and_stars_to_itself() -> None:
    for text, starry in (("RKS", False), ("*FIN", True), ("*", True)):
        for seed in range(20):
            canvas = np.full((110, 520, 3), 235, np.uint8)
            _draw_band(canvas, 0, 36, text, random.Random(seed))
            assert (canvas[:, 36:] == 235).all()
            assert (canvas[:, 35] < 220).any(axis=1).all()  # blue up to its edge: no letter is cut there
            blue, green, red = canvas[:, :36].astype(int).transpose(2, 0, 1)
            assert bool(((green > 150) & (red > 150) & (blue < 120)).any()) == starry


def test_a_rim_is_at_the_edge_and_behind_round_corners_is_no_plate() -> None:
    behind = 0
    for seed in range(40):
        canvas = np.full((110, 520, 3), 235, np.uint8)
        _draw_rim(canvas, (20, 20, 20), random.Random(seed))
        assert (canvas[25:85, 40:480] == 235).all()
        assert (canvas[55] < 90).any(axis=1).any()
        behind += bool(canvas[0, 0].max() < 120) and bool(canvas[0, -1].max() < 120)
    assert 8 < behind < 40


def test_what_is_stacked_stands_left_of_where_the_serial_begins() -> None:
    for seed in range(20):
        canvas = np.full((110, 520, 3), 235, np.uint8)
        start = _draw_stack(canvas, 12, (20, 20, 20), random.Random(seed))
        assert 12 < start < 70
        rows, columns = np.nonzero(canvas.min(axis=2) < 120)
        assert 10 <= columns.min() <= columns.max() < start
        assert rows.max() - rows.min() > 0.2 * 110


def test_thin_characters_stand_anywhere() -> None:
    texts = [draw_serial("AA000AA", ALPHABET[10:], random.Random(seed)).text for seed in range(3000)]
    ones, twos = (sum(text[2:5].count(sign) for text in texts) for sign in "12")
    assert ones > 1.08 * twos
    assert sum(text[0] == "I" for text in texts) > 1.5 * sum(text[1] == "I" for text in texts)


def test_right_bands_and_choices_in_small_lettering() -> None:
    france = one("FR", colours=(((235, 235, 235), (20, 20, 20)),))
    right = [draw_plate(random.Random(seed), france, False).image[60, -4] for seed in range(40)]
    assert 20 < sum(int(pixel[0]) - int(pixel[2]) > 60 for pixel in right) < 40
    drawn = {draw_text(one("GB").band, random.Random(seed)) for seed in range(80)}
    assert {"", "*GB", "UK"} <= drawn


def test_one_line_below_in_the_ink_of_the_serial() -> None:
    plain = one("ID", colours=(((235, 235, 235), (20, 20, 20)),))
    for seed in range(40):
        image = draw_plate(random.Random(seed), plain, False).image.astype(int)
        assert (image.max(axis=2) - image.min(axis=2)).max() < 60  # neither red nor blue
    texts = [_captions(plain, random.Random(seed)) for seed in range(40)]
    assert all(not above and re.fullmatch(r"\d\d( |-| . |  )\d\d", below) for above, below in texts)
    either = one("CY", captions=("KIPROS",))
    assert {_captions(either, random.Random(seed)) for seed in range(40)} == {("KIPROS", ""), ("", "KIPROS")}
    assert not any(below for _, below in (_captions(one("BR"), random.Random(seed)) for seed in range(40)))


def test_a_character_of_another_script_is_drawn_and_not_read() -> None:
    china = one("CN", colours=(((235, 235, 235), (20, 20, 20)),))
    plate = draw_plate(random.Random(3), replace(china, serials=("#A.00000",)), False)
    assert re.fullmatch(r"[A-Z]\d{5}", plate.text)
    for seed in range(30):
        mask = serial_mask("#", str(font_files("din")[0]), (200, 80), 0, random.Random(seed))
        assert 0.15 < (mask > 128).mean() < 0.8
    assert all(len(re.sub("[#. ]", "", serial)) == 7 for serial in one("CN-1").serials)


@pytest.mark.parametrize("size", [(48, 60), (480, 60), (960, 1200), (1200, 150), (60, 70)])
def test_every_size_that_is_taken_can_be_drawn(size: tuple[int, int]) -> None:
    _check_sizes("", layout := one("DE", size=size, square_size=size, motorcycle_size=size))
    layout = replace(layout, serials=("X*XXX XX-XXXXXX",), square=("XXXXXX|XXXXXX", "#|000", "*|00"))
    for seed in range(8):
        assert draw_plate(random.Random(seed), layout, seed % 2 == 0).image.std() > 5


def test_the_longest_serial_is_the_longest_that_is_learned() -> None:
    assert LONGEST_SERIAL == LONGEST


def test_every_font_has_its_licence() -> None:
    assert {family.licence for family in load_fonts()} <= {"OFL-1.1", "MIT"}
    assert all(file.is_file() for family in load_fonts() for file in family.files)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_drawn_plate_shows_its_serial(layout: Layout) -> None:
    for two_lines in (False, True):
        plate = draw_plate(random.Random(5), layout, two_lines)
        assert plate.image.ndim == 3
        assert plate.image.dtype == np.uint8
        assert plate.lines == (2 if two_lines and layout.square else 1) or len(layout.square) > 0
        assert plate.image.std() > 10


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, same, other = synthetic_chunk(7, 12), synthetic_chunk(7, 12), synthetic_chunk(8, 12)
    assert one.texts == same.texts
    assert (one.views == same.views).all()
    assert one.texts != other.texts


def test_a_photograph_is_a_grey_crop_that_differs_each_time() -> None:
    plate, random_ = draw_plate(random.Random(2)), np.random.default_rng(2)
    first, second = photograph(plate.image, 7, random_), photograph(plate.image, 7, random_)
    assert first.ndim == 2
    assert first.dtype == np.uint8
    assert first.shape[1] >= 30
    assert first.shape != second.shape or (first != second).any()
    again = rephotograph(plate.image, 7, random_)
    assert again.ndim == 2


def test_some_crops_have_much_around_the_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    plate = np.full((110, 520, 3), 255, np.uint8)
    plate[::8] = 0
    edges = []
    for share in (0.0, 1.0):
        monkeypatch.setattr("training.augment._LOOSELY_CUT", share)
        crops = [photograph(plate, 7, np.random.default_rng(seed)) for seed in range(60)]
        edges.append(np.mean([crop[:2].std() / max(1.0, crop.std()) for crop in crops]))
    assert edges[1] < 0.8 * edges[0]  # less of the plate's stripes at the crop's edge


def test_jitter_keeps_the_shape() -> None:
    view = synthetic_chunk(1, 1).views[0]
    changed = jitter(view, np.random.default_rng(1))
    assert changed.shape == view.shape
    assert changed.dtype == np.uint8
    assert (changed != view).any()


def test_chosen_texts_can_be_learned_and_are_words() -> None:
    random_ = random.Random(1)
    texts = [vanity(random_) for _ in range(600)]
    plain = [re.sub("[ *-]", "", text) for text in texts]
    assert all(2 <= len(text) <= LONGEST_WORD and set(text) <= set(ALPHABET) for text in plain)
    assert len(set(plain)) > 400
    assert all(sum(sign in text for text in texts) > least for sign, least in ((" ", 30), ("-", 10), ("*", 10)))
    assert sum(any(c.isdigit() for c in text) for text in plain) > 30
    assert draw_serial("{vanity}", "", random.Random(1)).text == plain[0]


def test_motorcycles_and_chosen_texts_are_drawn() -> None:
    (texas,) = find_layouts("US-TX")
    random_, kinds = random.Random(4), []
    for _ in range(80):
        plate = draw_plate(random_, texas)
        kinds.append(bool(re.fullmatch(r"[A-Z]{3}[0-9]{4}|[0-9]{3}[A-Z]{3}", plate.text)))
    assert 2 < kinds.count(False) < 30  # an eighth of them are words
    shapes = {draw_plate(random_, one("FR")).image.shape[1] > 300 for _ in range(40)}
    assert shapes == {True, False}


def test_one_plate_keeps_its_colours_and_lettering() -> None:
    (michigan,) = find_layouts("us-mi")
    assert {"band"} == {ground.kind for ground in michigan.ground}
    plain = Layout(**{name: getattr(michigan, name) for name in Layout.__slots__} | {"ground": (), "busy": 0.0})
    with_band, without = draw_plate(random.Random(2), michigan), draw_plate(random.Random(2), plain)
    assert with_band.image[3].mean() != without.image[3].mean()


def edge_width(profile: np.ndarray) -> int:
    return int(((profile > 40) & (profile < 160)).sum())


def test_motion_is_as_long_as_speed_and_shutter_make_it() -> None:
    kernel = smear(6.0, 0.0)
    assert kernel.sum() == pytest.approx(1)
    assert (kernel.sum(axis=0) > 0.02).sum() in (6, 7, 8)
    assert (kernel.sum(axis=1) > 0.02).sum() == 1
    assert smear(6.0, 90.0).sum(axis=0) == pytest.approx(kernel.sum(axis=1), abs=0.01)
    step = np.full((40, 200), 20, np.float32)
    step[:, 100:] = 200
    widths = [edge_width(motion_blurred(step, np.random.default_rng(seed), step.shape[1])[20]) for seed in range(60)]
    assert max(widths) <= 0.04 * 200 + 2  # never so long that nobody could read it
    assert len(set(widths)) > 4


def test_bloom_spills_over_dark_strokes_only() -> None:
    plate = np.full((50, 160), 200, np.float32)
    plate[10:40, 78:82] = 20
    lit = bloom(plate, np.random.default_rng(1), plate.shape[1])
    assert lit[25, 80] > plate[25, 80] + 10
    flat = np.full((50, 160), 90, np.float32)
    assert bloom(flat, np.random.default_rng(1), flat.shape[1]) == pytest.approx(flat)


def test_noise_grows_with_light_and_denoising_takes_it_away() -> None:
    halves = np.full((60, 200), 20, np.float32)
    halves[:, 100:] = 220
    for seed in range(5):
        grainy = noisy(halves, np.random.default_rng(seed))
        assert grainy[:, 100:].std() > 1.5 * grainy[:, :90].std()
        calm = denoised(grainy, np.random.default_rng(seed))
        assert calm[:, 110:190].std() < 0.95 * grainy[:, 110:190].std()
        assert calm[:, :80].mean() + 150 < calm[:, 120:].mean()  # the edge stays


def test_video_coding_leaves_blocks_and_keeps_the_picture() -> None:
    random_ = np.random.default_rng(3)
    picture = cv2.GaussianBlur(random_.uniform(0, 255, (48, 160)).astype(np.float32), (0, 0), 2).astype(np.uint8)
    fine, rough = video_coded(picture, 1.0).astype(int), video_coded(picture, 24.0).astype(int)
    assert abs(fine - picture).mean() < 1.5
    assert 1.5 < abs(rough - picture).mean() < 12
    for seed in range(20):
        assert coded(picture[:37, :101], np.random.default_rng(seed)).shape == (37, 101)


def test_rain_hides_little() -> None:
    picture = np.full((60, 200), 120, np.float32)
    picture[20:40, 20:180:12] = 20
    for seed in range(12):
        changed = np.abs(rained_on(picture, np.random.default_rng(seed)) - picture)
        assert changed.max() > 3
        assert (changed > 40).mean() < 0.2


def test_photographs_keep_contrast_that_somebody_could_read() -> None:
    random_, photo_random = random.Random(3), np.random.default_rng(3)
    plates = [draw_plate(random_) for _ in range(12)]
    deviations = [photograph(p.image, len(p.text), photo_random).std() for p in plates for _ in range(4)]
    assert min(deviations) > 4


def test_a_data_set_is_written_with_labels_and_licences(tmp_path: Path) -> None:
    write_data_set(tmp_path / "set", 4, 1, find_layouts("de"))
    lines = (tmp_path / "set" / "labels.csv").read_text().splitlines()
    assert lines[0] == "image,text,country,source"
    assert len(lines) == 5
    assert all((tmp_path / "set" / line.split(",")[0]).is_file() for line in lines[1:])
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert manifest["layouts"] == ["DE"]
    assert manifest["drawn"] == {"DE": 4}
    assert {font["licence"] for font in manifest["fonts"]} == {"OFL-1.1", "MIT"}
    with pytest.raises(ConfigError, match="holds a data set already"):
        write_data_set(tmp_path / "set", 4, 1, LAYOUTS)


def test_any_number_of_processes_draws_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.synth._CHUNK", 3)
    for processes in (1, 2):
        write_data_set(tmp_path / str(processes), 6, 5, LAYOUTS, processes)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()} for n in "12")
    assert len(one) == 9
    assert one == two


def test_an_unknown_country_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no layout for 'QQ'; there are AE, "):
        find_layouts("QQ")


OWN = '[colours]\nteal = [0, 128, 128]\n[QQ]\nserials = ["QQ 000"]\nsize = [520, 110]\ncolours = [["white", "teal"]]\n'


def test_a_country_of_ones_own_is_seen_at_once(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN + '[DE]\nserials = ["0"]\nsize = [90, 90]\n', encoding="utf-8-sig")
    assert [layout.name for layout in find_layouts("", own)] == ["QQ", "DE"]
    assert find_layouts("de", own)[0].serials == ("0",)  # instead of ours
    assert find_layouts("FR", own)[0].name == "FR"
    assert main(["--layouts", str(own), "--country", "qq", "--preview", str(tmp_path / "sheet.png")]) == 0
    assert load_picture(tmp_path / "sheet.png").std() > 10
    assert main(["--layouts", str(own), "--country", "QQ", "--output", str(tmp_path / "set"), "--count", "2"]) == 0
    assert re.search(r"QQ\d{3},QQ,synthetic", (tmp_path / "set" / "labels.csv").read_text())
    with pytest.raises(ConfigError, match=r"--preview .*sheet\.nonsense: .*wanted one such as sheet\.png"):
        main(["--layouts", str(own), "--preview", str(tmp_path / "sheet.nonsense")])
    with pytest.raises(OutputError, match="its folder cannot be made"):
        main(["--layouts", str(own), "--preview", str(own / "sheet.png")])


def test_the_documented_country_is_right(tmp_path: Path) -> None:
    document = (Path(__file__).parent.parent / "docs" / "training.md").read_text(encoding="utf-8")
    example = document.partition("### A country of your own")[2].partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "mine.toml").write_text(example, encoding="utf-8")
    (layout,) = find_layouts("", tmp_path / "mine.toml")
    assert re.fullmatch(r"\d{5}[A-Z]{2}", draw_plate(random.Random(1), layout).text)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (OWN + 'color = "x"\n', r"\[QQ\]: unknown key 'color'; there are serials, "),
        (OWN.replace('teal"', 'mauve"'), r"\[QQ\] colours: no colour 'mauve'; there are white, "),
        (OWN.replace("[0, 128, 128]", '"teal"'), r"\[colours\] teal = 'teal': wanted \[red, green, blue\]"),
        (OWN.replace('["QQ 000"]', '"QQ 000"'), r"\[QQ\] serials = 'QQ 000': wanted a list of patterns"),
        (OWN.replace("QQ 000", "QQ_000"), r"\[QQ\] serials: 'QQ_000': '_' cannot be read"),
        (OWN.replace("QQ 000", "QQ|000"), r"\[QQ\] serials: 'QQ\|000' has 2 lines"),
        (OWN.replace("QQ 000", "QQ{AB"), r"\[QQ\] serials: 'QQ\{AB': '\{' cannot be read"),
        (OWN + 'square = ["Q|Q|Q"]\n', r"\[QQ\] square: 'Q\|Q\|Q' has 3 lines; wanted two at most"),
        (OWN.replace("size = [520, 110]", ""), r"\[QQ\]: lacks 'size'"),
        (OWN.replace("[520, 110]", "[5, 1]"), r"\[QQ\] size = \[5, 1\]: wanted \[width, height\] in millimetres"),
        (OWN.replace("[520, 110]", "[40, 40]"), r"\[QQ\] size = \[40, 40\]: wanted a height of 60 or more"),
        (OWN + "square_size = [40, 1200]\n", r"\[QQ\] square_size = \[40, 1200\]: .* 0\.8 to 8 times the height"),
        (OWN.replace("QQ 000", "QQ 000000 000000"), r"'QQ 000000 000000': 14 characters; the reader learns 12 at most"),
        (OWN.replace("QQ 000", "{A,BCDEFG}{vanity}"), r"'\{A,BCDEFG\}\{vanity\}': 13 characters"),
        (OWN.replace("QQ 000", "{AB,C_}0"), r"\[QQ\] serials: '\{AB,C_\}0': '_' cannot be read"),
        (OWN.replace("QQ 000", "* -"), r"\[QQ\] serials: '\* -': no character in it"),
        (OWN + 'fonts = "gothic"\n', r"\[QQ\] fonts = 'gothic': wanted any, or one of condensed, din"),
        (OWN + 'ground = ["fade top"]\n', r"\[QQ\] ground = \['fade top'\]: wanted a list such as"),
        (OWN + 'letters = "Ä"\n', r"\[QQ\] letters = 'Ä': wanted letters from A to Z"),
        (OWN + "weight = inf\n", r"\[QQ\] weight = inf: wanted a number above 0"),
        (OWN + 'square = ["0|"]\n', r"\[QQ\] square: '0\|': a line without a character"),
        (OWN + "weight = 0\n", r"\[QQ\] weight = 0: wanted a number above 0"),
        (OWN + 'below = ["ΑΘΗΝΑ"]\n', r"\[QQ\] below: 'ΑΘΗΝΑ': \d+ of the fonts that may draw it have no 'Α', such as"),
        (OWN + 'above = ["{Roma,Софи}"]\n', r"\[QQ\] above: '\{Roma,Софи\}': .* have no 'С'"),
        (OWN + 'captions = ["東京"]\n', r"\[QQ\] captions: '東京': .* have no '京'"),
        (OWN + 'captions = ["A – B"]\n', r"\[QQ\] captions: 'A – B': .* have no '–'"),
        (OWN + 'band = "*\u0642"\n', r"\[QQ\] band: '\*\u0642': .* have no '\u0642'"),
        (OWN + 'band_right = " "\n', r"\[QQ\] band_right: ' ' has nothing to draw; leave it out"),
        (OWN + 'above = [" "]\n', r"\[QQ\] above: ' ' has nothing to draw; leave it out"),
        (OWN + 'header = [""]\n', r"\[QQ\] header: '' has nothing to draw; leave it out"),
        ("QQ = 3\n", r"\[QQ\]: wanted a section"),
        ("", "no layout in it"),
        ("[QQ", r"plates\.toml: "),
    ],
)
def test_a_wrong_layout_file_is_one_clear_line(tmp_path: Path, wrong: str, told: str) -> None:
    path = tmp_path / "plates.toml"
    path.write_text(wrong, encoding="utf-8")
    with pytest.raises(ConfigError, match=told) as raised:
        load_layouts(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_lettering_that_inks_nothing_is_empty() -> None:
    for text in ("", " "):
        assert not small_text(text, str(font_files("din")[0]), 20).any()
