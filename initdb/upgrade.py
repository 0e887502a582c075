"""From whatever version a database's schema has to the newest, one version after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.schema_version import read_version

MIGRATIONS: Final = Path(__file__).parent / "migrations"

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


def upgrade(connection: Connection) -> list[Path]:
    """Apply what is due, each version in a transaction of its own; gives the files.

    Nobody else may do so meanwhile (`schema.py` has the lock).

    Raises:
        NewerDatabaseError: the database is of a later version of this project.
        SchemaError: PostgreSQL refused a version; those before it are applied, and nothing of it.
    """
    due = due_files(connection)
    connection.commit()
    if due:
        _run_alembic(connection)
    return due


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
