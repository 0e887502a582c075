"""Backpressure: limits of requests in flight, so that memory is bounded whatever clients send or leave unread.

A request is in flight from the first byte of its body until its answer is sent. Its body counts in bytes, since its
number of rows is known only after decoding; then its rows count too.
"""

from __future__ import annotations

import threading

from serve.errors import Overloaded


class Admission:
    """Counts requests in flight in this process, and refuses those over its capacity. A single request is always
    admitted: its size has a limit of its own.
    """

    def __init__(self, max_rows: int, max_body_bytes: int) -> None:
        """Capacity of one server process."""
        self._max_rows = max_rows
        self._max_body_bytes = max_body_bytes
        self._lock = threading.Lock()
        self.rows = 0
        self.body_bytes = 0

    def ticket(self) -> Ticket:
        """A ticket for a new request; release it in every case."""
        return Ticket(self)

    def refuse_early(self, announced_bytes: int) -> None:
        """Raises Overloaded at once if a body of this length would be refused while it arrives."""
        waiting = self.body_bytes
        if waiting and waiting + announced_bytes > self._max_body_bytes:
            raise _too_many_bytes(waiting)

    def add_rows(self, ticket: Ticket, rows: int) -> None:
        """Count rows of a request; raises Overloaded."""
        with self._lock:
            if self.rows > ticket.rows and self.rows + rows > self._max_rows:
                raise Overloaded(f"{self.rows} rows are being scored: send this again after the time in Retry-After")
            self.rows += rows
            ticket.rows += rows

    def add_bytes(self, ticket: Ticket, size: int) -> None:
        """Count bytes of a request's body; raises Overloaded."""
        with self._lock:
            if self.body_bytes > ticket.body_bytes and self.body_bytes + size > self._max_body_bytes:
                raise _too_many_bytes(self.body_bytes)
            self.body_bytes += size
            ticket.body_bytes += size

    def release(self, ticket: Ticket) -> None:
        """Release everything that a request counted."""
        with self._lock:
            self.rows -= ticket.rows
            self.body_bytes -= ticket.body_bytes
        ticket.rows = ticket.body_bytes = 0


def _too_many_bytes(waiting: int) -> Overloaded:
    return Overloaded(f"{waiting} bytes of requests are waiting: send this again after the time in Retry-After")


class Ticket:
    """The rows and bytes of one request in flight."""

    __slots__ = ("_admission", "body_bytes", "rows")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.rows = 0
        self.body_bytes = 0

    def add_rows(self, rows: int) -> None:
        """Count decoded rows; raises Overloaded."""
        self._admission.add_rows(self, rows)

    def add_bytes(self, size: int) -> None:
        """Count received bytes; raises Overloaded."""
        self._admission.add_bytes(self, size)

    def release(self) -> None:
        """End the request."""
        self._admission.release(self)
