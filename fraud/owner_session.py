"""A transaction of a command as the owner of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection as Connection

from fraud.database import connect
from fraud.schema_version import refuse_newer
from fraud.settings import load_settings


@contextmanager
def owner_transaction(application_name: str) -> Iterator[Connection]:
    """Commit what is done on this connection, or roll it back where an error ends it.

    Raises:
        SettingsError: there is no database in the settings.
        NewerDatabaseError: this program does not know the version of the database's schema.
        DatabaseError: PostgreSQL can't be reached, or refuses.
    """
    dsn = load_settings().dsn()
    refuse_newer(dsn)
    with connect(dsn, application_name) as connection:
        yield connection
