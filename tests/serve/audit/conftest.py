"""What the tests of the audit share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_stack import folder_for_postgres


@pytest.fixture
def postgres_folder() -> Iterator[Path]:
    """A folder in which a test may start a PostgreSQL of its own."""
    with folder_for_postgres() as name:
        yield name
