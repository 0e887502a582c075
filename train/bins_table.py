"""The table `drift_bins`: the bins of every version, so that whoever counts applications finds them in the database."""

from __future__ import annotations

from typing import Final

from psycopg2 import Error as PostgresError

from fraud.database import connect
from fraud.errors import DatabaseError
from fraud.foreign_errors import postgres_words
from fraud.reference_profile import ReferenceProfile
from fraud.registry import ModelVersion

TABLE: Final = "drift_bins"

_INSERT: Final = """
    INSERT INTO drift_bins (model_sha256, model_version, number, variable, thresholds)
    VALUES (decode(%s, 'hex'), %s, %s, %s, %s::real[]) ON CONFLICT DO NOTHING
"""


def store_bins(dsn: str, version: ModelVersion, profile: ReferenceProfile) -> None:
    """Write down the bins of a version that was just registered.

    Raises:
        DatabaseError: PostgreSQL does not answer, or refuses; then none is written.
    """
    rows = [
        (version.sha256, version.version, number, variable.name, variable.thresholds)
        for number, variable in enumerate(profile.variables)
    ]
    try:
        with connect(dsn, application_name="train") as connection, connection.cursor() as cursor:
            cursor.executemany(_INSERT, rows)
    except PostgresError as error:
        raise DatabaseError(
            f"table {TABLE} can't be written: {postgres_words(error)}; `python -m initdb --schema-only` makes it"
        ) from error
