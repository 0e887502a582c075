"""One scoring request: what it asks for, and the body as it comes."""

from __future__ import annotations

import time

from serve.errors import MalformedBody
from serve.overload.in_flight import Ticket
from serve.scoring.body_headers import too_large
from serve.scoring.options import ScoringOptions
from serve.scoring.span import RequestSpan


class ScoringRequest:
    """What the steps of scoring need of a request. Whatever becomes of it, release its ticket at the end."""

    __slots__ = (
        "_max_bytes",
        "_pieces",
        "_started",
        "options",
        "received_at",
        "request_id",
        "rows",
        "size",
        "span",
        "ticket",
        "trace_id",
    )

    def __init__(
        self, options: ScoringOptions, request_id: str, ticket: Ticket, *, announced_bytes: int, max_bytes: int
    ) -> None:
        """`announced_bytes` is the length of the body; 0 when it is not said beforehand.

        Raises:
            BodyTooLarge: it is more than `max_bytes`.
        """
        self._started = time.perf_counter()
        self.options = options
        self.request_id = request_id
        self.received_at = time.time_ns() // 1000
        """Microseconds since 1970 (UTC)."""
        if announced_bytes > max_bytes:
            raise too_large(max_bytes)
        self.ticket = ticket
        self.rows = 0
        """In the body, once that is decoded."""
        self.size = 0
        """Of the body, as far as it has come."""
        self.span: RequestSpan | None = None
        """Where the request is sampled."""
        self.trace_id = b""
        """16 bytes, where it belongs to a trace."""
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            BodyTooLarge, Overloaded: it is one too many.
        """
        self.size += len(piece)
        if self.size > self._max_bytes:
            raise too_large(self._max_bytes)
        self.ticket.add_bytes(len(piece))
        self._pieces.append(piece)

    def take_body(self) -> bytes:
        """The whole body, which is kept no longer.

        Raises:
            MalformedBody: there is none.
        """
        if not self.size:
            raise MalformedBody("the body is empty")
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def seconds(self) -> float:
        """How long it has taken since its headers had come."""
        return time.perf_counter() - self._started
