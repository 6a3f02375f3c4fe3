"""One string names any source of pictures: the demo scene, a camera, a video file or a folder of pictures."""

import ipaddress
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from edge.camera import CameraError, Capture, LiveCamera
from edge.capture import open_stream, open_v4l2
from edge.clip import PICTURES, Clip, Pictures, Video
from edge.demo import DemoSource
from edge.errors import ConfigError, SourceError
from edge.gstreamer import check_gstreamer, described, jetson_pipeline, open_pipeline
from edge.network import has_user, public_url, signed_url
from edge.picamera import PiWishes, pi_camera
from edge.picture_folder import find_pictures, tell_left_out
from edge.recorded import TimedPictures, find_frames, is_recording
from edge.records import Frame
from edge.redaction import hide_credentials
from edge.sign_in import SignIn
from edge.source_name import ACCEPTED, Kind, parse_source
from edge.source_state import Source, SourceState

__all__ = ["Source", "SourceSettings", "SourceState", "arriving", "open_source", "unheeded"]

_LOOK_UP = 80.0
"""Seconds that a name may take which no name server answers: it is looked up for the stream, and again for the cause.
glibc takes 40 for it where two are silent and a search domain is set, and its timeouts cannot be cut short."""
_WAIT = 0.5
"""Seconds that a None of a source stands for."""
_LONGEST_SILENCE = 10.0
_KINDS: dict[Kind, str] = {
    "demo": "the demo scene",
    "picamera": "a Raspberry Pi camera (picamera:0)",
    "v4l2": "a USB camera (v4l2:/dev/video0)",
    "network": "a network camera (rtsp://…, http://…)",
    "jetson": "a Jetson's camera (jetson:0)",
    "gstreamer": "a GStreamer pipeline",
    "clip": "a file or folder",
}
_FOR: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys(("user", "password_file", "password_env"), ("network",)),
    **dict.fromkeys(("width", "height"), ("picamera", "v4l2", "jetson")),
    **dict.fromkeys(("small_width", "shutter", "gain", "exposure", "focus"), ("picamera",)),
}
"""Settings that only some kinds of source obey."""


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where the pictures come from."""

    source: str = "demo:"
    """demo:, picamera:0, v4l2:/dev/video0, rtsp://host/path, http://…, jetson:0, gstreamer:PIPELINE, a video file, or
    a folder."""
    user: str = ""
    """User of a network camera; empty where the address has it, as in rtsp://user:password@host/path."""
    password_file: str = ""
    """A file whose first line is that user's password, such as a systemd credential. Nothing shows or logs it."""
    password_env: str = ""
    """Name of an environment variable that holds the password instead."""
    fps: float = 0.0
    """Frames a second to take, at most; 0 takes all. For a folder its pictures a second, where 0 means 5."""
    width: int = 0
    """Width to ask a camera at this machine for, pixels; with both 0 that is 1280×720. It may give another."""
    height: int = 0
    """Height to ask a camera at this machine for, pixels. It may give another."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Turn the pictures clockwise by so many degrees."""
    small_width: int = 0
    """Width, pixels, of a second picture that a Raspberry Pi camera makes of each frame, without the processor's help,
    for the detector, while plates are read in the large one; 0 for none."""
    shutter: float = 0.0
    """Milliseconds that a Raspberry Pi camera exposes; 0 leaves it to the camera. At 20 km/h a car moves 6 mm in 1."""
    gain: float = 0.0
    """Analogue gain of a Raspberry Pi camera, 1 to 64; 0 leaves it to the camera."""
    exposure: float = 0.0
    """Stops, -8 to 8, by which a Raspberry Pi camera makes brighter or darker pictures where it chooses by itself."""
    focus: float = 0.0
    """Metres at which a Raspberry Pi camera's lens is held; 0 lets it focus by itself, which may follow the rain."""
    open_timeout: float = 10.0
    """Seconds that opening a network stream may take."""
    read_timeout: float = 10.0
    """Seconds without a picture after which a camera counts as lost and is opened again."""
    loop: bool = False
    """Start a video or folder over at its end."""
    realtime: bool = True
    """Play a video, a folder or the demo scene at its own speed; false: as fast as it can be processed."""

    def sign_in(self) -> SignIn:
        """User and password of a network camera."""
        return SignIn(self.user, self.password_file, self.password_env)

    def __post_init__(self) -> None:
        parse_source(self.source)
        if not 0 <= self.fps <= 240:
            raise ConfigError(f"fps = {self.fps}: wanted 0 to 240")
        for name, value in (("width", self.width), ("height", self.height)):
            if value and not 64 <= value <= 8192:
                raise ConfigError(f"{name} = {value}: wanted 64 to 8192, or 0 for the camera's own")
        if bool(self.width) != bool(self.height):
            raise ConfigError("width and height belong together: give both, or neither")
        if self.rotate not in (0, 90, 180, 270):
            raise ConfigError(f"rotate = {self.rotate}: wanted 0, 90, 180 or 270")
        self._check_camera()
        for name, seconds in (("open_timeout", self.open_timeout), ("read_timeout", self.read_timeout)):
            if not 0.5 <= seconds <= 300:
                raise ConfigError(f"{name} = {seconds}: wanted 0.5 to 300 seconds")

    def _check_camera(self) -> None:
        if self.password_file and self.password_env:
            raise ConfigError("password_file and password_env are both given; keep one of them")
        if (self.password_file or self.password_env) and not self.user:
            raise ConfigError("user is empty, and password_file or password_env is given: whose password is it?")
        kind, what = parse_source(self.source)
        if self.user and kind == "network" and has_user(what):
            raise ConfigError("user is given, and the address in source names a user too; keep one of them")
        if self.small_width and not 64 <= self.small_width <= 1920:
            raise ConfigError(f"small_width = {self.small_width}: wanted 64 to 1920, or 0 for none")
        if not 0 <= self.shutter <= 1000:
            raise ConfigError(f"shutter = {self.shutter}: wanted 0 to 1000 milliseconds, 0 for the camera's own")
        if self.gain and not 1 <= self.gain <= 64:
            raise ConfigError(f"gain = {self.gain}: wanted 1 to 64, or 0 for the camera's own")
        if not -8 <= self.exposure <= 8:
            raise ConfigError(f"exposure = {self.exposure}: wanted -8 to 8 stops")
        if self.focus and not 0.02 <= self.focus <= 1000:
            raise ConfigError(f"focus = {self.focus}: wanted 0.02 to 1000 metres, or 0 to focus by itself")


