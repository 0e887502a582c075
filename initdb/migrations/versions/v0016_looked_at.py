"""How likely it was that an application with an outcome was looked at."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
