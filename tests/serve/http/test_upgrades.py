"""Another protocol is offered: nobody takes it up, and the request is served as any other (RFC 9110, section 7.8).

JDK's HTTP client offers HTTP/2 with each first request of a connection, and so does `curl --http2`. What the request
carries is its body: were it read as a request of its own, it would be one that nobody has logged in for.
"""

from __future__ import annotations

import uuid
from contextlib import closing

import httpx
import pytest

from tests.live_stack import LOGIN, LiveStack, wait_until
from tests.serve.prediction_log_rows import fetch
from tests.serve.scoring_routes import ROUTES, TARGETS, route_of
from tests.serve.wire import BATCH, KEY_LINE, LONG, SINGLE, Wire, gauge, in_chunks, post, request, wait_for_a_round

SETTINGS = "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"
HANDSHAKE = ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
OFFERS = {
    "h2c as the JDK": ("Connection: Upgrade, HTTP2-Settings", SETTINGS, "Upgrade: h2c"),
    "h2c": ("Connection: Upgrade", "Upgrade: h2c"),
    "websocket": ("Connection: Upgrade", "Upgrade: websocket"),
    "websocket with a handshake": ("Upgrade: websocket", "Connection: keep-alive, Upgrade", *HANDSHAKE),
    "several": ("Connection: upgrade", "Upgrade: h2c, websocket, TLS/1.0"),
    "without Connection": ("Upgrade: h2c",),
    "Connection alone": ("Connection: Upgrade",),
}
offered = pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
framed = pytest.mark.parametrize("framing", ["length", "chunks"])


def offering(target: str, body: bytes, framing: str, *lines: str) -> bytes:
    if framing == "length":
        return post(target, body, *lines)
    return request("POST", target, "Host: here", KEY_LINE, "Transfer-Encoding: chunked", *lines, body=in_chunks(body))


@offered
@framed
@pytest.mark.parametrize("target", TARGETS)
def test_the_request_is_served_and_the_next_one_too(
    wire: Wire, target: str, framing: str, offer: tuple[str, ...]
) -> None:
    route = route_of(target)
    wire.send(offering(target, route.body, framing, *offer, "X-Request-ID: first"))
    wire.send(post(route.path, route.body, "X-Request-ID: second"))
    first, second = wire.answer(), wire.answer()
    assert (first.status, first.headers["x-request-id"]) == (200, "first")
    assert (second.status, second.headers["x-request-id"]) == (200, "second")
    assert first.json() == second.json()
    assert "upgrade" not in first.headers


@offered
@pytest.mark.parametrize("target", ["/health/live", "/model-info", "/metrics"])
def test_a_request_without_a_body_is_served(wire: Wire, target: str, offer: tuple[str, ...]) -> None:
    for _ in range(2):
        wire.send(request("GET", target, "Host: here", KEY_LINE, *offer))
        assert wire.answer().status == 200


@offered
@pytest.mark.parametrize("body", [BATCH, LONG[: -len(BATCH) // 2]], ids=["scored elsewhere", "refused"])
def test_a_long_body_is_read_to_its_end(wire: Wire, body: bytes, offer: tuple[str, ...]) -> None:
    wire.send(post("/batch_predict", body, *offer) + post("/predict", SINGLE))
    assert [wire.answer().status for _ in range(2)] == [200 if body == BATCH else 400, 200]


HIDDEN = request("POST", "/predict", "Host: here", f"Content-Length: {len(SINGLE)}", "X-Request-ID: hidden") + SINGLE
"""Without a login."""


@offered
@framed
@pytest.mark.parametrize("comes", ["at once", "behind its header"])
@pytest.mark.parametrize("target", ["/predict", "/predict?x=1", ROUTES[-1].path, "/nowhere"])
def test_a_body_is_never_executed(alone: str, target: str, comes: str, framing: str, offer: tuple[str, ...]) -> None:
    """One answer, and neither a score nor a refusal more."""
    before = gauge(alone, "scoring_requests_total")
    with closing(Wire(alone)) as wire:
        header, end, body = offering(target, HIDDEN, framing, *offer, "X-Request-ID: outer").partition(b"\r\n\r\n")
        if comes == "at once":
            wire.send(header + end + body)
        else:
            wire.send(header + end)
            wait_for_a_round(alone)
            wire.send(body)
        outer = wire.answer()
        wire.send(post("/predict", SINGLE, "X-Request-ID: after"))
        after = wire.answer()
    assert (outer.status, outer.headers["x-request-id"]) == (404 if target == "/nowhere" else 400, "outer")
    assert (after.status, after.headers["x-request-id"]) == (200, "after")
    assert gauge(alone, "scoring_requests_total") - before == (1 if target == "/nowhere" else 2)


@offered
def test_an_administrators_request_in_a_body_changes_nothing(wire: Wire, offer: tuple[str, ...]) -> None:
    hidden = request("POST", "/update-model", "Host: here", "Content-Length: 0")
    wire.send(post("/predict", hidden, *offer) + request("GET", "/health/live", "Host: here"))
    assert wire.answer().status == 400
    assert wire.answer().json() == {"live": True}


@offered
def test_the_request_is_on_record_once(stack: LiveStack, wire: Wire, offer: tuple[str, ...]) -> None:
    name = uuid.uuid4().hex
    wire.send(post("/predict", SINGLE, *offer, f"X-Request-ID: {name}"))
    assert wire.answer().status == 200
    statement = "SELECT count(*) FROM prediction_requests WHERE request_id = %s"
    wait_until(lambda: fetch(stack.owner_dsn, statement, name) != [(0,)], 30, "it is on record")
    wire.send(post("/predict", SINGLE, f"X-Request-ID: {name}-after"))
    assert wire.answer().status == 200
    wait_until(lambda: fetch(stack.owner_dsn, statement, f"{name}-after") != [(0,)], 30, "the next one too")
    assert fetch(stack.owner_dsn, statement, name) == [(1,)]


def test_a_tunnel_is_refused(stack: LiveStack, wire: Wire) -> None:
    """CONNECT: no byte behind it reaches anybody."""
    wire.send(request("CONNECT", "here:80", "Host: here:80", KEY_LINE) + post("/predict", SINGLE))
    answer = wire.answer()
    assert answer.status in {400, 404, 405, 501}
    if answer.headers.get("connection") == "close":
        assert wire.is_closed()
    else:
        assert wire.answer().status == 200
    assert httpx.get(stack.url + "/model-info", headers=LOGIN).status_code == 200
