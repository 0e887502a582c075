"""Retention, erasure, rewriting and a person's own question reach what shadowed an answer."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import numpy as np
import pytest
from psycopg2.errors import LockNotAvailable

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.erasure import erase
from serve.audit.person import ShadowAnswer, applications_of
from serve.audit.person_page import access_page
from serve.audit.rewriting import rewrite
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.upkeep_table import UpkeepTable
from serve.shadow.table import ShadowRow, ShadowTable
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, fetch, fill_month, record, running_spool, ship_all

PSEUDONYMS = Pseudonyms("k" * 32)
SHADOW = np.array([0.25, 0.5, 0.75], np.float32)
ROWS = "SELECT sequence, model_version, probabilities FROM shadow_predictions ORDER BY sequence"
MONTHS = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^shadow_predictions_' ORDER BY 1"


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """Anna beside others, and a request without her."""
    with running_spool(tmp_path) as spool:
        spool.append(record(rows=3, applicant_refs=PSEUDONYMS.of_rows(["anna", "berta", None])))
        spool.append(record(rows=3))
    ship_all(tmp_path, database)
    return database


def write_shadows(dsn: str) -> None:
    """As the shadow does, for all records."""
    table = ShadowTable(dsn)
    places = fetch(dsn, "SELECT chain_id, sequence, extract(epoch FROM recorded_at) * 1000000 FROM prediction_requests")
    table.write([ShadowRow(chain, sequence, int(at), 7, bytes(32), SHADOW) for chain, sequence, at in places])
    table.disconnect()


def erase_anna(dsn: str, spool: Path) -> None:
    with connect(dsn) as connection:
        assert erase(connection, Anchors(spool), PSEUDONYMS.all_of("anna")).rows == 1


def test_an_erasure_blanks_the_persons_rows_alone(log: str, tmp_path: Path) -> None:
    write_shadows(log)
    erase_anna(log, tmp_path)
    assert fetch(log, ROWS) == [(1, 7, [None, 0.5, 0.75]), (2, 7, [0.25, 0.5, 0.75])]
    shown = fetch(log, "SELECT shadow_probability FROM shadow_logs WHERE shadow_version = 7 ORDER BY row_number")
    assert sorted(shown, key=str) == sorted([(None,), (0.5,), (0.75,), (0.25,), (0.5,), (0.75,)], key=str)
    assert audit(log, tmp_path).verdict is Verdict.PASS
    erased_again = PSEUDONYMS.all_of("anna")
    with connect(log) as connection:
        assert erase(connection, Anchors(tmp_path), erased_again).rows == 0


def test_a_shadow_that_comes_after_the_erasure_is_kept_out(log: str, tmp_path: Path) -> None:
    erase_anna(log, tmp_path)
    write_shadows(log)
    assert fetch(log, ROWS) == [(1, None, None), (2, 7, [0.25, 0.5, 0.75])]
    assert fetch(log, "SELECT count(*) FROM shadow_logs") == [(3,)]


def test_a_rewrite_leaves_no_trace_of_what_was_erased(log: str, tmp_path: Path) -> None:
    write_shadows(log)
    erase_anna(log, tmp_path)
    file = "SELECT pg_relation_filenode(oid) FROM pg_class WHERE relname ~ '^shadow_predictions_[0-9]{6}$'"
    before = fetch(log, file)
    rewrite(log, 60, lambda _: None)
    assert fetch(log, file) != before
    assert fetch(log, ROWS)[0] == (1, 7, [None, 0.5, 0.75])


def test_a_person_is_told_of_it(log: str) -> None:
    write_shadows(log)
    with connect(log) as connection:
        (anna,) = applications_of(connection, PSEUDONYMS.all_of("anna"))
        (berta,) = applications_of(connection, PSEUDONYMS.all_of("berta"))
    assert (anna.shadow, berta.shadow) == (ShadowAnswer(7, 0.25), ShadowAnswer(7, 0.5))
    now = dt.datetime.now(dt.UTC)
    assert b"0.25 by version 7" in access_page([anna], now)
    assert b"not answered" not in access_page([msgspec.structs.replace(anna, shadow=None)], now)


def detach(dsn: str, month: str) -> None:
    """As upkeep does, once the ends of all chains are noted."""
    table = UpkeepTable(dsn, 1)
    try:
        table.note(month, [chain.end for chain in table.expired_chains(month)])
        table.detach(month)
    finally:
        table.disconnect()


def make_old_months(dsn: str) -> None:
    for month in ("200108", "200109"):
        fill_month(dsn, month, 1, 1)
        execute(dsn, "SELECT make_shadow_partition(to_timestamp(%s, 'YYYYMM'))", month)


def test_months_go_with_those_of_the_log(database: str) -> None:
    make_old_months(database)
    fill_month(database, "200110", 1, 1)
    detach(database, "prediction_requests_200109")
    assert fetch(database, MONTHS) == [], "what was left of an earlier month goes too"
    detach(database, "prediction_requests_200110")


@pytest.mark.parametrize(
    "reader",
    [
        pytest.param("SELECT count(*) FROM shadow_logs", id="the view"),
        pytest.param("SELECT count(*) FROM shadow_predictions_200109", id="the month"),
    ],
)
def test_a_reader_of_shadows_is_not_waited_for_and_not_disturbed(database: str, reader: str) -> None:
    make_old_months(database)
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(reader)
        with pytest.raises(LockNotAvailable):
            detach(database, "prediction_requests_200109")
    detach(database, "prediction_requests_200109")
    assert fetch(database, MONTHS) == []


def test_retention_goes_on_without_the_shadows_table(database: str) -> None:
    make_old_months(database)
    execute(database, "DROP TABLE shadow_predictions CASCADE")
    detach(database, "prediction_requests_200109")
