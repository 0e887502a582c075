"""A file of what applicants are grouped by beside the features -> the table; no model reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import psycopg2
import pyarrow as pa
from psycopg2.extras import execute_values

from fraud.database import connect
from fraud.foreign_errors import postgres_words
from initdb.applications.batch import ApplicationsFile, Batch
from initdb.applications.faults import Fault, Faults, Kind
from initdb.applications.values import as_texts, check_id
from initdb.errors import ApplicationsFileError, FaultyApplicationsError, LoadError

COLUMNS: Final = ("application_id", "attribute", "value")
MOST_VALUES: Final = 40
"""Of an attribute: more are no groups, but names or numbers of people."""
PAGE_ROWS: Final = 10_000

_STORE: Final = """
    INSERT INTO public.applicant_groups (application_id, attribute, value) VALUES %s
    ON CONFLICT (application_id, attribute) DO UPDATE SET value = excluded.value
"""

Row = tuple[str, str, str]


def read_groups(file: ApplicationsFile) -> list[Row]:
    """All rows of the file.

    Raises:
        ApplicationsFileError: the file can't be read, lacks a column or has no row.
        FaultyApplicationsError: rows are at fault; the message lists them.
    """
    missing = [name for name in COLUMNS if file.names.count(name) != 1]
    if missing:
        raise ApplicationsFileError(
            file.path, f"needs the columns {', '.join(COLUMNS)} once each: {', '.join(missing)}"
        )
    faults = Faults()
    found: dict[tuple[str, str], str] = {}
    values: dict[str, set[str]] = {}

    def fault(number: int, column: str, kind: Kind, value: str) -> Fault:
        return Fault(file.path.name, f"{file.unit} {number}", column, kind, value)

    for batch in file.batches(COLUMNS, lambda _: None):
        for number, (application_id, attribute, value) in _good_rows(file, batch, faults):
            known = values.setdefault(attribute, set())
            known.add(value)
            if (application_id, attribute) in found:
                _tell(faults, fault(number, COLUMNS[0], Kind.TWICE, application_id))
            elif len(known) > MOST_VALUES:
                _tell(faults, fault(number, COLUMNS[2], Kind.TOO_MANY_VALUES, value))
            found[application_id, attribute] = value
    if len(faults):
        raise FaultyApplicationsError(faults.lines())
    if not found:
        raise ApplicationsFileError(file.path, "has no row")
    return [(application_id, attribute, value) for (application_id, attribute), value in found.items()]


def _good_rows(file: ApplicationsFile, batch: Batch, faults: Faults) -> Iterator[tuple[int, Row]]:
    for broken in batch.broken:
        _tell(
            faults,
            Fault(file.path.name, f"{file.unit} {broken.number}", None, Kind.BROKEN_ROW, None, f": {broken.why}"),
        )
    texts = {name: _texts(file, batch, name) for name in COLUMNS}
    checked = {name: check_id(texts[name]).faults.items() for name in COLUMNS}
    for place, number in enumerate(batch.numbers.tolist()):
        wrong = [(name, kind) for name in COLUMNS for kind, rows in checked[name] if rows[place]]
        for name, kind in wrong:
            shown = None if kind is Kind.MISSING else texts[name][place].as_py()
            of_text = Kind.NO_TEXT if kind is Kind.NO_ID and name != COLUMNS[0] else kind
            _tell(faults, Fault(file.path.name, f"{file.unit} {number}", name, of_text, shown))
        if not wrong:
            application_id, attribute, value = (texts[name][place].as_py() for name in COLUMNS)
            yield number, (application_id, attribute, value)


def _texts(file: ApplicationsFile, batch: Batch, name: str) -> pa.StringArray:
    try:
        return as_texts(batch.columns[name])
    except pa.ArrowException as error:
        kind = batch.columns[name].type
        raise ApplicationsFileError(file.path, f"column {name} is {kind}, which can't be read") from error


def _tell(faults: Faults, fault: Fault) -> None:
    faults.count(fault.kind, fault.column, 1)
    faults.show([fault])


def store_groups(dsn: str, rows: list[Row]) -> None:
    """Add them to the table, replacing values of the same application and attribute.

    Raises:
        LoadError: PostgreSQL refused.
    """
    try:
        with connect(dsn, application_name="initdb groups") as connection, connection.cursor() as cursor:
            execute_values(cursor, _STORE, rows, page_size=PAGE_ROWS)
    except psycopg2.Error as error:
        raise LoadError(f"the groups were not loaded: {postgres_words(error)}") from error
