"""A table that says which version the schema has."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
