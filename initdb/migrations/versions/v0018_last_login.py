"""When a person last logged in."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
