"""Keys of labels that were erased: other labels under one are refused, not lost."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
