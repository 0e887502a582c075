"""Table `divorce_predictions` of `v0002_training_data.sql`: its name, its columns, where its rows came from."""

from __future__ import annotations

from typing import Final

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from fraud.features import DATE, FEATURE_NAMES, LABEL
from fraud.provenance import Provenance

TABLE: Final = sql.Identifier("public", "divorce_predictions")
COLUMNS: Final = ("application_id", DATE, *FEATURE_NAMES, LABEL)
COLUMN_LIST: Final = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))

LOCK_TIMEOUT: Final = "60s"
"""Longest wait for others' transactions to leave the table."""


def has_rows(connection: Connection) -> bool:
    """Whether any application is loaded."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(TABLE))
        return bool(cursor.fetchone() == (True,))


def write_provenance(connection: Connection, provenance: Provenance) -> None:
    """Say where the rows came from; belongs into the transaction that loads them."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(TABLE, sql.Literal(provenance.to_comment())))
