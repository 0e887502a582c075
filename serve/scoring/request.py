"""One scoring request: its options, and its body as it arrives."""

from __future__ import annotations

import time

from serve.errors import MalformedBody
from serve.overload.in_flight import Ticket
from serve.scoring.body_headers import too_large
from serve.scoring.options import ScoringOptions
from serve.scoring.span import RequestSpan


class ScoringRequest:
    """The state of a request for the steps of scoring. Release its ticket at the end in every case."""

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
        """`announced_bytes` is the body's length; 0 if it is not announced.

        Raises:
            BodyTooLarge: it exceeds `max_bytes`.
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
        """Number of rows, once the body is decoded."""
        self.size = 0
        """Bytes of the body received so far."""
        self.span: RequestSpan | None = None
        """The span, if the request is sampled."""
        self.trace_id = b""
        """16 bytes, if the request belongs to a trace."""
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """Add the next piece of the body.

        Raises:
            BodyTooLarge, Overloaded: a limit is exceeded.
        """
        self.size += len(piece)
        if self.size > self._max_bytes:
            raise too_large(self._max_bytes)
        self.ticket.add_bytes(len(piece))
        self._pieces.append(piece)

    def take_body(self) -> bytes:
        """The whole body, which is released here.

        Raises:
            MalformedBody: the body is empty.
        """
        if not self.size:
            raise MalformedBody("the body is empty")
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def seconds(self) -> float:
        """Seconds since its header arrived."""
        return time.perf_counter() - self._started
