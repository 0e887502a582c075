"""Requests that never stop while models come and go: Locust as a process of its own, and what it counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from fraud.stack.child import Child
from train.replay.commands import Commands
from train.replay.errors import ReplayError

USERS_FILE: Final = Path(__file__).parents[2] / "bench" / "light_load.py"
USER_CLASS: Final = "LightUser"
USERS: Final = 2
START_TIMEOUT_S: Final = 60
POLL_INTERVAL_S: Final = 0.2
FINISH_TIMEOUT_S: Final = 10


class RequestStatistics(msgspec.Struct, frozen=True):
    """What Locust counted of one kind of request, as far as it matters here."""

    name: str
    num_requests: int
    num_failures: int


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """All requests of the load."""

    requests: int
    failures: int


@contextmanager
def light_load(commands: Commands, url: str, statistics: Path) -> Iterator[Child]:
    """Load the server for the block, which begins once requests are sent; then `statistics` is there, for `counted`.

    Raises:
        ReplayError: nothing was sent in time.
        StackError: Locust ended.
    """
    arguments = (
        *("locust", "-f", str(USERS_FILE), USER_CLASS, "--headless", "--host", url),
        *("--users", str(USERS), "--spawn-rate", str(USERS), "--stop-timeout", str(FINISH_TIMEOUT_S)),
        # Locust adds the ending itself.
        *("--only-summary", "--json-file", str(statistics.with_suffix(""))),
        # Beside it, `..._failures.csv` names every fault.
        *("--csv", str(statistics.with_suffix(""))),
    )
    with commands.service("load", *arguments) as locust:
        _wait_until_it_sends(statistics.with_name(f"{statistics.stem}_stats.csv"), locust)
        yield locust


def _wait_until_it_sends(figures: Path, locust: Child) -> None:
    """Return when Locust has first written figures: one that is ended earlier has none to leave."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (figures.exists() and figures.stat().st_size):
        locust.check()
        if time.monotonic() > deadline:
            raise ReplayError(f"Locust sent nothing within {START_TIMEOUT_S} s: its log says why")
        time.sleep(POLL_INTERVAL_S)


def counted(statistics: Path) -> LoadCounts:
    """What was sent until the load ended.

    Raises:
        ReplayError: Locust left no statistics, or sent nothing: then nothing is known about failures.
    """
    try:
        kinds = msgspec.json.decode(statistics.read_bytes(), type=list[RequestStatistics])
    except (OSError, msgspec.MsgspecError) as error:
        raise ReplayError(f"Locust left no statistics: {error}; its log is beside the others") from error
    counts = LoadCounts(sum(kind.num_requests for kind in kinds), sum(kind.num_failures for kind in kinds))
    if counts.requests == 0:
        raise ReplayError("Locust sent no request: its log says why")
    return counts
