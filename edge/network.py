"""The address of a network camera: check it, show it without its password, find out why it does not answer."""

import base64
import hashlib
import re
import secrets
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from edge.errors import SourceError
from edge.source_state import Cause

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
SCHEMES = tuple(_PORTS)

_TOKEN = re.compile(r"/(?:(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9]{12,}|[A-Za-z0-9_-]{22,})(?=/|$)")
"""A part of a path that looks like a secret, as some recorders have it: letters and digits, or very long."""
NOT_TOLD = -1
"""Instead of a status code: only the stream itself can tell, for it wants TLS or a sign-in that is not known here."""
_LONGEST_ANSWER = 8192
_LEAST_WAIT = 0.1


class Asked(NamedTuple):
    """What a camera answered to one request for its stream."""

    cause: Cause
    advice: str
    status: int = 0
    """Its status code, 200 where it would give the stream; 0 if it gave none, `NOT_TOLD` if nobody here can tell."""
    content: str = ""
    """What it says that it sends, such as `multipart/x-mixed-replace`; empty if it does not say."""
    elsewhere: bool = False
    """Whether it sends on, and not to the same host and port."""

    @property
    def is_stream(self) -> bool:
        """Whether it would give what may be a stream: no single picture, no web page."""
        return self.status == 200 and not _what_else(self.content)


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


def has_user(url: str) -> bool:
    """Whether somebody is named before the host."""
    return "@" in urlsplit(url).netloc


def path_tokens(path: str) -> list[str]:
    """What looks like a secret in the path of a camera's address."""
    return [found.strip("/") for found in _TOKEN.findall(path)]


def public_url(url: str) -> str:
    """The URL without user, password and query, nor what some cameras have in the path: `password=…`, or a token."""
    parts = urlsplit(url)
    path, named, _ = parts.path.partition("=")
    path = _TOKEN.sub("/…", path) + ("=…" if named else "")
    query = "?…" if parts.query else ""
    return f"{parts.scheme}://{_place(parts)}{path}{query}"


def _place(parts: SplitResult) -> str:
    """Host and port as a URL has them."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return f"{host}:{parts.port}" if parts.port else host


def find_cause(url: str, timeout: float) -> tuple[Cause, str]:
    """Why the stream does not open: the cause in a word or two, and advice; asks the camera itself."""
    asked = ask_camera(url, timeout)
    return asked.cause, asked.advice


def ask_camera(url: str, timeout: float) -> Asked:
    """Asks the camera for its stream, with `timeout` seconds for all of it; "no picture" where it would give it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme.lower()]
    try:
        answer = _ask(parts, (host, port), time.monotonic() + timeout)
    except OSError as error:
        return Asked(*_network_cause(error, host, port))
    status, content = answer.status, answer.content
    where = f"port {port} of {host} answers"
    if status == NOT_TOLD:
        tls = parts.scheme.lower() not in ("rtsp", "http")
        wants = "TLS" if tls else "a sign-in that is neither Basic nor Digest by MD5"
        return Asked("no picture", f"{where} and wants {wants}: nobody but the stream itself can tell more", status)
    if status in (401, 403):
        wrong = "the camera refuses this user and password" if parts.username else "it wants a user and a password"
        return Asked("unauthorised", wrong, status)
    if status in (404, 454):
        return Asked("no such stream", "the camera does not know this path", status)
    if status in (0, 200):
        what = _what_else(content) if status else ""
        single = f"it gives {what}; wanted is the address of its stream"
        advice = single if what else f"{where}, but gives no video that can be decoded"
        return Asked("no picture", advice, status, content)
    leads_to = f", which leads to {answer.leads_to}," if answer.leads_to else ""
    advice = f"{where} with {status}{leads_to} instead of a video"
    elsewhere = 300 <= status < 400 and not _is_place(answer.leads_to, parts)
    if elsewhere and leads_to and parts.scheme.lower() == "rtsp":
        advice = f"{where} with {status} and leads to {answer.leads_to}; write that address"
    return Asked("no picture", advice, status, content, elsewhere)


def _is_place(named: str, parts: SplitResult) -> bool:
    """Whether a host, with its port unless it is the scheme's, is the one of the address."""
    default = f":{_PORTS[parts.scheme.lower()]}"
    return named.lower().removesuffix(default) == _place(parts).removesuffix(default)


def _what_else(content: str) -> str:
    """What the camera sends instead of a stream; empty for what may be one."""
    if content.startswith("image/"):
        return "a single picture"
    return "a web page" if content in ("text/html", "application/xhtml+xml") else ""


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


class _Answer(NamedTuple):
    """What a camera says to one request."""

    status: int
    """0 if it has none."""
    challenges: list[tuple[str, str]]
    """Ways of signing in, each with its values."""
    content: str
    """What it says that it sends, such as `multipart/x-mixed-replace`; empty if it does not say."""
    leads_to: str = ""
    """The host that it sends on to; empty if to none."""


