"""What is refused by its first bytes, held against the parser of its connection."""

from __future__ import annotations

import httptools

from serve.errors import MalformedHeader
from serve.http.early_refusal import PlainRequest, plain_request
from tests.serve.fuzz.oracle import BrokenPromise
from tests.serve.wire import SINGLE, post

MAX_ADDED_BYTES = 1024 * 1024
NEXT = post("/predict", SINGLE)


class _Ends:
    """Counts the requests that a connection's parser sees end."""

    def __init__(self) -> None:
        self.seen = 0

    def on_message_complete(self) -> None:
        self.seen += 1


def read_beginning(data: bytes) -> None:
    """Raises MalformedHeader where it is left to the parser, BrokenPromise where that would see another end."""
    found = plain_request(memoryview(data))
    if found is None:
        raise MalformedHeader("left to the parser")
    check_end(data, found)


def check_end(data: bytes, found: PlainRequest) -> None:
    """Raises BrokenPromise where the parser of the connection sees the request end at another place."""
    ends = _Ends()
    parser = httptools.HttpRequestParser(ends)
    parser.feed_data(data)
    if 0 < found.to_come <= MAX_ADDED_BYTES:
        _require(ends.seen == 0, "it has ended, and more is waited for")
        parser.feed_data(b"x" * (found.to_come - 1))
        _require(ends.seen == 0, "it ends before its last byte")
        parser.feed_data(b"x")
    if found.to_come <= MAX_ADDED_BYTES:
        _require(ends.seen == 1, "it does not end")
        parser.feed_data(NEXT)
        _require(ends.seen == 2, "the next request is not understood")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BrokenPromise(otherwise)
