"""What the reader makes of bytes: requests as RFC 9112 frames them, or a fault after which nothing is read."""

from __future__ import annotations

import pytest

from serve.errors import ServeError
from serve.http.request_head import MAX_HEAD_BYTES
from tests.serve.fuzz.framing import framed, read_pieces

HEAD = b"POST /p HTTP/1.1\r\nHost: a\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
THEN = (b"GET", b"/next", b"")
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"


@pytest.mark.parametrize("piece_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        pytest.param(HEAD + b"Content-Length: 2\r\n\r\nab", (b"POST", b"/p", b"ab"), id="length"),
        pytest.param(HEAD + CHUNKED + b"\r\n", (b"POST", b"/p", b"ab"), id="chunks"),
        pytest.param(HEAD + CHUNKED + b"X-API-Key: k\r\n\r\n", (b"POST", b"/p", b"ab"), id="chunks and a trailer"),
        pytest.param(
            HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab",
            (b"POST", b"/p", b"ab"),
            id="upgrade with a body of known length",
        ),
        pytest.param(
            HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + CHUNKED + b"X-T: 1\r\n\r\n",
            (b"POST", b"/p", b"ab"),
            id="upgrade with chunks",
        ),
        pytest.param(
            HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
            (b"POST", b"/p", b""),
            id="upgrade with an empty body",
        ),
        pytest.param(b"\r\n" + HEAD + b"\r\n", (b"POST", b"/p", b""), id="empty line before it"),
    ],
)
def test_a_request_and_the_next_one_are_read(
    request_bytes: bytes, expected: tuple[bytes, bytes, bytes], piece_bytes: int
) -> None:
    heard = framed(request_bytes + NEXT, piece_bytes)
    assert heard.fault is None
    assert heard.whole == [expected, THEN]


def test_a_method_that_the_parser_does_not_know_is_read() -> None:
    assert framed(NEXT + HEAD.replace(b"POST", b"BREW") + b"\r\n" + NEXT).fault is not None  # behind another one
    assert framed(HEAD.replace(b"POST", b"BREW") + b"\r\n" + NEXT).whole == [(b"BREW", b"/p", b""), THEN]


LENGTH = HEAD + b"A: b\r\nContent-Length: %d\r\nC: d\r\n\r\n%b"


def test_a_header_that_comes_again_is_known_but_for_the_length_of_the_body() -> None:
    bodies = [b"ab", b"", b"a" * 1_000, b"a" * 9]
    requests = [LENGTH % (len(body), body) for body in bodies]
    heard = read_pieces(requests[0], requests[1] + requests[2], requests[3] + NEXT)
    assert heard.whole == [*((b"POST", b"/p", body) for body in bodies), THEN]
    assert heard.repeated == 3


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(LENGTH.replace(b"A: b", b"A: c") % (2, b"ab"), id="another field"),
        pytest.param(LENGTH.replace(b"/p", b"/q") % (2, b"ab"), id="another target"),
        pytest.param(LENGTH.replace(b"C: d", b"C: d\r\nE: f") % (2, b"ab"), id="one field more"),
        pytest.param(LENGTH.replace(b"C: d\r\n", b"") % (2, b"ab"), id="one field less"),
        pytest.param(LENGTH.replace(b"%d", b"%d ") % (2, b"ab"), id="a space behind the length"),
        pytest.param(HEAD + b"A: b\r\n" + CHUNKED + b"\r\n", id="chunks"),
    ],
)
def test_another_header_is_not_taken_for_it(second: bytes) -> None:
    heard = read_pieces(LENGTH % (2, b"ab"), second + NEXT)
    assert heard.repeated == 0
    assert heard.whole == framed(LENGTH % (2, b"ab") + second + NEXT).whole
    assert len(heard.whole) == 3


@pytest.mark.parametrize("length", [b"+2", b"-2", b"0x2", b"2,2", b"", b"\xb2", b"2 2"])
def test_a_length_that_is_none_is_a_fault_behind_a_known_header_too(length: bytes) -> None:
    heard = read_pieces(LENGTH % (2, b"ab"), LENGTH.replace(b"%d", length) % b"ab")
    assert heard.fault is not None
    assert heard.fault.status == 400


