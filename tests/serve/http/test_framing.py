"""Requests whose end two parsers could see at different places ("request smuggling"): each is refused, and the
connection closed, so that no byte behind it is taken for a request (RFC 9112, sections 5 to 7 and 11.2).
"""

from __future__ import annotations

import pytest

from tests.serve.scoring_routes import OURS, check_error
from tests.serve.wire import KEY_LINE, SINGLE, Wire, in_chunks, request

CHUNKED = "Transfer-Encoding: chunked"
LENGTH = f"Content-Length: {len(SINGLE)}"
CHUNKS = in_chunks(SINGLE)
AFTER = request("GET", "/health/live", "Host: here")
TARGETS = ["/predict", "/predict?x=1", "/update-model"]
"""Answered by the connection, and by the application."""


def asks(*lines: str, body: bytes = SINGLE, version: str = "1.1") -> bytes:
    return request("POST", "/predict", "Host: here", KEY_LINE, *lines, body=body, version=version)


REFUSED = [
    pytest.param(asks(LENGTH, CHUNKED, body=CHUNKS), id="chunks and a length"),
    pytest.param(asks(CHUNKED, LENGTH, body=CHUNKS), id="a length behind chunks"),
    pytest.param(asks(LENGTH, "Content-Length: 3"), id="two lengths"),
    pytest.param(asks(f"{LENGTH}, 3"), id="two lengths in a line"),
    pytest.param(asks(f"Content-Length: +{len(SINGLE)}"), id="a length with a sign"),
    pytest.param(asks("Content-Length: -1"), id="a negative length"),
    pytest.param(asks(f"Content-Length: {len(SINGLE):#x}"), id="a hexadecimal length"),
    pytest.param(asks(f"{LENGTH}.0"), id="a length with a point"),
    pytest.param(asks("Content-Length: 1_0"), id="a length as Python writes it"),
    pytest.param(asks("Content-Length: 99999999999999999999999"), id="a length beyond 64 bits"),
    pytest.param(asks("Content-Length:"), id="an empty length"),
    pytest.param(asks(CHUNKED, body=CHUNKS, version="1.0"), id="chunks in HTTP/1.0"),
    pytest.param(asks(LENGTH, "X-Long: begins", " goes on"), id="a folded line"),
    pytest.param(asks(LENGTH, "X-Long: begins", "\tgoes on"), id="a line folded by a tab"),
    pytest.param(asks(LENGTH).replace(b"\r\n", b"\n"), id="lines that end in LF"),
    pytest.param(asks(LENGTH, "X-Odd: one").replace(b"one\r\n", b"one\n"), id="one line that ends in LF"),
    pytest.param(asks(LENGTH, "X-Odd: one").replace(b"one\r\n\r\n", b"one\r\n\n"), id="a header that ends in LF"),
    pytest.param(asks(LENGTH, "X-Odd: a\rX-Other: b"), id="a CR in a value"),
    pytest.param(asks(f"Content-Length : {len(SINGLE)}"), id="a space before the colon"),
    pytest.param(asks(LENGTH, "Transfer-Encoding : chunked"), id="a space before the colon of chunks"),
    pytest.param(asks(LENGTH, "Transfer-Encoding\t: chunked"), id="a tab before the colon"),
    pytest.param(asks(LENGTH, "X-Odd: a\0b"), id="NUL in a value"),
    pytest.param(asks(LENGTH, "X-O\0dd: ab"), id="NUL in a name"),
    pytest.param(asks(LENGTH, "X-Odd: a\x01b"), id="a control character in a value"),
    pytest.param(asks(LENGTH, "No colon"), id="a line without a colon"),
    pytest.param(asks(LENGTH, ": no name"), id="a line without a name"),
    pytest.param(asks(LENGTH, "X(Odd): name"), id="a name that is no token"),
    pytest.param(asks(LENGTH).replace(b" HTTP/1.1", b""), id="no version"),
    pytest.param(asks(LENGTH).replace(b"HTTP/1.1", b"HTTP/1.1 "), id="a space behind the version"),
    pytest.param(asks(LENGTH).replace(b"HTTP/1.1", b"HTP/1.1"), id="another protocol"),
]
TARGETS_THAT_ARE_NONE = ["/pre dict", "/pre\0dict", "/predict\x7f", "predict"]
CODINGS = [
    ("gzip, chunked", {501}),
    ("deflate, chunked", {501}),
    ("identity, chunked", {400, 501}),
    ("gzip", {400, 501}),
    ("identity", {400, 501}),
    ("chunked, gzip", {400, 501}),
    ("chunked, chunked", {400, 501}),
    ("xchunked", {400, 501}),
    ("chunked;q=1", {400, 501}),
    ("", {400, 501}),
]
CHUNK_FAULTS = {
    "no size": b"\r\n{}\r\n0\r\n\r\n",
    "no hexadecimal size": b"zz\r\n{}\r\n0\r\n\r\n",
    "a size with a prefix": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a size with a sign": b"+2\r\n{}\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"1000000000000000002\r\n{}\r\n0\r\n\r\n",
    "LF behind the size": b"2\n{}\r\n0\r\n\r\n",
    "LF behind the chunk": b"2\r\n{}\n0\r\n\r\n",
    "nothing behind the chunk": b"2\r\n{}0\r\n\r\n",
    "a chunk longer than its size": b"2\r\n{ }\r\n0\r\n\r\n",
    "a space before the size": b" 2\r\n{}\r\n0\r\n\r\n",
    "LF at the end": b"2\r\n{}\r\n0\n\n",
}
targeted = pytest.mark.parametrize("target", TARGETS)


