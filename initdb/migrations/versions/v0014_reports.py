"""Reports of checks, which any machine shows."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
