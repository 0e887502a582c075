"""From whatever version a database's schema has to the newest, one version after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.schema_version import read_version
from initdb.errors import TableInUseError

MIGRATIONS: Final = Path(__file__).parent / "migrations"

LOCK_TIMEOUT: Final = "1s"
"""Of a version that waits for a table: whoever comes meanwhile, a reader too, waits behind it."""
RETRY_S: Final = 2.0
"""Time for those who waited to get on."""
PATIENCE_S: Final = 600.0
"""For readers of the log, such as a dump, that take their time."""

Tell = Callable[[str], None]


def migration_files() -> list[Path]:
    """The versions' SQL files, oldest first; number N of the list is version N."""
    return sorted((MIGRATIONS / "versions").glob("v*.sql"))


def due_files(connection: Connection) -> list[Path]:
    """The files that the database has not seen yet.

    Raises:
        NewerDatabaseError: it has seen more than there are.
    """
    return migration_files()[read_version(connection) :]


def upgrade(connection: Connection, tell: Tell) -> list[Path]:
    """Apply the due versions, each in its own transaction; returns their files.

    Nobody else may do so meanwhile (`schema.py` has the lock). A version whose table is in use gives way and is tried
    again.

    Raises:
        NewerDatabaseError: the database is of a later version of this project.
        TableInUseError: a table was in use all the time.
        SchemaError: PostgreSQL refused a version; those before it are applied, and nothing of it.
    """
    due = due_files(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_TIMEOUT,))
    connection.commit()
    if due:
        _run_patiently(connection, tell)
    return due


def _run_patiently(connection: Connection, tell: Tell) -> None:
    deadline = time.monotonic() + PATIENCE_S
    told = False
    while True:
        try:
            _run_alembic(connection)
        except TableInUseError as error:
            if time.monotonic() > deadline:
                raise
            if not told:
                tell(f"Waiting for a table that is in use, at most {PATIENCE_S:.0f} s: {error}")
                told = True
            time.sleep(RETRY_S)
        else:
            return


def _run_alembic(connection: Connection) -> None:
    # It takes a second to import, and hardly any start needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import StaticPool, create_engine  # noqa: PLC0415

    config = Config()
    # ConfigParser reads a percent sign as the beginning of a reference.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    engine = create_engine("postgresql+psycopg2://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as ours:
        config.attributes["connection"] = ours
        command.upgrade(config, "head")