def check_refused(wire: Wire, sent: bytes, target: str, statuses: set[int]) -> None:
    """One answer, whatever follows, and then the end."""
    wire.send(sent.replace(b"/predict", target.encode(), 1) + AFTER)
    answer = wire.answer()
    assert answer.status in statuses
    assert answer.headers["connection"] == "close"
    check_error(answer, OURS)
    assert wire.is_closed()


@targeted
@pytest.mark.parametrize("sent", REFUSED)
def test_a_malformed_header_is_refused(wire: Wire, sent: bytes, target: str) -> None:
    check_refused(wire, sent, target, {400})


@pytest.mark.parametrize("target", TARGETS_THAT_ARE_NONE)
def test_a_malformed_target_is_refused(wire: Wire, target: str) -> None:
    check_refused(wire, asks(LENGTH), target, {400})


@targeted
@pytest.mark.parametrize(("coding", "statuses"), CODINGS)
def test_a_transfer_coding_that_is_not_read_is_refused(
    wire: Wire, coding: str, statuses: set[int], target: str
) -> None:
    check_refused(wire, asks(f"Transfer-Encoding: {coding}", body=CHUNKS), target, statuses)


def test_codings_in_two_lines_are_one_list(wire: Wire) -> None:
    check_refused(wire, asks("Transfer-Encoding: gzip", CHUNKED, body=CHUNKS), "/predict", {501})


@targeted
@pytest.mark.parametrize("chunks", CHUNK_FAULTS.values(), ids=CHUNK_FAULTS)
def test_malformed_chunks_are_refused(wire: Wire, chunks: bytes, target: str) -> None:
    wire.send(asks(CHUNKED, body=chunks).replace(b"/predict", target.encode(), 1) + AFTER)
    answer = wire.answer()
    # An address that is refused by its header may be answered before its body is looked at.
    assert answer.status == 400 or (answer.status in {403, 404} and target not in {"/predict", "/predict?x=1"})
    if answer.headers.get("connection") != "close":
        answer = wire.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert wire.is_closed()


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        pytest.param((LENGTH,), SINGLE, id="a length"),
        pytest.param((f"Content-Length:{len(SINGLE)}",), SINGLE, id="no space"),
        pytest.param((f"Content-Length: \t {len(SINGLE)} \t",), SINGLE, id="more space"),
        pytest.param((f"content-length: 000{len(SINGLE)}",), SINGLE, id="zeros"),
        pytest.param((CHUNKED,), CHUNKS, id="chunks"),
        pytest.param(("TRANSFER-encoding: ChunKed",), CHUNKS, id="chunks in other letters"),
        pytest.param((CHUNKED,), b"%X;name=value\r\n%b\r\n0\r\n\r\n" % (len(SINGLE), SINGLE), id="an extension"),
        pytest.param((CHUNKED,), b"000%x\r\n%b\r\n00\r\n\r\n" % (len(SINGLE), SINGLE), id="chunks with zeros"),
        pytest.param((LENGTH, "X-Empty:", "X-Latin: \xe9"), SINGLE, id="values of other kinds"),
    ],
)
@pytest.mark.parametrize("target", TARGETS[:2])
def test_unusual_valid_requests_are_served(wire: Wire, lines: tuple[str, ...], body: bytes, target: str) -> None:
    wire.send(b"\r\n" + asks(*lines, body=body).replace(b"/predict", target.encode(), 1) + AFTER)
    assert [wire.answer().status for _ in range(2)] == [200, 200]
