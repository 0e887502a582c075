"""The open connections of a process: their maximum number, and the time limits of clients.

A request must arrive within a time that grows with the bytes received, so that a trickling header or body ("slowloris")
is cut off. A periodic sweep over all connections adds no cost to a request, unlike timers.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

SWEEP_INTERVAL_S: Final = 0.5
MIN_BYTES_PER_S: Final = 16 * 1024
"""Minimum rate of a body: at or above it a body of any length is accepted."""
LINGER_S: Final = 10.0
"""How long a closing connection is still read, so that its client sees the answer (RFC 9112, 9.6)."""
MAX_LINGERING: Final = 100
"""Maximum number of lingering connections of a process; others are closed at once."""


class SweptConnection(Protocol):
    """A connection, from the sweep's view."""

    def keep_time(self, now: float) -> None:
        """Close the connection if a time limit is exceeded."""


class OpenConnections:
    """All connections of this process."""

    def __init__(self, max_connections: int, read_timeout_s: float, keep_alive_s: float) -> None:
        self.read_timeout_s = read_timeout_s
        self.keep_alive_s = keep_alive_s
        self.lingering = 0
        self._max = max_connections
        self._open: set[SweptConnection] = set()

    def __len__(self) -> int:
        """Number of open connections."""
        return len(self._open)

    @property
    def are_too_many(self) -> bool:
        """Whether the newest exceeds the maximum."""
        return len(self._open) > self._max

    def add(self, connection: SweptConnection) -> None:
        """One more."""
        self._open.add(connection)

    def remove(self, connection: SweptConnection) -> None:
        """Remove a closed connection."""
        self._open.discard(connection)

    def granted_s(self, received_bytes: int) -> float:
        """Time allowed for a request, given the bytes received, seconds."""
        return self.read_timeout_s + received_bytes / MIN_BYTES_PER_S

    async def keep_time(self) -> None:
        """Periodically check all connections, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = loop.time()
            for connection in tuple(self._open):
                connection.keep_time(now)
