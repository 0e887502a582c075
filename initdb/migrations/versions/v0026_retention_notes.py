"""Retention with several servers: a month goes once the server of each chain has noted where that ends."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
