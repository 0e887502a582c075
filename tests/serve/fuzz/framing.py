"""Where requests begin and end, by our reader and by h11, which uvicorn's other protocol reads with."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPMethod
from itertools import takewhile

import h11

from serve.errors import MalformedRequest, ServeError
from serve.http.request_head import RequestHead
from serve.http.request_reader import RequestReader
from serve.trace_context import TraceContext
from tests.serve.fuzz.oracle import BrokenPromise

METHODS = {method.value.encode() for method in HTTPMethod}

Framed = tuple[bytes, bytes, bytes]
"""A whole request: its method, its target and its body."""


@dataclass
class Heard:
    """A listener that keeps what it is told, and has its reader know each POST's header when it comes again."""

    reader: RequestReader = field(init=False)
    repeated: int = 0
    """Requests whose header was known."""
    whole: list[Framed] = field(default_factory=list)
    traces: list[TraceContext | None] = field(default_factory=list)
    """Of requests whose header was known."""
    heads: list[RequestHead] = field(default_factory=list)
    fault: ServeError | None = None
    is_final: bool = False
    _head: RequestHead | None = None
    _known: RequestHead | None = None
    _announced: int | None = None
    """Of a request whose header was known."""
    _body: bytes = b""

    def request_begins(self) -> None:
        self._body = b""

    def head_has_come(self, head: RequestHead, fault: ServeError | None) -> None:
        self.fault = fault
        self.heads.append(head)
        self._head = None if self.is_final or fault else head
        self.is_final = self.is_final or fault is not None or not head.keep_alive
        if self._head is not None and head.method == b"POST" and head.keep_alive:
            self._known = head
            self.reader.expect_again()

    def header_comes_again(self, announced_bytes: int, trace: TraceContext | None) -> None:
        self.traces.append(trace)
        self._head = None if self.is_final else self._known
        self._announced = announced_bytes
        self.repeated += 1

    def body_goes_on(self, piece: bytes) -> None:
        self._body += piece

    def body_has_come(self, *, is_last: bool) -> None:
        self.is_final = self.is_final or is_last
        assert self._announced in {None, len(self._body)}
        self._announced = None
        if self._head is not None:
            self.whole.append((self._head.method, self._head.target, self._body))
        self._head = None


def read_framing(data: bytes) -> None:
    """Raises MalformedRequest where the reader finds a fault; BrokenPromise where it and h11 see another request."""
    ours = framed(data)
    # A method that the parser does not know is read only where its line comes in one piece.
    known = list(takewhile(lambda request: request[0] in METHODS, ours.whole))
    for piece_bytes in (7, max(1, len(data) // 2)):
        pieces = framed(data, piece_bytes)
        if pieces.whole != ours.whole[: max(len(known), len(pieces.whole))]:
            raise BrokenPromise(f"in pieces it reads {pieces.whole}, as a whole {ours.whole}")
    for bytes_sent in (data, data + data):
        for mine, other in zip(framed(bytes_sent, max(1, len(data))).whole, framed_by_h11(bytes_sent), strict=False):
            if mine != other:
                raise BrokenPromise(f"ours reads {mine}, h11 {other}")
    if ours.fault is not None:
        raise MalformedRequest(ours.fault.message)


def framed(data: bytes, piece_bytes: int = 1 << 20) -> Heard:
    """What our reader tells of the bytes, which come in pieces."""
    return read_pieces(*(data[start : start + piece_bytes] for start in range(0, len(data), piece_bytes)))


def read_pieces(*pieces: bytes) -> Heard:
    """What our reader tells of them."""
    heard = Heard()
    heard.reader = RequestReader(heard)
    try:
        for piece in pieces:
            heard.reader.read(memoryview(piece))
            if heard.fault is not None:
                break
    except ServeError as error:
        heard.fault = heard.fault or (None if heard.is_final else error)
    return heard


def framed_by_h11(data: bytes) -> list[Framed]:
    """The requests that h11 sees in the bytes, until it finds a fault."""
    whole: list[Framed] = []
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    method = target = body = b""
    try:
        connection.receive_data(data)
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Request):
                method, target, body = event.method, event.target, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                whole.append((method, target, body))
                connection.send(h11.Response(status_code=400, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    break
                connection.start_next_cycle()
            else:
                break
    except h11.ProtocolError:
        pass
    return whole
