"""Which shipped detector runs: by name, by path, and by how long the large one takes here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge import detector_choice
from edge.card import TensorSpec, load_card, shipped_model
from edge.detector import DetectorSettings, PlateDetector
from edge.detector_choice import choice_text, detector_path, seconds_a_run, settled
from edge.errors import ConfigError, ModelError
from edge.region import RegionSettings

LARGE, SMALL = "detector.tflite", "detector_small.tflite"
Pace = Callable[..., None]


class FakeModel:
    """Takes the seconds that it is told, run by run."""

    def __init__(self, seconds: list[float]) -> None:
        self.card = SimpleNamespace(input=TensorSpec("in", (1, 8, 8, 3), "int8", 1 / 255, -128))
        self.seconds, self.now = list(seconds), 0.0

    def run(self, array: np.ndarray) -> list[np.ndarray]:
        assert array.shape == (1, 8, 8, 3)
        assert array.dtype == np.int8
        assert (array == -128).all()
        self.now += self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]
        return []


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    detector_choice._seconds_a_look.cache_clear()
    yield
    detector_choice._seconds_a_look.cache_clear()


def chosen(threads: int = 1, tiles: int = 1) -> str:
    return settled(DetectorSettings("auto", threads=threads), RegionSettings(tiles=tiles)).model


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> Pace:
    def set_pace(*seconds: float) -> None:
        model = FakeModel(list(seconds))
        monkeypatch.setattr(detector_choice, "Int8Model", lambda *_: model)
        monkeypatch.setattr("edge.detector_choice.time.perf_counter", lambda: model.now)

    return set_pace


@pytest.mark.parametrize(("seconds", "model"), [(0.03, "large"), (0.24, "large"), (0.26, "small"), (3.0, "small")])
def test_auto_takes_the_small_one_where_the_large_one_is_slow(pace: Pace, seconds: float, model: str) -> None:
    pace(seconds)
    assert chosen() == model
    told = f"plate detector: the large model takes {1000 * seconds:.0f} ms a frame here, so the {model} one runs"
    assert choice_text(DetectorSettings("auto"), RegionSettings()) == told


def test_it_measures_once_for_each_number_of_threads(pace: Pace) -> None:
    pace(0.03)
    assert chosen() == "large"
    pace(9.0)
    assert chosen() == "large"
    assert chosen(threads=4) == "small"


def test_tiles_are_looks_too(pace: Pace) -> None:
    pace(0.1)
    assert chosen() == "large"
    assert chosen(tiles=3) == "small"


def test_a_hiccup_and_the_first_run_do_not_count(pace: Pace) -> None:
    pace(2.0, 1.5, 0.05, 0.9)
    assert chosen() == "large"


def test_what_is_said_is_not_measured(pace: Pace) -> None:
    pace(9.0)
    for model in ("", "large", "small", "own.tflite"):
        settings = DetectorSettings(model)
        assert settled(settings, RegionSettings()) is settings
        assert choice_text(settings, RegionSettings()) == ""


@pytest.mark.parametrize(("model", "wanted"), [("", LARGE), ("auto", LARGE), ("large", LARGE), ("small", SMALL)])
def test_names_mean_what_came_with_gatereader(model: str, wanted: str) -> None:
    assert detector_path(model) == shipped_model(wanted)


def test_anything_else_is_a_path(tmp_path: Path) -> None:
    assert detector_path("/srv/own.tflite") == Path("/srv/own.tflite")
    with pytest.raises(ModelError, match="no such model file"):
        PlateDetector(DetectorSettings(str(tmp_path / "none.tflite")))


@pytest.mark.parametrize(
    ("model", "hint"), [("larg", "large"), ("Small", "small"), ("atuo", "auto"), ("/srv/own", ""), ("own.onnx", "")]
)
def test_what_is_no_model_is_refused_by_the_settings(model: str, hint: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^model is .*, wanted auto, large, small or the path of a \.tflite"
    ) as error:
        DetectorSettings(model)
    assert str(error.value).endswith(f"did you mean {hint}?" if hint else "file")


def test_the_small_one_is_shipped_sound_and_sees_fewer_pixels() -> None:
    small, large = (load_card(shipped_model(name), "detector") for name in (SMALL, LARGE))
    assert small.input.shape[1] < large.input.shape[1]
    detector = PlateDetector(DetectorSettings("small"))
    assert detector.card.sha256 == small.sha256
    assert detector.threshold == small.decoding["threshold"]


def test_a_real_model_takes_some_time() -> None:
    assert 0 < seconds_a_run(PlateDetector(DetectorSettings("small")).model) < 60
