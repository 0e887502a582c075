"""A request that is refused before its connection's parser sees it ends where that parser would have had it end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.http.early_refusal import PlainRequest, plain_request
from tests.serve.fuzz.beginnings import check_end
from tests.serve.wire import BATCH, SINGLE, post

NAMED = post("/predict", SINGLE, "X-Request-ID: order-17")


def read(data: bytes) -> PlainRequest | None:
    return plain_request(memoryview(data))


def test_a_whole_request_is_known_by_its_header() -> None:
    assert read(NAMED) == PlainRequest(b"/predict", "order-17", 0)


@pytest.mark.parametrize("missing", [1, 100, len(SINGLE)])
def test_what_of_its_body_is_still_to_come_is_counted(missing: int) -> None:
    assert read(NAMED[:-missing]) == PlainRequest(b"/predict", "order-17", missing)


def test_a_request_without_a_name_gets_one() -> None:
    requests = [read(post("/batch_predict", BATCH, *given)) for given in ((), (), ("X-Request-ID: no name",))]
    names = [request.request_id for request in requests if request is not None]
    assert len({*names}) == 3
    assert all(len(name) == 32 for name in names)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(NAMED[: len(NAMED) - len(SINGLE) - 1], id="a part of a header"),
        pytest.param(NAMED * 2, id="two requests"),
        pytest.param(NAMED + b"P", id="the beginning of a second one"),
        pytest.param(NAMED.replace(b"POST", b"GET"), id="another method"),
        pytest.param(post("/predict", SINGLE, version="1.0"), id="an older HTTP"),
        pytest.param(post("/predict", SINGLE, "Connection: close"), id="the last one of its connection"),
        pytest.param(post("/predict", SINGLE, "Expect: 100-continue"), id="one that asks before it sends its body"),
        pytest.param(post("/predict", SINGLE, "Connection: upgrade", "Upgrade: h2c"), id="one that wants more"),
        pytest.param(
            b"POST /predict HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            id="a body of unknown length",
        ),
        pytest.param(post("/predict", SINGLE, "Connection: keep-alive", "Connection: close"), id="a header twice"),
        pytest.param(NAMED.replace(b"Content-Length: ", b"Content-Length: -"), id="no length"),
        pytest.param(NAMED.replace(b"\r\n", b"\n"), id="other ends of lines"),
        pytest.param(b"\x16\x03\x01\x02\x00", id="no HTTP"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_all_else_is_left_to_the_parser(data: bytes) -> None:
    assert read(data) is None


LINES = st.lists(
    st.sampled_from(
        [
            "Host: here",
            "X-Request-ID: order-17",
            "Content-Length: 3",
            "content-length : 3",
            "Content-Length: 3, 3",
            "Content-Length:\t2 ",
            "Content-Length: 0",
            "Content-Length: 00000000000000000000003",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: identity",
            "Connection: keep-alive",
            "Connection: close, keep-alive",
            "Upgrade: websocket",
            "Trailer: Content-Length",
            " folded",
            "Empty:",
            "No colon",
            "\x0bOdd: yes",
        ]
    ),
    max_size=5,
)


@given(
    LINES, st.sampled_from([b"", b"{}", b"abc", b"abc\r\n", b"abcPOST / HTTP/1.1\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n"])
)
@settings(max_examples=2_000)
def test_both_parsers_see_the_same_end(lines: list[str], after: bytes) -> None:
    data = "\r\n".join(["POST /predict HTTP/1.1", *lines, "", ""]).encode("latin-1") + after
    found = read(data)
    if found is not None:
        check_end(data, found)
