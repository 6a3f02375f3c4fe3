"""What can be told of a source of pictures, and which of it a kind of source does not obey."""

from dataclasses import dataclass, fields
from typing import Literal

from edge.errors import ConfigError
from edge.network import has_user
from edge.sign_in import SignIn
from edge.source_name import Kind, parse_source

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
