"""Cameras through GStreamer: pipelines, and one clear line where OpenCV has none."""

import cv2
import numpy as np
import pytest

from edge.camera import CameraError
from edge.errors import ConfigError, SourceError
from edge.gstreamer import complete, described, jetson_pipeline, open_pipeline
from edge.source import SourceSettings, open_source

HAS_IT = "GStreamer:                   YES" in cv2.getBuildInformation()


class FakeCapture:
    """OpenCV's capture, as far as a pipeline goes."""

    opened: tuple[str, int, list[int]]
    starts = True

    def __init__(self, pipeline: str, backend: int, limits: list[int]) -> None:
        type(self).opened = pipeline, backend, limits

    def isOpened(self) -> bool:  # noqa: N802
        return self.starts

    def grab(self) -> bool:
        return True

    def retrieve(self, _spare: object) -> tuple[bool, np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]]:
        return True, np.zeros((4, 6, 3), np.uint8)

    def release(self) -> None:
        pass


@pytest.mark.skipif(HAS_IT, reason="this OpenCV has GStreamer")
@pytest.mark.parametrize("source", ["jetson:0", "gstreamer:videotestsrc"])
def test_without_gstreamer_it_says_so_in_one_line(source: str) -> None:
    with pytest.raises(SourceError, match=r"built without GStreamer.*RTSP") as error:
        open_source(SourceSettings(source=source))
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not HAS_IT, reason="this OpenCV was built without GStreamer")
def test_a_real_pipeline_gives_its_newest_pictures_until_it_ends() -> None:
    pipeline = "videotestsrc is-live=true num-buffers=60 ! video/x-raw,width=640,height=360,framerate=30/1"
    frames, ends = [], 0
    with open_source(SourceSettings(source=f"gstreamer:{pipeline}")) as source:
        for frame in source:
            if frame is not None:
                frames.append(frame)
            elif frames:
                ends += 1
            if ends or len(frames) > 60:
                break
        state = source.state()
    assert 20 < len(frames) <= 60
    assert {frame.image.shape for frame in frames} == {(360, 640, 3)}
    assert not np.array_equal(frames[0].image, frames[-1].image), "its snow moves"
    assert (state.online, state.cause) == (False, "lost")


def test_a_jetsons_camera_is_scaled_and_turned_outside_the_processor() -> None:
    assert jetson_pipeline(1, (1920, 1080), 15, 90) == (
        "nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),format=NV12,framerate=15/1 ! "
        "nvvidconv flip-method=3 ! video/x-raw,width=1080,height=1920,format=BGRx"
    )
    assert "width=1280,height=720" in jetson_pipeline(0, (0, 0), 0, 0)
    assert "framerate" not in jetson_pipeline(0, (0, 0), 0, 0)


def test_a_pipeline_without_a_sink_gets_one_that_keeps_the_newest_picture_only() -> None:
    whole = complete("v4l2src device=/dev/video0 ! ")
    assert whole.startswith("v4l2src device=/dev/video0 ! videoconvert ! video/x-raw,format=BGR ! appsink ")
    for wish in ("drop=true", "max-buffers=1", "sync=false"):
        assert wish in whole
    own = "videotestsrc ! videoconvert ! appsink name=mine"
    assert complete(own) == own


def test_a_pipelines_frames_come_and_its_password_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "    GStreamer:                   YES (1.22)")
    with open_source(SourceSettings(source="gstreamer:rtspsrc location=rtsp://me:s3cret@cam/ ! decodebin")) as source:
        frame = next(frame for frame in source if frame is not None)
        assert frame.image.shape == (4, 6, 3)
        assert source.description == "gstreamer rtspsrc …"
    pipeline, backend, limits = FakeCapture.opened
    assert pipeline.startswith("rtspsrc location=rtsp://me:s3cret@cam/ ! decodebin ! videoconvert")
    assert backend == cv2.CAP_GSTREAMER
    assert limits == [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 10_000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 10_000]


def test_a_jetsons_pictures_are_not_turned_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "    GStreamer:                   YES (1.22)")
    with open_source(SourceSettings(source="jetson:0", rotate=90)) as source:
        frame = next(frame for frame in source if frame is not None)
    assert frame.image.shape == (4, 6, 3)
    assert "flip-method=3" in FakeCapture.opened[0]


def test_a_pipeline_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", type("Dead", (FakeCapture,), {"starts": False}))
    with pytest.raises(CameraError, match="gst-launch") as error:
        open_pipeline("nosuchelement", 1, 1)
    assert error.value.cause == "no picture"


@pytest.mark.parametrize("source", ["gstreamer:", "jetson:left"])
def test_a_wrong_string_is_refused(source: str) -> None:
    with pytest.raises(ConfigError, match=r"pipeline|whole number"):
        SourceSettings(source=source)


def test_the_description_is_the_first_element() -> None:
    assert described("  nvarguscamerasrc sensor-id=0 ! x") == "gstreamer nvarguscamerasrc …"
