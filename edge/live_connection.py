"""Connections to the live page: not too many at once, and none that only keeps one open."""

import asyncio
import logging
import time
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.address import is_here

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 64
"""Beyond so many, new ones are turned away: each takes one of the files that the process may have open, and without
one left no row could be written."""
MOST_FROM_ONE = 24
"""Of these from one address elsewhere: as many viewers as `live.max_viewers` can be behind one proxy, two for each."""
KEPT_HERE = 8
"""Of these only for this machine itself, whose watchdogs ask /healthz and /readyz."""
PATIENCE = 10.0
"""Seconds in which a request must have come in full."""
_TOLD_EVERY = 3600.0
"""Seconds between two log lines of connections that are turned away."""


class BoundedConnection(H11Protocol):
    """uvicorn's connection, cut where a client sends half a request, or none; and a limit to how many there are."""

    told_at: ClassVar[float] = float("-inf")
    """When it was last told that one was turned away, by the monotonic clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or turn it away."""
        super().connection_made(transport)
        if self._is_too_much():
            transport.abort()
            self._tell()
        else:
            self.loop.call_later(PATIENCE, self._look, None)

    def _tell(self) -> None:
        now = time.monotonic()
        if now - BoundedConnection.told_at >= _TOLD_EVERY:
            BoundedConnection.told_at = now
            mine, others = self.client[0] if self.client else "", len(self.connections) - 1
            log.warning("live page: a connection from %s was turned away, as %d are open already", mine, others)

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
