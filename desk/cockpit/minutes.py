"""Traffic by the minute: what this server counted, kept in PostgreSQL for a little more than a week."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import psycopg2

from desk.cockpit.counters import Counters
from desk.cockpit.traffic import Minute, keep_minute
from fraud.database import connect
from fraud.errors import DatabaseError
from serve.metrics import LATENCY_BUCKETS_S

logger = logging.getLogger(__name__)

APPLICATION_NAME: Final = "desk minutes"
INTERVAL_S: Final = 60.0


def minute_between(earlier: Counters, later: Counters, seconds: float) -> Minute | None:
    """What was counted between two moments; None where counters have begun again."""
    blank = (0,) * (len(LATENCY_BUCKETS_S) + 1)
    found = Minute(
        seconds,
        later.answered - earlier.answered,
        later.refused - earlier.refused,
        later.rows - earlier.rows,
        tuple(after - before for before, after in zip(earlier.buckets or blank, later.buckets or blank, strict=True)),
    )
    return None if min(found.answered, found.refused, found.rows, *found.buckets) < 0 else found


class MinuteKeeper:
    """Stores a row per minute. The counts of a row that the database refuses go into the next one."""

    def __init__(self, dsn: str, read_counters: Callable[[], Counters]) -> None:
        """Minutes begin now: what was counted before, an earlier desk has kept, or nobody."""
        self._dsn = dsn
        self._read_counters = read_counters
        self._last, self._last_at = read_counters(), time.monotonic()
        self._is_away = False

    def run(self, stop: threading.Event) -> None:
        """Keep minutes until `stop`."""
        while not stop.wait(INTERVAL_S):
            self.keep()

    def keep(self) -> None:
        """Keep what was counted since the last time."""
        now, counters = time.monotonic(), self._read_counters()
        minute = minute_between(self._last, counters, now - self._last_at)
        if minute is not None:
            try:
                with connect(self._dsn, APPLICATION_NAME) as connection:
                    keep_minute(connection, minute)
            except (DatabaseError, psycopg2.Error) as error:
                if not self._is_away:
                    logger.warning(
                        "traffic can't be stored; the next minute tries again: %s", str(error).partition("\n")[0]
                    )
                self._is_away = True
                return
        self._last, self._last_at, self._is_away = counters, now, False
