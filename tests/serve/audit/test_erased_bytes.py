"""After an erasure and a rewrite no file of PostgreSQL's, WAL included, nor of the spool has a byte of the person's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fraud.database import open_connection
from fraud.features import FEATURE_COUNT
from fraud.stack.postgres import EmbeddedPostgres
from initdb.schema import apply_schema
from serve.idempotency.answers import SavedAnswer, SavedAnswers
from serve.idempotency.key import IdempotencyKey
from serve.prediction_log.pseudonym import Pseudonyms
from tests.live_stack import project_environment
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all

KEY = "k" * 32
PSEUDONYMS = Pseudonyms(KEY)
BODY = b'{"the body": "of anna"}'
FEATURES = np.linspace(1234.5, 98765.25, FEATURE_COUNT).astype("<f4")
APPLICATION, REQUEST = "A-anna-4711", "request-of-anna-maier"
REMAINS_OF = {
    "features": FEATURES.tobytes(),
    "two features": FEATURES[:2].tobytes(),
    "pseudonym": PSEUDONYMS.of("anna")[4:],
    "application id": APPLICATION.encode(),
    "request id": REQUEST.encode(),
}


def searched(folder: Path) -> dict[str, list[str]]:
    """Which of the person's values stand in which files."""
    contents = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {
        what: found
        for what, value in REMAINS_OF.items()
        if (found := [str(path.relative_to(folder)) for path, content in contents.items() if value in content])
    }


@contextmanager
def running(folder: Path) -> Iterator[str]:
    server = EmbeddedPostgres(folder / "postgres", "log")
    try:
        yield server.start()
    finally:
        server.stop()


def run_audit(folder: Path, dsn: str, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"RUN_DIR": str(folder), "DATABASE_URL": dsn, "APPLICANT_REF_KEY": KEY, **settings}
    return subprocess.run(
        [sys.executable, "-m", "serve.audit", *command],
        env=project_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


def answer_anna(folder: Path, dsn: str) -> None:
    """A request under an Idempotency-Key, shipped, with an outcome, and known to the planner and its statistics."""
    spool = folder / "spool"
    answers = SavedAnswers(spool, 3600, 1024**2, durable=False)
    answers.start()
    digests = (
        IdempotencyKey("client", "/predict", "key").digest(),
        IdempotencyKey("", "", "").request_digest("", "", BODY),
    )
    assert answers.claim(*digests) is None
    saved = SavedAnswer(b"{}", "application/json", {"X-Model-Version": "1"}, 1, REQUEST)
    with running_spool(spool) as log:
        log.append(record(rows=50, request_id="others"))
        anna = record(
            rows=2,
            request_id=REQUEST,
            application_ids=[APPLICATION, "A-berta"],
            applicant_refs=PSEUDONYMS.of_rows(["anna", "berta"]),
            features=np.vstack([FEATURES, np.ones(FEATURE_COUNT, "<f4")]),
        )
        log.append(anna, partial(answers.promise, digests[0], saved))
    answers.confirm(digests[0])
    answers.stop()
    ship_all(spool, dsn)
    execute(dsn, "INSERT INTO application_outcomes VALUES (%s, 1, '2026-03-01')", APPLICATION)
    execute(dsn, "ANALYZE")


def switch_wal(dsn: str) -> None:
    """As on a server that has run for a while: there are spare files with what was written long ago."""
    connection = open_connection(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()")
            cursor.execute("CHECKPOINT")
    connection.close()


def test_nothing_of_a_person_is_left_in_any_file(postgres_folder: Path) -> None:
    with running(postgres_folder) as dsn:
        apply_schema(dsn)
        answer_anna(postgres_folder, dsn)
        switch_wal(dsn)
        with_requests = ("erase", "--applicant-ref", "anna", "--with-request-ids")
        erased = run_audit(postgres_folder, dsn, *with_requests, "--receipt", str(postgres_folder / "r.json"))
        assert erased.returncode == 0, erased.stderr
        assert "erased: 1 rows in 1 records, 1 outcomes, 1 answers by Idempotency-Key" in erased.stdout
        assert "remains: PostgreSQL's files hold the old rows" in erased.stdout
        left = searched(postgres_folder)
        assert left.keys() == REMAINS_OF.keys(), "the search finds what is there"
        assert all(name.startswith("postgres/") for names in left.values() for name in names), left
        assert run_audit(postgres_folder, dsn, "rewrite", "--check").returncode == 10
        rewritten = run_audit(postgres_folder, dsn, "rewrite")
        assert rewritten.returncode == 0, rewritten.stderr
        assert "remains" not in rewritten.stdout, rewritten.stdout
        assert searched(postgres_folder) == {}, "while it runs"
        assert run_audit(postgres_folder, dsn, "rewrite", "--check").returncode == 0
        assert run_audit(postgres_folder, dsn, "verify").returncode == 0
        assert fetch(dsn, "SELECT current_setting('wal_recycle')") == [("on",)], "and it is as it was"
    assert searched(postgres_folder) == {}, "and when it has stopped"


def test_a_reader_from_before_is_waited_for(postgres_folder: Path) -> None:
    """A row that its snapshot shows would be copied into the new table."""
    with running(postgres_folder) as dsn:
        apply_schema(dsn)
        answer_anna(postgres_folder, dsn)
        reader = open_connection(dsn)
        reader.set_session(isolation_level="REPEATABLE READ")
        with reader.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM application_outcomes")
        assert run_audit(postgres_folder, dsn, "erase", "--applicant-ref", "anna").returncode == 0
        rewritten = run_audit(postgres_folder, dsn, "rewrite", "--timeout-s", "0")
        assert rewritten.returncode == 2
        assert "older than the erasure and still open" in rewritten.stderr
        reader.close()
        assert run_audit(postgres_folder, dsn, "rewrite").returncode == 0
    assert "features" not in searched(postgres_folder)


@pytest.mark.parametrize(
    "command", [["erase", "--request-id", REQUEST], ["erase", "--applicant-ref", "anna", "--with-request-ids"]]
)
def test_the_id_of_a_request_can_go_and_the_log_still_verifies(postgres_folder: Path, command: list[str]) -> None:
    with running(postgres_folder) as dsn:
        apply_schema(dsn)
        answer_anna(postgres_folder, dsn)
        find = "SELECT request_id FROM prediction_requests ORDER BY sequence"
        erased = run_audit(postgres_folder, dsn, *command)
        assert erased.returncode == 0, erased.stderr
        (_, (request_id,)) = fetch(dsn, find)
        assert request_id.startswith("erased-")
        assert run_audit(postgres_folder, dsn, "verify").returncode == 0
        assert run_audit(postgres_folder, dsn, "erase", "--request-id", REQUEST).returncode == 10
        for change in ("request_id = 'another'", "endpoint = '/v2'", "probabilities[1] = 0", "hash = sha256('x')"):
            row = fetch(
                dsn, "SELECT request_id, endpoint, probabilities, hash FROM prediction_requests WHERE sequence = 2"
            )
            connection = open_connection(dsn)
            with connection.cursor() as cursor:
                cursor.execute("UPDATE prediction_requests SET " + change + " WHERE sequence = 2")  # noqa: S608 - of this test
            connection.commit()
            assert run_audit(postgres_folder, dsn, "verify").returncode == 10, change
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE prediction_requests SET (request_id, endpoint, probabilities, hash) = (%s, %s, %s, %s) "
                    "WHERE sequence = 2",
                    row[0],
                )
            connection.commit()
            connection.close()
        assert run_audit(postgres_folder, dsn, "verify").returncode == 0
