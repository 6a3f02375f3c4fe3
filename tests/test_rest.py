"""The running service, from a source to the page: when it asks for fewer frames, and what it lists after a restart."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from output_samples import entry

from edge import service
from edge.clip import Clip
from edge.config import Config
from edge.csv_log import CsvSettings
from edge.json_log import JsonLog, JsonSettings
from edge.live import LiveServer, LiveSettings
from edge.motion import MotionSettings
from edge.privacy import PrivacySettings
from edge.recording import RecordingSettings
from edge.source import SourceSettings


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
