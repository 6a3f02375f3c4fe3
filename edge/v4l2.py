"""The USB cameras of this machine: which there are, by which lasting names, and which programs have one open."""

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import NamedTuple

_DEV, _SYS, _PROC = Path("/dev"), Path("/sys"), Path("/proc")
_REQUEST_BUFFERS = struct.Struct("=5I")
"""linux/videodev2.h's v4l2_requestbuffers: how many, of what type, in which memory; the rest is the driver's answer."""
_VIDIOC_REQBUFS = 3 << 30 | _REQUEST_BUFFERS.size << 16 | ord("V") << 8 | 8
"""_IOWR('V', 8, struct v4l2_requestbuffers), as every processor that gatereader runs on counts it."""
_VIDEO_CAPTURE, _MMAP = 1, 1
"""V4L2_BUF_TYPE_VIDEO_CAPTURE and V4L2_MEMORY_MMAP."""


class VideoDevice(NamedTuple):
    """One `/dev/videoN` that gives pictures."""

    path: Path
    name: str
    """What the driver calls it; empty where it does not say."""
    lasting: Path | None
    """Its name below /dev/v4l, which stays the same when cameras are plugged in another order; None without one."""

    def __str__(self) -> str:
        named = f"{self.lasting or self.path}"
        return f"{named} ({self.name})" if self.name else named


class Holder(NamedTuple):
    """A program that has a device open."""

    pid: int
    program: str

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid})"


def video_devices(dev: Path = _DEV, sys: Path = _SYS) -> list[VideoDevice]:
    """The devices that may give pictures, by number. A camera's second node gives metadata only and is left out."""
    lasting: dict[Path, Path] = {}
    for folder in ("by-path", "by-id"):  # by-id names the camera itself, by-path the socket: the later one wins
        lasting |= {link.resolve(): link for link in sorted((dev / "v4l" / folder).glob("*"), reverse=True)}
    found = []
    for path in sorted(dev.glob("video[0-9]*"), key=lambda path: (len(path.name), path.name)):
        about = sys / "class/video4linux" / path.name
        if _read(about / "index") in ("", "0"):
            found.append(VideoDevice(path, _read(about / "name"), lasting.get(path.resolve())))
    return found


def holders(device: Path, own_pid: int, proc: Path = _PROC) -> list[Holder]:
    """Other programs that have the device open, as far as we may see: those of other users only root sees."""
    wanted, found = device.resolve(), dict[int, Holder]()
    for link in proc.glob("[0-9]*/fd/*"):
        pid = int(link.parts[-3])
        try:
            if pid != own_pid and pid not in found and link.readlink() == wanted:
                found[pid] = Holder(pid, _read(link.parents[1] / "comm") or "a program")
        except OSError:  # the process ended, or is another user's
            continue
    return sorted(found.values())


def is_busy(device: Path) -> bool:
    """Whether the device itself says that a program takes its pictures, also one that we may not see.

    Asked by a wish for memory for one picture, which is given back at once; so this program must not have it open.
    False where it cannot be told.
    """
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return error.errno == errno.EBUSY
    try:
        for count in (1, 0):
            fcntl.ioctl(descriptor, _VIDIOC_REQBUFS, _REQUEST_BUFFERS.pack(count, _VIDEO_CAPTURE, _MMAP, 0, 0))
    except OSError as error:
        return error.errno == errno.EBUSY
    finally:
        os.close(descriptor)
    return False


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
