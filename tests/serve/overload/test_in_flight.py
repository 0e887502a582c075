"""Backpressure: what goes over the capacity is refused at once, what was taken on is finished, nothing leaks."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import JSON
from serve.errors import Overloaded
from serve.overload.in_flight import Admission
from tests.live_stack import API_KEY, LOGIN, LiveStack, server_beside, wait_until
from tests.serve.batch_forms import EXAMPLE_ROWS, arrow_stream, row_objects

MAX_ROWS = 600_000
MAX_BYTES = 8_000_000
SMALL_BATCH = row_objects(EXAMPLE_ROWS)
LARGE_BATCH = arrow_stream(list(EXAMPLE_ROWS) * 15_000)
"""Its answer is longer than the 4 MB that the kernel takes off a server's hands."""


def admission() -> Admission:
    return Admission(max_rows=100, max_body_bytes=1_000)


@pytest.mark.parametrize("count", [101, 100_000])
def test_a_request_that_is_alone_is_admitted_whatever_its_size(count: int) -> None:
    ticket = admission().ticket()
    ticket.add_bytes(count)
    ticket.add_rows(count)
    assert (ticket.rows, ticket.body_bytes) == (count, count)


def test_requests_over_the_capacity_are_refused_and_not_counted() -> None:
    bounded = admission()
    first, second = bounded.ticket(), bounded.ticket()
    first.add_rows(60)
    second.add_rows(40)
    with pytest.raises(Overloaded, match="100 rows"):
        second.add_rows(1)
    with pytest.raises(Overloaded, match="100 rows"):
        first.add_rows(1)
    assert bounded.rows == 100


def test_bytes_are_bounded_apart_from_rows() -> None:
    bounded = admission()
    first, second = bounded.ticket(), bounded.ticket()
    first.add_bytes(999)
    with pytest.raises(Overloaded, match="999 bytes"):
        second.add_bytes(2)
    second.add_rows(5)


def test_a_body_that_would_not_fit_is_refused_by_its_header_unless_it_is_alone() -> None:
    bounded = admission()
    bounded.refuse_early(100_000)
    first = bounded.ticket()
    first.add_bytes(600)
    bounded.refuse_early(400)
    with pytest.raises(Overloaded, match="600 bytes"):
        bounded.refuse_early(401)
    first.release()
    bounded.refuse_early(401)


def test_a_release_makes_room_and_may_come_twice() -> None:
    bounded = admission()
    first, second = bounded.ticket(), bounded.ticket()
    first.add_rows(100)
    first.add_bytes(1_000)
    first.release()
    first.release()
    second.add_rows(100)
    second.add_bytes(1_000)
    assert (bounded.rows, bounded.body_bytes) == (100, 1_000)


@pytest.fixture(scope="module")
def crowded(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of one process that takes on little at a time."""
    limits = {"MAX_ROWS_IN_FLIGHT": str(MAX_ROWS), "MAX_BYTES_IN_FLIGHT": str(MAX_BYTES)}
    limits["MAX_BATCH_ROWS"] = str(MAX_ROWS)
    with server_beside(stack, tmp_path_factory.mktemp("crowded"), SERVE_WORKERS="1", **limits) as url:
        yield url


def send(url: str) -> httpx.Response:
    return httpx.post(url + "/batch_predict", content=SMALL_BATCH, headers={"Content-Type": JSON, **LOGIN})


def status_of(url: str) -> int:
    return send(url).status_code


def in_flight(url: str, name: str) -> float:
    lines = httpx.get(url + "/metrics", headers=LOGIN).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))


def connect(url: str, receive_buffer_bytes: int) -> http.client.HTTPConnection:
    """A connection whose other end can't send more than a little before it is read."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.sock = socket.socket()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    connection.sock.connect((connection.host, connection.port))
    return connection


def test_bodies_that_are_still_coming_count(crowded: str) -> None:
    body = row_objects(EXAMPLE_ROWS).ljust(MAX_BYTES - 100)
    with closing(connect(crowded, 65_536)) as connection:
        connection.putrequest("POST", "/batch_predict")
        connection.putheader("Content-Type", JSON)
        connection.putheader("X-API-Key", API_KEY)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:-1])
        wait_until(lambda: in_flight(crowded, "scoring_body_in_flight_bytes") > MAX_BYTES - 1_000, 10, "it has come")
        refusal = send(crowded)
        connection.send(body[-1:])
        answer = connection.getresponse()
        assert answer.status == 200
        assert len(json.loads(answer.read())["probabilities"]) == len(EXAMPLE_ROWS)
    assert refusal.status_code == 503
    assert refusal.headers["Retry-After"] == "1"
    assert refusal.json()["error"]["code"] == "overloaded"
    assert status_of(crowded) == 200


def test_a_body_that_never_ends_gives_its_room_back(crowded: str) -> None:
    with closing(connect(crowded, 65_536)) as connection:
        connection.putrequest("POST", "/batch_predict")
        connection.putheader("Content-Type", JSON)
        connection.putheader("X-API-Key", API_KEY)
        connection.putheader("Content-Length", str(MAX_BYTES))
        connection.endheaders(bytes(MAX_BYTES - 10))
        wait_until(lambda: status_of(crowded) == 503, 10, "the body has come")
    wait_until(lambda: status_of(crowded) == 200, 10, "the room is free again")


def test_an_answer_that_nobody_takes_counts_until_it_is_taken(crowded: str) -> None:
    with closing(connect(crowded, 4_096)) as connection:
        connection.request("POST", "/batch_predict", body=LARGE_BATCH, headers={"Content-Type": ARROW_STREAM, **LOGIN})
        wait_until(lambda: in_flight(crowded, "scoring_rows_in_flight") == MAX_ROWS, 10, "the batch is scored")
        refusal = send(crowded)
        assert (refusal.status_code, refusal.json()["error"]["code"]) == (503, "overloaded")
        answer = connection.getresponse()
        assert answer.status == 200
        assert len(json.loads(answer.read())["probabilities"]) == MAX_ROWS
    wait_until(lambda: status_of(crowded) == 200, 10, "the room is free again")
    wait_until(lambda: in_flight(crowded, "scoring_rows_in_flight") == 0, 10, "nothing is in flight")
