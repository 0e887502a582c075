"""The audit, as the tests of this folder run it."""

from __future__ import annotations

from pathlib import Path

from fraud.database import connect
from serve.audit.collected import read_collected
from serve.audit.verification import Report, verify
from serve.prediction_log.anchor_key import AnchorKey


def audit(dsn: str, spool: Path, key: AnchorKey | None = None, *places: Path) -> Report:
    """Verify a log with what its machine knows of it, and what was collected in these places."""
    with connect(dsn) as connection:
        return verify(connection, spool, key, read_collected(places, key))
