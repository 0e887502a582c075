"""Outcomes with their history: what was known when, and who said so."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
