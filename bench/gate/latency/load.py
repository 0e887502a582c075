"""`python -m bench.gate.latency.load SEED`: a process that loads servers; started by the gate, not by hand.

It says that it is ready, then reads a plan a line and answers each with a line of samples, as JSON. A process of its
own, because Locust makes the sockets of the whole process cooperative, and so that the gate's own work does not stop
the clock.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import gevent
import msgspec
import typer
from locust.env import Environment

from bench.applications import Applications, request_headers
from bench.gate.latency.load_plan import KindSamples, LoadPlan, RequestKind, WindowPlan, WindowSamples
from bench.gate.latency.scheduled_user import ScheduledUser, scheduled_user
from fraud.command_line import CommandLine

Bodies = Callable[[int], bytes]
"""Number of rows -> a body with that many fresh random applications."""

LATE_S: Final = 0.05
"""The users need this long to connect."""
DRAIN_TIMEOUT_S: Final = 30.0
"""Longest wait for the answers of a window that is over."""


READY: Final = b"ready\n"


def run(plan: LoadPlan, applications: Applications) -> list[WindowSamples]:
    """Carry out a plan."""

    def body(rows: int) -> bytes:
        return applications.single() if rows == 1 else applications.batch(rows)

    return [_run_window(window, plan, body) for window in plan.windows]


def intended_starts(window: WindowPlan, kind: RequestKind, user: int) -> list[float]:
    """When user `user` of `kind.users` is to send, seconds on the monotonic clock: evenly spaced, the users in turn."""
    period_s = kind.users / kind.requests_per_s
    offset_s = user / kind.requests_per_s
    count = math.ceil((window.duration_s - offset_s) / period_s - 1e-9)  # those before the end, but for rounding
    return [window.start_s + offset_s + number * period_s for number in range(count)]


def _run_window(window: WindowPlan, plan: LoadPlan, body: Bodies) -> WindowSamples:
    result = WindowSamples({})
    users = []
    for kind in plan.kinds:
        samples = result.kinds[kind.name] = KindSamples(0, [], [])
        for number in range(kind.users):
            user = _user_of(window, kind, number, samples, body, api_key=plan.api_key)
            samples.planned += len(user.starts_s)
            users.append(user)
    result.is_late = time.monotonic() > window.start_s - LATE_S
    _run_users(window, users)
    return result


def _user_of(
    window: WindowPlan, kind: RequestKind, number: int, samples: KindSamples, body: Bodies, *, api_key: str
) -> type[ScheduledUser]:
    starts_s = intended_starts(window, kind, number)
    return scheduled_user(
        name=f"{kind.name}_{number}",
        path="/predict" if kind.rows == 1 else "/batch_predict",
        bodies=[body(kind.rows) for _ in starts_s],
        starts_s=starts_s,
        window_end_s=window.start_s + window.duration_s,
        samples=samples,
        headers=request_headers(api_key),
    )


def _run_users(window: WindowPlan, users: Sequence[type[ScheduledUser]]) -> None:
    runner = Environment(user_classes=list(users), host=window.url).create_local_runner()
    runner.start(len(users), spawn_rate=len(users))
    assert runner.spawning_greenlet is not None  # noqa: S101 - made by start
    runner.spawning_greenlet.join()
    deadline_s = window.start_s + window.duration_s + DRAIN_TIMEOUT_S
    while runner.user_count and time.monotonic() < deadline_s:
        gevent.sleep(0.01)
    runner.quit()


def main(seed: Annotated[int, typer.Argument(help="Seed of random numbers.")]) -> None:
    """Load servers by plans on standard input, one per line; the gate starts it, not a person."""
    applications = Applications(seed)
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection in a window would be charged to the server
    answers = sys.stdout.buffer
    answers.write(READY)
    answers.flush()
    for line in sys.stdin.buffer:
        answers.write(msgspec.json.encode(run(msgspec.json.decode(line, type=LoadPlan), applications)) + b"\n")
        answers.flush()
        gc.collect()


if __name__ == "__main__":
    CommandLine(main)()
