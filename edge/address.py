"""Where the live page listens: `HOST:PORT`, and the socket for it."""

import errno
import ipaddress
import socket
from typing import NamedTuple

from edge.errors import ConfigError, OutputError

_SEND_BUFFER = 256 * 1024
"""Bytes the kernel may hold for one viewer: with its own choice, up to 4 MB, a slow viewer would see old pictures."""
_STALLED_MS = 15_000
"""A viewer that takes nothing for this long loses its connection, and its place."""
_SILENT_SECONDS = 30
"""After which a connection that says nothing is asked whether anybody is there, and closed if not."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""All addresses of a machine → the one of them that is only its own."""


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it: 127.0.0.0/8, ::1, localhost."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False  # a name: whatever it stands for today, it may be another address tomorrow

    @property
    def is_everywhere(self) -> bool:
        """Whether it stands for all addresses of this machine: 0.0.0.0, ::."""
        return self.host in _EVERYWHERE

    @property
    def reachable(self) -> "Address":
        """Where this machine itself reaches what listens here."""
        return self._replace(host=_EVERYWHERE.get(self.host, self.host))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str) -> Address:
    """`HOST:PORT` or `[IPV6]:PORT` → Address."""
    host, colon, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    port_ok = port.isascii() and port.isdigit() and int(port) <= 65535
    try:
        bare.encode("idna")
    except UnicodeError:  # a part between two dots is empty, or too long
        bare = ""
    if not (colon and bare and port_ok) or (":" in bare) != bracketed or not bare.isprintable() or " " in bare:
        raise ConfigError(f'listen = "{text}": wanted HOST:PORT, such as "127.0.0.1:8080" or "[::1]:8080"')
    return Address(bare, int(port))


def is_here(address: str) -> bool:
    """Whether an address is this machine's own loopback: 127.0.0.0/8, ::1, also as IPv6 writes the former."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def listen(address: Address) -> socket.socket:
    """A listening socket whose connections hold little and do not wait for ever; OutputError if it cannot be had."""
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:  # also gaierror: a name that nobody knows
        raise OutputError(f"cannot listen on {address}: {error.strerror}; set live.listen") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_MS)
            # who went away without a word must not use up the open files; who says nothing waits outside for a while
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_SECONDS)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _SILENT_SECONDS // 3)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SILENT_SECONDS)
        listener.bind(target)
        listener.listen(64)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            cause = f"port {address.port} on {address.host} is in use; set live.listen or stop the other program"
        elif error.errno == errno.EACCES:
            cause = f"port {address.port} is for the system's own programs; set live.listen to a port above 1023"
        else:
            cause = f"cannot listen on {address}: {error.strerror}; set live.listen to an address of this machine"
        raise OutputError(cause) from None
    return listener
