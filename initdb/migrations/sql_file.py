"""A version's SQL file, run unchanged."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from psycopg2.errors import LockNotAvailable
from sqlalchemy.exc import DBAPIError

from initdb.errors import SchemaError, TableInUseError


def run_sql_beside(module_file: str) -> None:
    """Run the SQL file beside a version's module, of the same name, within that version's transaction.

    The file reaches PostgreSQL as one text: nothing splits it into statements or looks in it for placeholders.

    Raises:
        TableInUseError: a table was in use for as long as the session's `lock_timeout`.
        SchemaError: PostgreSQL refused a statement. In both cases nothing of the file is applied.
    """
    path = Path(module_file).with_suffix(".sql")
    statements = path.read_text(encoding="utf-8")
    try:
        op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})
    except DBAPIError as error:
        kind = TableInUseError if isinstance(error.orig, LockNotAvailable) else SchemaError
        raise kind.refused(path.name, error.orig or error) from error
