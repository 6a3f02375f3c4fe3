"""Cameras through OpenCV: network streams by FFmpeg, USB cameras by V4L2."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from edge.camera import CameraError
from edge.network import find_cause
from edge.records import Image

log = logging.getLogger(__name__)

_STREAM_OPTIONS = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay"
"""Without these the first frames of an RTSP stream are 1.6 s old; TCP because lost UDP packets smear the picture."""


class OpenCvCapture:
    """An open VideoCapture; a read that fails raises CameraError."""

    def __init__(self, capture: cv2.VideoCapture, read_timeout: float) -> None:
        self._capture = capture
        self._timeout = read_timeout

    def read(self) -> Image:
        """The next picture, BGR. OpenCV says False for a stream that ended, and for one that timed out."""
        began = time.monotonic()
        good, image = self._capture.read()
        if good and image is not None and image.size:
            return np.asarray(image, np.uint8)
        waited = time.monotonic() - began
        raise CameraError("timeout" if waited > 0.8 * self._timeout else "lost")

    def release(self) -> None:
        """Close the stream or device."""
        self._capture.release()


def keep_quiet() -> None:
    """Let OpenCV and FFmpeg not write to standard error at every attempt; our own log names the cause once."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


@contextmanager
def _stream_options() -> Iterator[None]:
    """Set our FFmpeg options for one opening, unless the user has set some; files must not get them."""
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    if name in os.environ:
        yield
        return
    os.environ[name] = _STREAM_OPTIONS
    try:
        yield
    finally:
        os.environ.pop(name, None)


def open_stream(url: str, open_timeout: float, read_timeout: float) -> OpenCvCapture:
    """Open an RTSP or HTTP stream; timeouts in seconds."""
    keep_quiet()
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(open_timeout * 1000)]
    limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(read_timeout * 1000)]
    with _stream_options():
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        raise CameraError(*find_cause(url, min(open_timeout, 5.0)))
    return OpenCvCapture(capture, read_timeout)


def open_v4l2(device: Path, size: tuple[int, int], fps: float, read_timeout: float) -> OpenCvCapture:
    """Open a USB camera; `size` (width, height) and `fps` are wishes, 0 leaves them to the driver."""
    keep_quiet()
    _check_device(device)
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(max(1, round(read_timeout))))
    capture = cv2.VideoCapture(str(device), cv2.CAP_V4L2)
    if not capture.isOpened():
        if holder := _holder(device):
            raise CameraError("busy", f"{device} is in use by {holder}")
        raise CameraError(
            "no picture", f"{device} is no camera that OpenCV can open; `v4l2-ctl --list-devices` tells more"
        )
    wishes = {cv2.CAP_PROP_FRAME_WIDTH: size[0], cv2.CAP_PROP_FRAME_HEIGHT: size[1], cv2.CAP_PROP_FPS: fps}
    if size[0] > 640:  # most USB cameras give larger pictures fast only as MJPEG
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    for wish, value in wishes.items():
        if value:
            capture.set(wish, value)
    got = round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if any(size) and got != size:
        log.info("%s gives %d×%d instead of %d×%d", device, *got, *size)
    return OpenCvCapture(capture, read_timeout)


def _check_device(device: Path) -> None:
    try:
        os.close(os.open(device, os.O_RDWR | os.O_NONBLOCK))
    except FileNotFoundError:
        there = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        raise CameraError("no such device", f"{device} is not there; video devices: {there}") from None
    except PermissionError:
        raise CameraError("no permission", f"{device}: the user must be in the group video") from None
    except OSError as error:
        cause = "busy" if error.errno in (11, 16) else "no such device"
        raise CameraError(cause, f"{device}: {error.strerror}") from None


def _holder(device: Path) -> str:
    """The name of another program that has the device open, as far as we may see; or an empty string."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == device.resolve() and link.parts[2] != str(os.getpid()):
                return (link.parents[1] / "comm").read_text().strip()
        except OSError:  # the process ended, or is another user's
            continue
    return ""
