"""The address of a network camera: check it, show it without its password, find out why it does not answer."""

import base64
import re
import socket
from urllib.parse import SplitResult, quote, unquote, urlsplit

from edge.errors import SourceError
from edge.source_state import Cause

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
SCHEMES = tuple(_PORTS)

_TOKEN = re.compile(r"/(?:(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9]{12,}|[A-Za-z0-9_-]{22,})(?=/|$)")
"""A part of a path that looks like a secret, as some recorders have it: letters and digits, or very long."""
_WANTS_DIGEST = -1
"""Instead of a status code: a sign-in that only the stream itself makes."""
_LONGEST_ANSWER = 8192


def check_url(url: str) -> str:
    """The URL as it is; SourceError, which never shows it, for one that cannot be a camera's."""
    encode = "write special characters in the user or the password as %XX ('@' is %40, '/' is %2F, '#' is %23)"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError:  # also UnicodeError: a part between two dots is empty, or too long
        raise SourceError(f"the camera's URL has no valid host and port; {encode}") from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise SourceError(f"the camera's URL has an '@' behind its host; {encode}")
    if not host or any(character.isspace() for character in url) or not url.isprintable():
        raise SourceError("the camera's URL needs a host and no blanks, as in rtsp://user:password@192.168.1.20/stream")
    return url


def signed_url(url: str, user: str, password: str) -> str:
    """The URL with the user and password in it, each written as a URL wants it; what the URL had is replaced."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    secret = f":{quote(password, safe='')}" if password else ""
    return parts._replace(netloc=f"{quote(user, safe='')}{secret}@{place}").geturl()


def path_tokens(path: str) -> list[str]:
    """What looks like a secret in the path of a camera's address."""
    return [found.strip("/") for found in _TOKEN.findall(path)]


def public_url(url: str) -> str:
    """The URL without user, password and query, nor what some cameras have in the path: `password=…`, or a token."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    path, named, _ = parts.path.partition("=")
    path = _TOKEN.sub("/…", path) + ("=…" if named else "")
    query = "?…" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{path}{query}"


def find_cause(url: str, timeout: float) -> tuple[Cause, str]:
    """Why the stream does not open: the cause in a word or two, and advice; asks the camera itself."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme.lower()]
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            status = _ask(connection, parts) if parts.scheme.lower() in ("rtsp", "http") else 0
    except OSError as error:
        return _network_cause(error, host, port)
    if status == _WANTS_DIGEST:
        return "no picture", f"{host} wants a sign-in by Digest, so that nobody but the stream itself can tell more"
    if status in (401, 403):
        wrong = "the camera refuses this user and password" if parts.username else "it wants a user and a password"
        return "unauthorised", wrong
    if status in (404, 454):
        return "no such stream", "the camera does not know this path"
    return "no picture", f"port {port} of {host} answers, but gives no video that can be decoded"


def _network_cause(error: OSError, host: str, port: int) -> tuple[Cause, str]:
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return "unknown host", f"no name server answers, so that nobody knows the address of {host}"
        return "unknown host", f"no address is known for {host}"
    if isinstance(error, ConnectionRefusedError):
        return "refused", f"nothing listens on port {port} of {host}"
    if isinstance(error, TimeoutError):
        return "timeout", f"{host} does not answer on port {port}"
    return "unreachable", f"{host}: {error.strerror or error}"


def _ask(connection: socket.socket, parts: SplitResult) -> int:
    """The camera's status code for one request; 0 if it gives none.

    The password goes out as Basic only, the camera's own way being left to FFmpeg: `_WANTS_DIGEST` says that nobody
    can tell from this whether the password is right.
    """
    host = parts.hostname or ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme.lower() == "rtsp":
        port = f":{parts.port}" if parts.port else ""
        lines = [f"DESCRIBE rtsp://{host}{port}{target} RTSP/1.0", "CSeq: 1", "Accept: application/sdp"]
    else:
        lines = [f"GET {target} HTTP/1.0", f"Host: {host}"]
    if parts.username:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        lines.append(f"Authorization: Basic {base64.b64encode(secret).decode()}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = b""
    try:
        while b"\r\n\r\n" not in answer and len(answer) < _LONGEST_ANSWER and (more := connection.recv(1024)):
            answer += more
    except OSError:  # what has come is an answer, too
        if not answer:
            raise
    found = re.match(rb"(?:RTSP|HTTP)/\d\.\d (\d{3})\b", answer)
    status = int(found[1]) if found else 0
    ways = re.findall(rb"(?im)^www-authenticate:\s*(\w+)", answer)
    if status == 401 and parts.username and ways and not any(way.lower() == b"basic" for way in ways):
        return _WANTS_DIGEST
    return status
