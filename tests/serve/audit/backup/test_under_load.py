"""A backup while a real server answers: each answer that was given before is in it, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud.verdict import Verdict
from initdb.schema import apply_schema
from serve.prediction_log.segment import list_segments
from tests.databases import new_database
from tests.live_stack import API_KEY, LiveStack, wait_until
from tests.serve.audit.backup.test_backup import run
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import fetch, ship_all
from tests.serve.prediction_log_server import Load, log_server


@pytest.fixture
def used(stack: LiveStack) -> Iterator[str]:
    """A database of the stack's PostgreSQL with our schema."""
    with new_database(stack.owner_dsn, "backed_up") as dsn:
        apply_schema(dsn)
        yield dsn


@pytest.fixture
def empty(postgres: str) -> Iterator[str]:
    """An empty database of another PostgreSQL: a restore sets the passwords of its roles, which are all databases'."""
    with new_database(postgres, "restored_under_load") as dsn:
        yield dsn


def is_shipping(dsn: str) -> bool:
    return bool(fetch(dsn, "SELECT FROM prediction_requests LIMIT 1"))


def test_a_backup_under_load_has_each_answer_that_was_given_before(
    stack: LiveStack, used: str, empty: str, tmp_path: Path
) -> None:
    spool, elsewhere = tmp_path / "machine" / "spool", tmp_path / "elsewhere" / "spool"
    with log_server(stack, spool, DATABASE_URL=used) as server:
        load = Load(server.port, API_KEY, keys=True)
        with load.running():
            wait_until(lambda: len(load.answered) > 300 and is_shipping(used), 60, "some is shipped")
            before = set(load.answered)
            done = run("backup", tmp_path / "backup", used, spool)
            assert done.returncode == 0, done.stderr
            then = len(load.answered)
            wait_until(lambda: len(load.answered) > then + 100, 60, "the server goes on")
        assert load.statuses == {200}
        server.stop()
    done = run("restore", tmp_path / "backup", empty, elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    ship_all(elsewhere, empty)
    assert not list_segments(elsewhere), "all that waited is shipped"
    assert audit(empty, elsewhere).verdict is Verdict.PASS
    recorded = dict(fetch(empty, "SELECT request_id, count(*) FROM prediction_requests GROUP BY 1"))
    assert before <= recorded.keys()
    assert set(recorded.values()) == {1}
    assert recorded.keys() <= load.answered, "and nothing that was never answered"
