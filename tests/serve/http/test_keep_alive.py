"""A connection between requests: kept for the time that uvicorn is told, closed by the sweep after it."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, closing

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from fraud.stack.ports import hold_port
from serve.http.connection import BoundedConnection, ConnectionLimits, Connections
from tests.live_stack import wait_until
from tests.serve.wire import Wire, post

KEEP_ALIVE_S = 1
MOST_S = 10.0
"""Longer than that and the next sweep take, whatever else the machine does."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    connections = Connections(ConnectionLimits(max_connections=10, read_timeout_s=60.0))

    async def answer(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    @asynccontextmanager
    async def sweeping(_app: Starlette):  # type: ignore[no-untyped-def]
        task = asyncio.create_task(connections.close_slow_ones())
        yield
        task.cancel()

    config = uvicorn.Config(
        Starlette(routes=[Route("/", answer, methods=["POST"])], lifespan=sweeping),
        port=hold_port(),
        http=functools.partial(BoundedConnection, connections=connections),  # type: ignore[arg-type]
        timeout_keep_alive=KEEP_ALIVE_S,
        log_config=None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, 30, "the server listens")
    yield f"http://127.0.0.1:{config.port}"
    server.should_exit = True
    thread.join()


def test_it_is_closed_after_that_time_and_not_before(url: str) -> None:
    with closing(Wire(url)) as wire:
        wire.send(post("/", b"{}"))
        assert wire.answer().status == 200
        answered = time.monotonic()
        assert wire.is_closed()
        assert KEEP_ALIVE_S <= time.monotonic() - answered < MOST_S


def test_each_request_begins_the_time_anew(url: str) -> None:
    with closing(Wire(url)) as wire:
        for _ in range(5):
            wire.send(post("/", b"{}"))
            assert wire.answer().status == 200
            time.sleep(KEEP_ALIVE_S / 2)


def test_a_request_under_way_is_another_limit_s_business(url: str) -> None:
    with closing(Wire(url)) as wire:
        request = post("/", b"{}")
        wire.send(request)
        assert wire.answer().status == 200
        wire.send(request[:20])
        time.sleep(2 * KEEP_ALIVE_S)
        wire.send(request[20:])
        assert wire.answer().status == 200
