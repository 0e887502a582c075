"""Arrays of the record begin at 1."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
