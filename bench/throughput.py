"""How many requests and rows a running server answers: a closed loop of Locust users against one route at a time.

The client runs on the same machine and takes its share of it; figures of the two ends belong together.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import gevent
import numpy as np
from locust.env import Environment

from bench.users import ScoringUser, SingleUser, batch_user

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one batch size reached."""

    batch_rows: int
    users: int
    requests: int
    failures: int
    requests_per_s: float
    rows_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


def measure(
    host: str, batch_rows: int, users: int, warmup_s: float, duration_s: float, *, api_key: str | None
) -> Throughput:
    """Load the server with `users` users for `duration_s` seconds after a warm-up."""
    user_class: type[ScoringUser] = SingleUser if batch_rows == 1 else batch_user(batch_rows)
    user_class.api_key = api_key
    environment = Environment(user_classes=[user_class], host=host)
    samples_ms: list[float] = []
    failures: list[str] = []

    def collect(response_time: float, exception: Exception | None, **_: object) -> None:
        samples_ms.append(response_time)
        if exception is not None:
            failures.append(str(exception))

    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    gevent.sleep(warmup_s)
    environment.events.request.add_listener(collect)  # type: ignore[no-untyped-call]
    started = time.perf_counter()
    gevent.sleep(duration_s)
    elapsed_s = time.perf_counter() - started
    environment.events.request.remove_listener(collect)  # type: ignore[no-untyped-call]
    runner.quit()
    return _summarise(samples_ms, len(failures), batch_rows, users, elapsed_s)


def _summarise(samples_ms: Sequence[float], failures: int, batch_rows: int, users: int, elapsed_s: float) -> Throughput:
    answered = len(samples_ms) - failures
    p50, p95, p99 = np.percentile(samples_ms, PERCENTILES) if samples_ms else (np.nan,) * 3
    return Throughput(
        batch_rows=batch_rows,
        users=users,
        requests=len(samples_ms),
        failures=failures,
        requests_per_s=answered / elapsed_s,
        rows_per_s=answered * batch_rows / elapsed_s,
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
    )
