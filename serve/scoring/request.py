"""One scoring request: what its headers say, and the body as it comes."""

from __future__ import annotations

import time
from typing import Final

from serve.errors import MalformedBody
from serve.idempotency.key import idempotency_key_of
from serve.overload.in_flight import Ticket
from serve.request_names import LOAD_TEST_HEADER
from serve.scoring.body_headers import content_type_of, too_large
from serve.scoring.call import Headers, ScoringRoute
from serve.scoring.content_encoding import content_encoding_of

_LOAD_TEST: Final = LOAD_TEST_HEADER.lower()
_TRUE: Final = frozenset({"1", "true"})


class ScoringRequest:
    """What the steps of scoring need of a request. Whatever becomes of it, release its ticket at the end."""

    __slots__ = (
        "_max_bytes",
        "_pieces",
        "_started",
        "caller",
        "content_type",
        "encoding",
        "endpoint",
        "key",
        "load_test",
        "read",
        "received_at",
        "request_id",
        "size",
        "ticket",
    )

    def __init__(
        self,
        route: ScoringRoute,
        headers: Headers,
        *,
        announced_bytes: int,
        caller: str,
        request_id: str,
        ticket: Ticket,
        max_bytes: int,
    ) -> None:
        """Read the headers. `announced_bytes` is the length of the body; 0 when it is not said beforehand.

        Raises:
            ServeError: one of them asks for what is not here.
        """
        self._started = time.perf_counter()
        readers = route.readers(headers)
        self.endpoint = route.path
        self.caller = caller
        self.request_id = request_id
        self.received_at = time.time_ns() // 1000
        """Microseconds since 1970 (UTC)."""
        self.load_test = _LOAD_TEST in headers and headers[_LOAD_TEST].lower() in _TRUE
        self.content_type = content_type_of(headers, readers)
        self.encoding = content_encoding_of(headers)
        """Of the body; `IDENTITY` when it is not compressed."""
        self.read = readers[self.content_type]
        self.key = idempotency_key_of(headers, route.path, caller)
        if announced_bytes > max_bytes:
            raise too_large(max_bytes)
        self.ticket = ticket
        self.size = 0
        """Of the body, as far as it has come."""
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
