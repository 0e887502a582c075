"""Reference data -> PostgreSQL, all of it or nothing."""

from __future__ import annotations

import io

import psycopg2
import pyarrow as pa
from psycopg2 import sql
from pyarrow import csv

from fraud.database import connect
from fraud.features import FEATURES
from fraud.foreign_errors import postgres_words
from fraud.provenance import Provenance
from initdb.errors import LoadError
from initdb.reference import ReferenceData
from initdb.training_table import COLUMN_LIST, COLUMNS, LOCK_TIMEOUT, TABLE, write_provenance


def load(dsn: str, data: ReferenceData, provenance: Provenance) -> None:
    """Replace the table's rows in one transaction: others see the rows from before or all of the new ones.

    Raises:
        LoadError: PostgreSQL refused; the rows from before are still there.
    """
    try:
        with connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
            cursor.execute(sql.SQL("TRUNCATE {}").format(TABLE))
            cursor.copy_expert(
                sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(TABLE, COLUMN_LIST), _as_csv(data)
            )
            write_provenance(connection, provenance)
            cursor.execute(sql.SQL("ANALYZE {}").format(TABLE))
    except psycopg2.Error as error:
        raise LoadError(f"the reference data were not loaded: {postgres_words(error)}") from error


def _as_csv(data: ReferenceData) -> io.BytesIO:
    """The rows as COPY reads them; 200,000 take 20 MB."""
    columns = [
        pa.array(column, from_pandas=True).cast(pa.int32() if feature.integral else pa.float32())
        for feature, column in zip(FEATURES, data.features.T, strict=True)
    ]
    table = pa.table([pa.array(data.application_ids), pa.array(data.dates), *columns, pa.array(data.labels)], COLUMNS)
    buffer = io.BytesIO()
    csv.write_csv(table, buffer, csv.WriteOptions(include_header=False, quoting_style="none"))
    buffer.seek(0)
    return buffer
