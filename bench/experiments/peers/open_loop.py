"""An open loop: requests start when they are due, whether or not earlier ones were answered.

Latency counts from when a request was due, so that a server that stalls pays for all who would have asked meanwhile
("coordinated omission"). Timers of the event loop fire up to a millisecond late, for all servers alike.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
import uvloop

from bench.experiments.connection import Connection
from bench.experiments.peers.errors import PeersError

CONNECTIONS: Final = 64
ANSWER_TIMEOUT_S: Final = 60.0


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
        try:
            answer = await asyncio.wait_for(connection.ask(requests[number % len(requests)]), ANSWER_TIMEOUT_S)
        except ConnectionError as error:
            raise PeersError(str(error)) from None
        if answer.status != 200:
            raise PeersError(f"the server answered {answer.status}")
        idle.put_nowait(connection)
        return 1e3 * (answer.finished_s - due)

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
