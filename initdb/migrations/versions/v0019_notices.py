"""Notices to people of changed verdicts and of alerts, and the ends of journals for who anchors them."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
