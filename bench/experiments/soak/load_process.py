"""`python -m bench.experiments.soak.load_process SEED`: the process that loads the server; the soak test starts it.

It says that it is ready, then reads a plan a line, carries it out, and answers with a line: what each stretch took of
it. Requests of an open loop have a time at which they are due, fixed beforehand, and their latency counts from there.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
import typer
import uvloop

from bench.applications import Applications
from bench.experiments.connection import Connection
from bench.experiments.peers.open_loop import schedule
from bench.experiments.soak.load_plan import Done, Effort, LoadPlan, Stretch
from bench.experiments.soak.samples import BROKEN, Recorder
from bench.gate.latency.load_plan import REQUEST_KINDS
from fraud.command_line import CommandLine

READY: Final = b"ready\n"
CLIENTS: Final = 16
"""Of a closed loop."""
CONNECTIONS: Final = 1_000
"""Of an open loop: the number of requests that may wait for an answer before a further one is sent."""
POOL: Final = {1: 20_000, 100: 1_000, 1_000: 200, 10_000: 20}
"""Rows of a body -> different bodies: more rows than a processor's branch predictor learns."""
RECONNECT_PAUSE_S: Final = 0.01
LEAD_S: Final = 0.2


class Requests:
    """Requests of the mix, drawn at random."""

    def __init__(self, seed: int) -> None:
        applications = Applications(seed)
        self._random = random.Random(seed)  # noqa: S311 - a load test needs speed and a seed, not secrecy
        self._weights = [kind.requests_per_s for kind in REQUEST_KINDS]
        self._bodies = [
            [applications.single() if kind.rows == 1 else applications.batch(kind.rows) for _ in range(POOL[kind.rows])]
            for kind in REQUEST_KINDS
        ]
        self._kinds: Iterator[int] = iter(())

    def draw(self, plan: LoadPlan, number: int) -> tuple[int, bytes, bytes]:
        """A kind's number, a head and a body."""
        kind = next(self._kinds, None)
        if kind is None:
            self._kinds = iter(self._random.choices(range(len(REQUEST_KINDS)), self._weights, k=1_000))
            kind = next(self._kinds)
        body = self._random.choice(self._bodies[kind])
        headers = {**plan.headers, "X-Request-ID": f"{plan.name}-{number}", "Content-Length": len(body)}
        path = "/predict" if REQUEST_KINDS[kind].rows == 1 else "/batch_predict"
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        return kind, f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode(), body


class Load:
    """Carries out one plan."""

    def __init__(self, plan: LoadPlan, requests: Requests) -> None:
        self._plan = plan
        self._requests = requests
        self._recorder = Recorder()
        self._number = 0
        self._idle: asyncio.Queue[Connection] = asyncio.Queue()  # in turn: none is idle until it is closed
        self._began = 0.0

    async def run(self) -> Done:
        """All stretches; the samples are written when this returns."""
        closed = all(stretch.requests_per_s is None for stretch in self._plan.stretches)
        for _ in range(CLIENTS if closed else CONNECTIONS):
            self._idle.put_nowait(await self._connect())
        self._began = begin_s = time.perf_counter() + LEAD_S
        await asyncio.sleep(LEAD_S)
        efforts = []
        async with asyncio.TaskGroup() as group:
            for number, stretch in enumerate(self._plan.stretches):
                run = self._closed_loop if stretch.requests_per_s is None else self._open_loop
                cpu_s = time.process_time()
                late_s = await run(group, number, stretch, begin_s)
                busy_share = (time.process_time() - cpu_s) / (time.perf_counter() - begin_s)
                efforts.append(Effort(busy_share, 1e3 * float(np.quantile(late_s, 0.99)) if late_s else 0.0))
                begin_s += stretch.seconds
        while not self._idle.empty():
            self._idle.get_nowait().close()
        self._recorder.write(Path(self._plan.samples))
        return Done(self._began, tuple(efforts))

    async def _open_loop(self, group: asyncio.TaskGroup, number: int, stretch: Stretch, begin_s: float) -> list[float]:
        """Gives how late each request was given out, seconds."""
        assert stretch.requests_per_s is not None  # noqa: S101 - asked by the caller
        late_s = []
        for offset_s in schedule(stretch.requests_per_s, stretch.seconds, seed=number):
            due_s = begin_s + offset_s
            if due_s > begin_s + stretch.seconds:
                break
            if (wait_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(wait_s)
            late_s.append(time.perf_counter() - due_s)
            group.create_task(self._send(number, due_s))
        await asyncio.sleep(max(0.0, begin_s + stretch.seconds - time.perf_counter()))
        return late_s

    async def _closed_loop(
        self, _group: asyncio.TaskGroup, number: int, stretch: Stretch, begin_s: float
    ) -> list[float]:
        async def client() -> None:
            while (now := time.perf_counter()) < begin_s + stretch.seconds:
                await self._send(number, now)

        # Each client has a connection, also where an open loop before it had more.
        others = [self._idle.get_nowait() for _ in range(self._idle.qsize() - CLIENTS)]
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        for connection in others:
            self._idle.put_nowait(connection)
        return []

    async def _send(self, stretch: int, due_s: float) -> None:
        number, self._number = self._number, self._number + 1
        kind, head, body = self._requests.draw(self._plan, number)
        connection = await self._idle.get()
        try:
            answer = await connection.ask(head, body)
        except ConnectionError:
            latency_s, status, retry_after = time.perf_counter() - due_s, BROKEN, False
            connection = await self._connect()
        else:
            latency_s, status = answer.finished_s - due_s, answer.status
            retry_after = b"\r\nretry-after:" in answer.head.lower()
        self._idle.put_nowait(connection if connection.is_open else await self._connect())
        self._recorder.add(number, stretch, kind, due_s - self._began, latency_s, status, retry_after)

    async def _connect(self) -> Connection:
        while True:
            try:
                loop = asyncio.get_running_loop()
                return (await loop.create_connection(Connection, "127.0.0.1", self._plan.port))[1]
            except OSError:
                await asyncio.sleep(RECONNECT_PAUSE_S)


def main(seed: Annotated[int, typer.Argument(help="Seed of random numbers.")]) -> None:
    """Load servers by plans on standard input, one per line; the soak test starts it, not a person."""
    requests = Requests(seed)
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection would be charged to the server
    answers = sys.stdout.buffer
    answers.write(READY)
    answers.flush()
    for line in sys.stdin.buffer:
        done = uvloop.run(Load(msgspec.json.decode(line, type=LoadPlan), requests).run())
        answers.write(msgspec.json.encode(done) + b"\n")
        answers.flush()
        gc.collect()


if __name__ == "__main__":
    CommandLine(main)()
