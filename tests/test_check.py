"""What `gatereader check` waits for."""

from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

import pytest
from core_fakes import frame
from test_service import FakeCamera

from edge.check import check
from edge.config import load_config
from edge.detector import DetectorSettings
from edge.errors import SourceError
from edge.records import Frame
from edge.region import RegionSettings
from edge.source import arriving
from edge.vote import VoteSettings

PARTS = ("detector", "reader", "csv", "json", "pictures", "review", "recording", "privacy", "live page")


class SilentCamera(FakeCamera):
    """A camera that gives `frames`, the first of them late, and is then gone."""

    live, skipped, online = True, (), False

    def __init__(self, *frames: Frame, late: int = 0) -> None:
        self._frames, self._late = frames, late

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def __iter__(self) -> Iterator[Frame | None]:
        yield from [None] * self._late
        yield from self._frames
        yield from [None] * 25
        pytest.fail("waited for longer than twelve seconds")

    def close(self) -> None: ...

    def rest(self, fps: float) -> None: ...


def test_a_camera_has_ten_seconds_for_its_first_frame_and_for_each_after_it() -> None:
    frames = arriving(SilentCamera(frame(0.0), frame(0.1), late=20))
    assert [next(frames).time, next(frames).time] == [0.0, 0.1]
    with pytest.raises(SourceError, match="a camera: no picture yet: unreachable"):
        next(frames)


def test_a_camera_that_gives_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.check.open_source", lambda _: SilentCamera())
    *_, source = check(load_config(), without=PARTS)
    assert (source.what, source.text, source.status) == ("source", "a camera: no picture yet: unreachable", 1)


@pytest.mark.parametrize(
    ("region", "least", "status", "words"),
    [
        (RegionSettings(), 40, 0, "is 16 px wide in the detector"),
        (RegionSettings(), 39, 0, "is 15 px wide in the detector, where it is seldom found below 16: draw"),
        (RegionSettings(), 20, 0, "or set region.tiles"),
        (RegionSettings(tiles=2), 20, 0, "or raise region.tiles"),
        (RegionSettings((((0.5, 0.5), (0.52, 0.5), (0.52, 0.52), (0.5, 0.52)),)), 45, 1, "[region] leaves 26 px"),
    ],
)
def test_what_the_region_leaves_of_the_picture_is_told(
    region: RegionSettings, least: int, status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.check.open_source", lambda _: SilentCamera(frame(0.0)))
    large = DetectorSettings("large")  # which one is taken of itself hangs on how busy the machine is
    config = replace(load_config(), detector=large, region=region, vote=VoteSettings(min_plate_width=least))
    *_, source = check(config, without=[part for part in PARTS if part != "detector"])
    assert source.status == status
    assert words in source.text
