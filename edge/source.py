"""One string names any source of pictures: the demo scene, a camera, a video file or a folder of pictures."""

import ipaddress
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from edge.camera import CameraError, Capture, LiveCamera
from edge.capture import open_stream, open_v4l2
from edge.clip import PICTURES, Clip, PictureSequence, Video
from edge.demo import DemoSource
from edge.errors import ConfigError, SourceError
from edge.gstreamer import check_gstreamer, described, jetson_pipeline, open_pipeline
from edge.network import public_url, signed_url
from edge.picamera import pi_camera
from edge.picture_folder import find_pictures, tell_left_out
from edge.recorded import TimedPictures, find_frames, is_recording
from edge.records import Frame
from edge.redaction import hide_credentials
from edge.source_name import ACCEPTED, parse_source
from edge.source_settings import SourceSettings
from edge.source_state import Source, SourceState

__all__ = ["Source", "SourceSettings", "SourceState", "arriving", "open_source"]

_LOOK_UP = 80.0
"""Seconds that a name may take which no name server answers: it is looked up for the stream, and again for the cause.
glibc takes 40 for it where two are silent and a search domain is set, and its timeouts cannot be cut short."""
_WAIT = 0.5
"""Seconds that a None of a source stands for."""
_LONGEST_SILENCE = 10.0


def open_source(settings: SourceSettings) -> Source:
    """The source that the settings name; SourceError if it cannot be had, ConfigError without its password.

    A camera that is only not there yet is no error: the source keeps trying, and its state says why.
    """
    kind, what = parse_source(settings.source)
    if kind == "demo":
        return DemoSource(int(what), settings.fps, settings.rotate, settings.realtime)
    if kind == "picamera":
        return _live(settings, pi_camera(int(what), settings), f"picamera {int(what)}", turned=True)
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
    recording: PictureSequence | TimedPictures | Video
    if path.is_dir() and is_recording(path):
        recording = TimedPictures(path, settings.fps)
        tell_left_out(path, (frame.path for frame in find_frames(path)))
    elif path.is_dir():
        recording = PictureSequence(find_pictures(path), str(path), settings.fps)
    elif path.suffix.lower() in PICTURES:
        recording = PictureSequence([path], path.name, settings.fps)
    else:
        recording = Video(path, settings.fps)
    rotate = 0 if isinstance(recording, TimedPictures) else settings.rotate  # recorded as they were turned
    return Clip(recording, rotate=rotate, loop=settings.loop, realtime=settings.realtime)
