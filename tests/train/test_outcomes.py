"""Applications that were scored enter training once their outcomes are known, each of them once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from fraud.registry import LABELS_KNOWN_BEFORE_TAG
from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all
from train.dataset import load_dataset
from train.maturity import known_before
from train.recipe import Recipe
from train.registration import known_labels_tag
from train.training import train_recipe

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
def test_a_malformed_looked_at_probability_is_refused(database: str, probability: float | None) -> None:
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


APPEND = "SELECT append_outcome(%s, 'court', %s, NULL, %s, %s, '2026-06-01', 'register', %s)"
RECIPE = Recipe(2, 20, 0.3, 1.0, 1.0, None)
TOLD = dt.datetime(2026, 6, 15, tzinfo=dt.UTC)


def test_training_as_of_a_moment_knows_what_was_known_then(database: str, tmp_path: Path) -> None:
    """Later corrections, withdrawals, weights, outcomes and answers change nothing about it."""
    log(database, tmp_path, scored("A", "B", "C", "D"))
    execute(database, KNOWN, "K", 0)
    for application_id, label, weight in [("A", 1, 1), ("B", 0, 0.5), ("C", 1, 1)]:
        execute(database, APPEND, TOLD, "outcome", application_id, label, weight)
    moment = TOLD + DAY
    then = load_dataset(database, CUTOFF, moment)
    assert then.known_before == moment

    execute(database, APPEND, moment, "correction", "A", 0, 1)
    execute(database, APPEND, moment, "weighing", "B", 0, 0.25)
    execute(database, APPEND, moment, "withdrawal", "C", None, 1)
    execute(database, APPEND, moment, "outcome", "D", 1, 1)
    log(database, tmp_path / "later", scored("A", at=TOLD + DAY, times=3))
    again = load_dataset(database, CUTOFF, moment)
    assert then.x.tobytes() == again.x.tobytes()
    assert then.y.tobytes() == again.y.tobytes()
    assert then.dates.tobytes() == again.dates.tobytes()
    assert then.weights is not None
    assert again.weights is not None
    assert then.weights.tolist() == again.weights.tolist() == [1, 1, 2, 1]

    now = load_dataset(database, TOLD.date() + 2 * DAY)
    assert now.y.tolist() == [0, 0, 1, 0]
    assert now.known_before is not None
    assert now.known_before > moment
    assert load_dataset(database, TOLD.date() + 2 * DAY, now.known_before).y.tolist() == now.y.tolist()


def test_a_version_can_be_trained_again_from_what_its_tag_says(database: str, tmp_path: Path) -> None:
    """Outcomes that came since change today's model, and not last month's: its file is the same, byte by byte."""
    draws = np.random.default_rng(7)
    number = 1200
    ids = [f"A{place}" for place in range(number)]
    features = (ROW * draws.uniform(0.2, 2, (number, ROW.size))).astype(np.float32)
    divorced = (draws.random(number) < 1 / (1 + np.exp(-2 * (features[:, 0] - 1)))).astype(int)
    days = [NOON - place % 200 * DAY for place in range(number)]
    records = []
    for day in sorted(set(days)):
        rows = [place for place in range(number) if days[place] == day]
        names = [ids[row] for row in rows]
        at = microseconds(day)
        records.append(record(len(rows), application_ids=names, features=features[rows], received_at=at))
    log(database, tmp_path, *records)
    tell = "SELECT append_outcome(%s, 'court', %s, NULL, id, label, '2026-06-01', 'register', 1) FROM unnest(%s, %s)"
    tell += " AS one (id, label)"
    execute(database, tell, TOLD, "outcome", ids, divorced.tolist())
    first = trained(database, TOLD + DAY)
    execute(database, tell, TOLD + 2 * DAY, "correction", ids[::5], (1 - divorced[::5]).tolist())
    assert trained(database, TOLD + DAY) == first
    assert trained(database, TOLD + 3 * DAY) != first


def trained(dsn: str, known_before: dt.datetime) -> bytes:
    dataset = load_dataset(dsn, CUTOFF, known_before)
    training = train_recipe(RECIPE, dataset, CUTOFF, seed=7, threads=1)
    return bytes(training.shipped.classifier.get_booster().save_raw("json"))


def test_a_version_says_up_to_which_moment_it_knew_outcomes(database: str) -> None:
    execute(database, KNOWN, "K", 0)
    execute(database, KNOWN, "L", 1)
    assert known_before(dt.date(2026, 3, 31)) == dt.datetime(2026, 4, 1, tzinfo=dt.UTC), "the end of the day"
    past = load_dataset(database, CUTOFF, known_before(CUTOFF))
    assert known_labels_tag(past) == {LABELS_KNOWN_BEFORE_TAG: "2026-05-11T00:00:00+00:00"}
    today = load_dataset(database, CUTOFF, known_before(dt.date(2999, 1, 1)))
    assert today.known_before is not None
    assert today.known_before <= dt.datetime.now(dt.UTC) + DAY, "no later than now: the same can be read again"
