"""What a version that does not answer would have answered: its probabilities, beside the record."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
