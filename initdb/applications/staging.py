"""A temporary table that takes the good rows of all files, until it is certain that nothing is wrong with any."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import pyarrow as pa
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from pyarrow import csv

from initdb.applications.batch import ApplicationsFile
from initdb.applications.checking import NUMBER_COLUMN
from initdb.applications.faults import Fault, Faults, Kind
from initdb.applications.opening import ID_COLUMN
from initdb.training_table import COLUMN_LIST, COLUMNS, TABLE

_STAGED: Final = sql.Identifier("pg_temp", "staged_applications")
_FILE_COLUMN: Final = "file_number"

_MAKE: Final = sql.SQL("""
    CREATE TEMPORARY TABLE staged_applications ON COMMIT DROP AS
        SELECT {columns}, 0::bigint AS {number}, 0::smallint AS {file} FROM {table} WITH NO DATA
""")
_TWICE: Final = sql.SQL("""
    SELECT count(*) OVER (), {file}, {number}, application_id, first_file, first_number FROM (
        SELECT *,
            row_number() OVER same AS nth, first_value({file}) OVER same AS first_file,
            first_value({number}) OVER same AS first_number
        FROM {staged} WINDOW same AS (PARTITION BY application_id ORDER BY {file}, {number})
    ) AS counted
    WHERE nth > 1 ORDER BY {file}, {number} LIMIT {room}
""")
_KNOWN: Final = sql.SQL("""
    SELECT count(*) OVER (), {file}, {number}, application_id
    FROM {staged} JOIN {table} USING (application_id) ORDER BY {file}, {number} LIMIT {room}
""")
_COUNT: Final = sql.SQL("SELECT count(*) FROM {staged} JOIN {table} USING (application_id)")
_APPEND: Final = sql.SQL("INSERT INTO {table} ({columns}) SELECT {columns} FROM {staged}")
_UPSERT: Final = sql.SQL("""
    INSERT INTO {table} ({columns}) SELECT {columns} FROM {staged}
    ON CONFLICT (application_id) DO UPDATE SET ({others}) = ROW ({new_others})
""")
_OTHERS: Final = COLUMNS[1:]


class Staging:
    """The temporary table of one transaction."""

    def __init__(self, connection: Connection, files: Sequence[ApplicationsFile]) -> None:
        self._cursor = connection.cursor()
        self._files = files
        self._names: dict[str, sql.Composable] = {
            "table": TABLE,
            "staged": _STAGED,
            "columns": COLUMN_LIST,
            "file": sql.Identifier(_FILE_COLUMN),
            "number": sql.Identifier(NUMBER_COLUMN),
        }
        self._cursor.execute(_MAKE.format(**self._names))

    def add(self, rows: pa.Table, file_number: int) -> None:
        """Take good rows of a file."""
        rows = rows.append_column(_FILE_COLUMN, pa.array([file_number] * rows.num_rows, pa.int16()))
        text = io.BytesIO()
        csv.write_csv(rows, text, csv.WriteOptions(include_header=False))
        text.seek(0)
        names = sql.SQL(", ").join(map(sql.Identifier, (*COLUMNS, NUMBER_COLUMN, _FILE_COLUMN)))
        self._cursor.copy_expert(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(_STAGED, names), text)

    def find_twice(self, faults: Faults) -> None:
        """Ids that several rows have, of whatever files."""
        self._cursor.execute(_TWICE.format(**self._names, room=sql.Literal(max(faults.room, 1))))
        found = self._cursor.fetchall()
        faults.count(Kind.TWICE, ID_COLUMN, found[0][0] if found else 0)
        faults.show(
            self._fault(Kind.TWICE, file, number, text, f": also {self._place(first_file, first_number)}")
            for _, file, number, text, first_file, first_number in found
        )

    def find_known(self, faults: Faults) -> None:
        """Ids that are in the table of applications already."""
        self._cursor.execute(_KNOWN.format(**self._names, room=sql.Literal(max(faults.room, 1))))
        found = self._cursor.fetchall()
        faults.count(Kind.KNOWN, ID_COLUMN, found[0][0] if found else 0)
        remark = ": --replace-same puts the new one in its place"
        faults.show(self._fault(Kind.KNOWN, file, number, text, remark) for _, file, number, text in found)

    def append(self) -> int:
        """Add the rows to the table; none is replaced."""
        self._cursor.execute(_APPEND.format(**self._names))
        return 0

    def put_in_place(self) -> int:
        """Add the rows, replacing those with the same id; returns the number of replaced rows."""
        self._cursor.execute(_COUNT.format(**self._names))
        (replaced,) = self._cursor.fetchone() or (0,)
        others = sql.SQL(", ").join(map(sql.Identifier, _OTHERS))
        new_others = sql.SQL(", ").join(sql.Identifier("excluded", name) for name in _OTHERS)
        self._cursor.execute(_UPSERT.format(**self._names, others=others, new_others=new_others))
        return int(replaced)

    def _fault(self, kind: Kind, file_number: int, number: int, value: str, remark: str) -> Fault:
        file = self._files[file_number]
        return Fault(file.path.name, f"{file.unit} {number}", ID_COLUMN, kind, value, remark)

    def _place(self, file_number: int, number: int) -> str:
        file = self._files[file_number]
        return f"{file.path.name}, {file.unit} {number}"
