"""Behind a body in chunks more headers may come: they count for nothing (RFC 9110, section 6.5.1)."""

from __future__ import annotations

import base64
import uuid
from contextlib import closing

import pytest

from tests.live_stack import LiveStack
from tests.serve.scoring_routes import TARGETS, check_error, route_of
from tests.serve.wire import KEY_LINE, Wire, in_chunks, post, request

HEADER = ("Host: here", "Transfer-Encoding: chunked")


def sent(target: str, body: bytes, header: tuple[str, ...], *trailers: str, method: str = "POST") -> bytes:
    return request(method, target, *HEADER, *header, body=in_chunks(body, *trailers))


@pytest.mark.parametrize("announced", [(), ("Trailer: X-API-Key",)], ids=["as it comes", "announced"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_login_in_a_trailer_is_none(wire: Wire, target: str, announced: tuple[str, ...]) -> None:
    wire.send(sent(target, route_of(target).body, announced, KEY_LINE))
    answer = wire.answer()
    assert answer.status == 401
    check_error(answer, route_of(target).form)


@pytest.mark.parametrize(("method", "path"), [("POST", "/update-model"), ("GET", "/model-info"), ("GET", "/metrics")])
def test_an_administrators_login_in_a_trailer_is_none(stack: LiveStack, wire: Wire, method: str, path: str) -> None:
    login = base64.b64encode(":".join(stack.admin).encode()).decode()
    wire.send(sent(path, b"{}", (), f"Authorization: Basic {login}", method=method))
    assert wire.answer().status == 401


@pytest.mark.parametrize("header", [(), ("X-Request-ID: before",)], ids=["instead", "beside"])
@pytest.mark.parametrize("target", [*TARGETS, "/nowhere"])
def test_a_request_id_in_a_trailer_names_nothing(wire: Wire, target: str, header: tuple[str, ...]) -> None:
    body = b"{}" if target == "/nowhere" else route_of(target).body
    wire.send(sent(target, body, (KEY_LINE, *header), "X-Request-ID: behind"))
    answer = wire.answer()
    assert answer.status == (404 if target == "/nowhere" else 200)
    name = answer.headers["x-request-id"]
    assert name == "before" if header else len(name) == 32


@pytest.mark.parametrize(
    "trailer",
    [
        "Content-Type: text/html",
        "Content-Encoding: gzip",
        "Host: there",
        "Expect: 100-continue",
        "Upgrade: h2c",
        "Origin: https://elsewhere.example",
        "X-Request-ID: not a name",
    ],
)
@pytest.mark.parametrize("target", TARGETS)
def test_a_trailer_changes_nothing(wire: Wire, target: str, trailer: str) -> None:
    wire.send(sent(target, route_of(target).body, (KEY_LINE,), trailer) + post("/predict", route_of("/predict").body))
    first, second = wire.answer(), wire.answer()
    assert (first.status, second.status) == (200, 200)


@pytest.mark.parametrize("trailer", ["Content-Length: 3", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_trailer_about_the_body_is_dropped_or_refused(wire: Wire, target: str, trailer: str) -> None:
    """RFC 9110 forbids its sender that one; it moves the end of no request."""
    wire.send(sent(target, route_of(target).body, (KEY_LINE,), trailer) + post("/predict", route_of("/predict").body))
    answer = wire.answer()
    if answer.status == 200:
        assert wire.answer().status == 200
    else:
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        check_error(answer, route_of(target).form)
        assert wire.is_closed()


@pytest.mark.parametrize("target", TARGETS)
def test_a_close_in_a_trailer_is_told_or_ignored(wire: Wire, target: str) -> None:
    """Nobody waits for an answer on a connection that is read no further."""
    wire.send(sent(target, route_of(target).body, (KEY_LINE,), "Connection: close"))
    wire.send(post("/predict", route_of("/predict").body))
    answer = wire.answer()
    assert answer.status == 200
    if answer.headers.get("connection") == "close":
        assert wire.is_closed()
    else:
        assert wire.answer().status == 200


@pytest.mark.parametrize("target", TARGETS)
def test_an_idempotency_key_in_a_trailer_is_none(wire: Wire, target: str) -> None:
    line = f"Idempotency-Key: {uuid.uuid4().hex}"
    for _ in range(2):
        wire.send(sent(target, route_of(target).body, (KEY_LINE,), line))
        answer = wire.answer()
        assert answer.status == 200
        assert "idempotency-replayed" not in answer.headers


def test_a_login_in_a_trailer_does_not_count_for_the_next_request(stack: LiveStack) -> None:
    with closing(Wire(stack.url)) as wire:
        body = route_of("/predict").body
        wire.send(sent("/predict", body, (KEY_LINE,), KEY_LINE) + sent("/predict", body, ()))
        assert [wire.answer().status for _ in range(2)] == [200, 401]
