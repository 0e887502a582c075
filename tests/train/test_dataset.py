"""Reading applications from a real PostgreSQL: what comes out, and every way the table can be wrong."""

from __future__ import annotations

import datetime as dt

import numpy as np
import psycopg2
import pytest

from fraud.errors import DatabaseError
from fraud.features import FEATURE_NAMES
from fraud.stack.ports import hold_port
from train.dataset import load_dataset
from train.errors import (
    ColumnMissingError,
    CutoffError,
    EmptyTableError,
    LabelError,
    MissingValueError,
    TableMissingError,
)

CUTOFF = dt.date(2024, 1, 10)
COLUMNS = ", ".join(f'"{name}"' for name in FEATURE_NAMES)
VALUES = (0.1, 16777217, 1e-30, 9855, 365243, 1, 2, 3, 4, 5840)
"""0.1 and 1e-30 have no exact float32, 16777217 is not one: reading must round as PostgreSQL's `real` does."""


def execute(dsn: str, *statements: str) -> None:
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def insert(dsn: str, key: str, date: str, label: str = "0", **values: str) -> None:
    cells = {name: str(value) for name, value in zip(FEATURE_NAMES, VALUES, strict=True)} | values
    execute(
        dsn,
        f'INSERT INTO divorce_predictions (application_id, "Date", {COLUMNS}, "Divorce") '  # noqa: S608
        f"VALUES ('{key}', {date}, {', '.join(cells[name] for name in FEATURE_NAMES)}, {label})",
    )


def test_rows_before_the_cutoff_come_oldest_first(empty_table: str) -> None:
    insert(empty_table, "b", "'2024-01-09'", "1", Credit_Bureau="2")
    insert(empty_table, "c", "'2024-01-10'", "1")
    insert(empty_table, "Z", "'2024-01-09'", "0", Credit_Bureau="1")
    insert(empty_table, "a", "'2023-12-31'", "0", Credit_Bureau="0")
    dataset = load_dataset(empty_table, CUTOFF)
    assert dataset.x.dtype == np.float32
    assert dataset.x.shape == (3, 10)
    assert dataset.x.flags.c_contiguous
    assert dataset.x[:, FEATURE_NAMES.index("Credit_Bureau")].tolist() == [0, 1, 2]  # of one day: Z before b
    assert dataset.y.tolist() == [0, 0, 1]
    assert dataset.dates.astype(str).tolist() == ["2023-12-31", "2024-01-09", "2024-01-09"]
    assert dataset.x[2].tolist() == [*np.array(VALUES[:8], np.float32).tolist(), 2, 5840]


def test_table_missing(empty_database: str) -> None:
    with pytest.raises(TableMissingError, match="python -m initdb"):
        load_dataset(empty_database, CUTOFF)


def test_missing_columns_are_named(empty_table: str) -> None:
    execute(empty_table, 'ALTER TABLE divorce_predictions DROP COLUMN "ID_Days", DROP COLUMN "Divorce"')
    with pytest.raises(ColumnMissingError, match="no column ID_Days, Divorce:"):
        load_dataset(empty_table, CUTOFF)


def test_empty_table(empty_table: str) -> None:
    with pytest.raises(EmptyTableError, match="is empty"):
        load_dataset(empty_table, CUTOFF)


def test_cutoff_before_all_rows_tells_the_first_date(empty_table: str) -> None:
    insert(empty_table, "a", "'2024-01-10'")
    insert(empty_table, "b", "'2024-01-11'")
    with pytest.raises(CutoffError, match="before 2024-01-10: the first is of 2024-01-10"):
        load_dataset(empty_table, CUTOFF)


@pytest.mark.parametrize("label", ["0", "1"])
def test_one_class(empty_table: str, label: str) -> None:
    insert(empty_table, "a", "'2024-01-01'", label)
    insert(empty_table, "b", "'2024-01-02'", label)
    with pytest.raises(LabelError, match=f"is {label} in every row"):
        load_dataset(empty_table, CUTOFF)


def test_another_label(empty_table: str) -> None:
    for key, label in enumerate("012"):
        insert(empty_table, str(key), "'2024-01-01'", label)
    with pytest.raises(LabelError, match="holds 0, 1, 2"):
        load_dataset(empty_table, CUTOFF)


def test_unusable_values_are_counted_by_column(empty_table: str) -> None:
    insert(empty_table, "a", "'2024-01-01'", "NULL")
    insert(empty_table, "b", "'2024-01-02'", "1", Loan_Annuity="'NaN'", ID_Days="NULL")
    insert(empty_table, "c", "'2024-01-03'", "0", Loan_Annuity="'-Infinity'")
    insert(empty_table, "d", "NULL", "0", Loan_Annuity="NULL")
    with pytest.raises(MissingValueError) as raised:
        load_dataset(empty_table, CUTOFF)
    for fault in ("Loan_Annuity (3 rows)", "ID_Days (1 row)", "Divorce (1 row)", "Date (1 row)"):
        assert fault in str(raised.value)
    assert "Client_Income" not in str(raised.value)


def test_no_right_to_read(empty_table: str) -> None:
    execute(
        empty_table,
        "DROP ROLE IF EXISTS reader_of_nothing",
        "CREATE ROLE reader_of_nothing",
        "GRANT USAGE ON SCHEMA public TO reader_of_nothing",
    )
    with pytest.raises(DatabaseError, match="permission denied"):
        load_dataset(psycopg2.extensions.make_dsn(empty_table, options="-c role=reader_of_nothing"), CUTOFF)


def test_unreachable() -> None:
    with pytest.raises(DatabaseError, match="can't be reached"):
        load_dataset(f"host=127.0.0.1 port={hold_port()} dbname=any", CUTOFF)


def test_attributes_stand_beside_the_matrix(empty_table: str) -> None:
    for key in ("a", "b", "c"):
        insert(empty_table, key, "'2024-01-01'", "1" if key == "a" else "0")
    execute(empty_table, "INSERT INTO applicant_groups VALUES ('c', 'region', 'north'), ('a', 'region', 'south')")
    dataset = load_dataset(empty_table, CUTOFF)
    assert dataset.x.shape == (3, len(FEATURE_NAMES)), "no model reads them"
    assert dataset.attributes["region"].tolist() == ["south", None, "north"]
    assert dataset.part(slice(1, None)).attributes["region"].tolist() == [None, "north"]
