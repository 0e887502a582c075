"""Resident memory of our worker, second by second, under batches of 10,000 rows."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.experiments.peers.contenders import BINARY, OBJECTS
from bench.experiments.peers.cores import resident_bytes
from bench.experiments.peers.lineup import Lineup
from bench.experiments.peers.throughput import Arena, Cell

ROWS: Final = 10_000
CHUNK_S: Final = 10.0
"""Of load of one form; then the records are dropped, or the disk would fill."""
SAMPLE_INTERVAL_S: Final = 1.0
FORMS: Final = (OBJECTS, BINARY)
"""Contenders whose requests take turns."""


@dataclass(frozen=True, slots=True)
class MemoryTrace:
    """What was sampled, and how much was answered meanwhile."""

    resident_bytes: list[int]
    requests: int
    failures: int


def trace_memory(
    arena: Arena, lineup: Lineup, cells: Sequence[Cell], minutes: float, progress: Callable[[str], None]
) -> MemoryTrace:
    """Load the server with each form in turn for `minutes` and sample its memory meanwhile.

    Raises:
        PeersError: requests were answered but are not on record.
    """
    server = lineup.servers[cells[0].contender.server]
    samples: list[int] = []
    finished = threading.Event()

    def sample() -> None:
        while not finished.wait(SAMPLE_INTERVAL_S):
            samples.append(resident_bytes(server.child.pid))

    sampler = threading.Thread(target=sample, name="memory", daemon=True)
    sampler.start()
    requests = failures = 0
    end = time.monotonic() + 60 * minutes
    try:
        for number, cell in enumerate(itertools.cycle(cells)):
            left_s = end - time.monotonic()
            if left_s <= 0:
                break
            progress(f"{cell.name}: {left_s:.0f} s")
            window = arena.window(cell, number, min(CHUNK_S, left_s))
            requests += window.requests
            failures += window.failures
    finally:
        finished.set()
        sampler.join()
    return MemoryTrace(samples, requests, failures)
