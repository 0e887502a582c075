"""How much one client may ask for: requests and rows a second, counted over all server processes of the machine.

Each limit is a token bucket that holds what one second brings. Whoever has any credit left is served in full, so a
batch may be larger than the bucket, and what is taken beyond it has to be earned back before the next request. A bucket
is one number, the moment until which all that was taken is paid for (the "theoretical arrival time" of the generic cell
rate algorithm, ITU-T I.371), in a file that all processes map; the clock is the machine's own.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serve.errors import RateLimited

BURST_S: Final = 1.0
_NS: Final = 1e9
_KINDS: Final = 2
_REQUESTS, _ROWS = range(_KINDS)
_NAMES: Final = ("requests", "rows")


class NoLimits:
    """Where nothing is limited nothing is counted."""

    def take_request(self, client: str) -> None:
        """Let it pass."""

    def take_rows(self, client: str, rows: int) -> None:
        """Let them pass."""


class RateLimits:
    """Counts what clients take, in a file that belongs to one server."""

    def __init__(
        self,
        path: Path,
        clients: Iterable[str],
        requests_per_s: float | None = None,
        rows_per_s: float | None = None,
    ) -> None:
        """What each client may take, a second; None is no limit. `clients` are all that can be; every process names the
        same ones. The file's folder must be there.
        """
        self._places = {client: number * _KINDS for number, client in enumerate(sorted(set(clients)))}
        self._rates = (requests_per_s, rows_per_s)
        size = max(1, len(self._places)) * _KINDS * 8
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._file, size)
        self._paid_until_ns = memoryview(mmap.mmap(self._file, size)).cast("q")
        self._threads = threading.Lock()

    def take_request(self, client: str) -> None:
        """One more request begins.

        Raises:
            RateLimited: nothing of it is to be served.
        """
        place = self._places[client]
        with self._alone():
            now = time.monotonic_ns()
            self._check(client, place, _ROWS, now)
            self._check(client, place, _REQUESTS, now)
            self._take(place, _REQUESTS, 1, now)

    def take_rows(self, client: str, rows: int) -> None:
        """A request has so many rows.

        Raises:
            RateLimited: none of them is to be scored.
        """
        place = self._places[client]
        with self._alone():
            now = time.monotonic_ns()
            self._check(client, place, _ROWS, now)
            self._take(place, _ROWS, rows, now)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Neither another thread nor another process counts; the kernel frees the lock of a process that dies."""
        with self._threads:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _check(self, client: str, place: int, kind: int, now: int) -> None:
        rate = self._rates[kind]
        if rate is None:
            return
        wait_s = (self._paid_until_ns[place + kind] - now) / _NS - BURST_S
        if wait_s >= 0.0:
            raise RateLimited(
                f"{client} may send {rate:g} {_NAMES[kind]} a second and has: send this again after the seconds in "
                "Retry-After",
                max(1, math.ceil(wait_s)),
            )

    def _take(self, place: int, kind: int, amount: int, now: int) -> None:
        rate = self._rates[kind]
        if rate is not None:
            self._paid_until_ns[place + kind] = max(self._paid_until_ns[place + kind], now) + int(amount / rate * _NS)
