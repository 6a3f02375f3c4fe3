"""The Raspberry Pi's camera, with a module in picamera2's place."""

import sys
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from edge.camera import CameraError
from edge.errors import SourceError
from edge.picamera import pi_camera
from edge.source import SourceSettings, open_source


class FakePicamera2:
    """Answers like picamera2 0.3.31; `gives` is what its configuration turns out to be."""

    gives: ClassVar[dict[str, Any]] = {"format": "RGB888", "size": (1280, 720), "stride": 3840}
    opened: ClassVar[list["FakePicamera2"]] = []
    error: Exception | None = None

    def __init__(self, number: int) -> None:
        if number > 0:
            raise IndexError("list index out of range")
        if self.error:
            raise self.error
        self.number, self.events = number, list[object]()
        self.opened.append(self)

    def create_video_configuration(self, **wishes: object) -> dict[str, object]:
        return wishes

    def configure(self, configuration: dict[str, object]) -> None:
        self.events.append(configuration)

    def camera_configuration(self) -> dict[str, object]:
        return {"main": self.gives}

    def start(self) -> None:
        self.events.append("start")

    def capture_array(self, name: str, wait: float) -> np.ndarray[Any, Any]:
        assert name == "main"
        assert wait == 3
        width, height = self.gives["size"]
        if self.gives["format"] == "YUV420":
            return np.full((height * 3 // 2, self.gives["stride"]), 128, np.uint8)
        if self.gives["format"] == "nothing":
            raise TimeoutError
        array = np.zeros((height, width, 4 if "X" in self.gives["format"] else 3), np.uint8)
        array[..., 0] = 200
        return array

    def stop(self) -> None:
        self.events.append("stop")

    def close(self) -> None:
        self.events.append("close")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakePicamera2]:
    class Fresh(FakePicamera2):
        opened: ClassVar[list[FakePicamera2]] = []

    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=Fresh))
    return Fresh


def test_frames_come_as_blue_green_red(fake: type[FakePicamera2]) -> None:
    with open_source(SourceSettings(source="picamera:0", read_timeout=3)) as source:
        frame = next(frame for frame in source if frame is not None)
        assert frame.image.shape == (720, 1280, 3)
        assert frame.image[0, 0].tolist() == [200, 0, 0], "picamera2 calls blue, green, red RGB888"
        assert source.description == "picamera 0"
    assert fake.opened[0].events[-2:] == ["stop", "close"]


@pytest.mark.parametrize(
    ("name", "first"), [("BGR888", [0, 0, 200]), ("XRGB8888", [200, 0, 0]), ("XBGR8888", [0, 0, 200])]
)
def test_other_orders_are_converted(fake: type[FakePicamera2], name: str, first: list[int]) -> None:
    fake.gives = {"format": name, "size": (64, 48), "stride": 256}
    assert pi_camera(0, (0, 0), 0, 3)().read()[0, 0].tolist() == first


def test_wishes_are_passed_on_and_the_answer_is_believed(
    fake: type[FakePicamera2], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fake.gives = {"format": "YUV420", "size": (100, 80), "stride": 128}
    image = pi_camera(0, (640, 480), 12.0, 3)().read()
    assert image.shape == (80, 100, 3), "the rows' padding is cut off"
    asked = fake.opened[0].events[0]
    assert isinstance(asked, dict)
    assert asked["main"] == {"size": (640, 480), "format": "RGB888"}
    assert asked["controls"] == {"FrameRate": 12.0}
    assert caplog.messages == ["camera 0 gives 100×80 instead of 640×480"]


def test_a_strange_format_is_named_and_the_camera_let_go(fake: type[FakePicamera2]) -> None:
    fake.gives = {"format": "SBGGR10", "size": (64, 48), "stride": 128}
    with pytest.raises(CameraError, match="SBGGR10"):
        pi_camera(0, (0, 0), 0, 3)()
    assert fake.opened[0].events[-1] == "close"


def test_causes(fake: type[FakePicamera2]) -> None:
    with pytest.raises(CameraError, match="no such device") as error:
        pi_camera(3, (0, 0), 0, 3)()
    assert error.value.cause == "no such device"
    fake.error = RuntimeError("Camera __init__ sequence did not complete.")
    with pytest.raises(CameraError, match="busy"):
        pi_camera(0, (0, 0), 0, 3)()
    fake.error = None
    capture = pi_camera(0, (0, 0), 0, 3)()
    fake.gives = {"format": "nothing", "size": (64, 48), "stride": 128}
    with pytest.raises(CameraError, match="timeout"):
        capture.read()


def test_without_picamera2_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(SourceError, match=r"apt install python3-picamera2.*--system-site-packages"):
        open_source(SourceSettings(source="picamera:0"))
