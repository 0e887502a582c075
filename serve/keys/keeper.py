"""The shipper's work for keys: it copies the database's keys to this server, and times of use to the database. It has
its own thread and connection, so that maintenance of the record never delays a revocation.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from fraud.database import open_connection
from fraud.errors import ProjectError
from fraud.schema_version import read_version
from serve.keys.local_copy import LocalCopy
from serve.keys.table import note_uses, read_valid_keys
from serve.keys.uses import KeyUses

logger = logging.getLogger(__name__)

APPLICATION_NAME: Final = "api-keys"
SESSION: Final = MappingProxyType({"statement_timeout": "5s"})
CONNECT_TIMEOUT_S: Final = 3
SILENCE_MS: Final = 5_000
"""Time after which a connection is dropped if the peer acknowledges nothing."""
RENEW_S: Final = 1.0
"""Interval between updates of the file."""
NOTE_S: Final = 60.0
"""Interval between writes of last use."""
_START: Final = dt.datetime.fromtimestamp(0, dt.UTC)


class KeyKeeper:
    """Keeps one server's copy of the keys. `run` it in a thread."""

    def __init__(
        self, dsn: str, copy: LocalCopy, uses: KeyUses, tell_behind_s: Callable[[float], None] = lambda _: None
    ) -> None:
        """`tell_behind_s` is called with the seconds since the copy was last up to date."""
        self._dsn = dsn
        self._tell_behind_s = tell_behind_s
        self._copy = copy
        self._uses = uses
        self._connection: Connection | None = None
        self._away_since: float | None = None
        self._next_note = time.monotonic() + NOTE_S
        self._noted = _START
        """Time up to which uses are in the database."""

    def run(self, stop: threading.Event) -> None:
        """Update the copy until `stop`."""
        while not stop.is_set():
            self.keep_up()
            stop.wait(RENEW_S)
        self.keep_up(is_last=True)
        self.close()

    def keep_up(self, *, is_last: bool = False) -> None:
        """Do the work that is due; with `is_last` always write uses."""
        try:
            self.renew()
            if is_last or time.monotonic() >= self._next_note:
                self.note()
        except (psycopg2.Error, ProjectError, OSError) as error:
            self.close()
            self._fall_behind(error)
        else:
            self._catch_up()

    def renew(self) -> None:
        """Copy the valid keys to this server.

        Raises:
            DatabaseError, psycopg2.Error, OSError: the database or the disk does not allow it.
        """
        with self._connected() as connection:
            keys = read_valid_keys(connection)
        self._copy.keep(keys)

    def note(self) -> None:
        """Write the times of last use to the database.

        Raises:
            DatabaseError, psycopg2.Error, OSError: as `renew`.
        """
        uses = self._uses.since(self._noted)
        with self._connected() as connection:
            note_uses(connection, uses)
        self._noted = max(uses.values(), default=self._noted)
        self._next_note = time.monotonic() + NOTE_S

    def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fall_behind(self, error: Exception) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            # PostgreSQL's CONTEXT and DETAIL lines can quote the data; the first line never does.
            reason = str(error).partition("\n")[0]
            logger.warning("API keys can't be updated from the database; those read last stay valid: %s", reason)
        self._tell_behind_s(time.monotonic() - self._away_since)

    def _catch_up(self) -> None:
        if self._away_since is not None:
            self._away_since = None
            logger.warning("API keys are updated from the database again")
        self._tell_behind_s(0.0)

    def _connected(self) -> Connection:
        if self._connection is None:
            dsn = make_dsn(self._dsn, tcp_user_timeout=SILENCE_MS)
            connection = open_connection(dsn, APPLICATION_NAME, SESSION, CONNECT_TIMEOUT_S)
            try:
                with connection:
                    read_version(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection
