"""The Raspberry Pi's own camera, by picamera2, which is imported only when it is asked for."""

import importlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.camera import DEFAULT_SIZE, CameraError
from edge.errors import SourceError
from edge.records import Image
from edge.source_settings import SourceSettings
from edge.source_state import turn

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
_SMALL_FORMAT = "YUV420"
"""The one that the second stream can have on every Raspberry Pi."""
_SETTLED = 12
"""Frames after the start in which the wishes have reached the sensor and come back with the pictures."""
_MANUAL, _CONTINUOUS = 0, 2
"""libcamera's AfMode."""
_TOLERANCE = 0.1
"""Share by which what the camera does may differ from what it was told before the log says so."""
_READ_BACK = {
    "ExposureTime": ("shutter (ms)", 1000.0),
    "AnalogueGain": ("gain", 1.0),
    "LensPosition": ("focus (1/m)", 1.0),
}
"""libcamera's control, which comes back with each picture → what the log calls it, and how many make one of that."""
_DEV = Path("/dev")
_NEEDED = ("media*", "dma_heap/*")
"""Devices without which libcamera sees no camera: of each kind it takes what it can open."""
_MAY_OPEN = "`sudo systemd/install.sh --camera picamera` lets the service, and the group video anybody else"
_FAILURES = (OSError, RuntimeError, ValueError, LookupError)
"""What picamera2 and libcamera raise where a camera cannot be had."""


def camera_controls(settings: SourceSettings, known: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """libcamera's controls for what the settings wish, and the names of those that the camera does not know."""
    wanted: dict[str, Any] = {}
    if settings.fps:
        wanted["FrameRate"] = settings.fps
    if settings.shutter:
        wanted["ExposureTime"] = round(1000 * settings.shutter)
    if settings.gain:
        wanted["AnalogueGain"] = settings.gain
    if settings.exposure:
        wanted["ExposureValue"] = settings.exposure
    if settings.focus:
        wanted |= {"AfMode": _MANUAL, "LensPosition": 1.0 / settings.focus}
    elif "AfMode" in known:
        wanted["AfMode"] = _CONTINUOUS
    # FrameRate is picamera2's own word for FrameDurationLimits
    lacking = [name for name in wanted if name not in known and name != "FrameRate"]
    return {name: value for name, value in wanted.items() if name not in lacking}, lacking


def import_picamera2() -> Any:
    """The class Picamera2; SourceError with what to install where it is missing."""
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)  # it logs at every attempt; our own log names causes once
    try:
        return importlib.import_module("picamera2").Picamera2
    except ImportError as error:
        raise SourceError(
            f"picamera2 cannot be imported ({error}): `sudo apt install python3-picamera2`, "
            "and make the virtual environment with `python3 -m venv --system-site-packages`"
        ) from None
    except ValueError as error:  # "numpy.dtype size changed": the system's simplejpeg beside a newer numpy
        raise SourceError(
            f"picamera2 cannot be imported ({error}): a module of the system was built for another numpy; "
            "`python -m pip install --ignore-installed --no-deps simplejpeg` in the virtual environment"
        ) from None


class PiStream:
    """One of the camera's streams, as it turned out to be: what was asked for is a wish."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self.size: tuple[int, int] = (int(configuration["size"][0]), int(configuration["size"][1]))
        self.format = str(configuration["format"])
        if self.format not in _TO_BGR:
            raise CameraError("no picture", f"the camera gives {self.format}; wanted one of {', '.join(_TO_BGR)}")

    def to_bgr(self, array: Image) -> Image:
        """The stream's array → BGR, without what pads its rows."""
        conversion = _TO_BGR[self.format]
        image = array if conversion is None else cv2.cvtColor(array, conversion)
        return np.ascontiguousarray(image[: self.size[1], : self.size[0]], np.uint8)

    def __str__(self) -> str:
        return f"{self.size[0]}×{self.size[1]}"


class PiCapture:
    """A started picamera2 camera. `rotate` is what is left to turn, degrees clockwise."""

    def __init__(self, camera: Any, number: int, settings: SourceSettings, controls: Mapping[str, Any]) -> None:
        self.small: Image | None = None
        self._camera, self._number, self._timeout = camera, number, settings.read_timeout
        self._controls = controls
        configuration = camera.camera_configuration()
        self.main = PiStream(configuration["main"])
        lores = PiStream(configuration["lores"]) if settings.small_width and configuration.get("lores") else None
        self.lores = lores if lores is not None and lores.size[0] < self.main.size[0] else None
        self.rotate = 0 if _is_turned(configuration.get("transform")) else settings.rotate
        self._names = ["main", "lores"] if self.lores else ["main"]
        self._left = _SETTLED

    def read(self, wanted: Callable[[], bool]) -> Image | None:
        """The next picture, BGR; `small` is the same one from the second stream."""
        try:
            request = self._camera.capture_request(wait=self._timeout)
        except TimeoutError:
            raise CameraError("timeout", f"no picture in {self._timeout:.0f} s; is the ribbon cable seated?") from None
        except RuntimeError as error:
            raise CameraError("lost", str(error)) from None
        try:
            if not wanted():
                return None
            arrays, metadata = [request.make_array(name) for name in self._names], request.get_metadata()
        finally:
            request.release()
        if self._left:
            self._left -= 1
            if not self._left:
                self._tell(metadata)
        if self.lores:
            self.small = turn(self.lores.to_bgr(arrays[1]), self.rotate)
        return turn(self.main.to_bgr(arrays[0]), self.rotate)

    def release(self) -> None:
        """Stop the camera and let others have it.

        Not by `stop` first: after a picture that never came, it would wait for that picture for ever; `close` ends the
        loop that hands pictures out before it stops the camera.
        """
        _let_go(self._camera)

    def _tell(self, metadata: Mapping[str, Any]) -> None:
        """What the camera does, and what of the wishes it does otherwise; said once."""
        told = [f"shutter {metadata['ExposureTime'] / 1000:.2f} ms"] if "ExposureTime" in metadata else []
        told += [f"gain {metadata['AnalogueGain']:.1f}"] if "AnalogueGain" in metadata else []
        told += [f"focus at {1 / metadata['LensPosition']:.1f} m"] if metadata.get("LensPosition") else []
        log.info("camera %d: %s", self._number, ", ".join([str(self.main), *told]))
        for name, (words, scale) in _READ_BACK.items():
            wanted, got = self._controls.get(name), metadata.get(name)
            if wanted and got is not None and abs(got - wanted) > _TOLERANCE * wanted:
                got, wanted = got / scale, wanted / scale
                log.warning("camera %d: %s is %.2f instead of %.2f", self._number, words, got, wanted)


