"""What PostgreSQL refuses is told by its message alone: its details quote the row, which is an applicant's."""

from __future__ import annotations

import psycopg2
import pytest

from fraud.database import connect
from initdb.applicant_groups import store_groups
from initdb.errors import LoadError, SchemaError
from tests.serve.prediction_log_rows import execute

REFUSING = "ALTER TABLE applicant_groups ADD CHECK (value <> 'Secret Street 7')"
ROW = ("A-1702", "region", "Secret Street 7")


def test_a_loader_quotes_no_row(database: str) -> None:
    execute(database, REFUSING)
    with pytest.raises(LoadError, match="violates check constraint") as refusal:
        store_groups(database, [ROW])
    assert "Secret Street" not in str(refusal.value)


def test_a_refused_file_of_the_schema_quotes_no_row(database: str) -> None:
    execute(database, REFUSING)
    with (
        pytest.raises(psycopg2.Error, match="Secret Street") as refusal,
        connect(database) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("INSERT INTO applicant_groups VALUES (%s, %s, %s)", ROW)
    told = str(SchemaError.refused("v0099.sql", refusal.value))
    assert "violates check constraint" in told
    assert "Secret Street" not in told
