"""Connections to the live page: not too many at once, and none that only keeps one open."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 64
"""Beyond so many, new ones are turned away: each takes one of the files that the process may have open, and without
one left no row could be written."""
PATIENCE = 10.0
"""Seconds in which a request must have come in full."""


class BoundedConnection(H11Protocol):
    """uvicorn's connection, cut where a client sends half a request, or none; and a limit to how many there are."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or turn it away."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self.loop.call_later(PATIENCE, self._look, None)

    def _look(self, before: Any) -> None:
        """Cut the connection if nothing has been asked since a look before, and nothing is being answered."""
        if self not in self.connections:
            return
        if self.cycle is before and (before is None or before.response_complete):
            self.transport.abort()
        else:
            self.loop.call_later(PATIENCE, self._look, self.cycle)
