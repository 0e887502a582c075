"""An open loop: requests start when they are due, whether or not earlier ones were answered.

Latency counts from when a request was due, so that a server that stalls pays for all who would have asked meanwhile
("coordinated omission"). Timers of the event loop fire up to a millisecond late, for all servers alike.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from typing import Final, cast

import numpy as np
import uvloop

from bench.peers.errors import PeersError

CONNECTIONS: Final = 64
ANSWER_TIMEOUT_S: Final = 60.0
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_OK: Final = b"HTTP/1.1 200 "


class Connection(asyncio.Protocol):
    """Sends one prepared request after the other and reads answers of known length."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answered: asyncio.Future[float] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that closes while it owes an answer has failed it."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(PeersError(f"the server closed a connection: {exc}"))

    async def ask(self, request: bytes) -> float:
        """Send a request; gives the moment of its answer's last byte, as of `time.perf_counter`."""
        self._received.clear()
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await asyncio.wait_for(self._answered, ANSWER_TIMEOUT_S)

    def data_received(self, data: bytes) -> None:
        """Some bytes of an answer."""
        self._received += data
        end = self._received.find(_END)
        if end < 0 or self._answered is None or self._answered.done():
            return
        head = bytes(self._received[:end])
        if not head.startswith(_OK):
            self._answered.set_exception(PeersError(f"the server answered {head.partition(_END[:2])[0]!r}"))
        elif len(self._received) >= end + len(_END) + content_length(head):
            self._answered.set_result(time.perf_counter())

    def close(self) -> None:
        """Disconnect."""
        self._transport.close()


def content_length(head: bytes) -> int:
    """The length of the body that a head announces.

    Raises:
        PeersError: it does not say.
    """
    for line in head.split(b"\r\n"):
        if line.lower().startswith(_LENGTH):
            return int(line[len(_LENGTH) :])
    raise PeersError("an answer without Content-Length can't be timed")


def schedule(rate_per_s: float, seconds: float, seed: int) -> list[float]:
    """When requests are due: a Poisson process, as of many independent clients; seconds from the start."""
    generator = np.random.default_rng(seed)
    gaps = generator.exponential(1 / rate_per_s, size=max(1, round(rate_per_s * seconds)))
    return [float(due) for due in np.cumsum(gaps)]


def measure_latencies(port: int, requests: Sequence[bytes], due_s: Sequence[float]) -> list[float]:
    """Milliseconds of each request, sent in turn at the times that are due.

    Raises:
        PeersError: a request was not answered with 200.
    """
    gc.disable()
    try:
        return uvloop.run(_run(port, requests, due_s))
    finally:
        gc.enable()


async def _run(port: int, requests: Sequence[bytes], due_s: Sequence[float]) -> list[float]:
    loop = asyncio.get_running_loop()
    # In turn, so that none is idle for the few seconds after which a server may close it.
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    connections = [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    for connection in connections:
        idle.put_nowait(connection)
    started = time.perf_counter() + 0.1

    async def send(number: int, due: float) -> float:
        connection = await idle.get()
        answered = await connection.ask(requests[number % len(requests)])
        idle.put_nowait(connection)
        return 1e3 * (answered - due)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = []
            for number, offset_s in enumerate(due_s):
                due = started + offset_s
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.append(group.create_task(send(number, due)))
    except* PeersError as errors:
        raise PeersError(f"{len(errors.exceptions)} requests failed: {errors.exceptions[0]}") from None
    finally:
        for connection in connections:
            connection.close()
    return [task.result() for task in tasks]