def _ask(parts: SplitResult, place: tuple[str, int], until: float) -> _Answer:
    """What the camera says at last; its status is `NOT_TOLD` where it wants what is not known here.

    The password goes out only once the camera asks for it, and readable only where it wants it so.
    """
    with _connect(place, until) as connection:
        if parts.scheme.lower() not in ("rtsp", "http"):
            return _Answer(NOT_TOLD, [], "")
        first = _exchange(connection, _request(parts, 1), until)
        if first.status != 401 or not parts.username or not first.challenges:
            return first
        if not (header := _sign_in(parts, first.challenges)):
            return _Answer(NOT_TOLD, [], "")
        request = _request(parts, 2, header)
        if parts.scheme.lower() == "rtsp":  # a nonce may hold for this connection only
            with suppress(ConnectionError):
                second = _exchange(connection, request, until)
                if second.status:
                    return second
    with _connect(place, until) as connection:  # it hung up, as HTTP/1.0 does
        return _exchange(connection, request, until)


def _connect(place: tuple[str, int], until: float) -> socket.socket:
    return socket.create_connection(place, max(_LEAST_WAIT, until - time.monotonic()))


def _wish(parts: SplitResult) -> tuple[str, str]:
    """Method and URI of the request."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return ("DESCRIBE", f"rtsp://{_place(parts)}{target}") if parts.scheme.lower() == "rtsp" else ("GET", target)


def _request(parts: SplitResult, number: int, *more: str) -> bytes:
    method, uri = _wish(parts)
    if method == "DESCRIBE":
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {number}", "Accept: application/sdp"]
    else:
        lines = [f"{method} {uri} HTTP/1.0", f"Host: {_place(parts)}"]
    return "\r\n".join([*lines, *more, "", ""]).encode()


def _exchange(connection: socket.socket, request: bytes, until: float) -> _Answer:
    answer = _received(connection, request, until)
    found = re.match(rb"(?:RTSP|HTTP)/\d\.\d (\d{3})\b", answer)
    head = answer.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    challenges = re.findall(r"(?im)^www-authenticate:\s*(\w+)(.*)$", head)
    content = re.search(r"(?im)^content-type:\s*([^\s;]+)", head)
    location = re.search(r"(?im)^location:\s*\w+://(?:[^\s/?#]*@)?([\w.:\[\]-]+)", head)
    return _Answer(
        int(found[1]) if found else 0,
        [(way.lower(), told) for way, told in challenges],
        content[1].lower() if content else "",
        location[1] if location else "",
    )


def _received(connection: socket.socket, request: bytes, until: float) -> bytes:
    answer = b""
    try:
        connection.sendall(request)
        while not _is_whole(answer) and len(answer) < _LONGEST_ANSWER:
            connection.settimeout(max(_LEAST_WAIT, until - time.monotonic()))
            if not (more := connection.recv(1024)):
                break
            answer += more
    except OSError:  # what has come is an answer, too
        if not answer:
            raise
    return answer


def _is_whole(answer: bytes) -> bool:
    """Whether head and body have come: a body must not be taken for the beginning of the next answer."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    return bool(end) and len(body) >= int(length[1] if length else 0)


def _sign_in(parts: SplitResult, challenges: Iterable[tuple[str, str]]) -> str:
    """The header that the camera asks for, Digest before Basic; empty if it asks for another."""
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    for way, told in sorted(challenges, reverse=True):
        if way == "digest" and (answer := _digest(told, user, password, *_wish(parts))):
            return f"Authorization: Digest {answer}"
        if way == "basic":
            return f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    return ""


def _digest(told: str, user: str, password: str, method: str, uri: str) -> str:
    """The answer to a challenge by MD5, with qop "auth" (RFC 2617) or without (RFC 2069); empty to any other."""
    values = {
        name.lower(): text or word for name, text, word in re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', told)
    }
    protections = re.findall(r"[\w-]+", values.get("qop", ""))
    if values.get("algorithm", "MD5").upper() != "MD5" or (protections and "auth" not in protections):
        return ""
    nonce, realm = values.get("nonce", ""), values.get("realm", "")
    secret, wish = _md5(f"{user}:{realm}:{password}"), _md5(f"{method}:{uri}")
    name = user.replace("\\", "\\\\").replace('"', '\\"')
    answer = f'username="{name}", realm="{realm}", nonce="{nonce}", uri="{uri}"'
    if protections:
        own = secrets.token_hex(8)
        answer += f', qop=auth, nc=00000001, cnonce="{own}"'
        nonce = f"{nonce}:00000001:{own}:auth"
    answer += f', response="{_md5(f"{secret}:{nonce}:{wish}")}"'
    answer += f', opaque="{values["opaque"]}"' if "opaque" in values else ""
    return answer + (", algorithm=MD5" if "algorithm" in values else "")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
