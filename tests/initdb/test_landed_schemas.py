"""From every schema that ever landed: the same schema as a fresh database's, and every record still there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn

from fraud.database import connect
from fraud.verdict import Verdict
from initdb.schema import apply_schema, set_passwords
from initdb.upgrade import migration_files
from serve.audit.verification import verify
from tests.initdb.landed import ARCHIVES, CHAINED, ERASURES, RECORDS, UNCHAINED, add_records, make_schema
from tests.initdb.schema_text import schema_text
from tests.live_stack import project_environment
from tests.serve.prediction_log_rows import fetch, record, running_spool, ship_all

KEPT_ASIDE = "prediction_requests_unchained"
MONTHS = "SELECT make_prediction_partition('2026-04-01Z'), make_prediction_partition('2026-11-01Z')"
VALIDATE = """
    DO $$
    DECLARE
        old record;
    BEGIN
        FOR old IN
            SELECT conrelid::regclass AS month, conname FROM pg_constraint JOIN pg_inherits ON inhrelid = conrelid
            WHERE NOT convalidated
        LOOP
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', old.month, old.conname);
        END LOOP;
    END
    $$
"""
"""What a month of before lacks: a version does not read all its records for the sake of new constraints."""
EVERYTHING = """
    SELECT to_jsonb(request) - 'reasons' - 'trace_id' FROM prediction_requests AS request
    UNION ALL SELECT to_jsonb(chain) FROM prediction_chains AS chain
    UNION ALL SELECT to_jsonb(erasure) - 'kind' FROM prediction_erasures AS erasure
    ORDER BY 1
"""
"""All that the code of the time wrote; entries of the ledger have a kind since, and records reasons and a trace."""


def name(archive: Path) -> str:
    return archive.name.removesuffix(".tar.gz")


@pytest.mark.parametrize(
    "archives",
    [
        *(pytest.param([archive], id=name(archive)) for archive in ARCHIVES),
        pytest.param(ARCHIVES, id="each in turn"),
        pytest.param(CHAINED, id="each in turn since records are chained"),
    ],
)
def test_schema_becomes_that_of_a_fresh_database(
    empty_database: str, second_database: str, archives: Sequence[Path]
) -> None:
    for archive in archives:
        make_schema(empty_database, archive)
        if archive in CHAINED:
            fetch(empty_database, MONTHS)
    apply_schema(empty_database)
    apply_schema(second_database)
    for dsn in (empty_database, second_database):
        fetch(dsn, MONTHS)
    with connect(empty_database) as connection, connection.cursor() as cursor:
        cursor.execute(VALIDATE)
    assert schema_text(empty_database, KEPT_ASIDE) == schema_text(second_database)


@pytest.mark.parametrize("archive", CHAINED, ids=name)
def test_records_stay_and_verify(empty_database: str, tmp_path: Path, archive: Path) -> None:
    make_schema(empty_database, archive)
    add_records(empty_database, archive, tmp_path)
    before = fetch(empty_database, EVERYTHING)
    assert apply_schema(empty_database) == migration_files()
    assert fetch(empty_database, EVERYTHING) == before
    verified(empty_database, tmp_path, RECORDS)
    assert fetch(empty_database, "SELECT count(*) FROM prediction_logs") == [(12,)]

    schema = schema_text(empty_database)
    assert apply_schema(empty_database) == []
    assert schema_text(empty_database) == schema
    assert fetch(empty_database, EVERYTHING) == before

    with running_spool(tmp_path) as spool:
        spool.append(record(rows=3))
    ship_all(tmp_path, empty_database)
    verified(empty_database, tmp_path, RECORDS + 1)


def test_records_without_hashes_are_kept_and_said_to_be_unverifiable(empty_database: str, tmp_path: Path) -> None:
    (archive,) = UNCHAINED
    make_schema(empty_database, archive)
    add_records(empty_database, archive, tmp_path)
    before = fetch(empty_database, "SELECT to_jsonb(request) FROM prediction_requests AS request ORDER BY 1")
    apply_schema(empty_database)
    kept = fetch(empty_database, f"SELECT to_jsonb(request) FROM {KEPT_ASIDE} AS request ORDER BY 1")  # noqa: S608
    assert kept == before
    assert len(kept) == 2

    password = "auditor's"
    set_passwords(empty_database, {"scoring_auditor": password})
    done = subprocess.run(
        [sys.executable, "-m", "serve.audit", "verify"],
        env=project_environment(
            RUN_DIR=str(tmp_path), DATABASE_URL=make_dsn(empty_database, user="scoring_auditor", password=password)
        ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "pass: 0 records" in done.stdout
    assert f"not verified: 2 records from before records were chained, in {KEPT_ASIDE}" in done.stdout


def verified(dsn: str, spool: Path, records: int) -> None:
    with connect(dsn) as connection:
        report = verify(connection, spool)
    assert (report.verdict, report.records, report.erasures) == (Verdict.PASS, records, ERASURES), report.findings
