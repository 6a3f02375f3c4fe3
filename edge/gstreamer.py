"""Cameras through a GStreamer pipeline, such as a Jetson's CSI camera, where OpenCV was built with GStreamer.

The OpenCV that pip installs is not; NVIDIA's and Debian's are.
"""

import re

import cv2

from edge.camera import DEFAULT_SIZE, CameraError
from edge.capture import OpenCvCapture, keep_quiet
from edge.errors import SourceError

_SINK = "appsink drop=true max-buffers=1 sync=false"
"""The newest picture only, as soon as it is there: a sink that keeps them all falls behind."""
_FLIPS = {0: 0, 90: 3, 180: 2, 270: 1}
"""Degrees clockwise → `flip-method` of nvvidconv, which counts the other way round."""


def check_gstreamer() -> None:
    """SourceError if this OpenCV cannot run GStreamer pipelines."""
    if not re.search(r"GStreamer:\s+YES", cv2.getBuildInformation()):
        raise SourceError(
            f"this OpenCV ({cv2.__version__}) was built without GStreamer: use the system's own (docs/sources.md), "
            "or publish the camera as RTSP"
        )


def jetson_pipeline(number: int, size: tuple[int, int], fps: float, rotate: int) -> str:
    """The pipeline of a Jetson's CSI camera: scaled, turned and converted outside the processor.

    `size` (width, height) is that of the picture before it is turned; (0, 0) for 1280×720. `fps` 0 is the camera's own.
    """
    width, height = size if any(size) else DEFAULT_SIZE
    if rotate in (90, 270):
        width, height = height, width
    rate = f",framerate={round(fps)}/1" if fps else ""
    return (
        f"nvarguscamerasrc sensor-id={number} ! video/x-raw(memory:NVMM),format=NV12{rate} ! "
        f"nvvidconv flip-method={_FLIPS[rotate]} ! video/x-raw,width={width},height={height},format=BGRx"
    )


def complete(pipeline: str) -> str:
    """The pipeline with what takes its pictures at its end, unless it has that already."""
    if re.search(r"\bappsink\b", pipeline):
        return pipeline
    return f"{pipeline.rstrip(' !')} ! videoconvert ! video/x-raw,format=BGR ! {_SINK}"


def described(pipeline: str) -> str:
    """The name of its first element: the rest may hold an address with a password."""
    return f"gstreamer {pipeline.split(maxsplit=1)[0]} …"


def open_pipeline(pipeline: str, open_timeout: float, read_timeout: float) -> OpenCvCapture:
    """Start the pipeline; timeouts in seconds."""
    keep_quiet()
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(open_timeout * 1000)]
    limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(read_timeout * 1000)]
    capture = cv2.VideoCapture(complete(pipeline), cv2.CAP_GSTREAMER, limits)
    if not capture.isOpened():
        raise CameraError("no picture", "the pipeline does not start; try it with `gst-launch-1.0`")
    return OpenCvCapture(capture, read_timeout)
