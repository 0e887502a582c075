"""Which core does what, and how busy it was."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from bench.experiments.peers.errors import PeersError

SERVER_CORE: Final = 0
CLIENT_CORE: Final = 1

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def take_client_core() -> None:
    """Keep this process, and whatever it starts from here on, off the servers' core.

    Raises:
        PeersError: this process may not run on both cores.
    """
    if not {SERVER_CORE, CLIENT_CORE} <= os.sched_getaffinity(0):
        raise PeersError(f"cores {SERVER_CORE} and {CLIENT_CORE} are needed: one for the server, one for the client")
    os.sched_setaffinity(0, {CLIENT_CORE})


@contextmanager
def on_server_core() -> Iterator[None]:
    """Processes started in the block run on the servers' core."""
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, {CLIENT_CORE})


def cpu_seconds(pid: int) -> float:
    """CPU time that a process and all its children have taken so far."""
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
    return total


def resident_bytes(pid: int) -> int:
    """Resident memory of the largest process of a tree: the one that answers, not its supervisor."""
    root = psutil.Process(pid)
    sizes = []
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            sizes.append(process.memory_info().rss)
    return max(sizes)


def core_seconds(core: int) -> float:
    """Time that a core has been busy so far, whoever made it so (proc(5), /proc/stat)."""
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, fields)
            return (user + nice + system + irq + softirq + steal) / _TICKS_PER_S
    raise PeersError(f"/proc/stat does not know core {core}")


@dataclass(frozen=True, slots=True)
class Usage:
    """Shares of a core during a window, 1 = all of it."""

    server: float
    client: float
    postgres: float
    others: float
    """Of the servers' core, by anything but the server: above a few percent the machine was not ours alone."""


@dataclass(frozen=True, slots=True)
class Meter:
    """CPU times at the begin of a window."""

    server_pid: int
    postgres_pid: int
    server_s: float
    postgres_s: float
    client_s: float
    core_s: float

    @classmethod
    def start(cls, server_pid: int, postgres_pid: int) -> Meter:
        """Read the clocks."""
        client = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(
            server_pid=server_pid,
            postgres_pid=postgres_pid,
            server_s=cpu_seconds(server_pid),
            postgres_s=cpu_seconds(postgres_pid),
            client_s=client.ru_utime + client.ru_stime,
            core_s=core_seconds(SERVER_CORE),
        )

    def stop(self, elapsed_s: float) -> Usage:
        """Read them again; the client is whatever child has ended since."""
        now = Meter.start(self.server_pid, self.postgres_pid)
        server = (now.server_s - self.server_s) / elapsed_s
        return Usage(
            server=server,
            client=(now.client_s - self.client_s) / elapsed_s,
            postgres=(now.postgres_s - self.postgres_s) / elapsed_s,
            others=max(0.0, (now.core_s - self.core_s) / elapsed_s - server),
        )
