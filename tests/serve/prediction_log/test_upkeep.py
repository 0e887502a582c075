"""Upkeep never stops shipping, readers never stop upkeep, and upkeep stops no reader."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection

from fraud.database import connect, open_connection
from fraud.verdict import Verdict
from serve.audit.verification import verify
from serve.prediction_log import chore, session
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.metrics import LogMetrics
from serve.prediction_log.upkeep import Upkeep
from serve.prediction_log.upkeep_table import CHAINS_A_PAGE, UpkeepTable
from tests.live_stack import wait_until
from tests.serve.prediction_log_rows import (
    execute,
    fetch,
    fill_month,
    months_of,
    new_shipper,
    new_upkeep,
    record,
    running_spool,
    ship_all,
)

OLD_MONTH = "prediction_requests_200109"
COUNT = "SELECT count(*) FROM prediction_requests"
WITHOUT_LOCKS = {"lock_timeout": "1s"}
MANY_REQUESTS = 300_000
CHAINS = 2 * CHAINS_A_PAGE + 1
LARGE_MONTH = 20_000_000


@pytest.fixture
def old_log(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One chain with a record of September 2001 and one of today."""
    monkeypatch.setattr("time.time_ns", lambda: 10**18)
    with running_spool(tmp_path) as spool:
        spool.append(record())
        monkeypatch.undo()
        spool.append(record())
    ship_all(tmp_path, database)
    return database


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is due again at once."""
    monkeypatch.setattr(chore, "FIRST_RETRY_S", 0.0)


@contextmanager
def reading(dsn: str, query: str = COUNT) -> Iterator[Connection]:
    """A reader whose transaction goes on."""
    connection = open_connection(dsn, "reader", WITHOUT_LOCKS)
    try:
        connection.cursor().execute(query)
        yield connection
    finally:
        connection.close()


@contextmanager
def running(run: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


def is_done(upkeep: Upkeep, dsn: str) -> bool:
    upkeep.keep_up()
    return not any(name.startswith(OLD_MONTH) for name in months_of(dsn))


def finish(upkeep: Upkeep, dsn: str) -> None:
    """A reader that has gone may have its locks for some moments more."""
    wait_until(lambda: is_done(upkeep, dsn), 60, "the old month is gone")


def detach_noted(dsn: str) -> None:
    """As upkeep that is killed before the drop leaves the old month, but for its anchors."""
    table = UpkeepTable(dsn, 1)
    table.note(OLD_MONTH, [chain.end for chain in table.expired_chains(OLD_MONTH)])
    table.detach(OLD_MONTH)
    table.disconnect()


def behind(metrics: LogMetrics) -> dict[str, bool]:
    (family,) = metrics.upkeep.behind_s.collect()
    return {sample.labels["task"]: sample.value > 0 for sample in family.samples}


def passes(dsn: str, spool: Path) -> bool:
    with connect(dsn) as connection:
        return verify(connection, spool).verdict is Verdict.PASS


def ship_one(folder: Path, dsn: str) -> None:
    before = fetch(dsn, COUNT)[0][0]
    with running_spool(folder) as spool:
        spool.append(record())
    ship_all(folder, dsn)
    assert fetch(dsn, COUNT) == [(before + 1,)]


def test_months_are_there_two_ahead(database: str, tmp_path: Path) -> None:
    new_upkeep(tmp_path, database).keep_up()
    now = dt.datetime.now(dt.UTC)
    ahead = [(now.month - 1 + months, now.year) for months in range(3)]
    expected = [f"prediction_requests_{year + month // 12}{month % 12 + 1:02}" for month, year in ahead]
    assert set(expected) <= set(months_of(database))


@pytest.mark.usefixtures("_at_once")
def test_a_long_reader_stops_nobody_and_is_stopped_by_nobody(old_log: str, tmp_path: Path) -> None:
    metrics = LogMetrics()
    upkeep = new_upkeep(tmp_path, old_log, retention_months=1, metrics=metrics)
    ahead = len(months_of(old_log)) + 2
    with reading(old_log) as long_reader, running(upkeep.run):
        wait_until(lambda: len(months_of(old_log)) >= ahead, 30, "the months ahead are made beside the reader")
        wait_until(lambda: behind(metrics)["retention"], 30, "retention has met the reader")
        for _ in range(20):
            ship_one(tmp_path, old_log)
            with reading(old_log):  # with a lock timeout: it would be refused behind who waits for the table
                pass
        assert OLD_MONTH in months_of(old_log)
        assert not behind(metrics)["partitions"]
        long_reader.rollback()
        wait_until(lambda: OLD_MONTH not in months_of(old_log), 30, "the old month goes after the reader")
        wait_until(lambda: not behind(metrics)["retention"], 30, "upkeep says so")
    assert passes(old_log, tmp_path)


@pytest.mark.usefixtures("_at_once")
def test_a_dump_that_names_a_detached_month_is_waited_for(old_log: str, tmp_path: Path) -> None:
    detach_noted(old_log)
    upkeep = new_upkeep(tmp_path, old_log, retention_months=1)
    with reading(old_log, f"SELECT FROM {OLD_MONTH}_expired"):
        assert not is_done(upkeep, old_log)
        ship_one(tmp_path, old_log)
    finish(upkeep, old_log)


def test_a_month_that_is_in_use_is_refused_at_once(old_log: str) -> None:
    table = UpkeepTable(old_log, 1)
    with reading(old_log), pytest.raises(LockNotAvailable):
        table.detach(OLD_MONTH)
    table.disconnect()


def test_an_upkeep_killed_between_detach_and_drop_is_finished_by_the_next(
    old_log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_table: UpkeepTable, _month: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(UpkeepTable, "drop", die)
        with pytest.raises(KeyboardInterrupt):
            new_upkeep(tmp_path, old_log, retention_months=1).keep_up()
    assert [name for name in months_of(old_log) if "200109" in name] == [f"{OLD_MONTH}_expired"]
    assert passes(old_log, tmp_path)
    finish(new_upkeep(tmp_path, old_log, retention_months=1), old_log)
    assert passes(old_log, tmp_path)


@pytest.mark.usefixtures("_at_once")
def test_a_concurrent_detach_that_was_broken_off_is_finished(old_log: str, tmp_path: Path) -> None:
    """As an owner may have begun it by hand, behind a reader."""
    with reading(old_log):
        owner = open_connection(old_log, session=WITHOUT_LOCKS)
        owner.autocommit = True
        with pytest.raises(psycopg2.OperationalError, match="lock timeout"):
            owner.cursor().execute(f"ALTER TABLE prediction_requests DETACH PARTITION {OLD_MONTH} CONCURRENTLY")
        owner.close()
        upkeep = new_upkeep(tmp_path, old_log, retention_months=1)
        assert not is_done(upkeep, old_log)
        ship_one(tmp_path, old_log)
    finish(upkeep, old_log)
    assert passes(old_log, tmp_path)


def test_a_month_that_the_owner_detached_by_hand_goes_once_it_is_named_so(old_log: str, tmp_path: Path) -> None:
    """As docs/how-to/monitor.md has it for a log that somebody always reads."""
    owner = open_connection(old_log)
    owner.autocommit = True
    owner.cursor().execute(f"ALTER TABLE prediction_requests DETACH PARTITION {OLD_MONTH} CONCURRENTLY")
    upkeep = new_upkeep(tmp_path, old_log, retention_months=1)
    assert not is_done(upkeep, old_log), "somebody may want to keep it"
    owner.cursor().execute(f"ALTER TABLE {OLD_MONTH} RENAME TO {OLD_MONTH}_expired")
    owner.close()
    finish(new_upkeep(tmp_path, old_log, retention_months=1), old_log)
    assert passes(old_log, tmp_path)


def test_a_late_record_of_a_month_that_is_about_to_go_is_no_missing_one(
    old_log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detach = UpkeepTable.detach

    def ship_late(table: UpkeepTable, month: str) -> None:
        with monkeypatch.context() as past:
            past.setattr("time.time_ns", lambda: 10**18)
            with running_spool(tmp_path) as spool:
                spool.append(record())
                past.undo()
                spool.append(record())
        shipper.ship()
        monkeypatch.setattr(UpkeepTable, "detach", detach)
        detach(table, month)

    monkeypatch.setattr(UpkeepTable, "detach", ship_late)
    anchors = AnchorBook(tmp_path)
    upkeep = new_upkeep(tmp_path, old_log, retention_months=1, anchors=anchors)
    shipper = new_shipper(tmp_path, old_log, anchors)
    finish(upkeep, old_log)
    assert fetch(old_log, COUNT) == [(2,)]
    assert passes(old_log, tmp_path)


def test_a_record_of_a_month_that_was_detached_just_now_is_shipped(
    old_log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipper = new_shipper(tmp_path, old_log)
    monkeypatch.setattr("time.time_ns", lambda: 10**18)
    with running_spool(tmp_path) as spool:
        spool.append(record())
        shipper.ship()  # and knows the month from now on
        detach_noted(old_log)
        spool.append(record())
    monkeypatch.undo()
    with running(shipper.run):
        wait_until(lambda: fetch(old_log, COUNT) == [(2,)], 30, "the record is shipped")
    assert [name for name in months_of(old_log) if "200109" in name] == [OLD_MONTH, f"{OLD_MONTH}_expired"]
    finish(new_upkeep(tmp_path, old_log, retention_months=1), old_log)


@pytest.mark.usefixtures("_at_once")
def test_a_fault_of_one_piece_is_told_once_and_stops_nothing_else(
    old_log: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = LogMetrics()
    caplog.set_level(logging.WARNING, "serve.prediction_log.chore")
    execute(old_log, "ALTER FUNCTION expired_prediction_partitions RENAME TO away")
    upkeep = new_upkeep(tmp_path, old_log, retention_months=1, metrics=metrics, patience_s=0.0)
    for _ in range(5):
        upkeep.keep_up()
        ship_one(tmp_path, old_log)
    others = ("partitions", "reports", "drift", "verdicts", "policies", "journals")
    assert behind(metrics) == {"retention": True, **dict.fromkeys(others, False)}
    assert [line.levelname for line in caplog.records] == ["WARNING"]
    assert "retention of the prediction log is overdue" in caplog.text
    assert "expired_prediction_partitions(integer) does not exist" in caplog.text
    execute(old_log, "ALTER FUNCTION away RENAME TO expired_prediction_partitions")
    finish(upkeep, old_log)
    assert behind(metrics)["retention"] is False
    assert "retention of the prediction log has caught up" in caplog.records[-1].getMessage()
    assert len(caplog.records) == 2


def test_a_short_wait_is_not_told(old_log: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    upkeep = new_upkeep(tmp_path, old_log, retention_months=1)
    with reading(old_log):
        upkeep.keep_up()
    assert not caplog.records


@pytest.mark.parametrize(
    ("made", "held"),
    [
        pytest.param(
            "SELECT 1", "LOCK TABLE drift_checks IN ACCESS EXCLUSIVE MODE", id="the monitor's table is locked"
        ),
        pytest.param("SELECT 1", "LOCK TABLE prediction_requests IN SHARE UPDATE EXCLUSIVE MODE", id="vacuum"),
        pytest.param(
            "CREATE OR REPLACE FUNCTION expired_prediction_partitions(keep_months integer) RETURNS SETOF text"
            " LANGUAGE sql AS $$ SELECT pg_sleep(3600)::text $$",
            "SELECT 1",
            id="what is to go takes for ever to find",
        ),
    ],
)
def test_shipping_goes_on_while_upkeep_hangs(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str, held: str
) -> None:
    ship_one(tmp_path, database)
    monkeypatch.setattr(session, "SESSION", {"statement_timeout": "1s"})
    execute(database, made)
    upkeep = new_upkeep(tmp_path, database, retention_months=1)
    with reading(database, held), running(upkeep.run):
        for _ in range(20):
            ship_one(tmp_path, database)


@pytest.fixture
def large_month(database: str) -> str:
    fill_month(database, "200109", CHAINS, MANY_REQUESTS)
    return database


def test_chain_ends_are_read_by_the_index_one_row_a_chain(large_month: str) -> None:
    with connect(large_month) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM expired_chain_ends(1, %s, NULL, %s)", (OLD_MONTH, CHAINS_A_PAGE))
        assert cursor.fetchone() == (CHAINS_A_PAGE,)
        cursor.execute(
            "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = %s", (OLD_MONTH,)
        )
        assert cursor.fetchone() == (0, CHAINS_A_PAGE)


def test_chain_ends_are_those_of_the_month_whatever_the_pages(large_month: str) -> None:
    table = UpkeepTable(large_month, 1)
    found = {(str(chain.end.chain_id), chain.end.sequence) for chain in table.expired_chains(OLD_MONTH)}
    table.disconnect()
    assert len(found) == CHAINS
    assert found == set(fetch(large_month, "SELECT chain_id::text, max(sequence) FROM prediction_requests GROUP BY 1"))


def test_a_large_expired_month_goes_while_records_are_shipped(
    large_month: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a time for each statement in which the month can't be sorted."""
    monkeypatch.setattr(session, "SESSION", {"statement_timeout": "500ms"})
    remove_beside_shipping(large_month, tmp_path)


