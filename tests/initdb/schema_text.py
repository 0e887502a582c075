"""A database's whole schema as text, to be compared with another's."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

from fraud.database import connect
from fraud.stack.postgres import VERSION, WHEEL

RIGHTS = """
    SELECT grantee::regrole::text, privilege_type FROM pg_database CROSS JOIN aclexplode(datacl)
    WHERE datname = current_database() ORDER BY 1, 2
"""


def schema_text(dsn: str, *without_tables: str) -> str:
    """What `pg_dump` writes, comments, rights and settings of columns included, and the rights on the database."""
    package = importlib.util.find_spec(WHEEL)
    assert package is not None
    assert package.origin is not None
    command = [
        str(Path(package.origin).parent / f"pginstall{VERSION}" / "bin" / "pg_dump"),
        "--schema-only",
        "--restrict-key=same",
        *(f"--exclude-table={table}" for table in without_tables),
        dsn,
    ]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(RIGHTS)
        return f"{dumped}\n{cursor.fetchall()}"
