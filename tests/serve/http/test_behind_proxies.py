"""Behind nginx and HAProxy as Debian has them: every client gets the answer to its own request, refusals included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest

from tests.live_stack import LOGIN, LiveStack, server_beside, wait_until
from tests.required_tools import need_program
from tests.serve.http.proxies import Proxy, proxy
from tests.serve.http.test_upgrades import HIDDEN, OFFERS
from tests.serve.scoring_routes import TARGETS, route_of
from tests.serve.wire import BATCH, BATCH_ROWS, KEY_LINE, SINGLE, Wire, gauge, in_chunks, post, request

MAX_BODY_BYTES = 4_000_000
TOO_MANY_BYTES = bytes(MAX_BODY_BYTES + 1_000_000)
ENOUGH_BYTES = TOO_MANY_BYTES[: MAX_BODY_BYTES - 100_000]
CLIENTS = 8
SENT = {name: OFFERS[name] for name in ("h2c as the JDK", "websocket with a handshake")}
Place = tuple[str, str]
"""A proxy, and one of its addresses."""
CLOSING: list[Place] = [("nginx", "default"), ("nginx", "streaming"), ("haproxy", "default")]
KEEPING: list[Place] = [("nginx", "upgrading"), ("haproxy", "upgrading")]
kept_open = pytest.mark.parametrize("place", KEEPING, ids="-".join)
closed = pytest.mark.parametrize("place", CLOSING, ids="-".join)
anywhere = pytest.mark.parametrize("place", [*CLOSING, *KEEPING], ids="-".join)


@pytest.fixture(scope="module")
def server_url(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    limits = {"MAX_BODY_BYTES": str(MAX_BODY_BYTES), "MAX_BYTES_IN_FLIGHT": str(MAX_BODY_BYTES)}
    with server_beside(stack, tmp_path_factory.mktemp("behind"), SERVE_WORKERS="1", **limits) as url:
        yield url


@pytest.fixture(scope="module")
def nginx(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("nginx")
    command = [need_program("nginx", package="nginx-light"), "-e", str(folder / "start.log"), "-c"]
    with proxy(command, "nginx.conf", folder, server_url, "default", "upgrading", "streaming") as running:
        yield running


@pytest.fixture(scope="module")
def haproxy(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    command = [need_program("haproxy", package="haproxy"), "-db", "-f"]
    folder = tmp_path_factory.mktemp("haproxy")
    with proxy(command, "haproxy.cfg", folder, server_url, "default", "upgrading") as running:
        yield running


@pytest.fixture
def url(request: pytest.FixtureRequest, server_url: str, place: Place) -> str:
    """Of a place, whose proxy is started when it is first asked for; `server_url` says that this takes a service."""
    running: Proxy = request.getfixturevalue(place[0])
    return running.urls[place[1]]


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    with closing(Wire(url)) as wire:
        yield wire


@anywhere
@pytest.mark.parametrize("target", TARGETS)
def test_requests_are_answered(url: str, target: str) -> None:
    route = route_of(target)
    with httpx.Client(base_url=url, headers=LOGIN, trust_env=False) as client:
        for name in ("first", "second"):
            answer = client.post(target, content=route.body, headers={"X-Request-ID": name})
            assert (answer.status_code, answer.headers["x-request-id"]) == (200, name)


@anywhere
def test_a_long_batch_is_answered(url: str) -> None:
    answer = httpx.post(url + "/batch_predict", content=BATCH, headers=LOGIN)
    assert len(answer.json()["probabilities"]) == BATCH_ROWS


def named(name: str) -> bytes:
    return post("/predict", SINGLE, f"X-Request-ID: {name}")


@kept_open
@pytest.mark.parametrize("offer", SENT.values(), ids=SENT)
@pytest.mark.parametrize("target", TARGETS)
def test_an_upgrade_is_ignored(wire: Wire, target: str, offer: tuple[str, ...]) -> None:
    body = route_of(target).body
    for name in ("first", "second"):
        wire.send(post(target, body, *offer, f"X-Request-ID: {name}"))
        answer = wire.answer()
        assert (answer.status, answer.headers["x-request-id"]) == (200, name)


@kept_open
@pytest.mark.parametrize("offer", SENT.values(), ids=SENT)
@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("padding", [0, 300_000], ids=["in one read", "in many reads"])
@pytest.mark.parametrize("target", ["/predict", "/predict?x=1", "/nowhere"])
def test_a_request_hidden_in_a_body_is_never_executed(
    server_url: str, url: str, target: str, padding: int, framing: str, offer: tuple[str, ...]
) -> None:
    """Nobody gets its answer: neither who sent it nor who comes next over the proxy's connection."""
    before = gauge(server_url, "scoring_requests_total")
    # Wherever the server's reads are cut, one of them begins with lines that mean nothing before a request.
    hidden = b"\r\n" * padding + HIDDEN * 2
    with closing(Wire(url)) as attacker:
        if framing == "length":
            attacker.send(post(target, hidden, *offer, "X-Request-ID: outer"))
        else:
            lines = ("Host: here", KEY_LINE, "Transfer-Encoding: chunked", *offer, "X-Request-ID: outer")
            attacker.send(request("POST", target, *lines, body=in_chunks(hidden)))
        assert attacker.answer().headers["x-request-id"] == "outer"
    for number in range(3):
        with closing(Wire(url)) as other:
            other.send(named(f"other-{number}"))
            answer = other.answer()
            assert (answer.status, answer.headers["x-request-id"]) == (200, f"other-{number}")
    assert gauge(server_url, "scoring_requests_total") - before == (3 if target == "/nowhere" else 4)


