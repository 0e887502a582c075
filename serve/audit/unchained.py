"""Records from before records were chained: the upgrade moved them to a separate table, and they can't be verified."""

from __future__ import annotations

from typing import Final

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

TABLE: Final = "prediction_requests_unchained"

_READABLE: Final = "SELECT has_table_privilege(to_regclass(%s), 'SELECT')"
_COUNT: Final = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", TABLE))


def count_unchained(connection: Connection) -> int:
    """Their number; 0 in a database that never had any, or was not upgraded yet."""
    with connection.cursor() as cursor:
        cursor.execute(_READABLE, (f"public.{TABLE}",))
        if cursor.fetchone() != (True,):
            return 0
        cursor.execute(_COUNT)
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])
