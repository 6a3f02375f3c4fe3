"""The real picamera2 on libcamera's virtual camera, through gatereader's own source: prints what came, as JSON.

Needs picamera2, a libcamera with the virtual pipeline (Debian 13's has it) and in
/usr/share/libcamera/pipeline/virtual/virtual.yaml a camera "Virtual0" of 1920×1080 and 640×480. A virtual camera
lacks what a Raspberry Pi has, and is helped out: raw modes, memory of the kernel's for pictures (/dev/dma_heap), RGB,
and one plane for both parts of NV12.
"""

import json
import os
import sys
import time
from typing import Any
from unittest.mock import MagicMock

for missing in ("pykms", "prctl", "pidng", "pidng.core", "pidng.camdefs", "libarchive"):
    sys.modules[missing] = MagicMock()  # previews and raw files, which nobody asks for here

import cv2  # noqa: E402
import libcamera  # noqa: E402
import numpy as np  # noqa: E402
import picamera2.allocators.dmaallocator as dma  # noqa: E402
import picamera2.picamera2 as module  # noqa: E402
from picamera2 import Picamera2  # noqa: E402
from picamera2.request import CompletedRequest  # noqa: E402

from edge import picamera  # noqa: E402
from edge.source import SourceSettings, open_source  # noqa: E402


class Descriptor:
    def __init__(self, number: int) -> None:
        self.number = number

    def get(self) -> int:
        return self.number

    def isValid(self) -> bool:  # noqa: N802
        return self.number >= 0


class Heap:
    def alloc(self, name: str, size: int) -> Descriptor:
        number = os.memfd_create(name)
        os.ftruncate(number, size)
        return Descriptor(number)

    def close(self) -> None:
        pass


class TwoPlanes:
    """libcamera's FrameBuffer, with the plane that picamera2 makes parted in two."""

    class FrameBuffer:
        Plane = libcamera.FrameBuffer.Plane

        def __new__(cls, planes: list[Any]) -> Any:
            (luma,) = planes
            chroma, third = libcamera.FrameBuffer.Plane(), luma.length // 3
            luma.length = chroma.offset = 2 * third
            chroma.fd, chroma.length = luma.fd, third
            return libcamera.FrameBuffer([luma, chroma])


class Allocator(dma.DmaAllocator):  # type: ignore[misc]
    def allocate(self, *arguments: Any) -> None:
        before, dma.libcamera = dma.libcamera, TwoPlanes
        try:
            super().allocate(*arguments)
        finally:
            dma.libcamera = before


def raw_modes(self: Any) -> list[dict[str, Any]]:
    formats = self.camera.generate_configuration([libcamera.StreamRole.VideoRecording]).at(0).formats
    return [{"format": str(f), "size": (s.width, s.height)} for f in formats.pixel_formats for s in formats.sizes(f)]


def nv12_array(self: Any, name: str) -> Any:
    stream = self.config[name]
    height = stream["size"][1] * 3 // 2
    return np.array(self.make_buffer(name)).reshape(-1, stream["stride"])[:height]


def main() -> None:
    dma.DmaHeap, dma.fcntl = Heap, MagicMock(**{"ioctl.return_value": 0})
    module.DmaAllocator = Allocator
    Picamera2._get_raw_modes = raw_modes
    CompletedRequest.make_array = nv12_array
    picamera._TO_BGR["NV12"] = cv2.COLOR_YUV2BGR_NV12
    (number, *_) = (one["Num"] for one in Picamera2.global_camera_info() if one["Id"] == "Virtual0")
    settings = SourceSettings(f"picamera:{number}", width=1920, height=1440, small_width=640, shutter=1.0, focus=4.0)
    end = time.monotonic() + 30
    with open_source(settings) as source:
        frames = []
        for frame in source:
            if frame is not None:
                frames.append(frame)
            if len(frames) == 20 or time.monotonic() > end:
                break
        state = source.state()
    last = frames[-1] if frames else None
    shapes = None if last is None else (last.image.shape, last.small is not None and last.small.shape)
    brightest = 0 if last is None else int(last.image.max())
    told = {"online": state.online, "cause": state.cause, "shapes": shapes, "brightest": brightest, "n": len(frames)}
    print(json.dumps(told), flush=True)  # noqa: T201


main()