@pytest.mark.long
def test_an_expired_month_of_twenty_million_requests_goes_while_records_are_shipped(
    database: str, tmp_path: Path
) -> None:
    fill_month(database, "200109", CHAINS, LARGE_MONTH)
    remove_beside_shipping(database, tmp_path)


def remove_beside_shipping(dsn: str, folder: Path) -> None:
    keep_anchors_of(dsn, folder)
    upkeep = new_upkeep(folder, dsn, retention_months=1)
    with running_spool(folder) as spool, running(new_shipper(folder, dsn).run), running(upkeep.run):
        shipped = 0
        while shipped < 20 or OLD_MONTH in months_of(dsn):
            spool.append(record())
            shipped += 1
            wait_until(lambda: fetch(dsn, NEW_RECORDS) == [(shipped,)], 60, "the record is shipped")  # noqa: B023


def keep_anchors_of(dsn: str, folder: Path) -> None:
    """Anchors of the chains that PostgreSQL made."""
    table, anchors = UpkeepTable(dsn, 1), Anchors(folder)
    for chain in table.expired_chains(OLD_MONTH):
        anchors.write(chain.end.chain_id, Anchor(chain.end.sequence, bytes(32)), durable=False)
    table.disconnect()


NEW_RECORDS = "SELECT count(*) FROM prediction_requests WHERE recorded_at > '2020-01-01'"
