"""The networks' race: turns, medians and ratios; the real ones only in the long tests of training."""

from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training environment is not installed: pip install -e '.[training]'")

from edge.errors import ConfigError
from training.detector_versus import Contestant, main, race


class Clock:
    """Stands still except where somebody works, so that a time is what the test says it is."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def contestant(self, name: str, *milliseconds: float) -> Contestant:
        turns = count()

        def work() -> None:
            self.order.append(name)
            self.now += milliseconds[min(next(turns), len(milliseconds) - 1)] / 1000

        return Contestant(name, "fake", 1, 2, work)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("training.detector_versus.time.process_time", lambda: made.now)
    return made


def test_each_takes_its_turn_and_the_ratio_is_to_the_first(clock: Clock) -> None:
    ours, other = race([clock.contestant("ours", 10), clock.contestant("other", 25)], 3)
    assert clock.order == ["ours", "other"] * 5
    assert (ours.median, ours.ratio) == (10.0, 1.0)
    assert (other.median, other.ratio) == (25.0, 2.5)


def test_first_two_rounds_and_one_slow_run_do_not_count(clock: Clock) -> None:
    ours, other = race([clock.contestant("ours", 900, 500, 10), clock.contestant("other", 900, 500, 20, 80, 20)], 3)
    assert (ours.median, ours.p95) == (10.0, 10.0)
    assert other.median == 20.0
    assert other.p95 > 70


@pytest.mark.parametrize(
    ("options", "wanted"), [(["--size", "400"], "multiple of 32"), (["--rounds", "0"], "1 or more")]
)
def test_option_without_sense_is_refused(options: list[str], wanted: str) -> None:
    with pytest.raises(ConfigError, match=wanted):
        main(options)


@pytest.mark.training
@pytest.mark.filterwarnings("default")
def test_real_networks_are_built_exported_and_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime", reason="the extra [versus] is not installed")
    pytest.importorskip("onnx", reason="the extra [versus] is not installed")
    assert main(["--size", "64", "--rounds", "1", "--json", str(tmp_path / "times.json")]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("gatereader", "yolo11n", "YOLOv9-t", "onnxruntime"))
