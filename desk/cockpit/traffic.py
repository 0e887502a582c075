"""The table `service_minutes`: what servers counted by the minute, and what it says of an hour and of a week.

Times are known as far as the buckets of the servers' histogram tell them: a quantile is "at most" an edge of a bucket.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Final

import msgspec
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from serve.metrics import LATENCY_BUCKETS_S

KEPT: Final = dt.timedelta(days=8)
HOUR: Final = dt.timedelta(hours=1)
WEEK: Final = dt.timedelta(days=7)
_BUCKETS: Final = len(LATENCY_BUCKETS_S) + 1

_KEEP: Final = """
    INSERT INTO public.service_minutes (seconds, answered, refused, rows, buckets) VALUES (%s, %s, %s, %s, %s)
"""
_FORGET: Final = "DELETE FROM public.service_minutes WHERE at < now() - %s"
_SUMS: Final = sql.SQL("""
    SELECT extract(epoch FROM now() - min(at - make_interval(secs => seconds)))::float8,
        sum(answered)::bigint, sum(refused)::bigint, sum(rows)::bigint, {buckets}
    FROM public.service_minutes WHERE at > now() - %s AND cardinality(buckets) = %s
""").format(
    buckets=sql.SQL(", ").join(
        sql.SQL("sum(buckets[{}])::bigint").format(sql.Literal(place)) for place in range(1, _BUCKETS + 1)
    )
)


class Minute(msgspec.Struct, frozen=True):
    """What one server counted."""

    seconds: float
    answered: int
    refused: int
    rows: int
    buckets: tuple[int, ...]


class Traffic(msgspec.Struct, frozen=True):
    """What all servers counted in some time."""

    seconds: float
    """How long it was."""
    answered: int
    refused: int
    rows: int
    buckets: tuple[int, ...]

    @property
    def requests_per_s(self) -> float:
        """That were answered."""
        return self.answered / self.seconds

    @property
    def rows_per_s(self) -> float:
        """That were scored."""
        return self.rows / self.seconds

    @property
    def refused_share(self) -> float:
        """Of all requests."""
        everything = self.answered + self.refused
        return self.refused / everything if everything else 0.0

    def within_ms(self, share: float) -> str:
        """The time within which this share of the requests was answered, as the buckets tell it."""
        total = sum(self.buckets)
        if not total:
            return "none yet"
        for edge_s, up_to in zip(LATENCY_BUCKETS_S, itertools.accumulate(self.buckets), strict=False):
            if up_to >= share * total:
                return f"at most {1000 * edge_s:g} ms"
        return f"more than {1000 * LATENCY_BUCKETS_S[-1]:g} ms"


def keep_minute(connection: Connection, minute: Minute) -> None:
    """Store it, and remove rows that are too old for any page."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, (minute.seconds, minute.answered, minute.refused, minute.rows, list(minute.buckets)))
        cursor.execute(_FORGET, (KEPT,))


def read_traffic(connection: Connection, window: dt.timedelta) -> Traffic | None:
    """Of the last hour or week, or of as much of it as is known; None before the first minute was kept."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, (window, _BUCKETS))
        seconds, answered, refused, rows, *buckets = cursor.fetchone() or (None,)
    if seconds is None:
        return None
    covered = min(max(seconds, 1.0), window.total_seconds())
    return Traffic(covered, answered, refused, rows, tuple(buckets))
