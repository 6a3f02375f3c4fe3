"""The running service, from a source to the page: when it asks for fewer frames, what it says of a picture that has
frozen, and what it lists after a restart.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from output_samples import entry

from edge import service
from edge.camera import LiveCamera
from edge.clip import Clip
from edge.config import Config
from edge.csv_log import CsvSettings
from edge.json_log import JsonLog, JsonSettings
from edge.live import LiveServer, LiveSettings
from edge.motion import MotionSettings
from edge.privacy import PrivacySettings
from edge.recording import RecordingSettings
from edge.records import Frame, Image
from edge.source import SourceSettings
from edge.source_state import SourceState


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A folder of twenty pictures that are all the same, as fast as they go."""
    (tmp_path / "still").mkdir()
    for number in range(20):
        cv2.imwrite(str(tmp_path / "still" / f"{number:02d}.png"), np.full((90, 160, 3), 90, np.uint8))
    return Config(
        source=SourceSettings(source=str(tmp_path / "still"), realtime=False),
        csv=CsvSettings(path=str(tmp_path / "plates.csv")),
        live=LiveSettings(enabled=False),
        motion=MotionSettings(settle=3),
    )


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the source was asked for after each frame."""
    told: list[float] = []
    monkeypatch.setattr(Clip, "rest", lambda _, fps: told.append(fps))
    return told


def test_fewer_frames_are_asked_for_once_nothing_has_moved(config: Config, rests: list[float]) -> None:
    service.run(config)
    assert len(rests) == 20
    assert rests[:4] == [0.0] * 4
    assert set(rests[5:]) == {5.0}


def test_all_frames_are_asked_for_if_they_are_recorded_or_wanted(
    config: Config, rests: list[float], tmp_path: Path
) -> None:
    service.run(replace(config, recording=RecordingSettings(folder=str(tmp_path / "frames"))))
    service.run(replace(config, motion=MotionSettings(settle=3, rest_fps=0.0)))
    assert rests == [0.0] * 40


def test_all_frames_are_asked_for_while_somebody_watches(
    config: Config, rests: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = LiveServer(LiveSettings(enabled=False), dict)
    assert not watched.watched
    watched._feed.viewers = 1
    assert watched.watched
    monkeypatch.setattr(LiveServer, "watched", property(lambda _: True))
    service.run(config)
    assert rests == [0.0] * 20


class Pictures(LiveCamera):
    """A camera that gives these pictures, one a minute."""

    def __init__(self, images: list[Image]) -> None:
        self.description, self.images = "a camera", images

    def __iter__(self) -> Iterator[Frame | None]:
        for minute, image in enumerate(self.images):
            yield Frame(image, 60.0 * minute, datetime.now(UTC), minute)

    def state(self) -> SourceState:
        return SourceState(True, datetime.now(UTC), "", len(self.images), 0)

    def rest(self, fps: float) -> None:
        pass

    def close(self) -> None:
        pass


GREY = np.full((90, 160, 3), 90, np.uint8)


@pytest.mark.parametrize(
    ("images", "cause"), [([GREY] * 6, "the picture does not change"), ([GREY] * 5, ""), ([GREY] * 6 + [GREY + 1], "")]
)
def test_a_camera_that_repeats_its_picture_is_not_ready(
    config: Config, monkeypatch: pytest.MonkeyPatch, images: list[Image], cause: str
) -> None:
    answers = dict[str, httpx.Response]()
    close = LiveServer.close

    def ask(server: LiveServer) -> None:
        if not answers:
            answers.update({path: httpx.get(server.url + path) for path in ("readyz", "healthz")})
        close(server)

    monkeypatch.setattr(LiveServer, "close", ask)
    monkeypatch.setattr(service, "open_source", lambda _: Pictures(images))
    service.run(replace(config, live=LiveSettings(listen="127.0.0.1:0")))
    ready = answers["readyz"]
    assert (ready.status_code, ready.json().get("cause", "")) == (503 if cause else 200, cause)
    assert (answers["healthz"].status_code, answers["healthz"].json()["picture"]) == (200, cause)
    assert answers["healthz"].json()["movements_without_plate"] in (None, 0)


def test_a_recording_may_hold_one_picture_for_long(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(service, "notify", lambda **states: told.append(states["STATUS"]))
    monkeypatch.setattr(service, "_ALIVE_EVERY", 0.0)
    service.run(replace(config, source=replace(config.source, fps=0.02)))  # twenty pictures, one in fifty seconds
    assert len(told) == 21
    assert not any("the picture does not change" in status for status in told)


@pytest.mark.parametrize(("mode", "plates"), [("keep", ["AB123CD"]), ("drop", [""])])
def test_earlier_passes_are_listed_for_who_asks_as_todays_mode_allows(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Any, plates: list[str]
) -> None:
    log = JsonLog(JsonSettings(), tmp_path / "plates.jsonl")
    log(entry(plate="AB123CD"))
    log.close()
    seen: list[list[dict[str, Any]]] = []
    close = LiveServer.close

    def ask(server: LiveServer) -> None:
        if not seen:
            seen.extend(
                httpx.get(server.url + f"api/events{query}").json()["events"] for query in ("", "?earlier=true")
            )
        close(server)

    monkeypatch.setattr(LiveServer, "close", ask)
    service.run(replace(config, live=LiveSettings(listen="127.0.0.1:0"), privacy=PrivacySettings(unknown=mode)))
    assert seen[0] == [], "a program that acts on passes must not act on one twice"
    assert [one["plate"] for one in seen[1]] == plates
