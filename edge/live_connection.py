"""Connections to the live page: not too many at once, and none that only keeps one open."""

import asyncio
import ipaddress
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 64
"""Beyond so many, new ones are turned away: each takes one of the files that the process may have open, and without
one left no row could be written."""
MOST_FROM_ONE = 24
"""Of these from one address elsewhere: the eight viewers of `live.max_viewers` behind one proxy need as many."""
KEPT_HERE = 8
"""Of these only for this machine itself, whose watchdogs ask /healthz and /readyz."""
PATIENCE = 10.0
"""Seconds in which a request must have come in full."""


class BoundedConnection(H11Protocol):
    """uvicorn's connection, cut where a client sends half a request, or none; and a limit to how many there are."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or turn it away."""
        super().connection_made(transport)
        if self._is_too_much():
            transport.abort()
        else:
            self.loop.call_later(PATIENCE, self._look, None)

    def _is_too_much(self) -> bool:
        mine = self.client[0] if self.client else ""
        if is_here(mine):
            return len(self.connections) > MOST_CONNECTIONS
        ours = [connection for connection in self.connections if isinstance(connection, BoundedConnection)]
        addresses = [connection.client[0] for connection in ours if connection.client]
        elsewhere = sum(not is_here(address) for address in addresses)
        return elsewhere > MOST_CONNECTIONS - KEPT_HERE or addresses.count(mine) > MOST_FROM_ONE

    def _look(self, before: Any) -> None:
        """Cut the connection if nothing has been asked since a look before, and nothing is being answered."""
        if self not in self.connections:
            return
        if self.cycle is before and (before is None or before.response_complete):
            self.transport.abort()
        else:
            self.loop.call_later(PATIENCE, self._look, self.cycle)


def is_here(address: str) -> bool:
    """Whether an address is this machine's own loopback: 127.0.0.0/8, ::1, also as IPv6 writes the former."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
