"""One string names any source of pictures: the demo scene, a camera, a video file or a folder of pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from edge.camera import Capture, LiveCamera
from edge.capture import open_stream, open_v4l2
from edge.clip import PICTURES, Clip, Pictures, Video, find_pictures
from edge.demo import DemoSource
from edge.errors import ConfigError, SourceError
from edge.network import SCHEMES, check_url, public_url
from edge.picamera import pi_camera
from edge.recorded import TimedPictures, is_recording
from edge.source_state import Source, SourceState

__all__ = ["Source", "SourceSettings", "SourceState", "open_source"]

ACCEPTED = (
    "demo:, demo:SEED, picamera:0, v4l2:/dev/video0, /dev/video0, 0, rtsp://…, rtsps://…, http://…, https://…, "
    "a video file, or a folder of pictures"
)


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where the pictures come from."""

    source: str = "demo:"
    """demo:, picamera:0, v4l2:/dev/video0, rtsp://user:password@host/path, http://…, a video file, or a folder."""
    fps: float = 0.0
    """Frames a second to take, at most; 0 takes all. For a folder its pictures a second, where 0 means 5."""
    width: int = 0
    """Width to ask a camera for, pixels; 0 leaves it to the camera. It may give another."""
    height: int = 0
    """Height to ask a camera for, pixels; 0 leaves it to the camera. It may give another."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Turn the pictures clockwise by so many degrees."""
    open_timeout: float = 10.0
    """Seconds that opening a network stream may take."""
    read_timeout: float = 10.0
    """Seconds without a picture after which a camera counts as lost and is opened again."""
    loop: bool = False
    """Start a video or folder over at its end."""
    realtime: bool = True
    """Play a video, a folder or the demo scene at its own speed; false: as fast as it can be processed."""

    def __post_init__(self) -> None:
        if not 0 <= self.fps <= 240:
            raise ConfigError(f"fps = {self.fps}: wanted 0 to 240")
        for name, value in (("width", self.width), ("height", self.height)):
            if value and not 64 <= value <= 8192:
                raise ConfigError(f"{name} = {value}: wanted 64 to 8192, or 0 for the camera's own")
        if bool(self.width) != bool(self.height):
            raise ConfigError("width and height belong together: give both, or neither")
        if self.rotate not in (0, 90, 180, 270):
            raise ConfigError(f"rotate = {self.rotate}: wanted 0, 90, 180 or 270")
        for name, seconds in (("open_timeout", self.open_timeout), ("read_timeout", self.read_timeout)):
            if not 0.5 <= seconds <= 300:
                raise ConfigError(f"{name} = {seconds}: wanted 0.5 to 300 seconds")


def open_source(settings: SourceSettings) -> Source:
    """The source that the settings name; SourceError if there can be no such source.

    A camera that is only not there yet is no error: the source keeps trying, and its state says why.
    """
    spec = settings.source.strip()
    kind, colon, rest = spec.partition(":")
    if "://" in spec:
        return _open_network(spec, settings)
    if kind == "demo" and colon:
        return DemoSource(_number(rest or "0", spec), settings.fps, settings.rotate, settings.realtime)
    if kind == "picamera" and colon:
        size = (settings.width, settings.height)
        number = _number(rest or "0", spec)
        opens = pi_camera(number, size, settings.fps, settings.read_timeout)
        return _live(settings, opens, f"picamera {number}")
    if kind == "v4l2" and colon:
        return _open_device(rest, settings)
    if spec.startswith("/dev/") or (spec.isascii() and spec.isdigit()):
        return _open_device(spec, settings)
    return _open_clip(spec, settings)


def _number(text: str, spec: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise SourceError(f"{spec!r}: {text!r} is not a whole number; wanted {ACCEPTED}")
    return int(text)


def _live(settings: SourceSettings, opens: Callable[[], Capture], description: str) -> LiveCamera:
    patience = settings.open_timeout + settings.read_timeout + 5
    return LiveCamera(opens, description, fps=settings.fps, rotate=settings.rotate, patience=patience)


def _open_network(spec: str, settings: SourceSettings) -> LiveCamera:
    scheme = urlsplit(spec).scheme.lower() if not spec.startswith("[") else ""
    if scheme not in SCHEMES:
        raise SourceError(f"{scheme or 'this'}:// is no source; wanted {ACCEPTED}")
    url = check_url(spec)
    limits = settings.open_timeout, settings.read_timeout
    return _live(settings, lambda: open_stream(url, *limits), public_url(url))


def _open_device(name: str, settings: SourceSettings) -> LiveCamera:
    device = Path(f"/dev/video{name}" if name.isdigit() else name)
    if not str(device).startswith("/dev/"):
        raise SourceError(f"v4l2:{name} is no device; wanted v4l2:/dev/video0 or v4l2:/dev/v4l/by-id/…")
    size = (settings.width, settings.height)
    return _live(settings, lambda: open_v4l2(device, size, settings.fps, settings.read_timeout), str(device))


def _open_clip(spec: str, settings: SourceSettings) -> Clip:
    path = Path(spec).expanduser()
    if not spec or not path.exists():
        raise SourceError(f"{spec!r}: no such file or folder; wanted {ACCEPTED}")
    recording: Pictures | TimedPictures | Video
    if path.is_dir() and is_recording(path):
        recording = TimedPictures(path, settings.fps)
    elif path.is_dir():
        recording = Pictures(find_pictures(path), str(path), settings.fps)
    elif path.suffix.lower() in PICTURES:
        recording = Pictures([path], path.name, settings.fps)
    else:
        recording = Video(path, settings.fps)
    return Clip(recording, rotate=settings.rotate, loop=settings.loop, realtime=settings.realtime)
