"""Rate limits of clients: requests and rows a second, counted over all server processes of the machine.

Each limit is a token bucket of one second's tokens. A client with any credit left is served in full, so a batch may be
larger than the bucket; the debt must be earned back before the next request. A bucket is one number, the time until
which everything taken is paid for (the "theoretical arrival time" of the generic cell rate algorithm, ITU-T I.371), in
a file mapped by all processes; the clock is the machine's monotonic clock.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import mmap
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serve.errors import RateLimited

BURST_S: Final = 1.0
_NS: Final = 1e9
_KINDS: Final = 2
_CLIENTS: Final = 4096
"""Slots in the file; a client that finds none free shares one."""
_PLACE: Final = 1 + _KINDS
"""Numbers in a slot: the client's tag, then its buckets. Tag 0 means free."""
_TAG_BYTES: Final = 8
_REQUESTS, _ROWS = range(_KINDS)
_NAMES: Final = ("requests", "rows")


class NoLimits:
    """Null object: no limits, nothing is counted."""

    def take_request(self, client: str) -> None:
        """Admit the request."""

    def take_rows(self, client: str, rows: int) -> None:
        """Admit the rows."""


class RateLimits:
    """Counts clients' requests and rows, in a file of one server."""

    def __init__(
        self,
        path: Path,
        requests_per_s: float | None = None,
        rows_per_s: float | None = None,
    ) -> None:
        """Limits of each client, for each second; None is no limit. The file's folder must exist."""
        self._places: dict[str, int] = {}
        self._rates = (requests_per_s, rows_per_s)
        size = _CLIENTS * _PLACE * 8
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._file, size)
        self._numbers = memoryview(mmap.mmap(self._file, size)).cast("q")
        self._threads = threading.Lock()

    def take_request(self, client: str) -> None:
        """Count a new request.

        Raises:
            RateLimited: don't serve it.
        """
        with self._alone():
            place = self._place_of(client)
            now = time.monotonic_ns()
            self._check(client, place, _ROWS, now)
            self._check(client, place, _REQUESTS, now)
            self._take(place, _REQUESTS, 1, now)

    def take_rows(self, client: str, rows: int) -> None:
        """Count the rows of a request.

        Raises:
            RateLimited: don't score them.
        """
        with self._alone():
            place = self._place_of(client)
            now = time.monotonic_ns()
            self._check(client, place, _ROWS, now)
            self._take(place, _ROWS, rows, now)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Lock out other threads and processes; the kernel frees the lock of a process that dies."""
        with self._threads:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _place_of(self, client: str) -> int:
        """The slot of a client's buckets; the first process that sees a client takes a slot for it."""
        place = self._places.get(client)
        if place is None:
            tag = int.from_bytes(hashlib.sha256(client.encode()).digest()[:_TAG_BYTES], signed=True) or 1
            tags = ((tag + step) % _CLIENTS * _PLACE for step in range(_CLIENTS))
            found = next((at for at in tags if self._numbers[at] in {0, tag}), tag % _CLIENTS * _PLACE)
            if self._numbers[found] == 0:
                self._numbers[found] = tag
            place = self._places[client] = found + 1
        return place

    def _check(self, client: str, place: int, kind: int, now: int) -> None:
        rate = self._rates[kind]
        if rate is None:
            return
        wait_s = (self._numbers[place + kind] - now) / _NS - BURST_S
        if wait_s >= 0.0:
            raise RateLimited(
                f"{client} exceeds its limit of {rate:g} {_NAMES[kind]} a second: send this again after the seconds in "
                f"Retry-After",
                max(1, math.ceil(wait_s)),
            )

    def _take(self, place: int, kind: int, amount: int, now: int) -> None:
        rate = self._rates[kind]
        if rate is not None:
            self._numbers[place + kind] = max(self._numbers[place + kind], now) + int(amount / rate * _NS)