@kept_open
def test_many_clients_get_their_own_answers(url: str) -> None:
    """Beside some that offer another protocol, and some that are refused, all over the same few connections."""

    def ask(number: int) -> list[bool]:
        own = []
        for turn in range(20):
            name = f"client-{number}-{turn}"
            offer = list(SENT.values())[turn % len(SENT)] if number % 2 else ()
            body = post("/predict", b"{}" if turn % 3 else SINGLE, *offer, f"X-Request-ID: {name}")
            with closing(Wire(url)) as wire:
                wire.send(body)
                answer = wire.answer()
            assert answer.status == (422 if turn % 3 else 200)
            own.append(answer.headers["x-request-id"] == name)
        return own

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert all(all(each) for each in pool.map(ask, range(CLIENTS)))


def without_login(target: str) -> httpx.Request:
    return httpx.Request("POST", target, content=ENOUGH_BYTES, headers={"X-Nothing": "here"})


def too_large(target: str) -> httpx.Request:
    return httpx.Request("POST", target, content=TOO_MANY_BYTES, headers=LOGIN)


def too_large_in_chunks(target: str) -> httpx.Request:
    pieces = (TOO_MANY_BYTES[start : start + 100_000] for start in range(0, len(TOO_MANY_BYTES), 100_000))
    return httpx.Request("POST", target, content=pieces, headers=LOGIN)


def send(asked: httpx.Request) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.send(asked)


REFUSED: dict[str, tuple[Callable[[str], httpx.Request], int]] = {
    "no login": (without_login, 401),
    "too large": (too_large, 413),
    "too large, in chunks": (too_large_in_chunks, 413),
}


@anywhere
@pytest.mark.parametrize(("asking", "status"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("target", TARGETS)
def test_a_refusal_of_a_large_body_arrives(
    url: str, target: str, asking: Callable[[str], httpx.Request], status: int
) -> None:
    """And is the server's: a proxy whose connection is reset answers 502 in its place."""
    answer = send(asking(url + target))
    assert answer.status_code == status
    assert "x-request-id" in answer.headers
    told = answer.json()
    assert told.get("error") or told.get("message")


@closed
@pytest.mark.parametrize("target", TARGETS)
def test_a_refusal_for_want_of_room_arrives(server_url: str, url: str, target: str) -> None:
    with closing(Wire(server_url)) as other:
        other.send(post("/batch_predict", ENOUGH_BYTES)[:-100_000])
        wait_until(lambda: gauge(server_url, "scoring_body_in_flight_bytes") > MAX_BODY_BYTES / 2, 30, "a body comes")
        answer = send(httpx.Request("POST", url + target, content=ENOUGH_BYTES, headers=LOGIN))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


@anywhere
def test_many_refusals_at_once_arrive(url: str) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(send, [without_login(url + "/batch_predict") for _ in range(4 * CLIENTS)]))
    assert {answer.status_code for answer in answers} == {401}


@anywhere
@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/model-info"])
def test_head_is_answered(url: str, path: str) -> None:
    with httpx.Client(base_url=url, headers=LOGIN, trust_env=False) as client:
        for _ in range(2):
            answer = client.head(path)
            assert (answer.status_code, answer.content) == (200, b"")
            assert client.get("/health/live").json() == {"live": True}
