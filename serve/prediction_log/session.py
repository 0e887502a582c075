"""A session of the prediction log with PostgreSQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection

from fraud.database import open_connection
from fraud.errors import NewerDatabaseError
from fraud.schema_version import read_version

APPLICATION_NAME: Final = "prediction-log"

SESSION: Final = MappingProxyType(
    {
        "statement_timeout": "30s",
        # Write pages to disk steadily. Otherwise they accumulate until a checkpoint, and the spool waits for the disk.
        "backend_flush_after": "1MB",
    }
)


class LogSession:
    """One connection: opened on demand, dropped after an error."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Connection | None = None

    def connected(self) -> Connection:
        """The connection.

        Raises:
            DatabaseError: PostgreSQL can't be reached, refuses the login, or can't store the text; or its schema has a
                version that this program does not support.
        """
        if self._connection is None:
            connection = open_connection(self._dsn, APPLICATION_NAME, SESSION)
            try:
                read_version(connection)
            except (psycopg2.Error, NewerDatabaseError):
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def disconnect(self) -> None:
        """Drop the connection; the next call makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
