"""Cameras through OpenCV: network streams by FFmpeg, USB cameras by V4L2."""

import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from edge.camera import DEFAULT_SIZE, CameraError
from edge.frame_pool import FramePool
from edge.interlaced import is_refused, looks_unwritten
from edge.jpeg import decode_jpeg
from edge.network import NOT_TOLD, Asked, ask_camera, find_cause, has_user
from edge.records import Image
from edge.source_state import Cause
from edge.v4l2 import holders, is_busy, video_devices

log = logging.getLogger(__name__)

_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_STREAM_OPTIONS = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay"
"""Without these the first frames of an RTSP stream are 1.6 s old; TCP because lost UDP packets smear the picture."""
_ONLY_JPEGS = "|input_format;mjpeg"
"""FFmpeg refuses parts of a stream whose type is not just `image/jpeg`; told the format, it looks for the JPEGs."""
_MJPEG = cv2.VideoWriter.fourcc(*"MJPG")
_SILENT, _ONLY_ERRORS = 0, 2
"""OpenCV's names for them are where OpenCV 4 does not have them."""
_MOST_TORN = 5
"""Pictures of a USB camera that may be torn at its start before they count as no JPEGs, whatever it calls them."""
_FIRST_PATIENCE = 2.0
"""Seconds in which a camera may say where it leads before it is opened."""
_lead_nowhere = set[str]()
"""Addresses that gave their stream when they were asked, and are asked no more: some cameras take one connection at a
time, and refuse the next while they clear the last away."""


class OpenCvCapture:
    """An open VideoCapture; a read that fails raises CameraError.

    `device` is that of a USB camera: two programs can open one, but only the first gets pictures.
    `jpegs`: what is retrieved are JPEGs, to be decoded here. `why` is asked for cause and advice where the stream ends
    before its first picture, `is_interlaced` whether that is why its first two pictures are the same.
    """

    small: Image | None = None

    def __init__(
        self,
        capture: cv2.VideoCapture,
        read_timeout: float,
        device: Path | None = None,
        *,
        jpegs: bool = False,
        why: Callable[[], tuple[Cause, str]] = lambda: ("no picture", "it opens, and ends before its first picture"),
        is_interlaced: Callable[[], bool] | None = None,
    ) -> None:
        self._capture = capture
        self._timeout = read_timeout
        self._device = device
        self._jpegs = jpegs
        self._why = why
        self._is_interlaced = is_interlaced
        self._has_come = False
        self._pool = FramePool()

    def read(self, wanted: Callable[[], bool]) -> Image | None:
        """The next picture, BGR. OpenCV says False for a stream that ended, and for one that timed out."""
        began, torn = time.monotonic(), 0
        while self._capture.grab():
            if not wanted():
                return None
            picture = self._pool.fill(self._retrieve_jpeg if self._jpegs else self._capture.retrieve)
            if picture is not None:
                self._check_first(picture)
                self._has_come = True
                self._device = None
                return picture
            torn += 1
            if self._jpegs and self._device is not None and torn == _MOST_TORN:
                self._jpegs = not self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 1)
            if time.monotonic() - began > self._timeout:
                raise CameraError("no picture", "what it sends cannot be decoded")
        waited = time.monotonic() - began
        if self._device is not None:
            self.release()  # or it would be us who have it
            _check_busy(self._device)
        if waited > 0.8 * self._timeout:
            raise CameraError("timeout")
        raise CameraError("lost") if self._has_come else CameraError(*self._why())

    def _check_first(self, picture: Image) -> None:
        if self._has_come or self._is_interlaced is None:
            return
        second = self._pool.fill(self._capture.retrieve) if self._capture.grab() else None
        if looks_unwritten(picture, second) and self._is_interlaced():
            advice = "it sends interlaced video, which this OpenCV cannot convert: set it to progressive"
            raise CameraError("no picture", advice)

    def _retrieve_jpeg(self, spare: Image | None) -> tuple[bool, Image | None]:
        good, packet = self._capture.retrieve()
        image = decode_jpeg(np.asarray(packet, np.uint8).ravel(), spare) if good else None
        return image is not None, image

    def release(self) -> None:
        """Close the stream or device."""
        self._capture.release()