def test_a_known_header_whose_body_comes_in_pieces_is_read() -> None:
    request = LENGTH % (4, b"abcd")
    heard = read_pieces(request, request[:50], request[50:-2], request[-2:] + NEXT)
    assert heard.whole == [(b"POST", b"/p", b"abcd"), (b"POST", b"/p", b"abcd"), THEN]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab", id="expects a 100"),
        pytest.param(HEAD + b"Upgrade: h2c\r\nContent-Length: 2\r\n\r\nab", id="asks for an upgrade"),
        pytest.param(HEAD + CHUNKED + b"\r\n", id="chunks"),
        pytest.param(HEAD + b"A: " + b"a" * 5_000 + b"\r\nContent-Length: 2\r\n\r\nab", id="long"),
    ],
)
def test_a_header_that_bytes_alone_do_not_tell_is_parsed_each_time(header: bytes) -> None:
    heard = read_pieces(header, header)
    assert heard.whole == [(b"POST", b"/p", b"ab")] * 2
    assert heard.repeated == 0


def test_trailers_are_no_fields() -> None:
    heard = framed(HEAD + CHUNKED + b"X-API-Key: secret\r\nHost: b\r\n\r\n")
    assert [name for name, _ in heard.heads[0].fields] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(b"POST /p HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(HEAD + b"Host: a\r\n\r\n", 400, id="two hosts"),
        pytest.param(b"POST /p HTTP/1.1\r\nHost: a b\r\n\r\n", 400, id="a host with a space"),
        pytest.param(b"POST /p HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, id="two hosts in HTTP/1.0"),
        pytest.param(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, id="gzip, chunked"),
        pytest.param(HEAD + b"Transfer-Encoding: identity\r\n\r\n", 501, id="identity"),
        pytest.param(b"POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="chunks in HTTP/1.0"),
        pytest.param(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, id="two lengths"),
        pytest.param(HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="length and chunks"),
        pytest.param(HEAD + b"Content-Length: +1\r\n\r\n", 400, id="a length with a sign"),
        pytest.param(HEAD + b"A: b\r\n c\r\n\r\n", 400, id="a folded line"),
        pytest.param(HEAD + b"A : b\r\n\r\n", 400, id="a space before the colon"),
        pytest.param(HEAD + b"A: b\x00c\r\n\r\n", 400, id="a NUL"),
        pytest.param(HEAD.replace(b"\r\n", b"\n") + b"\n", 400, id="bare line feeds"),
        pytest.param(b"GET /p\r\n\r\n", 400, id="no version"),
        pytest.param(b"GET /p HTTP/2.0\r\nHost: a\r\n\r\n", 505, id="HTTP/2.0"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2's preface"),
        pytest.param(b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405, id="CONNECT"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01", 400, id="TLS"),
        pytest.param(HEAD + b"A: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n", 431, id="a long line"),
        pytest.param(HEAD + b"A: " + b"b" * MAX_HEAD_BYTES, 431, id="a long line without an end"),
        pytest.param(b"GET /" + b"p" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431, id="a long target"),
        pytest.param(HEAD + b"A: b\r\n" * MAX_HEAD_BYTES + b"\r\n", 431, id="many lines"),
    ],
)
def test_a_faulty_request_ends_the_reading(head: bytes, status: int) -> None:
    heard = framed(NEXT + head + NEXT)
    assert heard.whole == [THEN]
    assert isinstance(heard.fault, ServeError)
    assert heard.fault.status == status


@pytest.mark.parametrize("piece_bytes", [1_000, 20_000, 1 << 20])
@pytest.mark.parametrize("size", [MAX_HEAD_BYTES + 1, 3 * MAX_HEAD_BYTES])
def test_a_header_is_bounded_however_it_arrives(size: int, piece_bytes: int) -> None:
    fault = framed(HEAD + b"A: " + b"b" * size + b"\r\n\r\n", piece_bytes).fault
    assert fault is not None
    assert fault.status == 431


def test_a_header_within_the_bounds_is_read() -> None:
    lines = b"".join(b"N%05d: 1\r\n" % number for number in range((MAX_HEAD_BYTES - 100) // 11))
    assert framed(HEAD + lines + b"\r\n" + NEXT).whole == [(b"POST", b"/p", b""), THEN]


@pytest.mark.parametrize("piece_bytes", [1_000, 1 << 20])
def test_trailers_are_bounded(piece_bytes: int) -> None:
    fault = framed(HEAD + CHUNKED + b"T: 1\r\n" * MAX_HEAD_BYTES + b"\r\n", piece_bytes).fault
    assert fault is not None
    assert fault.status == 431


def test_a_chunk_extension_that_goes_on_is_refused() -> None:
    fault = framed(HEAD + CHUNKED.replace(b"2", b"2;" + b"x" * 3 * MAX_HEAD_BYTES), 10_000).fault
    assert fault is not None
    assert fault.status == 431


def test_small_chunks_and_long_bodies_are_within_the_bound() -> None:
    chunks = b"1\r\na\r\n" * MAX_HEAD_BYTES + b"0\r\n\r\n"
    heard = framed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + NEXT, 5_000)
    assert heard.whole == [(b"POST", b"/p", b"a" * MAX_HEAD_BYTES), THEN]
    long = HEAD + b"Content-Length: %d\r\n\r\n" % (5 * MAX_HEAD_BYTES) + b"b" * 5 * MAX_HEAD_BYTES
    assert framed(long + NEXT, 1 << 18).whole == [(b"POST", b"/p", b"b" * 5 * MAX_HEAD_BYTES), THEN]


def test_a_header_without_an_end_behind_other_requests_is_bounded() -> None:
    heard = framed(NEXT * 3 + HEAD + b"A: " + b"b" * 2 * MAX_HEAD_BYTES)
    assert heard.whole == [THEN] * 3
    assert heard.fault is not None
    assert heard.fault.status == 431
    assert framed(NEXT * MAX_HEAD_BYTES + HEAD).fault is None


def test_the_rest_of_a_body_is_never_read_as_a_request() -> None:
    """Though a request with an unknown method follows it in the same read."""
    hidden = b"POST /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    first = HEAD + b"Content-Length: %d\r\n\r\n" % (2 + len(hidden)) + b"ab"
    heard = framed(first + hidden + b"BREW /p HTTP/1.1\r\nHost: a\r\n\r\n", piece_bytes=len(first))
    assert heard.whole == [(b"POST", b"/p", b"ab" + hidden)]


TRACED = HEAD + b"A: b\r\nTraceparent: %b\r\nContent-Length: %d\r\nC: d\r\n\r\n%b"
TRACED_LAST = HEAD + b"A: b\r\nContent-Length: %d\r\nC: d\r\ntraceparent:%b\r\nE: f\r\n\r\n%b"
TRACES = [b"00-" + digit * 32 + b"-" + digit * 16 + b"-01" for digit in (b"a", b"b", b"c", b"d")]


@pytest.mark.parametrize("is_last", [False, True])
def test_a_header_that_comes_again_is_known_but_for_its_trace(*, is_last: bool) -> None:
    bodies = [b"ab", b"", b"a" * 1_000, b"a" * 9]
    requests = [
        TRACED_LAST % (len(body), trace, body) if is_last else TRACED % (trace, len(body), body)
        for trace, body in zip(TRACES, bodies, strict=True)
    ]
    heard = read_pieces(requests[0], requests[1] + requests[2], requests[3] + NEXT)
    assert heard.whole == [*((b"POST", b"/p", body) for body in bodies), THEN]
    assert heard.repeated == 3
    assert [trace and trace.header.encode() for trace in heard.traces] == TRACES[1:]
    assert [trace and trace.header.encode() for trace in [heard.heads[0].trace()]] == TRACES[:1]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(TRACED % (TRACES[1].upper(), 2, b"ab"), id="a malformed trace"),
        pytest.param(TRACED % (b"00-" + b"0" * 32 + TRACES[1][35:], 2, b"ab"), id="a trace of zeros"),
        pytest.param(TRACED % (TRACES[1][:-1], 2, b"ab"), id="a shorter trace"),
        pytest.param(TRACED % (TRACES[1] + b"-more", 2, b"ab"), id="a longer trace"),
        pytest.param(TRACED % (TRACES[1][:20] + b"\r\nX: " + TRACES[1][25:], 2, b"ab"), id="a field in the trace"),
        pytest.param(TRACED.replace(b"A: b", b"A: c") % (TRACES[1], 2, b"ab"), id="another field before it"),
        pytest.param(TRACED.replace(b"C: d", b"C: e") % (TRACES[1], 2, b"ab"), id="another field behind it"),
        pytest.param(LENGTH % (2, b"ab"), id="no trace"),
    ],
)
def test_another_header_is_not_taken_for_one_with_a_trace(second: bytes) -> None:
    heard = read_pieces(TRACED % (TRACES[0], 2, b"ab"), second + NEXT)
    assert heard.repeated == 0
    assert heard.whole == framed(TRACED % (TRACES[0], 2, b"ab") + second + NEXT).whole


def test_two_traces_are_none() -> None:
    head = framed(HEAD + b"traceparent: %b\r\ntraceparent: %b\r\n\r\n" % (TRACES[0], TRACES[0])).heads[0]
    assert head.trace() is None
