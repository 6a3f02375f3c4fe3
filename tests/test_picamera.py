"""The Raspberry Pi's camera, with modules in picamera2's and libcamera's place; the real one where it is installed."""

import importlib.util
import inspect
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from edge import picamera
from edge.camera import CameraError
from edge.errors import SourceError
from edge.picamera import PiCapture, pi_camera
from edge.records import Image
from edge.source import SourceSettings, open_source

CAMERA = SourceSettings(source="picamera:0", read_timeout=3)


class FakePicamera2:
    """Answers like picamera2 0.3.31; `gives` is what its configuration turns out to be."""

    gives: ClassVar[dict[str, Any]] = {"format": "RGB888", "size": (1280, 720), "stride": 3840}
    gives_lores: ClassVar[dict[str, Any] | None] = None
    turns = True
    camera_controls: ClassVar[dict[str, object]] = dict.fromkeys(
        ("ExposureTime", "AnalogueGain", "ExposureValue", "AfMode", "LensPosition", "FrameDurationLimits")
    )
    metadata: ClassVar[dict[str, float]] = {"ExposureTime": 1000, "AnalogueGain": 2.0, "LensPosition": 0.25}
    opened: ClassVar[list["FakePicamera2"]] = []
    listed: ClassVar[list[dict[str, object]]] = [{"Model": "imx708", "Num": 0}]
    error: Exception | None = None
    """Why it cannot be had."""
    hidden = False
    """Whether picamera2 says something else instead."""
    at_close: Exception | None = None

    def __init__(self, number: int) -> None:
        self.number, self.events, self.requests = number, list[object](), list[FakeRequest]()
        self.opened.append(self)
        self.notifyme_r, self.notifyme_w = os.pipe2(os.O_NONBLOCK)
        self.notifymeread = os.fdopen(self.notifyme_r, "rb")
        self.pipe = Path(f"/proc/self/fd/{self.notifyme_r}").resolve().name
        self.is_open = False
        try:
            if self.error:
                raise self.error
        except RuntimeError:
            if not self.hidden:
                raise
            raise RuntimeError("Camera __init__ sequence did not complete.")  # noqa: B904 - as picamera2 does
        self.is_open = True

    @classmethod
    def global_camera_info(cls) -> list[dict[str, object]]:
        return cls.listed

    def create_video_configuration(self, **wishes: object) -> dict[str, object]:
        return wishes

    def configure(self, configuration: dict[str, object]) -> None:
        self.events.append(configuration)

    def camera_configuration(self) -> dict[str, object]:
        asked = self.events[0]
        assert isinstance(asked, dict)
        transform = asked.get("transform") if self.turns else None
        return {"main": self.gives, "lores": self.gives_lores, "transform": transform}

    def start(self) -> None:
        self.events.append("start")

    def capture_request(self, wait: float) -> "FakeRequest":
        assert wait == 3
        assert all(request.released for request in self.requests), "the camera has four buffers only"
        if self.gives["format"] == "nothing":
            raise TimeoutError
        self.requests.append(FakeRequest(self))
        return self.requests[-1]

    def array(self, stream: dict[str, Any]) -> np.ndarray[Any, Any]:
        width, height = stream["size"]
        if stream["format"] == "YUV420":
            return np.full((height * 3 // 2, stream["stride"]), 128, np.uint8)
        array = np.zeros((height, width, 4 if "X" in stream["format"] else 3), np.uint8)
        array[..., 0] = 200
        array[0, 0] = 255
        return array

    def stop(self) -> None:
        raise AssertionError("would wait for ever where a picture did not come; close() stops the camera, too")

    def close(self) -> None:
        if not self.is_open:
            return
        if self.at_close:
            raise self.at_close
        self.is_open = False
        self.notifymeread.close()
        os.close(self.notifyme_w)
        self.events.append("close")

    def still_open(self) -> int:
        """The ends of its pipe that are."""
        return sum(link.resolve().name == self.pipe for link in Path("/proc/self/fd").iterdir())


class FakeRequest:
    """One picture of the camera's, in a buffer that it wants back."""

    def __init__(self, camera: FakePicamera2) -> None:
        self.camera, self.released, self.made = camera, False, list[str]()

    def make_array(self, name: str) -> np.ndarray[Any, Any]:
        assert not self.released
        self.made.append(name)
        stream = {"main": self.camera.gives, "lores": self.camera.gives_lores}[name]
        assert stream is not None
        return self.camera.array(stream)

    def get_metadata(self) -> dict[str, float]:
        assert not self.released
        return self.camera.metadata

    def release(self) -> None:
        assert not self.released
        self.released = True


def read(capture: PiCapture) -> Image:
    image = capture.read(lambda: True)
    assert image is not None
    return image


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakePicamera2]]:
    class Fresh(FakePicamera2):
        opened: ClassVar[list[FakePicamera2]] = []

    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=Fresh))
    monkeypatch.setitem(sys.modules, "libcamera", SimpleNamespace(Transform=SimpleNamespace))
    yield Fresh
    for camera in Fresh.opened:
        camera.close()