def keep_quiet() -> None:
    """Let OpenCV and FFmpeg not write to standard error at every attempt; our own log names the cause once."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    _set_log_level(_ONLY_ERRORS)


@contextmanager
def silent() -> Iterator[None]:
    """Let OpenCV write no errors either, in any thread: for a call that tells us whether it failed."""
    _set_log_level(_SILENT)
    try:
        yield
    finally:
        keep_quiet()


def _set_log_level(level: int) -> None:
    if "OPENCV_LOG_LEVEL" not in os.environ:
        change = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # OpenCV 4, or 5
        change(level)


@contextmanager
def _stream_options(more: str = "") -> Iterator[None]:
    """Set our FFmpeg options, or what the user has set, and `more` for one opening; files must not get them."""
    before = os.environ.get(_OPTIONS)
    os.environ[_OPTIONS] = (_STREAM_OPTIONS if before is None else before) + more
    try:
        yield
    finally:
        if before is None:
            del os.environ[_OPTIONS]
        else:
            os.environ[_OPTIONS] = before


def open_stream(url: str, open_timeout: float, read_timeout: float) -> OpenCvCapture:
    """Open an RTSP or HTTP stream; timeouts in seconds."""
    keep_quiet()
    asked = _ask_first(url, min(open_timeout, _FIRST_PATIENCE))
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(open_timeout * 1000)]
    limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(read_timeout * 1000)]
    with _stream_options():
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)
    patience = min(open_timeout, 5.0)
    if not capture.isOpened() or (_is_mjpeg(capture) and not capture.get(cv2.CAP_PROP_FRAME_WIDTH)):
        if asked is None or asked.cause == "timeout":  # by now it may have more to say
            asked = ask_camera(url, patience)
        if asked.content.startswith("multipart/"):
            capture.release()
            with _stream_options(_ONLY_JPEGS):
                capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            raise CameraError(asked.cause, asked.advice)

    def why() -> tuple[Cause, str]:
        return find_cause(url, patience)

    def is_interlaced() -> bool:
        return is_refused(url, patience, os.environ.get(_OPTIONS, _STREAM_OPTIONS))

    # FFmpeg decodes whatever it is asked to skip, 3.5 ms a JPEG; so it hands them over as they come
    jpegs = _is_mjpeg(capture) and capture.set(cv2.CAP_PROP_FORMAT, -1)
    return OpenCvCapture(capture, read_timeout, jpegs=jpegs, why=why, is_interlaced=is_interlaced)


def _ask_first(url: str, patience: float) -> Asked | None:
    """What a camera says that will get a password; None where it is not asked. CameraError if it sends on elsewhere.

    FFmpeg follows, and gives the password to whoever is there. Over TLS nobody is asked, and by HTTP FFmpeg gives the
    password to nobody else.
    """
    if not url.lower().startswith("rtsp://") or not has_user(url) or url in _lead_nowhere:
        return None
    asked = ask_camera(url, patience)
    if asked.elsewhere:
        raise CameraError(asked.cause, asked.advice)
    if asked.status in (200, NOT_TOLD):
        _lead_nowhere.add(url)
    return asked


def _is_mjpeg(capture: cv2.VideoCapture) -> bool:
    return round(capture.get(cv2.CAP_PROP_FOURCC)) == _MJPEG


def open_v4l2(device: Path, size: tuple[int, int], fps: float, read_timeout: float) -> OpenCvCapture:
    """Open a USB camera; `size` (width, height) and `fps` are wishes.

    A size of 0 is `DEFAULT_SIZE`, since the driver's own would be 640×480, and an `fps` of 0 the driver's.
    """
    keep_quiet()
    _check_device(device)
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(max(1, round(read_timeout))))
    capture = cv2.VideoCapture(str(device), cv2.CAP_V4L2)
    if not capture.isOpened():
        _check_busy(device)
        raise CameraError(
            "no picture", f"{device} is no camera that OpenCV can open; `v4l2-ctl --list-devices` tells more"
        )
    size = size if any(size) else DEFAULT_SIZE
    wishes = {cv2.CAP_PROP_FRAME_WIDTH: size[0], cv2.CAP_PROP_FRAME_HEIGHT: size[1], cv2.CAP_PROP_FPS: fps}
    if size[0] > 640:  # most USB cameras give larger pictures fast only as MJPEG
        capture.set(cv2.CAP_PROP_FOURCC, _MJPEG)
    for wish, value in wishes.items():
        if value:
            capture.set(wish, value)
    got = round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if got != size:
        log.info("%s gives %d×%d instead of %d×%d", device, *got, *size)
    # OpenCV's decoder would write a line to standard error for each JPEG that is not quite right
    jpegs = _is_mjpeg(capture) and capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    return OpenCvCapture(capture, read_timeout, device, jpegs=jpegs)


def _check_device(device: Path) -> None:
    try:
        os.close(os.open(device, os.O_RDWR | os.O_NONBLOCK))
    except FileNotFoundError:
        there = ", ".join(map(str, video_devices())) or "none"
        raise CameraError("no such device", f"{device} is not there; cameras: {there}") from None
    except PermissionError:
        raise CameraError("no permission", f"{device}: the user must be in the group video") from None
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EBUSY):
            others = _holders(device) or "another program"
            raise CameraError("busy", f"{device} is in use by {others}") from None
        raise CameraError("no such device", f"{device}: {error.strerror}") from None


def _check_busy(device: Path) -> None:
    """CameraError if another program has the device, which must not be open here."""
    if others := _holders(device):
        raise CameraError("busy", f"{device} is in use by {others}")
    if is_busy(device):  # who has it is another user's: as a service we do not see that
        raise CameraError("busy", f"{device} is in use by another program; `sudo fuser -v {device}` names it")


def _holders(device: Path) -> str:
    """The other programs that have the device open, in words; empty if none is seen."""
    return " and ".join(map(str, holders(device, os.getpid())))
