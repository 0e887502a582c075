"""Every refusal, whoever gives it, is one kind of answer: the same headers, its route's form, a true `connection`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from fraud.api_keys import ApiKey, Role, new_key
from tests.live_stack import API_KEY, LiveStack, server_beside, wait_until
from tests.serve.http.refusals import HOST, LONG, MAX_BODY_BYTES, NAME, ROLELESS_KEY, TABLE, Refusal, malformed
from tests.serve.scoring_routes import OURS, ROUTES, Route, check_error
from tests.serve.wire import Answer, Wire, gauge, is_welcome, post, request

HASTY_KEY = new_key()
MAX_CONNECTIONS = 20
READ_TIMEOUT_S = 1.0
ALWAYS = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
OF_STATUS = {
    401: {"www-authenticate"},
    405: {"allow"},
    429: {"retry-after"},
    503: {"retry-after"},
}
"""Headers that an answer with the status must have (RFC 9110, section 15; ours for 503)."""
LIVE = request("GET", "/health/live", HOST)


@pytest.fixture(scope="module")
def url(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bounded server of one process, which knows us, and a client that may not score."""
    keys = [ApiKey.of(API_KEY, "us", {Role.SCORE, Role.READ}), ApiKey.of(ROLELESS_KEY, "auditor", {Role.READ})]
    settings = {
        "API_KEYS": ",".join(map(str, keys)),
        "MAX_BODY_BYTES": str(MAX_BODY_BYTES),
        "MAX_BYTES_IN_FLIGHT": str(MAX_BODY_BYTES),
        "MAX_CONNECTIONS": str(MAX_CONNECTIONS),
        "READ_TIMEOUT_S": str(READ_TIMEOUT_S),
    }
    with server_beside(stack, tmp_path_factory.mktemp("refusing"), SERVE_WORKERS="1", **settings) as url:
        yield url


@pytest.fixture(scope="module")
def hasty_url(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on which a second request of one client is one too many."""
    keys = ApiKey.of(HASTY_KEY, "hasty", {Role.SCORE})
    settings = {"API_KEYS": str(keys), "RATE_LIMIT_REQUESTS_PER_S": "0.001"}
    with server_beside(stack, tmp_path_factory.mktemp("hasty"), SERVE_WORKERS="1", **settings) as url:
        yield url


@pytest.fixture(scope="module")
def patient_url(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has room for one body, and waits for the rest of it."""
    settings = {"MAX_BODY_BYTES": str(MAX_BODY_BYTES), "MAX_BYTES_IN_FLIGHT": str(MAX_BODY_BYTES)}
    with server_beside(stack, tmp_path_factory.mktemp("patient"), SERVE_WORKERS="1", **settings) as url:
        yield url


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    with closing(Wire(url)) as wire:
        yield wire


def check(wire: Wire, answer: Answer, expected: Refusal) -> None:
    """It is what every refusal is."""
    assert answer.status == expected.status, answer
    names = [name for name, _ in answer.lines]
    assert len(names) == len(set(names)), f"some headers came twice: {names}"
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    wanted = {"content-length", "date", "x-model-version", "x-request-id", *OF_STATUS.get(answer.status, ())}
    assert wanted <= set(names)
    assert "server" not in names
    assert int(answer.headers["content-length"]) == len(answer.body)
    check_error(answer, expected.form)
    if expected.form == OURS and expected.code is not None:
        assert answer.json()["error"]["code"] == expected.code
    request_id = answer.headers["x-request-id"]
    assert request_id == "order-17" or (not expected.is_named and re.fullmatch("[0-9a-f]{32}", request_id))
    check_end(wire, answer, expected.closes)


def check_end(wire: Wire, answer: Answer, closes: bool | None) -> None:
    """The connection ends exactly where the answer says so, and where it should."""
    says_so = answer.headers.get("connection") == "close"
    assert closes in {None, says_so}
    if says_so:
        assert wire.is_closed()
        return
    assert "connection" not in answer.headers
    wire.send(LIVE)
    assert wire.answer().json() == {"live": True}


@pytest.mark.parametrize("refusal", TABLE.values(), ids=TABLE)
def test_a_refusal_is_an_answer_as_any_other(wire: Wire, refusal: Refusal) -> None:
    wire.send(refusal.sent)
    check(wire, wire.answer(), refusal)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_refusal_by_the_bound_of_bytes_is_an_answer_as_any_other(patient_url: str, route: Route) -> None:
    with taken_room(patient_url), closing(Wire(patient_url)) as wire:
        wire.send(post(route.path, route.body.ljust(MAX_BODY_BYTES // 2), NAME))
        check(wire, wire.answer(), Refusal(b"", 503, route.form, "overloaded", closes=None))


@contextmanager
def taken_room(url: str) -> Iterator[None]:
    """Another's body is in flight until the end of the block."""
    with closing(Wire(url)) as other:
        other.send(post("/batch_predict", LONG[:-2])[:-1_000])
        wait_until(lambda: gauge(url, "scoring_body_in_flight_bytes") > MAX_BODY_BYTES / 2, 30, "it counts")
        yield


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_refusal_by_the_rate_limit_is_an_answer_as_any_other(hasty_url: str, route: Route) -> None:
    with closing(Wire(hasty_url)) as wire:
        asked = post(route.path, route.body, NAME).replace(API_KEY.encode(), HASTY_KEY.encode())
        for _ in range(2):
            wire.send(asked)
            answer = wire.answer()
        check(wire, answer, Refusal(b"", 429, route.form, "rate_limited"))


def test_a_refusal_of_one_connection_too_many_is_an_answer_as_any_other(url: str) -> None:
    crowd = [Wire(url) for _ in range(MAX_CONNECTIONS)]
    try:
        with closing(Wire(url)) as late:
            check(late, late.answer(), malformed(b"", 503, "too_many_connections"))
    finally:
        for wire in crowd:
            wire.close()
    wait_until(lambda: is_welcome(url), 30, "there is room again")
