"""A check of the running day waits until what was answered before it is in PostgreSQL, or says what may be lacking."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fraud.server_addresses import single_server
from fraud.stack.ports import hold_port
from jenkins.drift.waiting_records import OLDEST, RECORDS, STALE_S, ServerMetrics, wait_for_records
from tests.serving import serving


class Server(ThreadingHTTPServer):
    """Answers `/metrics`, each time with the next of the states of its spool, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.spools: list[tuple[int, float]] = []
        self.asked = 0

    @property
    def metrics(self) -> ServerMetrics:
        return ServerMetrics(single_server(f"http://127.0.0.1:{self.server_port}"), "admin", "password")


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        records, oldest_s = self.server.spools[min(self.server.asked, len(self.server.spools) - 1)]
        self.server.asked += 1
        body = f"{RECORDS} {records}.0\n{OLDEST} {oldest_s}\nother_metric 1.0\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as server:
        yield server


def test_the_check_waits_for_spooled_records(server: Server) -> None:
    server.spools = [(7, 100.0)] * 3 + [(0, 0.0)]
    assert wait_for_records(server.metrics) is None
    assert server.asked > 3


def test_records_that_came_later_are_not_waited_for(server: Server) -> None:
    """Under steady load some always wait, none of them for long."""
    server.spools = [(7, 0.1)]
    assert wait_for_records(server.metrics) is None


def test_an_empty_spool_is_believed_only_of_a_later_look(server: Server) -> None:
    server.spools = [(0, 0.0)]
    assert wait_for_records(server.metrics) is None
    assert server.asked >= STALE_S, "the server may have looked before the last answer"


def test_a_database_that_is_away_is_told(server: Server) -> None:
    server.spools = [(1234, 100.0)]
    said = wait_for_records(server.metrics, patience_s=0.5)
    assert said is not None
    assert "1,234 records" in said


def test_a_server_that_does_not_answer_is_told() -> None:
    said = wait_for_records(ServerMetrics(single_server(f"http://127.0.0.1:{hold_port()}"), "admin", "password"))
    assert said is not None
    assert "may be missing" in said
