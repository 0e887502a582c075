"""The spool and the memory of the processes while PostgreSQL is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from bench.experiments.site.server import SHIPPER, WORKER
from bench.experiments.site.site import Site
from bench.experiments.soak.memory import private_bytes


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
    """Samples on request, and keeps the samples."""

    def __init__(self, site: Site) -> None:
        self.looks: list[Look] = []
        self._spool = site.server.spool
        self._workers = site.server.processes(WORKER)
        self._shippers = site.server.processes(SHIPPER)

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

    def keep_a_look(self) -> None:
        """Look now and keep it, unless a process has just ended."""
        with suppress(psutil.NoSuchProcess):
            self.looks.append(self.look())


def _segment_sizes(spool: Path) -> Iterator[int]:
    for suffix in ("open", "sealed"):
        for path in spool.glob(f"*.{suffix}"):
            with suppress(FileNotFoundError):  # shipped or renamed meanwhile
                yield path.stat().st_size
