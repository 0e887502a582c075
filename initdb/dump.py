"""What is loaded, as one SQL file: the schema, then the rows.

The rows are plain INSERT statements of 1,000 rows each: psql, psycopg2 and any other client restore them by executing
the file, while `COPY ... FROM stdin` is understood by psql alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TextIO

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from fraud.database import connect
from fraud.provenance import read_provenance
from fraud.schema_version import VERSION_SCHEMA, VERSION_TABLE
from initdb.errors import NothingToDumpError
from initdb.feature_columns import statements_for_no_rows
from initdb.schema import ROLES_FILE
from initdb.training_table import COLUMN_LIST, COLUMNS, TABLE, has_rows
from initdb.upgrade import migration_files

ROWS_PER_INSERT: Final = 1_000

_VERSION: Final = """\
DO $due$
BEGIN
    IF NOT EXISTS (SELECT FROM {table} WHERE version_num >= '{version}') THEN
        EXECUTE $version$
{statements}$version$;
        DELETE FROM {table};
        INSERT INTO {table} VALUES ('{version}');
    END IF;
END
$due$;

"""

Progress = Callable[[int], None]
"""Told after each statement how many rows it holds."""


def dump(dsn: str, path: Path, progress: Progress) -> None:
    """Write the file; an unfinished one never has its name.

    Raises:
        NothingToDumpError: the table has no rows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    with connect(dsn) as connection:
        # One snapshot for the check, the comment and the rows.
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        if not has_rows(connection):
            raise NothingToDumpError("no reference data are loaded: run `python -m initdb` first")
        with unfinished.open("w", encoding="utf-8") as file:
            _write(connection, file, progress)
    unfinished.replace(path)


def _write(connection: Connection, file: TextIO, progress: Progress) -> None:
    table, columns = TABLE.as_string(connection), COLUMN_LIST.as_string(connection)
    file.write("-- Reference data of the marriage-loan scoring: schema, roles and rows; restore with any SQL client.\n")
    file.write("BEGIN;\n\n")
    file.write(f"{ROLES_FILE.read_text(encoding='utf-8')}\n")
    file.writelines(_schema())
    file.write(f"TRUNCATE {table};\n")
    file.writelines(f"{statement.as_string(connection)};\n" for statement in statements_for_no_rows())
    for rows in _row_literals(connection):
        file.write(f"INSERT INTO {table} ({columns}) VALUES\n")
        file.write(",\n".join(rows))
        file.write(";\n")
        progress(len(rows))
    provenance = read_provenance(connection)
    if provenance is not None:
        comment = sql.Literal(provenance.to_comment()).as_string(connection)
        file.write(f"COMMENT ON TABLE {table} IS {comment};\n")
    file.write("COMMIT;\n")


def _schema() -> Iterator[str]:
    """Every version of the schema, each run where the database has not seen it yet: a dump may be restored twice."""
    first, *_ = files = migration_files()
    # It makes the table that the others ask, and may run again.
    yield f"{first.read_text(encoding='utf-8')}\n"
    for number, path in enumerate(files, start=1):
        yield _VERSION.format(
            table=f"{VERSION_SCHEMA}.{VERSION_TABLE}",
            version=f"{number:04}",
            statements=path.read_text(encoding="utf-8"),
        )


def _row_literals(connection: Connection) -> Iterator[list[str]]:
    """The rows as `(literal, ...)` texts, quoted by PostgreSQL, streamed in batches."""
    template = f"({', '.join(['%L'] * len(COLUMNS))})"
    query = sql.SQL("SELECT format({}, {}) FROM {} ORDER BY application_id").format(
        sql.Literal(template), COLUMN_LIST, TABLE
    )
    with connection.cursor(name="dump") as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(ROWS_PER_INSERT):
            yield [literal for (literal,) in rows]
