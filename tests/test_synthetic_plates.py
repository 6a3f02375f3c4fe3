"""Layouts, drawing and photographing of synthetic plates; needs Pillow, not TensorFlow."""

import random
from pathlib import Path

import numpy as np
import pytest

from edge.alphabet import ALPHABET, time_steps_needed
from edge.errors import ConfigError
from edge.preprocess import READER_WIDTH

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from training.augment import jitter, photograph, rephotograph
from training.dataset import LONGEST, synthetic_chunk
from training.plates import SEPARATORS, Layout, draw_serial, font_files, load_fonts, load_layouts
from training.synth import find_layout, write_data_set
from training.synthesize import draw_plate

LAYOUTS = load_layouts()


def test_there_are_layouts_of_many_countries() -> None:
    assert len({layout.country for layout in LAYOUTS} - {"XX"}) >= 20


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.country)
def test_every_serial_can_be_written_read_and_spelled(layout: Layout) -> None:
    random_ = random.Random(3)
    for pattern in layout.serials + layout.square:
        for _ in range(20):
            serial = draw_serial(pattern, layout.letters, random_)
            assert set(serial.text) <= set(ALPHABET), pattern
            assert 1 <= len(serial.text) <= LONGEST
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


def test_every_font_has_its_licence() -> None:
    assert {family.licence for family in load_fonts()} <= {"OFL-1.1", "MIT"}
    assert all(file.is_file() for family in load_fonts() for file in family.files)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.country)
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


def test_jitter_keeps_the_shape() -> None:
    view = synthetic_chunk(1, 1).views[0]
    changed = jitter(view, np.random.default_rng(1))
    assert changed.shape == view.shape
    assert changed.dtype == np.uint8
    assert (changed != view).any()


def test_a_data_set_is_written_with_labels_and_licences(tmp_path: Path) -> None:
    write_data_set(tmp_path / "set", 4, 1, find_layout("de"))
    lines = (tmp_path / "set" / "labels.csv").read_text().splitlines()
    assert lines[0] == "image,text,country,source"
    assert len(lines) == 5
    assert all((tmp_path / "set" / line.split(",")[0]).is_file() for line in lines[1:])
    assert "OFL-1.1" in (tmp_path / "set" / "manifest.json").read_text()
    with pytest.raises(ConfigError, match="holds a data set already"):
        write_data_set(tmp_path / "set", 4, 1, None)


def test_an_unknown_country_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no layout for 'QQ'; there are AE, "):
        find_layout("QQ")


def test_a_wrong_layout_file_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "plates.toml"
    path.write_text('[colours]\nwhite = [1, 2, 3]\n[QQ]\nserials = ["A"]\nsize = [5, 1]\ncolor = "x"\n')
    with pytest.raises(ConfigError, match=r"unknown key 'color' in \[QQ\]"):
        load_layouts(path)
    path.write_text('[colours]\nwhite = [1, 2, 3]\n[QQ]\nserials = ["A"]\nsize = [5, 1]\n')
    with pytest.raises(ConfigError, match="black"):
        load_layouts(path)
