"""How each check ended last and when, for the metrics of servers."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
