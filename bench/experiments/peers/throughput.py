"""Closed-loop throughput: rounds in which every contender has one window, in a new order each time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.experiments.peers.contenders import OURS, Contender
from bench.experiments.peers.cores import Meter
from bench.experiments.peers.errors import PeersError
from bench.experiments.peers.lineup import Lineup
from bench.experiments.peers.measurements import Window
from bench.experiments.peers.model import SharedModel
from bench.experiments.peers.requests import POOL_REQUESTS, check_answers, write_requests
from bench.experiments.peers.wrk import run_wrk
from fraud.stack.errors import StackError

CONNECTIONS: Final = {1: 16, 100: 8, 1_000: 4, 10_000: 4}
"""Enough that the server never waits for the client; more would only queue."""

RECORD_TIMEOUT_S: Final = 60.0
RECORD_POLL_S: Final = 0.01

LEAST_ANSWERS: Final = 8
SLOW_FACTOR: Final = 6
"""How many times as long a window of fewer answers is repeated."""

WARM_UP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A contender at one batch size, with the requests prepared for it."""

    contender: Contender
    rows: int
    requests: Path

    @property
    def name(self) -> str:
        """For progress and faults."""
        return f"{self.contender.name}, {self.rows:,} rows"


class Arena:
    """Servers, prepared requests and faults of one run."""

    def __init__(self, lineup: Lineup, wrk: str, seed: int) -> None:
        self._lineup = lineup
        self._wrk = wrk
        self._random = random.Random(seed)  # noqa: S311 - an order, no secret
        self._warm: set[str] = set()
        self.faults: list[str] = []

    def prepare(
        self, contenders: Sequence[Contender], sizes: Sequence[int], model: SharedModel, folder: Path, seed: int
    ) -> list[Cell]:
        """Check each contender's answers, write its requests and let servers warm up; who fails is left out."""
        cells = []
        for contender in contenders:
            for rows in sorted(set(contender.batch_rows) & set(sizes)):
                try:
                    cells.append(self._prepare(contender, rows, model, folder, seed))
                except (PeersError, StackError) as error:
                    self.faults.append(str(error))
        return cells

    def _prepare(self, contender: Contender, rows: int, model: SharedModel, folder: Path, seed: int) -> Cell:
        server = self._lineup.servers[contender.server]
        if contender.answers:
            check_answers(contender, rows, server, model, seed + 1)
        cell = Cell(contender, rows, write_requests(contender, rows, server, folder, seed))
        if server.name not in self._warm:
            self.window(cell, 0, WARM_UP_S)
            self._warm.add(server.name)
        return cell

    def round(
        self, number: int, cells: Sequence[Cell], seconds: float, progress: Callable[[str], None]
    ) -> Iterator[Window]:
        """A window of each cell, those of the same batch size one after the other."""
        for rows in sorted({cell.rows for cell in cells}):
            own = [cell for cell in cells if cell.rows == rows]
            for cell in self._random.sample(own, len(own)):
                progress(cell.name)
                try:
                    yield self._telling_window(cell, number, seconds)
                except (PeersError, StackError) as error:
                    self.faults.append(f"{cell.name}: {error}")

    def _telling_window(self, cell: Cell, number: int, seconds: float) -> Window:
        """A window, made longer for a contender that is too slow to tell its rate by a few answers."""
        window = self.window(cell, number, seconds)
        if window.failures or window.requests >= LEAST_ANSWERS:
            return window
        return self.window(cell, number, SLOW_FACTOR * seconds)

    def window(self, cell: Cell, number: int, seconds: float) -> Window:
        """Load one contender and wait until it has come to rest.

        Raises:
            PeersError: wrk failed, or answered requests are not on record.
            StackError: the server has ended.
        """
        server = self._lineup.servers[cell.contender.server]
        server.child.check()
        start = self._random.randrange(POOL_REQUESTS)
        meter = Meter.start(server.child.pid, self._lineup.postgres_pid)
        begun = time.perf_counter()
        connections = CONNECTIONS[cell.rows]
        load = run_wrk(self._wrk, server.port, cell.requests, start=start, connections=connections, seconds=seconds)
        ended = time.perf_counter()
        usage = meter.stop(ended - begun)
        lag_s = self._wait_for_records(load.answered, ended) if server.name == OURS else 0.0
        self._lineup.settle(server)
        self._lineup.forget_records()
        return Window(
            round=number,
            contender=cell.contender.name,
            rows=cell.rows,
            requests=load.answered,
            failures=load.refused + load.broken,
            seconds=load.duration_us / 1e6 + lag_s,
            log_lag_s=lag_s,
            p50_ms=load.p50_us / 1e3,
            p99_ms=load.p99_us / 1e3,
            usage=usage,
        )

    def _wait_for_records(self, answered: int, since: float) -> float:
        """Seconds until every answered request is on record."""
        while (recorded := self._lineup.recorded_requests()) < answered:
            if time.perf_counter() - since > RECORD_TIMEOUT_S:
                raise PeersError(f"{answered} requests were answered, but only {recorded} are on record")
            time.sleep(RECORD_POLL_S)
        return time.perf_counter() - since