def _is_turned(transform: Any) -> bool:
    return bool(getattr(transform, "hflip", False) and getattr(transform, "vflip", False))


def pi_camera(number: int, settings: SourceSettings) -> Callable[[], PiCapture]:
    """What opens camera `number`. Raises SourceError now if picamera2 is not there."""
    picamera2 = import_picamera2()

    def open_camera() -> PiCapture:
        try:
            _check_listed(number, picamera2.global_camera_info())
            return _open(picamera2, number, settings)
        except SourceError:
            raise
        except _FAILURES as error:
            raise _failure(number, error) from None

    return open_camera


def _check_listed(number: int, cameras: Sequence[object]) -> None:
    if number < len(cameras):
        return
    shut = "" if cameras else _shut_devices()
    if shut:
        raise CameraError("no permission", f"no camera is seen without {shut}, which may not be opened: {_MAY_OPEN}")
    raise CameraError("no such device", f"no camera {number}; `rpicam-hello --list-cameras` lists them")


def _shut_devices() -> str:
    """Of the devices that libcamera needs, a kind that is there and of which this user may open none; else empty."""
    for kind in _NEEDED:
        found = list(_DEV.glob(kind))
        if found and not any(os.access(path, os.R_OK | os.W_OK) for path in found):
            return str(_DEV / kind)
    return ""


def _failure(number: int, error: BaseException) -> CameraError:
    """What is wrong, in libcamera's words: picamera2's own, which hide them, are that something "did not complete"."""
    while error.__context__ is not None:
        error = error.__context__
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, PermissionError):
        return CameraError("no permission", f"camera {number}: {said}: {_MAY_OPEN}")
    if "busy" in said.lower() or "did not complete" in said:
        return CameraError("busy", f"camera {number}: {said}; does another program have it?")
    return CameraError("no picture", f"camera {number}: {said}")


def _open(picamera2: Any, number: int, settings: SourceSettings) -> PiCapture:
    """The camera, started; if that fails, nothing of it stays open."""
    camera = picamera2.__new__(picamera2)  # so that what it had made is known where its __init__ fails
    try:
        camera.__init__(number)
        return _start(camera, number, settings)
    except _FAILURES:
        _let_go(camera)
        raise


def _let_go(camera: Any) -> None:
    """Close it, whatever it says to that, and the pipe that picamera2 leaves open of one that it could not open."""
    try:
        camera.close()
    except (*_FAILURES, AttributeError) as error:  # AttributeError: its __init__ came only so far
        log.debug("closing the camera: %s", error)
    pipe = getattr(camera, "notifymeread", None)
    # while it is still open, libcamera may write to the pipe
    if pipe is not None and not pipe.closed and not getattr(camera, "is_open", False):
        pipe.close()
        os.close(camera.notifyme_w)


def _start(camera: Any, number: int, settings: SourceSettings) -> PiCapture:
    """Configure and start it, and say what it does otherwise than wished."""
    size = (settings.width, settings.height) if settings.width else DEFAULT_SIZE
    controls, lacking = camera_controls(settings, camera.camera_controls)
    if lacking:
        log.warning("camera %d cannot be told %s", number, ", ".join(lacking))
    streams: dict[str, Any] = {"main": {"size": size, "format": "RGB888"}}
    if settings.small_width:
        small = min(settings.small_width, size[0])
        streams["lores"] = {"size": (small, 2 * round(small * size[1] / size[0] / 2)), "format": _SMALL_FORMAT}
    if settings.rotate == 180:  # the sensor reads out the other way round, for nothing; it cannot do a quarter turn
        streams["transform"] = importlib.import_module("libcamera").Transform(hflip=1, vflip=1)
    camera.configure(camera.create_video_configuration(**streams, buffer_count=4, controls=controls))
    camera.start()
    capture = PiCapture(camera, number, settings, controls)
    if capture.main.size != size:
        log.info("camera %d gives %s instead of %d×%d", number, capture.main, *size)
    if settings.small_width and capture.lores is None:
        log.warning("camera %d gives no second stream that is smaller; plates are looked for in the first", number)
    elif capture.lores is not None and capture.lores.size != streams["lores"]["size"]:
        log.info("camera %d gives its small picture as %s", number, capture.lores)
    return capture
