"""What kind of source a text names, as far as the text alone tells: no device, file or network is asked."""

import difflib
import re
from typing import Literal, NamedTuple

from edge.errors import ConfigError, SourceError
from edge.network import SCHEMES, check_url

Kind = Literal["demo", "picamera", "v4l2", "network", "jetson", "gstreamer", "clip"]

ACCEPTED = (
    "demo:, demo:SEED, picamera:0, v4l2:/dev/video0, /dev/video0, 0, rtsp://…, rtsps://…, http://…, https://…, "
    "jetson:0, gstreamer:PIPELINE, "
    "a video file, or a folder of pictures"
)
_BEGINNINGS = {scheme: f"{scheme}://" for scheme in SCHEMES} | {
    kind: f"{kind}:" for kind in ("demo", "picamera", "v4l2", "jetson", "gstreamer")
}
_NEAR = 0.7
"""Likeness of two words, 0 to 1, from which the one is taken for the other misspelt: v4l and v4l2 are, file and demo
are not."""
_BEGINNING = re.compile(r"([A-Za-z][A-Za-z0-9]*)(:/{0,2}|[^\w/]?//)")
"""A word and what makes a scheme of it, or seems meant to: `rtsp:/`, `rtsp//` and `rtsp;//` too."""
_FILE = re.compile(r"[A-Za-z0-9]+:[^/@!][^@!]*\.\w{2,5}")
"""A file with a colon in its name, such as `gate:7.mp4`."""


class SourceName(NamedTuple):
    """A text that can name a source, taken apart."""

    kind: Kind
    """`clip` is a file or folder, whatever is in it."""
    what: str
    """The number of a camera or the demo scene, a device's path, an address, a pipeline, or the path."""


def parse_source(text: str) -> SourceName:
    """Which source the text names; ConfigError if it can be none.

    The error holds no more of the text than its scheme: the rest may be a password.
    """
    spec = text.strip()
    if not spec:
        raise ConfigError(f"source is empty; wanted {ACCEPTED}")
    word, colon, rest = spec.partition(":")
    kind, rest = word if colon else "", rest.strip()
    match kind:
        case "gstreamer":
            return SourceName("gstreamer", _pipeline(rest))
        case "demo" | "picamera" | "jetson":
            return SourceName(kind, _number(rest, kind))
        case "v4l2":
            return SourceName("v4l2", _device(rest))
    if spec.startswith("/dev/") or _is_number(spec):
        return SourceName("v4l2", _device(spec))
    if word.lower() in SCHEMES and rest.startswith("//"):
        return SourceName("network", _address(word.lower() + spec[len(word) :]))  # FFmpeg knows no capitals
    _refuse_scheme(spec)
    return SourceName("clip", spec)


def _pipeline(text: str) -> str:
    if not text:
        raise ConfigError("source wants a pipeline after gstreamer:, as in gstreamer:v4l2src device=/dev/video0")
    return text


def _number(text: str, kind: str) -> str:
    number = text or ("0" if kind == "demo" else "")
    if not _is_number(number):
        raise ConfigError(f"source wants a whole number after {kind}:, as in {kind}:0")
    return number


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _device(name: str) -> str:
    device = f"/dev/video{name}" if _is_number(name) else name
    if not device.startswith("/dev/"):
        raise ConfigError("source wants a device after v4l2:, as in v4l2:/dev/video0, v4l2:0 or v4l2:/dev/v4l/by-id/…")
    return device


def _address(url: str) -> str:
    try:
        return check_url(url)
    except SourceError as error:
        raise ConfigError(f"source: {error}") from None


def _refuse_scheme(spec: str) -> None:
    """ConfigError if a path begins as only an address does."""
    found = _BEGINNING.match(spec)
    word, mark = found.groups() if found else ("", "")
    near = _near(word.lower())
    known = bool(near) and near == word.lower()
    meant = known or not _FILE.fullmatch(spec) if mark.startswith(":") else near in SCHEMES
    if not meant and "://" not in spec:
        return
    if known:
        raise ConfigError(f"source begins with {word}{mark}, wanted {_BEGINNINGS[near]}")
    if near:
        raise ConfigError(f"source begins with {word}{mark}, which is no source; did you mean {_BEGINNINGS[near]}?")
    # what stands before a colon may be a user, where an @ follows
    told = f"begins with {word}{mark}, which is no source" if word and "@" not in spec else "has no known scheme"
    raise ConfigError(f"source {told}; wanted {ACCEPTED} (./NAME where its name has a colon)")


def _near(word: str) -> str:
    """The word that a source may begin with and that this one is, or is nearly; empty if there is none."""
    swapped = [known for known in _BEGINNINGS if sorted(known) == sorted(word)]  # rtps is rtsp, rather than rtsps
    near = swapped or difflib.get_close_matches(word, _BEGINNINGS, n=1, cutoff=_NEAR)
    return near[0] if near else ""
