"""The roll-up counts every application once, in the bins that PostgreSQL's width_bucket would put it in."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fraud.features import FEATURE_COUNT
from fraud.statistics.binning import choose_bins
from serve.prediction_log.chain import microseconds
from serve.prediction_log.errors import MarkMoved
from serve.prediction_log.table import ChainPart, LogTable
from tests.serve.prediction_log_rows import execute, fetch, new_shipper, record, running_spool, ship_all

MIDNIGHT = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
SHA256 = bytes(range(32))
HOURS = "SELECT model_version, hour, applications, counts FROM drift_hours ORDER BY 1, 2"
REBUILD = "SELECT rebuild_drift_hours('2026-04-01 00:00+00', '2026-06-01 00:00+00')"


def store_bins(dsn: str, model_version: int = 3) -> None:
    """Bins of eleven variables, chosen on values like those that `record` draws."""
    generator = np.random.default_rng(1)
    for number in range(FEATURE_COUNT + 1):
        values = generator.lognormal(5, 3, 5000) if number < FEATURE_COUNT else generator.random(5000)
        thresholds = choose_bins(values.astype(np.float32)).thresholds.tolist()
        execute(
            dsn,
            "INSERT INTO drift_bins VALUES (%s, %s, %s, %s, %s::real[])",
            *(SHA256, model_version, number, f"variable {number}", thresholds),
        )


def received(at: dt.datetime, rows: int, **changes: Any) -> Any:
    return record(rows, received_at=microseconds(at), **changes)


def rebuilt(dsn: str) -> list[tuple[Any, ...]]:
    """The roll-up, made again from the log after it was spoiled."""
    execute(dsn, "UPDATE drift_hours SET applications = 0, counts = NULL")
    execute(dsn, REBUILD)
    return fetch(dsn, HOURS)


@pytest.fixture
def binned(database: str) -> str:
    store_bins(database)
    return database


def test_the_log_counted_anew_gives_what_the_shipper_counted(binned: str, tmp_path: Path) -> None:
    odd = np.tile(np.array([0, -0.0, 1e-30, 3.4e38, np.nan, 7, 8, 9, 10, 11], np.float32), (40, 1))
    moments = [MIDNIGHT - MICROSECOND, MIDNIGHT, MIDNIGHT + dt.timedelta(minutes=59), MIDNIGHT + dt.timedelta(hours=1)]
    with running_spool(tmp_path) as spool:
        for number, moment in enumerate(moments):
            spool.append(received(moment, 300 + number))
            spool.append(received(moment, 1))
        spool.append(received(MIDNIGHT, 40, features=odd))
        spool.append(received(MIDNIGHT, 40_000))  # more than is counted at a time
        spool.append(received(MIDNIGHT, 20, load_test=True))
        spool.append(received(MIDNIGHT, 5, model_version=4))
    ship_all(tmp_path, binned)
    counted = fetch(binned, HOURS)
    assert [(version, hour, rows) for version, hour, rows, _ in counted] == [
        (3, MIDNIGHT - dt.timedelta(hours=1), 301),
        (3, MIDNIGHT, 301 + 1 + 302 + 1 + 40 + 40_000),
        (3, MIDNIGHT + dt.timedelta(hours=1), 304),
        (4, MIDNIGHT, 5),
    ]
    assert counted[-1][3] is None, "a version without bins"
    assert rebuilt(binned) == counted


def test_the_view_shows_a_row_a_bin(binned: str, tmp_path: Path) -> None:
    missing = record(7).features.copy()
    missing[:, 3] = np.nan
    with running_spool(tmp_path) as spool:
        spool.append(received(MIDNIGHT, 7, features=missing))
    ship_all(tmp_path, binned)
    rows = fetch(binned, "SELECT variable, bin, count FROM drift_counts ORDER BY variable, bin")
    (thresholds,) = fetch(binned, "SELECT cardinality(thresholds) FROM drift_bins WHERE number = 3")[0]
    assert ("variable 3", thresholds + 1, 7) in rows
    totals = fetch(binned, "SELECT variable, sum(count) FROM drift_counts GROUP BY 1")
    assert len(totals) == FEATURE_COUNT + 1
    assert {total for _, total in totals} == {7}


def test_records_shipped_twice_count_once(binned: str, tmp_path: Path) -> None:
    table = LogTable(binned)
    with running_spool(tmp_path) as spool:
        spool.append(received(MIDNIGHT, 10))
        shipper = new_shipper(tmp_path, binned)
        shipper.ship()
        (chain_id, sequence, hash_) = fetch(binned, "SELECT chain_id::text, sequence, hash FROM prediction_chains")[0]
        again = ChainPart(uuid.UUID(chain_id), 0, sequence, bytes(hash_), [])
        with pytest.raises(MarkMoved):
            table.write([again])
        new_shipper(tmp_path, binned).ship()
    table.disconnect()
    assert [rows for _, _, rows, _ in fetch(binned, HOURS)] == [10]


def test_counts_of_many_transactions_add_up(binned: str, tmp_path: Path) -> None:
    shipper = new_shipper(tmp_path, binned)
    with running_spool(tmp_path) as spool:
        for rows in (1, 20, 300):
            spool.append(received(MIDNIGHT, rows))
            assert shipper.ship()
    counted = fetch(binned, HOURS)
    assert [rows for _, _, rows, _ in counted] == [321]
    assert sum(counted[0][3]) == 321 * (FEATURE_COUNT + 1)
    assert rebuilt(binned) == counted


def test_bins_that_came_later_are_found_by_a_rebuild(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(received(MIDNIGHT, 10))
        shipper = new_shipper(tmp_path, database)
        shipper.ship()
        store_bins(database)
        spool.append(received(MIDNIGHT, 5))
        shipper.ship()
    ((_, _, rows, counts),) = fetch(database, HOURS)
    assert (rows, sum(counts)) == (15, 5 * (FEATURE_COUNT + 1)), "the monitor can see that ten are missing"
    ((_, _, rows, counts),) = rebuilt(database)
    assert (rows, sum(counts)) == (15, 15 * (FEATURE_COUNT + 1))


def test_erased_records_stay_counted_over_a_rebuild(binned: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(received(MIDNIGHT, 4))
    ship_all(tmp_path, binned)
    counted = fetch(binned, HOURS)
    execute(binned, "UPDATE prediction_requests SET features[11:20] = array_fill(NULL::real, ARRAY[10])")
    assert fetch(binned, HOURS) == counted
    ((_, _, rows, counts),) = rebuilt(binned)
    assert rows == 3
    assert (np.array(counts) <= counted[0][3]).all()
    ((missing,),) = fetch(
        binned,
        "SELECT sum(count) FROM drift_counts JOIN drift_bins USING (variable) WHERE bin = cardinality(thresholds) + 1",
    )
    assert missing == 0


def test_hours_that_retention_dropped_stay_counted(binned: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(received(MIDNIGHT - MICROSECOND, 10))
        spool.append(received(MIDNIGHT, 20))
    ship_all(tmp_path, binned)
    counted = fetch(binned, HOURS)
    execute(binned, "DELETE FROM prediction_requests WHERE received_at < %s", MIDNIGHT)
    execute(binned, REBUILD)
    assert fetch(binned, HOURS) == counted
    execute(binned, "DELETE FROM prediction_requests")
    execute(binned, REBUILD)
    assert fetch(binned, HOURS) == counted
