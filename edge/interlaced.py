"""Interlaced video that this OpenCV cannot convert: it calls such frames read, and leaves their pixels unwritten.

OpenCV 5.0 does so: FFmpeg's swscale in it refuses to make a progressive frame of an interlaced one. Only FFmpeg's
message is a sure sign: unwritten pixels are mostly black, as those behind a covered lens may be.
"""

import os
import subprocess
import sys

import numpy as np

from edge.records import Image

_LOOK = """
import os, sys
import cv2
capture = cv2.VideoCapture(os.fsdecode(sys.stdin.buffer.read()), cv2.CAP_FFMPEG)
for _ in range(3):
    if capture.grab():
        capture.retrieve()
"""
_REFUSAL = b"Cannot convert interlaced"
_ERRORS = "16"
"""FFmpeg's level of what it cannot do; how much it tells is settled once in a process."""


def looks_unwritten(first: Image, second: Image | None = None) -> bool:
    """Whether OpenCV may not have written these pixels: two frames are the same to the last bit, or one is black."""
    return not first.any() if second is None else np.array_equal(first, second)


def is_refused(address: str, seconds: float, options: str | None = None) -> bool:
    """Whether FFmpeg says that it cannot convert this interlaced file or stream; asked in another process.

    `seconds` is all that this may take; `options` are FFmpeg's as OpenCV takes them, None for those that are set.
    """
    environment = {**os.environ, "OPENCV_FFMPEG_LOGLEVEL": _ERRORS}
    if options is not None:
        environment["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = options
    command = [sys.executable, "-P", "-c", _LOOK]  # -P: no module of the folder that it happens to run in
    try:  # by standard input, as others see a command's arguments, and an address may hold a password
        done = subprocess.run(
            command,
            input=os.fsencode(address),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=seconds,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return _REFUSAL in done.stdout
