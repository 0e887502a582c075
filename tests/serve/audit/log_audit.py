"""The audit, as the tests of this folder run it."""

from __future__ import annotations

from pathlib import Path

from fraud.database import connect
from serve.audit.verification import Report, verify


def audit(dsn: str, spool: Path) -> Report:
    """Verify a log with what its machine knows of it."""
    with connect(dsn) as connection:
        return verify(connection, spool)
