"""The memory of every process of a site, looked at now and then."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
import psutil
from numpy.typing import NDArray

from bench.experiments.site.server import SHIPPER, WORKER
from bench.experiments.site.site import Site

Series = NDArray[np.float64]
"""[N, 2]: seconds, bytes."""


def private_bytes(process: psutil.Process) -> int:
    """What a process has for itself: pages of files and of PostgreSQL's buffers, which it shares, are none of it."""
    memory = process.memory_info()
    return int(memory.rss - memory.shared)


def processes_of(site: Site) -> dict[str, list[psutil.Process]]:
    """The processes that serve, by what they are called in the report."""
    workers = site.server.processes(WORKER)
    return {
        "supervisor": [psutil.Process(site.server.process.pid)],
        **{f"worker {number}": [worker] for number, worker in enumerate(workers, 1)},
        "shipper": site.server.processes(SHIPPER),
        "PostgreSQL": site.postgres_processes(),
    }


class MemoryWatch:
    """Samples processes on request, and keeps the samples."""

    def __init__(self, processes: Mapping[str, list[psutil.Process]]) -> None:
        self._processes = processes
        self._seen: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)

    def series(self, began_s: float) -> dict[str, Series]:
        """What was seen of each process, by the seconds since `began_s` of `time.perf_counter`."""
        return {name: np.array(seen) - (began_s, 0.0) for name, seen in self._seen.items()}

    def keep_a_look(self) -> None:
        """Look now and keep it; a process that has just ended keeps nobody from seeing the others."""
        for name, processes in self._processes.items():
            with suppress(psutil.NoSuchProcess):
                self._seen[name].append((time.perf_counter(), float(sum(map(private_bytes, processes)))))
