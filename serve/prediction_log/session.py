"""A session of the prediction log with PostgreSQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.database import open_connection

APPLICATION_NAME: Final = "prediction-log"

SESSION: Final = MappingProxyType(
    {
        "statement_timeout": "30s",
        # Written pages go to the disk steadily. Else they gather until a checkpoint, and the spool waits for the disk.
        "backend_flush_after": "1MB",
    }
)


class LogSession:
    """One connection; made when it is needed, dropped after an error."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Connection | None = None

    def connected(self) -> Connection:
        """The connection.

        Raises:
            DatabaseError: PostgreSQL can't be reached, refuses the login, or can't hold the text.
        """
        if self._connection is None:
            self._connection = open_connection(self._dsn, APPLICATION_NAME, SESSION)
        return self._connection

    def disconnect(self) -> None:
        """Drop the connection; the next call makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
