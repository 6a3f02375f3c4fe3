"""The Raspberry Pi's own camera, by picamera2, which is imported only when it is asked for."""

import importlib
import logging
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from edge.camera import CameraError
from edge.errors import SourceError
from edge.records import Image

log = logging.getLogger(__name__)

_TO_BGR: dict[str, int | None] = {
    "RGB888": None,  # libcamera names by the order in a 24-bit word: in memory this is blue, green, red
    "BGR888": cv2.COLOR_RGB2BGR,
    "XRGB8888": cv2.COLOR_BGRA2BGR,
    "XBGR8888": cv2.COLOR_RGBA2BGR,
    "YUV420": cv2.COLOR_YUV2BGR_I420,
    "YVU420": cv2.COLOR_YUV2BGR_YV12,
    "YUYV": cv2.COLOR_YUV2BGR_YUYV,
}
DEFAULT_SIZE = (1280, 720)


def import_picamera2() -> Any:
    """The class Picamera2; SourceError with what to install where it is missing."""
    try:
        return importlib.import_module("picamera2").Picamera2
    except ImportError as error:
        raise SourceError(
            f"picamera2 cannot be imported ({error}): `sudo apt install python3-picamera2`, "
            "and make the virtual environment with `python3 -m venv --system-site-packages`"
        ) from None


class PiCapture:
    """A started picamera2 camera."""

    def __init__(self, camera: Any, read_timeout: float) -> None:
        self._camera = camera
        self._timeout = read_timeout
        # what was asked for is a wish: the size, the format and the stride come back as the camera can do them
        main = camera.camera_configuration()["main"]
        self.size: tuple[int, int] = (int(main["size"][0]), int(main["size"][1]))
        self._format = str(main["format"])
        if self._format not in _TO_BGR:
            raise CameraError("no picture", f"the camera gives {self._format}; wanted one of {', '.join(_TO_BGR)}")

    def read(self) -> Image:
        """The next picture, BGR."""
        try:
            array = self._camera.capture_array("main", wait=self._timeout)
        except TimeoutError:
            raise CameraError("timeout", f"no picture in {self._timeout:.0f} s; is the ribbon cable seated?") from None
        except RuntimeError as error:
            raise CameraError("lost", str(error)) from None
        conversion = _TO_BGR[self._format]
        image = array if conversion is None else cv2.cvtColor(array, conversion)
        return np.ascontiguousarray(image[: self.size[1], : self.size[0]], np.uint8)  # YUV rows may be padded

    def release(self) -> None:
        """Stop the camera and let others have it."""
        self._camera.stop()
        self._camera.close()


def pi_camera(number: int, size: tuple[int, int], fps: float, read_timeout: float) -> Callable[[], PiCapture]:
    """What opens camera `number`; `size` (width, height) and `fps` are wishes, 0 for 1280×720 and the camera's rate.

    Raises SourceError now if picamera2 is not there.
    """
    picamera2 = import_picamera2()

    def open_camera() -> PiCapture:
        try:
            camera = picamera2(number)
        except IndexError:
            raise CameraError(
                "no such device", f"no camera {number}; `rpicam-hello --list-cameras` lists them"
            ) from None
        except RuntimeError as error:
            raise CameraError("busy", f"camera {number}: {error}") from None
        wish = (size[0] or DEFAULT_SIZE[0], size[1] or DEFAULT_SIZE[1])
        controls = {"FrameRate": fps} if fps else {}
        try:
            main = {"size": wish, "format": "RGB888"}
            camera.configure(camera.create_video_configuration(main=main, buffer_count=4, controls=controls))
            camera.start()
            capture = PiCapture(camera, read_timeout)
        except RuntimeError as error:
            camera.close()
            raise CameraError("busy", f"camera {number}: {error}") from None
        except SourceError:
            camera.close()
            raise
        if capture.size != wish:
            log.info("camera %d gives %d×%d instead of %d×%d", number, *capture.size, *wish)
        return capture

    return open_camera
