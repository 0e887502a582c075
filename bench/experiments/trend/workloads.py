"""What is measured: an engine that scores a batch, or a request from its bytes to those of its answer.

A request passes the connection of the server with all behind it: login, decoding, engine and record. Only sockets are
left out, and the event loop, which runs and has nothing to do.
"""

from __future__ import annotations

import asyncio
import functools
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final, cast

import numpy as np
from uvicorn.server import ServerState

from fraud.features import EXAMPLE_INSTANCE
from fraud.settings import load_settings
from serve.app import create_app
from serve.engine import EngineKind, EngineOptions, load
from serve.engine.sample_rows import ordinary_rows
from serve.http.connection import Connection
from serve.model.change_messages import Channel
from serve.model.model_store import model_store
from serve.workers.worker import assemble

Step = Callable[[], object]
"""Does once what is measured."""

BATCH_ROWS: Final = 1_000
SMALL_BATCH_ROWS: Final = 100
_SEED: Final = 1
_TRACEPARENT: Final = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-{:016x}-00\r\n"


def score(kind: EngineKind, rows: int) -> Step:
    """The engine alone, on the model that RUN_DIR holds."""
    settings = load_settings()
    found = model_store(settings.run_dir, settings.model_name).current()
    if found is None:
        raise RuntimeError(f"no model is in {settings.run_dir}")
    engine = load(found.model, EngineOptions(kind=kind, cache_dir=settings.compiled_folder()))
    return functools.partial(engine.score, ordinary_rows(rows, np.random.default_rng(_SEED)))


class _Transport(asyncio.Transport):
    """Takes what the connection writes."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it, instead of what was written before."""
        self.written = bytes(data)

    def is_closing(self) -> bool:
        """It never is."""
        return False


def request(path: str, body: object, *, traced: bool = False) -> Step:
    """One request after the other on one connection, as a client sends them that stays connected."""
    connection, transport = _connection()
    content = json.dumps(body).encode()
    number, key = 0, load_settings().client_key()

    def step() -> None:
        nonlocal number
        number += 1
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nAccept: */*\r\nX-API-Key: {key}\r\n"
            f"{_TRACEPARENT.format(number) if traced else ''}Content-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        data = head.encode() + content
        connection.get_buffer(len(data))[: len(data)] = data
        connection.buffer_updated(len(data))
        if not transport.written.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path} was answered by {transport.written!r}")

    return step


def _connection() -> tuple[Connection, _Transport]:
    """A connection of a server process that has started, but for its listener and its loop."""
    ours, _theirs = socket.socketpair()
    parts = assemble(load_settings(), Channel(ours), threads=1, workers=1, refresh=False)
    service = create_app(parts).service
    parts.keys.look()
    parts.log.start()
    parts.model.load_local()
    config = cast("Any", SimpleNamespace(loaded_app=None))
    connection = Connection(service, config=config, server_state=ServerState(), app_state={})
    transport = _Transport()
    connection.connection_made(transport)
    return connection, transport


@dataclass(frozen=True, slots=True)
class Workload:
    """One line of the table."""

    make: Callable[[], Step]
    steps: int
    """How often it is done for a count: so often that nothing beside it matters."""


WORKLOADS: Final[Mapping[str, Workload]] = MappingProxyType(
    {
        "forest, 1 row": Workload(lambda: score(EngineKind.FOREST, 1), 500),
        f"forest, {BATCH_ROWS} rows": Workload(lambda: score(EngineKind.FOREST, BATCH_ROWS), 50),
        "onnxruntime, 1 row": Workload(lambda: score(EngineKind.ONNXRUNTIME, 1), 500),
        f"onnxruntime, {BATCH_ROWS} rows": Workload(lambda: score(EngineKind.ONNXRUNTIME, BATCH_ROWS), 20),
        "/predict": Workload(lambda: request("/predict", EXAMPLE_INSTANCE), 500),
        "/predict with a trace": Workload(lambda: request("/predict", EXAMPLE_INSTANCE, traced=True), 500),
        f"/batch_predict, {SMALL_BATCH_ROWS} rows": Workload(
            lambda: request("/batch_predict", {"instances": [EXAMPLE_INSTANCE] * SMALL_BATCH_ROWS}), 100
        ),
    }
)
"""By its name."""
