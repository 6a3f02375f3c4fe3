"""Who may see the live page: the password, the Host header, and the headers that every answer carries."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import os
import socket
from collections.abc import Mapping, Sequence

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.address import is_here
from edge.live_sign_in import Credentials, SignIns

HEALTH_PATH = "/healthz"
READY_PATH = "/readyz"
_OPEN_PATHS = (HEALTH_PATH, READY_PATH)
"""The paths without a password: they tell no plate and no address."""
COUNTS = "gatereader.counts"
"""In the scope of such a path: whether the asker may know how much passes by, too."""
_FORWARDED = (b"x-forwarded-for", b"x-real-ip", b"forwarded")
"""By which a proxy on this machine tells that it asks for somebody elsewhere."""

_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Guard:
    """ASGI middleware around the whole application.

    Without a password the Host header must be an address, this machine's name or one of `hosts`, given in small letters
    and as IDNA writes them: otherwise a web page from elsewhere could point its own name at this address (DNS
    rebinding) and read along in a visitor's browser.
    """

    def __init__(self, app: ASGIApp, credentials: Credentials | None, hosts: Sequence[str]) -> None:
        self._app = app
        self._sign_ins = SignIns(credentials) if credentials else None
        name = socket.gethostname().lower()
        self._hosts = {"localhost", name, f"{name}.local", *hosts}
        self._key = os.urandom(32)
        self._known = b""
        self._checks: dict[bytes, asyncio.Task[bool | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or lets the application answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        refusal = None
        if scope["type"] == "http":
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            authorization, (address, _) = headers.get(b"authorization", ""), scope.get("client") or ("", 0)
            if scope["path"] not in _OPEN_PATHS:
                refusal = await self._refusal(headers.get(b"host", ""), authorization, address)
            elif self._sign_ins is not None and not _asks_from_here(scope, headers):
                scope[COUNTS] = bool(authorization) and await self._is_right(authorization, address) is True
        await (refusal or self._app)(scope, receive, send_with_headers)

    async def _refusal(self, host: str, authorization: str, address: str) -> PlainTextResponse | None:
        if self._sign_ins is None:
            if self._host_is_ours(host):
                return None
            return PlainTextResponse("This name is not one of the machine's; add it to live.hosts.\n", 421)
        right = await self._is_right(authorization, address)
        if right is None:
            return PlainTextResponse("Too many attempts to sign in; try again later.\n", 429, {"Retry-After": "5"})
        if right:
            return None
        challenge = {"WWW-Authenticate": 'Basic realm="gatereader", charset="UTF-8"'}
        return PlainTextResponse("Sign in with the live page's user and password.\n", 401, challenge)

    async def _is_right(self, authorization: str, address: str) -> bool | None:
        """Whether the header signs in; None if that was not looked at, because too many wait."""
        # scrypt is slow by design; the one header that passed it need not pass it again
        mark = hmac.digest(self._key, authorization.encode(), hashlib.sha256)
        if hmac.compare_digest(mark, self._known):
            return True
        right: bool | None = False
        if self._sign_ins is not None and (given := _basic(authorization)) is not None:
            check = self._checks.get(mark)  # a browser asks for several things at once, with the same header
            if check is None:
                check = asyncio.create_task(self._sign_ins.check(*given, address))
                self._checks[mark] = check
                check.add_done_callback(lambda _: self._checks.pop(mark))
            right = await asyncio.shield(check)
        if right:
            self._known = mark
        return right

    def _host_is_ours(self, header: str) -> bool:
        name = header.lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0].rstrip(".")
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _asks_from_here(scope: Scope, headers: Mapping[bytes, str]) -> bool:
    """Whether this machine itself asks, by its loopback or an own address, and not as a proxy for somebody else."""
    address, _ = scope.get("client") or ("", 0)
    own, _ = scope.get("server") or ("", 0)
    return (is_here(address) or address == own) and not any(name in headers for name in _FORWARDED)


def _basic(authorization: str) -> tuple[str, str] | None:
    """User and password of an Authorization header (RFC 7617), or None."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        raw = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:  # not base64, or not ASCII
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:  # some clients send Latin-1 though UTF-8 was asked for, such as requests and aiohttp
        text = raw.decode("latin-1")
    user, colon, password = text.partition(":")
    return (user, password) if colon else None