def unheeded(settings: SourceSettings) -> dict[str, str]:
    """Keys that were changed although this kind of source does not obey them, each with what to say about it."""
    kind, found = parse_source(settings.source).kind, dict[str, str]()
    for key in fields(settings):
        kinds = _FOR.get(key.name, (kind,))
        if kind not in kinds and getattr(settings, key.name) != key.default:
            wanted = " or ".join(_KINDS[one] for one in kinds)
            found[key.name] = f"{key.name} is for {wanted}, and source is {_KINDS[kind]}"
    return found


def open_source(settings: SourceSettings) -> Source:
    """The source that the settings name; SourceError if it cannot be had, ConfigError without its password.

    A camera that is only not there yet is no error: the source keeps trying, and its state says why.
    """
    kind, what = parse_source(settings.source)
    if kind == "demo":
        return DemoSource(int(what), settings.fps, settings.rotate, settings.realtime)
    if kind == "picamera":
        opens = pi_camera(int(what), _pi_wishes(settings), settings.read_timeout)
        return _live(settings, opens, f"picamera {int(what)}", turned=True)
    if kind == "v4l2":
        return _open_device(Path(what), settings)
    if kind == "network":
        return _open_network(what, settings)
    if kind == "clip":
        return _open_clip(what, settings)
    return _open_gstreamer(kind, what, settings)


def arriving(source: Source) -> Iterator[Frame]:
    """The frames of a source.

    SourceError once it has given none for ten seconds; while a live camera has not failed yet, for as long as its own
    settings let it take.
    """
    waits = 0
    for frame in source:
        waits = waits + 1 if frame is None else 0
        _check_silence(source, waits)
        if frame is not None:
            yield frame


