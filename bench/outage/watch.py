"""The spool and the memory of the processes while PostgreSQL is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import psutil

from bench.site.server import SHIPPER, WORKER
from bench.site.site import Site
from bench.soak.memory import private_bytes

INTERVAL_S: Final = 0.5


class Look(msgspec.Struct, frozen=True):
    """One moment."""

    at_s: float
    """Of `time.perf_counter`."""
    spool_bytes: int
    segments: int
    worker_bytes: int
    """Private memory of the largest worker."""
    shipper_bytes: int


class SpoolWatch:
    """Looks every `INTERVAL_S` until the block of `watching` ends."""

    def __init__(self, site: Site) -> None:
        self.looks: list[Look] = []
        self._spool = site.server.spool
        self._workers = site.server.processes(WORKER)
        self._shippers = site.server.processes(SHIPPER)
        self._stop = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look as long as the block lasts."""
        thread = threading.Thread(target=self._look_until_stopped)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def look(self) -> Look:
        """Look now."""
        sizes = [*_segment_sizes(self._spool)]
        return Look(
            at_s=time.perf_counter(),
            spool_bytes=sum(sizes),
            segments=len(sizes),
            worker_bytes=max(map(private_bytes, self._workers)),
            shipper_bytes=max(map(private_bytes, self._shippers)),
        )

    def _look_until_stopped(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            with suppress(psutil.NoSuchProcess):
                self.looks.append(self.look())


def _segment_sizes(spool: Path) -> Iterator[int]:
    for suffix in ("open", "sealed"):
        for path in spool.glob(f"*.{suffix}"):
            with suppress(FileNotFoundError):  # shipped or renamed meanwhile
                yield path.stat().st_size
