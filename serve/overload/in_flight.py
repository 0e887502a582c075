"""Backpressure: bounds on what is in flight, so that memory stays bounded whatever clients send or leave unread.

A request is in flight from the first byte of its body until its answer has left. Its body counts in bytes, since the
number of rows in it is known only after decoding; from then on its rows count too.
"""

from __future__ import annotations

import threading

from serve.errors import Overloaded


class Admission:
    """Counts what is in flight in this process and refuses what goes over its capacity.

    A request that is alone is always admitted: how large one may be is another limit's business.
    """

    def __init__(self, max_rows: int, max_body_bytes: int) -> None:
        """How much one server process takes on at a time."""
        self._max_rows = max_rows
        self._max_body_bytes = max_body_bytes
        self._lock = threading.Lock()
        self.rows = 0
        self.body_bytes = 0

    def ticket(self) -> Ticket:
        """What a new request counts by; release it in every case."""
        return Ticket(self)

    def refuse_early(self, announced_bytes: int) -> None:
        """Raises Overloaded where a body of that length would be refused while it comes: then none of it is kept."""
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
