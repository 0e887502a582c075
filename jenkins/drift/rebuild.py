"""Makes the roll-up again from the log; the counting is PostgreSQL's (`rebuild_drift_hours`)."""

from __future__ import annotations

import datetime as dt
from typing import Final

from psycopg2.extensions import connection as Connection

DAY: Final = dt.timedelta(days=1)

_FIRST_DAY: Final = "SELECT date_trunc('day', min(received_at), 'UTC') FROM prediction_requests"
_REBUILD: Final = "SELECT rebuild_drift_hours(%s, %s)"


def logged_days(connection: Connection, now: dt.datetime) -> list[dt.datetime]:
    """Midnight (UTC) of each day from the oldest logged request on; psycopg2.Error when PostgreSQL refuses."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_DAY)
        row = cursor.fetchone()
    first = row[0] if row else None
    return [] if first is None else [first + day * DAY for day in range((now - first) // DAY + 1)]


def rebuild_day(connection: Connection, day: dt.datetime) -> int:
    """Count a day again; returns its rows. Shippers wait until the connection's transaction ends.

    Raises:
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with connection.cursor() as cursor:
        cursor.execute(_REBUILD, (day, day + DAY))
        row = cursor.fetchone()
    return int(row[0]) if row else 0
