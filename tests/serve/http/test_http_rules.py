"""What HTTP asks of every server (RFC 9110 and 9112): Host, Expect, HEAD, and methods that an address does not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.live_stack import LOGIN, LiveStack
from tests.serve.scoring_routes import (
    BATCH_PREDICT,
    INFER,
    INFERENCE_V2,
    INVOCATIONS,
    MLFLOW,
    MODEL,
    OURS,
    PREDICT,
    TARGETS,
    check_error,
    route_of,
)
from tests.serve.wire import KEY_LINE, SINGLE, Answer, Wire, post, request, wait_for_a_round

HOST = "Host: here"
EMPTY = "Content-Length: 0"
LIVE = request("GET", "/health/live", HOST)


def check_connection(wire: Wire, answer: Answer) -> None:
    """It is closed where the answer says so, and serves the next request where it does not."""
    if answer.headers.get("connection") == "close":
        assert wire.is_closed()
        return
    wire.send(LIVE)
    assert wire.answer().json() == {"live": True}


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param([], id="none"),
        pytest.param(["Host: here", "Host: there"], id="two"),
        pytest.param(["Host: here", "host: here"], id="the same twice"),
    ],
)
@pytest.mark.parametrize("target", [*TARGETS, "http://here/predict", "/health/live", "/metrics", "/mlflow/", "/v2"])
def test_a_request_without_exactly_one_host_is_refused(wire: Wire, target: str, hosts: list[str]) -> None:
    """RFC 9112, section 3.2."""
    scores = target in TARGETS or "predict" in target
    body = SINGLE if scores else b""
    wire.send(request("POST" if scores else "GET", target, *hosts, KEY_LINE, f"Content-Length: {len(body)}", body=body))
    answer = wire.answer()
    assert answer.status == 400
    check_error(answer, route_of(target).form if target in TARGETS else INFERENCE_V2 if target == "/v2" else OURS)
    check_connection(wire, answer)


@pytest.mark.parametrize("target", TARGETS)
def test_http_1_0_needs_no_host(wire: Wire, target: str) -> None:
    route = route_of(target)
    wire.send(request("POST", target, KEY_LINE, f"Content-Length: {len(route.body)}", body=route.body, version="1.0"))
    assert wire.answer().status == 200
    assert wire.is_closed()


@pytest.fixture
def lone_wire(alone: str) -> Iterator[Wire]:
    """A connection to a process that has no others."""
    with closing(Wire(alone)) as wire:
        yield wire


@pytest.mark.parametrize("target", TARGETS)
def test_an_expectation_in_http_1_0_is_ignored(alone: str, lone_wire: Wire, target: str) -> None:
    """RFC 9110, section 10.1.1: its client does not know answers that are none yet."""
    body = route_of(target).body
    asked = post(target, body, "Expect: 100-continue", version="1.0")
    lone_wire.send(asked[: -len(body)])
    wait_for_a_round(alone)
    lone_wire.send(body)
    assert lone_wire.answer().status == 200
    assert lone_wire.is_closed()


@pytest.mark.parametrize("target", TARGETS)
def test_an_expectation_is_met_before_the_body_comes(lone_wire: Wire, target: str) -> None:
    body = route_of(target).body
    lone_wire.send(post(target, body, "Expect: 100-continue")[: -len(body)])
    assert lone_wire.answer().status == 100
    lone_wire.send(body)
    assert lone_wire.answer().status == 200


@pytest.mark.parametrize("target", TARGETS)
def test_a_refusal_comes_in_place_of_what_was_expected(wire: Wire, target: str) -> None:
    wire.send(request("POST", target, HOST, "Content-Length: 10", "Expect: 100-continue"))
    assert wire.answer().status == 401


HEADS = ["/health/live", "/health/ready", "/metrics", "/model-info", "/ping", "/version", "/docs", "/openapi.json"]
HEADS += ["/v2", "/v2/health/live", "/v2/health/ready", f"/v2/models/{MODEL}", f"/v2/models/{MODEL}/ready"]
CHANGING = {"/metrics"}
"""Its length is another one each time."""


@pytest.mark.parametrize("path", HEADS)
def test_head_is_answered_as_get_without_the_body(stack: LiveStack, wire: Wire, path: str) -> None:
    expected = httpx.get(stack.url + path, headers=LOGIN)
    wire.send(request("HEAD", path, HOST, KEY_LINE))
    answer = wire.answer("HEAD")
    assert answer.status == expected.status_code == 200
    assert int(answer.headers["content-length"]) > 0
    same = {"content-type", "cache-control", "content-security-policy", "x-model-version"}
    same |= set() if path in CHANGING else {"content-length"}
    assert {name: answer.headers.get(name) for name in same} == {name: expected.headers.get(name) for name in same}
    check_connection(wire, answer)  # a body would be read as the next answer


@pytest.mark.parametrize(
    ("path", "lines", "status"),
    [
        pytest.param("/metrics", (), 401, id="no login"),
        pytest.param("/nowhere", (KEY_LINE,), 404, id="no such address"),
        pytest.param(PREDICT.path, (KEY_LINE,), 405, id="ours"),
        pytest.param(INFER.path, (KEY_LINE,), 405, id="inference v2"),
        pytest.param(INVOCATIONS.path, (KEY_LINE,), 405, id="mlflow"),
        pytest.param("/health/live", ("X-Request-ID: a b",), 400, id="a name that is none"),
    ],
)
def test_a_refused_head_has_no_body_either(wire: Wire, path: str, lines: tuple[str, ...], status: int) -> None:
    wire.send(request("HEAD", path, HOST, *lines))
    answer = wire.answer("HEAD")
    assert answer.status == status
    check_connection(wire, answer)


UNKNOWN = ["BREW", "post", "POSTS", "PROPFIND", "X", "A-LONG-METHOD-" + "X" * 100]
WRONG = ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.mark.parametrize("method", [*WRONG, *UNKNOWN])
@pytest.mark.parametrize("target", [*TARGETS, f"{BATCH_PREDICT.path}?x=1"])
def test_other_methods_do_not_score(wire: Wire, target: str, method: str) -> None:
    form = OURS if "predict" in target or "%70" in target else route_of(target).form
    wire.send(request(method, target, HOST, KEY_LINE, EMPTY, "X-Request-ID: odd"))
    answer = wire.answer()
    assert (answer.status, answer.headers.get("allow")) == (405, "POST")
    assert answer.headers["x-request-id"] == "odd"
    check_error(answer, form)
    check_connection(wire, answer)


@pytest.mark.parametrize("method", ["BREW", "PUT", "DELETE", "get"])
@pytest.mark.parametrize(
    ("path", "form", "allowed"),
    [
        ("/health/live", OURS, {"GET", "HEAD"}),
        ("/health/ready", OURS, {"GET", "HEAD"}),
        ("/metrics", OURS, {"GET", "HEAD"}),
        ("/model-info", OURS, {"GET", "HEAD"}),
        ("/v2", INFERENCE_V2, {"GET", "HEAD"}),
        (f"/v2/models/{MODEL}", INFERENCE_V2, {"GET", "HEAD"}),
        ("/version", MLFLOW, {"GET", "HEAD"}),
    ],
)
def test_other_methods_do_nothing_elsewhere(wire: Wire, path: str, form: str, allowed: set[str], method: str) -> None:
    wire.send(request(method, path, HOST, KEY_LINE, EMPTY))
    answer = wire.answer()
    assert answer.status == 405
    assert {name.strip() for name in answer.headers["allow"].split(",")} == allowed
    check_error(answer, form)
    check_connection(wire, answer)


@pytest.mark.parametrize("method", ["GET", "BREW"])
@pytest.mark.parametrize("target", TARGETS)
def test_another_method_with_a_body_leaves_the_connection_in_step(wire: Wire, target: str, method: str) -> None:
    """What it carries is no request."""
    hidden = post(PREDICT.path, SINGLE)
    wire.send(request(method, target, HOST, KEY_LINE, f"Content-Length: {len(hidden)}", body=hidden))
    answer = wire.answer()
    assert answer.status == 405
    check_connection(wire, answer)
