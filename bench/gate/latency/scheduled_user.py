"""Locust users that keep a schedule: open-loop load without coordinated omission.

Locust's own constant throughput waits for an answer before it plans the next request, so a server that stalls is asked
less and looks better. Here every request has an intended start fixed beforehand, and its latency counts from there: a
request that could not be sent because the answer before it was late is charged for the wait. Times are taken from the
monotonic clock in microseconds; Locust's own statistics round to milliseconds and are not used.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import gevent
from locust import FastHttpUser, constant, task
from locust.exception import StopUser

from bench.gate.latency.load_plan import KindSamples


class ScheduledUser(FastHttpUser):
    """Sends prepared bodies at their intended starts, each once, until they are used up or the window is over."""

    abstract = True
    wait_time = constant(0)
    path: str
    bodies: Sequence[bytes]
    starts_s: Sequence[float]
    window_end_s: float
    samples: KindSamples
    headers: Mapping[str, str]

    def on_start(self) -> None:
        """Connect before the first request, which would be charged for it."""
        self.client.get("/health/live")

    @task
    def keep_schedule(self) -> None:
        """The whole window."""
        for body, intended_s in zip(self.bodies, self.starts_s, strict=True):
            if time.monotonic() > self.window_end_s:
                break
            gevent.sleep(max(0.0, intended_s - time.monotonic()))
            self._send(body, intended_s)
        raise StopUser

    def _send(self, body: bytes, intended_s: float) -> None:
        # Its annotation knows text only; bytes are sent as they are.
        with self.client.post(self.path, data=body, headers=self.headers, catch_response=True) as answer:  # type: ignore[arg-type]
            finished_s = time.monotonic()
            self.samples.latencies_us.append((finished_s - intended_s) * 1e6)
            if answer.status_code != 200:
                self.samples.errors.append(f"{self.path} answered {answer.status_code}: {answer.text or answer.error}")
                answer.failure("no 200")


def scheduled_user(name: str, **attributes: Any) -> type[ScheduledUser]:
    """A class of users for one instance; Locust distinguishes classes by their names."""
    return type(name, (ScheduledUser,), {"fixed_count": 1, **attributes})
