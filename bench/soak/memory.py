"""The memory of every process of a site, looked at now and then."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

import numpy as np
import psutil
from numpy.typing import NDArray

from bench.site.server import SHIPPER, WORKER
from bench.site.site import Site

INTERVAL_S: Final = 0.5

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
    """Looks at processes until the block of `watching` ends."""

    def __init__(self, processes: Mapping[str, list[psutil.Process]]) -> None:
        self._processes = processes
        self._seen: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        self._stop = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look every `INTERVAL_S`."""
        thread = threading.Thread(target=self._look_until_stopped)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def series(self, began_s: float) -> dict[str, Series]:
        """What was seen of each process, by the seconds since `began_s` of `time.perf_counter`."""
        return {name: np.array(seen) - (began_s, 0.0) for name, seen in self._seen.items()}

    def _look_until_stopped(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            for name, processes in self._processes.items():
                with suppress(psutil.NoSuchProcess):
                    self._seen[name].append((time.perf_counter(), float(sum(map(private_bytes, processes)))))
