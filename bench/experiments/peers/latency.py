"""Latency at a fixed rate: half of what MLServer can do at most, for both servers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from bench.experiments.peers.contenders import MLSERVER_JSON, OBJECTS
from bench.experiments.peers.errors import PeersError
from bench.experiments.peers.lineup import Lineup
from bench.experiments.peers.measurements import LatencyRun
from bench.experiments.peers.open_loop import measure_latencies, schedule
from bench.experiments.peers.requests import make_requests
from bench.experiments.peers.throughput import Arena, Cell

ROWS: Final = 1_000
SHARE_OF_MAXIMUM: Final = 0.5
MAXIMUM_WINDOWS: Final = 3


def pair(cells: Sequence[Cell]) -> list[Cell]:
    """Ours and MLServer's at the batch size of this stage.

    Raises:
        PeersError: one of them does not take part.
    """
    by_name = {cell.contender.name: cell for cell in cells if cell.rows == ROWS}
    try:
        return [by_name[OBJECTS], by_name[MLSERVER_JSON]]
    except KeyError as missing:
        raise PeersError(f"the latency stage needs {OBJECTS} and {MLSERVER_JSON}: there is no {missing}") from None


def half_of_maximum(arena: Arena, cells: Sequence[Cell], seconds: float) -> float:
    """Requests/s that are half of MLServer's maximum: the median of a few windows."""
    _, mlserver = cells
    rates = [arena.window(mlserver, number, seconds).requests_per_s for number in range(MAXIMUM_WINDOWS)]
    return SHARE_OF_MAXIMUM * float(np.median(rates))


def latency_round(
    lineup: Lineup, cells: Sequence[Cell], *, number: int, rate_per_s: float, seconds: float, seed: int
) -> Iterator[LatencyRun]:
    """Each server once, in random order, with the same schedule.

    Raises:
        PeersError: a request was not answered.
    """
    order = random.Random(seed + number)  # noqa: S311 - an order, no secret
    due_s = schedule(rate_per_s, seconds, seed + number)
    for cell in order.sample(cells, len(cells)):
        server = lineup.servers[cell.contender.server]
        requests = list(make_requests(cell.contender, cell.rows, server, seed + number))
        latencies = measure_latencies(server.port, requests, due_s)
        lineup.settle(server)
        lineup.forget_records()
        yield LatencyRun(number, cell.contender.name, latencies)