def test_frames_come_as_blue_green_red(fake: type[FakePicamera2]) -> None:
    with open_source(CAMERA) as source:
        frame = next(frame for frame in source if frame is not None)
        assert frame.image.shape == (720, 1280, 3)
        assert frame.image[1, 1].tolist() == [200, 0, 0], "picamera2 calls blue, green, red RGB888"
        assert source.description == "picamera 0"
    assert fake.opened[0].events[-1] == "close"


@pytest.mark.parametrize(
    ("name", "first"), [("BGR888", [0, 0, 200]), ("XRGB8888", [200, 0, 0]), ("XBGR8888", [0, 0, 200])]
)
def test_other_orders_are_converted(fake: type[FakePicamera2], name: str, first: list[int]) -> None:
    fake.gives = {"format": name, "size": (64, 48), "stride": 256}
    assert read(pi_camera(0, CAMERA)())[1, 1].tolist() == first


def test_wishes_are_passed_on_and_the_answer_is_believed(
    fake: type[FakePicamera2], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fake.gives = {"format": "YUV420", "size": (100, 80), "stride": 128}
    image = read(pi_camera(0, replace(CAMERA, width=640, height=480, fps=12.0))())
    assert image.shape == (80, 100, 3), "the rows' padding is cut off"
    asked = fake.opened[0].events[0]
    assert isinstance(asked, dict)
    assert asked["main"] == {"size": (640, 480), "format": "RGB888"}
    assert asked["controls"] == {"FrameRate": 12.0, "AfMode": 2}
    assert caplog.messages == ["camera 0 gives 100×80 instead of 640×480"]


def test_a_strange_format_is_named_and_the_camera_let_go(fake: type[FakePicamera2]) -> None:
    fake.gives = {"format": "SBGGR10", "size": (64, 48), "stride": 128}
    with pytest.raises(CameraError, match="SBGGR10"):
        pi_camera(0, CAMERA)()
    assert fake.opened[0].events[-1] == "close"


def test_causes(fake: type[FakePicamera2]) -> None:
    with pytest.raises(CameraError, match="no such device") as error:
        pi_camera(3, CAMERA)()
    assert error.value.cause == "no such device"
    assert fake.opened == [], "picamera2 leaves a pipe open of a camera that is not there"
    capture = pi_camera(0, CAMERA)()
    fake.gives = {"format": "nothing", "size": (64, 48), "stride": 128}
    with pytest.raises(CameraError, match="timeout"):
        read(capture)


BUSY = RuntimeError("Failed to acquire camera: Device or resource busy")


@pytest.mark.parametrize("where", ["__init__", "configure", "start"])
@pytest.mark.parametrize(
    ("failure", "hidden", "cause", "said"),
    [
        (BUSY, True, "busy", "resource busy; does another program"),
        (RuntimeError("Camera __init__ sequence did not complete."), False, "busy", "did not complete"),
        (RuntimeError("Camera frontend has timed out!"), True, "no picture", "frontend has timed out"),
        (RuntimeError("lores stream must be YUV"), False, "no picture", "must be YUV"),
        (ValueError("Bad key 'sizes'"), False, "no picture", "Bad key"),
        (OSError(24, "Too many open files"), False, "no picture", "Too many open files"),
        (PermissionError(13, "Permission denied", "/dev/dma_heap/linux,cma"), False, "no permission", "linux,cma"),
        (IndexError("list index out of range"), False, "no picture", "out of range"),
    ],
)
def test_a_camera_that_cannot_be_had_is_told_in_its_own_words_and_nothing_of_it_stays_open(
    fake: type[FakePicamera2],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    failure: Exception,
    hidden: bool,
    cause: str,
    said: str,
) -> None:
    def fail(*_: object) -> None:
        raise failure

    if where == "__init__":
        fake.error, fake.hidden = failure, hidden
    else:
        monkeypatch.setattr(fake, where, fail)
    with pytest.raises(CameraError, match=said) as error:
        pi_camera(0, CAMERA)()
    assert error.value.cause == cause
    assert "\n" not in str(error.value)
    assert fake.opened[0].still_open() == 0


def test_a_camera_that_cannot_be_closed_is_left(fake: type[FakePicamera2]) -> None:
    capture = pi_camera(0, CAMERA)()
    fake.at_close = RuntimeError("Failed to release camera: Device or resource busy")
    capture.release()
    assert fake.opened[0].still_open() == 2, "libcamera may still write to its pipe"
    fake.at_close = None
    capture.release()
    capture.release()
    assert fake.opened[0].still_open() == 0


@pytest.mark.parametrize("shut", ["media*", "dma_heap/*"])
def test_without_permission_libcamera_sees_no_camera_at_all(
    fake: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shut: str
) -> None:
    (tmp_path / "dma_heap").mkdir()
    for name in ("media0", "media1", "dma_heap/linux,cma", "dma_heap/system"):
        (tmp_path / name).touch()
    denied = {*tmp_path.glob(shut), tmp_path / "dma_heap/system"}
    monkeypatch.setattr(fake, "listed", [])
    monkeypatch.setattr(picamera, "_DEV", tmp_path)
    monkeypatch.setattr("edge.picamera.os.access", lambda path, _: path not in denied)
    with pytest.raises(CameraError, match=r"systemd/install\.sh --camera picamera.*group video") as error:
        pi_camera(0, CAMERA)()
    assert error.value.cause == "no permission"
    assert f"{tmp_path}/{shut}" in str(error.value)
    denied.clear()
    with pytest.raises(CameraError, match="rpicam-hello") as error:
        pi_camera(0, CAMERA)()
    assert error.value.cause == "no such device"


@pytest.mark.usefixtures("fake")
def test_picamera2_logs_nothing_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    pi_camera(0, CAMERA)
    logging.getLogger("picamera2.picamera2").error("Camera __init__ sequence did not complete.")
    assert caplog.messages == []


def test_a_picture_that_is_not_wanted_is_not_copied_and_its_buffer_given_back(fake: type[FakePicamera2]) -> None:
    capture = pi_camera(0, CAMERA)()
    assert capture.read(lambda: False) is None
    assert capture.read(lambda: True) is not None
    assert [(request.made, request.released) for request in fake.opened[0].requests] == [([], True), (["main"], True)]


def test_without_picamera2_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(SourceError, match=r"apt install python3-picamera2.*--system-site-packages"):
        open_source(SourceSettings(source="picamera:0"))


def test_a_module_of_the_system_that_was_built_for_another_numpy_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: str) -> None:
        raise ValueError("numpy.dtype size changed, may indicate binary incompatibility. Expected 96, got 88")

    monkeypatch.setattr("edge.picamera.importlib.import_module", fail)
    with pytest.raises(SourceError, match=r"numpy\.dtype size changed.*--no-deps simplejpeg") as error:
        open_source(SourceSettings(source="picamera:0"))
    assert "\n" not in str(error.value)


