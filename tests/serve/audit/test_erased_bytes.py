"""After an erasure and a rewrite no file of PostgreSQL's, WAL included, nor of the spool has a byte of the person's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest
from psycopg2 import sql

from fraud.database import connect, open_connection
from fraud.features import FEATURE_COUNT
from fraud.stack.postgres import EmbeddedPostgres
from fraud.verdict import Verdict
from initdb.schema import apply_schema
from serve.audit.stored_rows import records_of_request
from serve.cases.case import Act
from serve.idempotency.answers import SavedAnswer, SavedAnswers
from serve.idempotency.key import IdempotencyKey
from serve.journal.ends import anchor_journals
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.chain import as_bytes, beginning, encode_facts, record_hash
from serve.prediction_log.pseudonym import Pseudonyms
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all, some_reasons
from tests.serve.some_cases import add_case, happen

KEY = "k" * 32
PSEUDONYMS = Pseudonyms(KEY)
BODY = b'{"the body": "of anna"}'
FEATURES = np.linspace(1234.5, 98765.25, FEATURE_COUNT).astype("<f4")
REASONS = some_reasons(2)
"""Hers, and those of who came with her."""
APPLICATION, REQUEST = "A-anna-4711", "request-of-anna-maier"
WORDS = "she has an aunt in the ministry"
REMAINS_OF = {
    "features": FEATURES.tobytes(),
    "two features": FEATURES[:2].tobytes(),
    "reasons": REASONS[0].tobytes(),
    "pseudonym": PSEUDONYMS.of("anna")[4:],
    "application id": APPLICATION.encode(),
    "request id": REQUEST.encode(),
    "words of an officer": WORDS.encode(),
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
    key = IdempotencyKey("client", "/predict", "key")
    digests = key.digest(), key.request_digest("application/json", "", BODY)
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
            reasons=REASONS,
        )
        log.append(anna, partial(answers.promise, digests[0], saved))
    answers.confirm(digests[0])
    answers.stop()
    ship_all(spool, dsn)
    execute(dsn, "INSERT INTO application_outcomes VALUES (%s, 1, '2026-03-01')", APPLICATION)
    groups = "INSERT INTO applicant_groups VALUES (%s, 'region', 'north'), (%s, 'income', 'low')"
    execute(dsn, groups, APPLICATION, APPLICATION)  # twice: a common value, which statistics name
    ((chain_id, sequence),) = fetch(
        dsn, "SELECT chain_id::text, sequence FROM prediction_requests WHERE request_id = %s", REQUEST
    )
    case = add_case(dsn, APPLICATION, sequence, chain_id=chain_id)
    happen(dsn, case.number, "carla", Act.NOTED, WORDS)
    anchor_journals(dsn, AnchorBook(spool))
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
        assert "erased: 1 row in 1 record, 1 outcome, 1 case, 1 answer by Idempotency-Key" in erased.stdout
        assert "remains: PostgreSQL's files contain the old rows" in erased.stdout
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
        assert "older than the erasure; run it again later" in rewritten.stderr
        reader.close()
        assert run_audit(postgres_folder, dsn, "rewrite").returncode == 0
    assert "features" not in searched(postgres_folder)


def change_second(dsn: str, change: str) -> None:
    execute(dsn, sql.SQL("UPDATE prediction_requests SET {} WHERE sequence = 2").format(sql.SQL(change)))


@pytest.mark.parametrize(
    "whose",
    [
        pytest.param(["--request-id", REQUEST], id="a request's"),
        pytest.param(["--applicant-ref", "anna", "--with-request-ids"], id="those of a person's requests"),
    ],
)
def test_a_request_id_can_go_and_nothing_else_of_the_record_can_change(postgres_folder: Path, whose: list[str]) -> None:
    with running(postgres_folder) as dsn:
        apply_schema(dsn)
        answer_anna(postgres_folder, dsn)
        erased = run_audit(postgres_folder, dsn, "erase", *whose)
        assert erased.returncode == 0, erased.stderr
        ((request_id,),) = fetch(dsn, "SELECT request_id FROM prediction_requests WHERE sequence = 2")
        assert request_id.startswith("erased-")
        spool = postgres_folder / "spool"
        assert audit(dsn, spool).verdict is Verdict.PASS
        assert run_audit(postgres_folder, dsn, "erase", "--request-id", REQUEST).returncode == 10
        for change, back in (
            ("request_id = 'another'", f"request_id = '{request_id}'"),
            ("endpoint = '/v2'", "endpoint = '/batch_predict'"),
            ("load_test = true", "load_test = false"),
        ):
            change_second(dsn, change)
            assert audit(dsn, spool).verdict is Verdict.FAIL, change
            change_second(dsn, back)
            assert audit(dsn, spool).verdict is Verdict.PASS, back
        change_second(dsn, "hash = sha256('x')")
        assert audit(dsn, spool).verdict is Verdict.FAIL


def test_the_record_before_one_whose_request_id_is_gone_can_not_change_either(postgres_folder: Path) -> None:
    """Its own hash could be made again: what it was before stands in the ledger's digest of the record behind it."""
    with running(postgres_folder) as dsn:
        apply_schema(dsn)
        answer_anna(postgres_folder, dsn)
        assert run_audit(postgres_folder, dsn, "erase", "--request-id", REQUEST).returncode == 0
        with connect(dsn) as connection:
            (logged,) = records_of_request(connection, "others")
        first = logged.record
        facts = msgspec.structs.replace(first.facts, endpoint="/predict")
        made_anew = record_hash(
            beginning(logged.chain_id), first.digest, encode_facts(facts), as_bytes(first.probabilities)
        )
        execute(dsn, "UPDATE prediction_requests SET endpoint = '/predict', hash = %s WHERE sequence = 1", made_anew)
        assert audit(dsn, postgres_folder / "spool").verdict is Verdict.FAIL