def starting(source: Source) -> Iterator[Frame | None]:
    """What a source gives, also each None; SourceError if its first frame takes longer than `arriving` waits."""
    has_come = False
    for waits, frame in enumerate(source, start=1):
        has_come |= frame is not None
        if not has_come:
            _check_silence(source, waits)
        yield frame


def _check_silence(source: Source, waits: int) -> None:
    limit, told = _LONGEST_SILENCE, ""
    if isinstance(source, LiveCamera):
        told = source.trouble
        if source.state().cause in ("", "connecting"):
            limit = max(limit, source.longest_silence)
    if waits * _WAIT > limit:
        raise SourceError(f"{source.description}: no picture yet: {told or source.state().cause or 'it is silent'}")


def _live(
    settings: SourceSettings, opens: Callable[[], Capture], description: str, *, turned: bool = False, more: float = 0.0
) -> LiveCamera:
    """`turned`: the pictures come as they should be. `more`: seconds of patience beyond the settings'."""
    patience = settings.open_timeout + settings.read_timeout + 5 + more
    rotate = 0 if turned else settings.rotate
    silence = settings.open_timeout + settings.read_timeout
    return LiveCamera(opens, description, fps=settings.fps, rotate=rotate, patience=patience, longest_silence=silence)


def _pi_wishes(settings: SourceSettings) -> PiWishes:
    return PiWishes(
        (settings.width, settings.height),
        settings.fps,
        settings.rotate,
        settings.small_width,
        settings.shutter,
        settings.gain,
        settings.exposure,
        settings.focus,
    )


def _open_gstreamer(kind: Literal["jetson", "gstreamer"], what: str, settings: SourceSettings) -> LiveCamera:
    if kind == "jetson":
        size = (settings.width, settings.height)
        pipeline = jetson_pipeline(int(what), size, settings.fps, settings.rotate)
        description = f"jetson {int(what)}"
    else:
        pipeline, description = what, described(what)
    check_gstreamer()
    limits = settings.open_timeout, settings.read_timeout
    return _live(settings, lambda: open_pipeline(pipeline, *limits), description, turned=kind == "jetson")


def _open_network(url: str, settings: SourceSettings) -> LiveCamera:
    limits, more = (settings.open_timeout, settings.read_timeout), 0.0 if _is_numeric(url) else _LOOK_UP
    if not settings.user:
        return _live(settings, lambda: open_stream(url, *limits), public_url(url), more=more)
    sign_in = settings.sign_in()
    sign_in.password()

    def opens() -> Capture:
        try:
            signed = signed_url(url, settings.user, sign_in.password())
        except ConfigError as error:  # it was there at the start: the owner is at it
            raise CameraError("no password", str(error)) from None
        return open_stream(signed, *limits)

    return _live(settings, opens, public_url(url), more=more)


def _is_numeric(url: str) -> bool:
    """Whether the host is an address, which nobody has to be asked for."""
    try:
        ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return True


def _open_device(device: Path, settings: SourceSettings) -> LiveCamera:
    size = (settings.width, settings.height)
    return _live(settings, lambda: open_v4l2(device, size, settings.fps, settings.read_timeout), str(device))


def _open_clip(name: str, settings: SourceSettings) -> Clip:
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path's raises
    shown = hide_credentials(name)  # it may be an address that lacks its scheme
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise SourceError(f"{shown!r}: no such file or folder; wanted {ACCEPTED}") from None
    except OSError as error:
        raise SourceError(f"{shown!r}: cannot be read: {error.strerror}") from None
    recording: Pictures | TimedPictures | Video
    if path.is_dir() and is_recording(path):
        recording = TimedPictures(path, settings.fps)
        tell_left_out(path, (frame.path for frame in find_frames(path)))
    elif path.is_dir():
        recording = Pictures(find_pictures(path), str(path), settings.fps)
    elif path.suffix.lower() in PICTURES:
        recording = Pictures([path], path.name, settings.fps)
    else:
        recording = Video(path, settings.fps)
    rotate = 0 if isinstance(recording, TimedPictures) else settings.rotate  # recorded as they were turned
    return Clip(recording, rotate=rotate, loop=settings.loop, realtime=settings.realtime)
