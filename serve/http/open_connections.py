"""The open connections of a process: how many there may be, and how long a client may take for what it owes.

A request has to arrive within a time that grows with what has arrived, so that a header that trickles or a body that
comes a byte a minute ("slowloris") is cut off. One sweep over all connections costs nothing a request; timers would.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

SWEEP_INTERVAL_S: Final = 0.5
MIN_BYTES_PER_S: Final = 16 * 1024
"""A body that comes faster never is too slow, however long it is."""
LINGER_S: Final = 10.0
"""How long a connection that closes is read, so that its client sees the answer (RFC 9112, 9.6)."""
MAX_LINGERING: Final = 100
"""Of the connections of a process; more are closed without that."""


class SweptConnection(Protocol):
    """A connection, as the sweep sees it."""

    def keep_time(self, now: float) -> None:
        """Close, if it is time to."""


class OpenConnections:
    """All connections of this process."""

    def __init__(self, max_connections: int, read_timeout_s: float, keep_alive_s: float) -> None:
        self.read_timeout_s = read_timeout_s
        self.keep_alive_s = keep_alive_s
        self.lingering = 0
        self._max = max_connections
        self._open: set[SweptConnection] = set()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._open)

    @property
    def are_too_many(self) -> bool:
        """Whether the newest is one too many."""
        return len(self._open) > self._max

    def add(self, connection: SweptConnection) -> None:
        """One more."""
        self._open.add(connection)

    def remove(self, connection: SweptConnection) -> None:
        """It is gone."""
        self._open.discard(connection)

    def granted_s(self, received_bytes: int) -> float:
        """How long a request may take of which so much has come."""
        return self.read_timeout_s + received_bytes / MIN_BYTES_PER_S

    async def keep_time(self) -> None:
        """Look through all of them now and then, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = loop.time()
            for connection in tuple(self._open):
                connection.keep_time(now)
