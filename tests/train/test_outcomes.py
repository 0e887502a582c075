"""Applications that were scored enter training once their outcomes are known, each of them once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all
from train.dataset import load_dataset

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
CUTOFF = dt.date(2026, 5, 10)
ROW = np.arange(1, 11, dtype=np.float32)
KNOWN = "INSERT INTO divorce_predictions VALUES (%s, '2026-04-01', 0.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, %s)"
OUTCOME = "INSERT INTO application_outcomes VALUES (%s, %s, '2026-06-01')"


def scored(*ids: str | None, at: dt.datetime = NOON, times: float = 1.0, **changes: Any) -> Any:
    """A request of these applications, whose features are `times` those of `ROW`."""
    features = np.tile(ROW * np.float32(times), (len(ids), 1))
    return record(len(ids), application_ids=ids, features=features, received_at=microseconds(at), **changes)


def log(dsn: str, folder: Path, *records: Any) -> None:
    with running_spool(folder) as spool:
        for one in records:
            spool.append(one)
    ship_all(folder, dsn)


def test_a_logged_application_with_an_outcome_is_trained_on(database: str, tmp_path: Path) -> None:
    log(database, tmp_path, scored("A", None, "B", "C"), scored("D", at=NOON + 9 * DAY))
    execute(database, KNOWN, "K", 0)
    for application_id, label in [("A", 1), ("C", 0), ("D", 1), ("never scored", 1)]:
        execute(database, OUTCOME, application_id, label)
    dataset = load_dataset(database, CUTOFF)
    assert dataset.dates.astype(str).tolist() == ["2026-04-01", "2026-05-01", "2026-05-01"], "D is too young"
    assert dataset.y.tolist() == [0, 1, 0]
    assert dataset.x.tolist() == [[0.5, *ROW[1:]], ROW.tolist(), ROW.tolist()]


def test_each_application_stands_for_as_many_as_its_probability_says(database: str, tmp_path: Path) -> None:
    log(database, tmp_path, scored("A", "B", "C", "K"))
    execute(database, KNOWN, "K", 0)
    for application_id in "ABCK":
        execute(database, OUTCOME, application_id, 1)
    assert load_dataset(database, CUTOFF).weights is None, "all are known of everybody, unless somebody says otherwise"

    execute(database, "UPDATE application_outcomes SET looked_at_probability = 0.01 WHERE application_id IN ('B', 'K')")
    dataset = load_dataset(database, CUTOFF)
    assert dataset.weights is not None
    assert dataset.y.tolist() == [0, 1, 1, 1]
    assert dataset.weights.tolist() == [1, 1, 100, 1], "the table's own outcomes are of everybody"
    assert dataset.part(slice(2, 4)).weights.tolist() == [100, 1]  # type: ignore[union-attr]
    assert dataset.positive_rate == 102 / 103


@pytest.mark.parametrize("probability", [0, -0.5, 1.001, float("nan"), None])
def test_what_is_no_probability_of_having_been_looked_at_is_refused(database: str, probability: float | None) -> None:
    with pytest.raises(psycopg2.Error, match="looked_at_probability"):
        execute(database, "INSERT INTO application_outcomes VALUES ('A', 1, '2026-06-01', %s)", probability)


def test_without_outcomes_training_is_as_before(database: str, tmp_path: Path) -> None:
    execute(database, KNOWN, "K", 0)
    execute(database, KNOWN, "L", 1)
    before = load_dataset(database, CUTOFF)
    log(database, tmp_path, scored("A", "B"))
    after = load_dataset(database, CUTOFF)
    assert after.x.tobytes() == before.x.tobytes()
    assert after.y.tolist() == before.y.tolist() == [0, 1]


def test_each_application_counts_once_as_it_was_last_answered(database: str, tmp_path: Path) -> None:
    log(
        database,
        tmp_path,
        scored("A", at=NOON, times=1),
        scored("A", at=NOON + DAY, times=2),
        scored("K", at=NOON, times=3),
        scored("B", "B", at=NOON, times=4),
    )
    execute(database, KNOWN, "K", 0)
    for application_id in "ABK":
        execute(database, OUTCOME, application_id, 1)
    dataset = load_dataset(database, CUTOFF)
    assert dataset.x[:, 1].tolist() == [2, 8, 4]
    assert dataset.dates.astype(str).tolist() == ["2026-04-01", "2026-05-01", "2026-05-02"]
    assert dataset.y.tolist() == [0, 1, 1]


def test_load_tests_and_erased_rows_are_never_trained_on(database: str, tmp_path: Path) -> None:
    log(database, tmp_path, scored("A", load_test=True), scored("B", "C"))
    execute(
        database,
        "UPDATE prediction_requests SET features[1:10] = array_fill(NULL::real, ARRAY[10]) WHERE NOT load_test",
    )
    execute(database, KNOWN, "K", 0)
    for application_id, label in [("A", 1), ("B", 1), ("C", 1)]:
        execute(database, OUTCOME, application_id, label)
    assert load_dataset(database, CUTOFF).y.tolist() == [0, 1]


def test_an_answer_just_before_midnight_utc_belongs_to_its_day(database: str, tmp_path: Path) -> None:
    midnight = dt.datetime(2026, 5, 2, tzinfo=dt.UTC)
    log(database, tmp_path, scored("A", at=midnight - dt.timedelta(microseconds=1)), scored("B", at=midnight))
    execute(database, KNOWN, "K", 0)
    for application_id in "AB":
        execute(database, OUTCOME, application_id, 1)
    elsewhere = make_dsn(database, options="-c timezone=Pacific/Auckland")
    for dsn in (database, elsewhere):
        assert load_dataset(dsn, dt.date(2026, 5, 2)).dates.astype(str).tolist() == ["2026-04-01", "2026-05-01"]
