"""The figures of /api/aim while the camera is gone."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from aim_scenes import BY_NAME, scene
from output_samples import MOMENT, event

from edge import live_app, live_feed
from edge.aim import AimMeter, AimSettings
from edge.aim_words import aim_values
from edge.live import LiveServer, LiveSettings
from edge.records import Frame, FrameResult, TrackedPlate


class Clock:
    """Seconds that pass when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(live_feed, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(live_app, "_AIM_SECONDS", 0.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def server(clock: Clock) -> Iterator[LiveServer]:
    aim = aim_values(AimMeter(lambda _: 0.4), AimSettings(), 0.0)
    server = LiveServer(LiveSettings(listen="127.0.0.1:0"), dict, aim)
    server.start()
    yield server
    server.close()


def plate_at(time: float) -> FrameResult:
    one = scene(2, 190, style=BY_NAME["dutch"])
    track = TrackedPlate(1, one.box, one.text, 0.9, "reading", 3)
    return FrameResult(Frame(one.image, time, MOMENT, int(time)), (one.box,), (track,), ())


def told(server: LiveServer) -> tuple[Any, ...]:
    aim = httpx.get(f"{server.url}api/aim").json()["aim"]
    return aim["ago"], aim["plates"], aim["verdict"], aim["text"]


def test_a_plate_goes_out_of_view_with_the_camera(server: LiveServer, clock: Clock) -> None:
    shown = plate_at(500.0)
    text = shown.tracks[0].text
    server.publish(shown)
    assert told(server) == (0.0, 1, "good", text)
    clock.now += 1.0
    assert told(server) == (0.0, 1, "good", text), "a slow camera's last frame"
    clock.now += 3.0
    assert told(server) == (4.0, 0, "good", text)
    server.publish(FrameResult(shown.frame, (), (), (event(),)))  # its pass ends without a new frame
    clock.now += 2.0
    assert told(server) == (6.0, 0, "good", text)
    clock.now += 50.0
    assert told(server) == (None, 0, "unknown", "")
    server.publish(plate_at(556.0))
    assert told(server) == (0.0, 1, "good", text), "and it is there again"
