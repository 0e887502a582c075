"""Reads the applications with known outcomes: all SQL of training.

They are in the table `divorce_predictions`, and in the log: scored applications whose outcome the agency has recorded
since (`labelled_predictions_known`). An application that is in both counts once, as in the table. A missing feature is
NULL in the table and NaN in the log. The table has outcomes of everybody and no history. For the others the record has
the time of each outcome, and the probability with which each application was reviewed.
"""

from __future__ import annotations

import datetime as dt
import io
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, Final

import pyarrow as pa
from psycopg2 import Error as PostgresError
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from pyarrow import csv

from fraud.errors import DatabaseError
from fraud.features import DATE, FEATURE_COUNT, FEATURE_NAMES, LABEL
from fraud.foreign_errors import postgres_words
from train.errors import ColumnMissingError, TableMissingError

TABLE: Final = "divorce_predictions"
LOGGED: Final = "labelled_predictions_known"
OUTCOMES: Final = "outcomes"
ID: Final = "application_id"
LOOKED_AT: Final = "looked_at_probability"
COLUMNS: Final = (DATE, *FEATURE_NAMES, LABEL)
STORED: Final = (ID, *COLUMNS)
"""Columns of the table."""
READ: Final = (*STORED, LOOKED_AT)

PRESENT_COLUMNS: Final = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""
# Rows without a date are read too, so that they are reported and don't vanish. The order makes training repeatable;
# COLLATE "C" makes it the same on every server. Without outcomes the log is not looked at.
ROWS: Final = sql.SQL("""
    COPY (
        SELECT {read} FROM (
            SELECT {stored}, 1::real AS {looked_at} FROM {table}
            UNION ALL
            SELECT application_id, {date}, {features}, {label}, {looked_at} FROM {logged}({known_before}) AS logged
            WHERE EXISTS (SELECT FROM {outcomes})
                AND NOT EXISTS (SELECT FROM {table} AS known WHERE known.application_id = logged.application_id)
        ) AS labelled
        WHERE {date} < {cutoff} OR {date} IS NULL
        ORDER BY {date}, application_id COLLATE "C"
    ) TO STDOUT (FORMAT csv)
""")
_AFTER_THOSE_WHO_RECORD: Final = "SELECT pg_advisory_xact_lock_shared(hashtextextended('outcomes', 0))"
FIRST_DAY: Final = sql.SQL("SELECT min({date}) FROM {table}")

TYPES: Final = {
    ID: pa.string(),
    DATE: pa.date32(),
    **dict.fromkeys(FEATURE_NAMES, pa.float32()),
    LABEL: pa.float32(),
    # Read as it prints: 0.01 and not the float32 beside it, so that its inverse is 100.
    LOOKED_AT: pa.float64(),
}
SCHEMA: Final = pa.schema([(name, TYPES[name]) for name in READ])


def read_rows(connection: Connection, cutoff: dt.date, known_before: dt.datetime) -> pa.Table:
    """What `copy_rows` copies, as a table in memory.

    Raises:
        TableMissingError, ColumnMissingError, DatabaseError: as `copy_rows`.
    """
    with copy_rows(connection, cutoff, known_before) as copied:
        return pa.Table.from_batches(batches(copied), SCHEMA)


def copy_rows(connection: Connection, cutoff: dt.date, known_before: dt.datetime) -> BinaryIO:
    """Copy the applications before `cutoff` to a temporary file, oldest first.

    Columns: id, `Date`, the features, `Divorce`, and the probability with which each was reviewed. Outcomes and answers
    that were recorded from `known_before` on are unknown.

    `batches` reads the file. It has no name, and is gone when it is closed.

    Raises:
        TableMissingError, ColumnMissingError: the table is not the one that `initdb` fills.
        DatabaseError: PostgreSQL refuses to read.
    """
    statement = ROWS.format(
        read=sql.SQL(", ").join(map(sql.Identifier, READ)),
        stored=sql.SQL(", ").join(map(sql.Identifier, STORED)),
        looked_at=sql.Identifier(LOOKED_AT),
        features=sql.SQL(", ").join(
            sql.SQL("features[{}]").format(sql.Literal(position)) for position in range(1, FEATURE_COUNT + 1)
        ),
        label=sql.Identifier(LABEL),
        table=sql.Identifier(TABLE),
        logged=sql.Identifier(LOGGED),
        outcomes=sql.Identifier(OUTCOMES),
        date=sql.Identifier(DATE),
        cutoff=sql.Literal(cutoff),
        known_before=sql.Literal(known_before),
    )
    copied: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - whoever reads it closes it
    try:
        _check_columns(connection)
        with connection.cursor() as cursor:
            cursor.copy_expert(statement, copied)
    except PostgresError as error:
        copied.close()
        raise DatabaseError(f"table {TABLE} can't be read: {postgres_words(error)}") from error
    except BaseException:
        copied.close()
        raise
    copied.seek(0)
    return copied


def batches(copied: BinaryIO) -> Iterator[pa.RecordBatch]:
    """The applications of a file that `copy_rows` wrote, features as float32; a few thousand at a time.

    NULL stays null. PostgreSQL prints a `real` with the digits that give the same float32 back.
    """
    if copied.seek(0, io.SEEK_END) == 0:
        return
    copied.seek(0)
    yield from csv.open_csv(
        copied,
        read_options=csv.ReadOptions(column_names=READ),
        convert_options=csv.ConvertOptions(column_types=TYPES, null_values=[""]),
    )


def moment_known(connection: Connection) -> dt.datetime:
    """A moment such that all that was recorded before it can be read by now, and nothing else ever will be before it.

    A writer of outcomes takes a lock, then the time, and holds the lock until the commit (`append_outcome`).
    """
    with connection.cursor() as cursor:
        cursor.execute(_AFTER_THOSE_WHO_RECORD)
        cursor.execute("SELECT clock_timestamp()")
        ((moment,),) = cursor.fetchall()
    assert isinstance(moment, dt.datetime)  # noqa: S101 - as PostgreSQL has it
    return moment


def first_day(connection: Connection) -> dt.date | None:
    """The date of the oldest application; None when the table is empty."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST_DAY.format(date=sql.Identifier(DATE), table=sql.Identifier(TABLE)))
        row = cursor.fetchone()
    return row[0] if row else None


def _check_columns(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(PRESENT_COLUMNS, (TABLE,))
        present = {name for (name,) in cursor.fetchall()}
    if not present:
        raise TableMissingError(f"table {TABLE} does not exist: fill the database with `python -m initdb`")
    missing = [name for name in STORED if name not in present]
    if missing:
        raise ColumnMissingError(
            f"table {TABLE} has no column {', '.join(missing)}: drop it and fill the database with `python -m initdb`"
        )
