"""Upkeep of the record: months made ahead, and expired ones taken out."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
