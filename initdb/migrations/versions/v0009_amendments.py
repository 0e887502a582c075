"""The ledger of erasures says what each entry is about."""

from __future__ import annotations

from initdb.migrations.sql_file import run_sql_beside

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