def test_exposure_gain_and_focus_are_told_in_the_cameras_units(fake: type[FakePicamera2]) -> None:
    pi_camera(0, replace(CAMERA, shutter=1.0, gain=2.0, exposure=-0.5, focus=4.0))()
    asked = fake.opened[0].events[0]
    assert isinstance(asked, dict)
    assert asked["controls"] == {
        "ExposureTime": 1000,  # microseconds
        "AnalogueGain": 2.0,
        "ExposureValue": -0.5,
        "AfMode": 0,
        "LensPosition": 0.25,  # 1/m
    }


def test_what_a_camera_cannot_be_told_is_said_and_left_out(
    fake: type[FakePicamera2], caplog: pytest.LogCaptureFixture
) -> None:
    fake.camera_controls = {"ExposureTime": None}
    pi_camera(0, replace(CAMERA, shutter=1.0, focus=4.0))()
    asked = fake.opened[0].events[0]
    assert isinstance(asked, dict)
    assert asked["controls"] == {"ExposureTime": 1000}
    assert caplog.messages == ["camera 0 cannot be told AfMode, LensPosition"]


def test_what_the_camera_does_is_read_back(fake: type[FakePicamera2], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    fake.metadata = {"ExposureTime": 4000, "AnalogueGain": 2.1, "LensPosition": 0.25}
    capture = pi_camera(0, replace(CAMERA, shutter=1.0, gain=2.0, focus=4.0))()
    for _ in range(30):
        read(capture)
    assert caplog.messages == [
        "camera 0: 1280×720, shutter 4.00 ms, gain 2.1, focus at 4.0 m",
        "camera 0: shutter (ms) is 4.00 instead of 1.00",
    ], "once, and 5 % more gain is near enough"


def test_the_second_stream_is_the_frames_small_picture(
    fake: type[FakePicamera2], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fake.gives_lores = {"format": "YUV420", "size": (416, 240), "stride": 448}
    settings = replace(CAMERA, small_width=416, rotate=90)
    with open_source(settings) as source:
        frame = next(frame for frame in source if frame is not None)
    asked = fake.opened[0].events[0]
    assert isinstance(asked, dict)
    assert asked["lores"] == {"size": (416, 234), "format": "YUV420"}
    assert frame.image.shape == (1280, 720, 3)
    assert frame.small is not None
    assert frame.small.shape == (416, 240, 3), "turned as the other one, without what pads its rows"
    assert "camera 0 gives its small picture as 416×240" in caplog.messages


@pytest.mark.parametrize("lores", [None, {"format": "YUV420", "size": (1280, 720), "stride": 1280}])
def test_a_camera_without_a_second_smaller_stream_goes_on_with_one(
    fake: type[FakePicamera2], caplog: pytest.LogCaptureFixture, lores: dict[str, Any] | None
) -> None:
    fake.gives_lores = lores
    capture = pi_camera(0, replace(CAMERA, small_width=416))()
    assert read(capture).shape == (720, 1280, 3)
    assert capture.small is None
    assert "no second stream" in caplog.text


@pytest.mark.parametrize(("turns", "corner"), [(True, (0, 0)), (False, (-1, -1))])
def test_half_a_turn_is_the_cameras_unless_it_cannot(
    fake: type[FakePicamera2], turns: bool, corner: tuple[int, int]
) -> None:
    fake.turns = turns
    image = read(pi_camera(0, replace(CAMERA, rotate=180))())
    asked = fake.opened[0].events[0]
    assert isinstance(asked, dict)
    assert (asked["transform"].hflip, asked["transform"].vflip) == (1, 1)
    assert image[corner].tolist() == [255, 255, 255], "not turned twice, and not left as it was"


def test_the_real_picamera2_takes_what_it_is_given() -> None:
    try:
        from picamera2 import Picamera2
        from picamera2.request import CompletedRequest
    except ImportError as error:
        pytest.skip(f"picamera2 is not installed here: {error}")
    configure = inspect.signature(Picamera2.create_video_configuration).parameters
    assert {"main", "lores", "transform", "buffer_count", "controls"} <= configure.keys()
    assert "wait" in inspect.signature(Picamera2.capture_request).parameters
    for name in ("make_array", "get_metadata", "release"):
        assert callable(getattr(CompletedRequest, name))
    for name in ("configure", "camera_configuration", "start", "stop", "close"):
        assert callable(getattr(Picamera2, name))
    assert hasattr(Picamera2, "camera_controls")
    assert callable(Picamera2.global_camera_info)
    for name in ("notifymeread", "notifyme_w", "is_open"):
        assert f"self.{name}" in inspect.getsource(Picamera2), "what is closed by hand where it did not open"


def test_the_real_picamera2_gives_pictures_of_a_virtual_camera() -> None:
    """Where there is one; it knows 1920×1080 and 640×480, and gives them whatever is asked for."""
    command = [sys.executable, str(Path(__file__).with_name("picamera_virtual.py"))]
    if importlib.util.find_spec("picamera2") is None or importlib.util.find_spec("libcamera") is None:
        pytest.skip("no picamera2 here: it and libcamera come from the system, not from pip")
    if not Path("/usr/share/libcamera/pipeline/virtual/virtual.yaml").exists():
        pytest.skip("libcamera has no virtual camera here")
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout.splitlines()[-1])
    assert (found["online"], found["n"]) == (True, 20)
    assert found["shapes"] == [[1080, 1920, 3], [480, 640, 3]], "1440 lines were asked for, and 1080 read back"
    assert found["brightest"] > 200
