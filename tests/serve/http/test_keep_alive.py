"""A connection between requests: kept for its time, closed by the sweep after it."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, closing
from typing import cast

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from fraud.stack.ports import hold_port
from serve.access.authentication import Administrator, Authenticator
from serve.access.control import AccessControl
from serve.api.scoring_routes import ScoringRoutes
from serve.error_answers import encode_error
from serve.http.connection import Connection, HttpService
from serve.http.open_connections import OpenConnections
from serve.http.responder import Responder
from serve.http.scoring_exchange import ScoringService
from serve.overload.load_shedder import LoadShedder
from serve.scoring.scoring import Scoring
from tests.live_stack import wait_until
from tests.serve.wire import Wire, post

KEEP_ALIVE_S = 1
MOST_S = 10.0
"""Longer than that and the next sweep take, whatever else the machine does."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    connections = OpenConnections(max_connections=10, read_timeout_s=60.0, keep_alive_s=KEEP_ALIVE_S)
    nothing_scores = ScoringService(
        routes=ScoringRoutes([], lambda _path: None),
        scoring=cast("Scoring", None),
        access=AccessControl(Authenticator([], Administrator("admin", "password")), required=True),
        shedder=LoadShedder(max_wait_s=1.0),
        error_form=lambda _path: encode_error,
    )
    service = HttpService(nothing_scores, Responder({}, lambda _path: {}, lambda: None), connections)

    async def answer(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    @asynccontextmanager
    async def sweeping(_app: Starlette):  # type: ignore[no-untyped-def]
        task = asyncio.create_task(connections.keep_time())
        yield
        task.cancel()

    config = uvicorn.Config(
        Starlette(routes=[Route("/", answer, methods=["POST"])], lifespan=sweeping),
        port=hold_port(),
        http=functools.partial(Connection, service),  # type: ignore[arg-type]
        log_config=None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, 30, "the server listens")
    yield f"http://127.0.0.1:{config.port}"
    server.should_exit = True
    thread.join()


def test_an_idle_connection_is_closed_after_its_time_and_not_before(url: str) -> None:
    with closing(Wire(url)) as wire:
        wire.send(post("/", b"{}"))
        assert wire.answer().status == 200
        answered = time.monotonic()
        assert wire.is_closed()
        assert KEEP_ALIVE_S <= time.monotonic() - answered < MOST_S


def test_a_request_begins_the_time_anew(url: str) -> None:
    with closing(Wire(url)) as wire:
        for _ in range(5):
            wire.send(post("/", b"{}"))
            assert wire.answer().status == 200
            time.sleep(KEEP_ALIVE_S / 2)


def test_a_request_under_way_has_another_limit(url: str) -> None:
    with closing(Wire(url)) as wire:
        request = post("/", b"{}")
        wire.send(request)
        assert wire.answer().status == 200
        wire.send(request[:20])
        time.sleep(2 * KEEP_ALIVE_S)
        wire.send(request[20:])
        assert wire.answer().status == 200
