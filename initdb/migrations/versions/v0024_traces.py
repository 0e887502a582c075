"""The trace that a recorded request belongs to."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
