"""Commands to the load process and its answers, each a line of JSON."""

from __future__ import annotations

import msgspec


class Stretch(msgspec.Struct, frozen=True):
    """Load of one kind for some time."""

    name: str
    seconds: float
    requests_per_s: float | None = None
    """None: a closed loop, in which each client sends its next request when the last one is answered."""


class LoadPlan(msgspec.Struct, frozen=True):
    """Stretches one after the other, without a pause."""

    port: int
    name: str
    """Begins the id of each request; a number follows."""
    headers: dict[str, str]
    stretches: tuple[Stretch, ...]
    samples: str
    """File that the samples are written to (`samples.py`)."""


class Effort(msgspec.Struct, frozen=True):
    """What one stretch took of the load process, which must not be the limit."""

    busy_share: float
    """CPU time over time."""
    late_p99_ms: float
    """How late requests were sent, for which the load process is to blame alone."""


class Done(msgspec.Struct, frozen=True):
    """A plan was carried out; the samples are in their file."""

    began_s: float
    """Of `time.perf_counter`, a clock that all processes share."""
    efforts: tuple[Effort, ...]
    """Of each stretch."""
