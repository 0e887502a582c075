"""Backpressure: bounds on what is in flight, so that memory stays bounded whatever clients send or leave unread.

A request is in flight from the first byte of its body until its answer has left. Its body counts in bytes, since the
number of rows in it is known only after decoding; from then on its rows count too.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serve.errors import Overloaded

WRITE_WAITS_ABOVE_BYTES: Final = 64 * 1024
"""uvicorn's high-water mark: what is written beyond it is waited for by the next write."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much one server process takes on at a time."""

    max_rows: int
    max_body_bytes: int
    max_wait_s: float


class Admission:
    """Counts what is in flight in this process and refuses what goes over its capacity.

    A request that is alone is always admitted: how large one may be is another limit's business.
    """

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self.rows = 0
        self.body_bytes = 0

    def ticket(self) -> Ticket:
        """What a new request counts by; release it in every case."""
        return Ticket(self)

    def refuse_early(self, announced_bytes: int) -> None:
        """Raises Overloaded where a body of that length would be refused while it comes: then none of it is kept."""
        with self._lock:
            if self.body_bytes and self.body_bytes + announced_bytes > self._capacity.max_body_bytes:
                raise _too_many_bytes(self.body_bytes)

    def add_rows(self, ticket: Ticket, rows: int) -> None:
        """Count rows of a request; raises Overloaded."""
        with self._lock:
            if self.rows > ticket.rows and self.rows + rows > self._capacity.max_rows:
                raise Overloaded(f"{self.rows} rows are being scored: send this again after the time in Retry-After")
            self.rows += rows
            ticket.rows += rows

    def add_bytes(self, ticket: Ticket, size: int) -> None:
        """Count bytes of a request's body; raises Overloaded."""
        with self._lock:
            if self.body_bytes > ticket.body_bytes and self.body_bytes + size > self._capacity.max_body_bytes:
                raise _too_many_bytes(self.body_bytes)
            self.body_bytes += size
            ticket.body_bytes += size

    def release(self, ticket: Ticket) -> None:
        """Give back all that a request counted."""
        with self._lock:
            self.rows -= ticket.rows
            self.body_bytes -= ticket.body_bytes
        ticket.rows = ticket.body_bytes = 0


def _too_many_bytes(waiting: int) -> Overloaded:
    return Overloaded(f"{waiting} bytes wait already: send this again after the time in Retry-After")


class Ticket:
    """What one request has in flight."""

    __slots__ = ("_admission", "body_bytes", "rows")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.rows = 0
        self.body_bytes = 0

    def add_rows(self, rows: int) -> None:
        """The body holds so many rows; raises Overloaded."""
        self._admission.add_rows(self, rows)

    def add_bytes(self, size: int) -> None:
        """So many bytes of the body have come; raises Overloaded."""
        self._admission.add_bytes(self, size)

    def release(self) -> None:
        """The request is over."""
        self._admission.release(self)


class TicketedResponse(Response):
    """An answer whose request stays in flight until the client has taken it."""

    def __init__(self, ticket: Ticket, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._ticket = ticket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then release the ticket."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if len(self.body) > WRITE_WAITS_ABOVE_BYTES:
                await send({"type": "http.response.body", "body": self.body, "more_body": True})
                # The next write waits until the client has taken all but the last of this one.
                await send({"type": "http.response.body", "body": b""})
            else:
                await send({"type": "http.response.body", "body": self.body})
        finally:
            self._ticket.release()
