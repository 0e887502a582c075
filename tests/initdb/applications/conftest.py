from __future__ import annotations

from collections.abc import Iterator

import pytest

from fraud.database import connect


@pytest.fixture
def database(module_database: str) -> Iterator[str]:
    """One database for a module's tests, each of which finds it without rows and as the schema made it."""
    yield module_database
    with connect(module_database) as connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE divorce_predictions; COMMENT ON TABLE divorce_predictions IS NULL")
