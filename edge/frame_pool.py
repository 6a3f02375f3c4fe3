"""Frames' memory, used again: a fresh megapixel costs the kernel more than a processor takes to fill it.

Measured with 1280×720 from a file: 2.6 ms of processor time less a frame, of 4.3 (`memory.py` has glibc give such
blocks back at once, so each new one comes as 677 pages that are yet to be zeroed).
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from edge.records import Image

_MOST = 3
"""Frames; as many are in use at once: in the camera's box, in the pipeline, on the page. What is more is made anew."""


Fill = Callable[[Image | None], tuple[bool, Any]]
"""As OpenCV's captures read and retrieve: into a frame that they are given, or a new one; and whether they could."""


class FramePool:
    """Hands out a frame that nobody holds any more. For one thread that fills frames; they may be dropped in others."""

    def __init__(self) -> None:
        self._frames: list[Image] = []

    def fill(self, fill: Fill) -> Image | None:
        """A frame that was filled, to be used again once nobody has it; None if there was nothing to fill it with."""
        good, image = fill(self.spare())
        if not good or image is None or not image.size:
            return None
        frame = np.asarray(image, np.uint8)
        self.keep(frame)
        return frame

    def spare(self) -> Image | None:
        """A frame to be overwritten, or None; hand in what it became by `keep`."""
        return next((frame for frame in self._frames if sys.getrefcount(frame) <= _ALONE), None)

    def keep(self, frame: Image) -> None:
        """A frame that was just filled is to be used again, once nobody has it or a part of it."""
        if any(frame is known for known in self._frames) or frame.base is not None:  # parts of parts name the base only
            return
        self._frames = [known for known in self._frames if known.shape == frame.shape]
        if len(self._frames) < _MOST:
            self._frames.append(frame)


def _count_alone() -> int:
    """References to a frame that only the pool has, as `spare` counts them; which differs between Pythons."""
    frames = [np.empty(1, np.uint8)]
    return next(sys.getrefcount(frame) for frame in frames)


_ALONE = _count_alone()
