"""What the first page tells beside reports: traffic, changes of the model, the schedule, and what operators ask for."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
