"""Alerts of a running server about itself: a filling spool, and refused requests."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from serve.metrics import METRICS_DIR_VARIABLE
from serve.notices.words import REFUSALS, SPOOL

FEWEST_REFUSED: Final = 20
"""Minimum requests of one check: with fewer, a share means nothing."""
REFUSED_STATUS: Final = "503"
"""Statuses of refusals that are the server's fault, not the client's."""


@dataclass(slots=True)
class Latch:
    """Switches on above one threshold, and off after several checks below a lower one (hysteresis)."""

    on_above: float
    over_below: float
    looks: int
    is_on: bool = False
    _calm: int = 0

    def see(self, value: float) -> bool:
        """Update with one more check; returns whether it is on."""
        self._calm = self._calm + 1 if value < self.over_below else 0
        if value > self.on_above:
            self.is_on = True
        elif self._calm >= self.looks:
            self.is_on = False
        return self.is_on


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests since the server started."""

    all: float
    refused: float


class Alerts:
    """The alerts of one server; check them at regular intervals."""

    def __init__(
        self, spool_share: Callable[[], float], requests: Callable[[], Requests], looks_until_over: int = 10
    ) -> None:
        """`spool_share` returns the used share of SPOOL_MAX_BYTES."""
        self._spool_share = spool_share
        self._requests = requests
        self._seen = requests()
        self._spool = Latch(on_above=0.5, over_below=0.25, looks=1)
        self._refusals = Latch(on_above=0.05, over_below=0.05, looks=looks_until_over)

    def look(self) -> dict[str, bool]:
        """The alerts that are on."""
        return {SPOOL: self._spool.see(self._spool_share()), REFUSALS: self._refusals.see(self._refused_share())}

    def _refused_share(self) -> float:
        before, self._seen = self._seen, self._requests()
        refused = self._seen.refused - before.refused
        return refused / (self._seen.all - before.all) if refused >= FEWEST_REFUSED else 0.0


def count_requests() -> Requests:
    """The counts of all processes of this server; zero if they don't share files."""
    if METRICS_DIR_VARIABLE not in os.environ:
        return Requests(0, 0)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    counted = [
        (sample.labels["status"], sample.value)
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "scoring_requests_total"
    ]
    refused = sum(value for status, value in counted if status == REFUSED_STATUS)
    return Requests(sum(value for _, value in counted), refused)
