"""What came true of the answers of each month, from the record and the outcomes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from fraud.database import connect
from jenkins.drift.realised import realised_month, realised_months
from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all


def drawn(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels that come true as the probabilities say."""
    probabilities = rng.beta(1, 6, rows).astype(np.float32)
    return probabilities, (rng.random(rows) < probabilities).astype(np.int16)


def test_without_weights_the_figures_are_those_of_the_rows() -> None:
    scores, labels = drawn(np.random.default_rng(1), 5_000)
    found = realised_month("2026-03", scores, labels, np.ones(5_000))
    assert found.average_precision is not None
    assert found.average_precision.estimate == pytest.approx(average_precision_score(labels, scores))
    assert (found.labelled, found.divorced) == (5_000, int(labels.sum()))
    assert found.happened.estimate == pytest.approx(labels.mean())
    assert found.predicted == pytest.approx(float(scores.mean()), rel=1e-5)


def test_the_interval_covers_the_share_of_all_where_only_the_reviewed_have_outcomes() -> None:
    rng = np.random.default_rng(2)
    covered = biased = 0
    for _ in range(200):
        scores, labels = drawn(rng, 20_000)
        looked_at = np.where(scores >= 0.3, 1.0, 0.05)
        known = rng.random(20_000) < looked_at
        found = realised_month("2026-03", scores[known], labels[known], looked_at[known])
        truth = float(labels.mean())
        covered += found.happened.low <= truth <= found.happened.high
        biased += float(labels[known].mean()) > 1.5 * truth
    assert covered >= 184, "95% of 200, less three standard errors"
    assert biased == 200, "the reviewed alone say something else"


@pytest.mark.parametrize("label", [0, 1])
def test_a_month_in_which_all_or_none_divorced_has_no_average_precision(label: int) -> None:
    found = realised_month("2026-03", np.full(4, 0.2, np.float32), np.full(4, label), np.ones(4))
    assert found.average_precision is None
    assert found.happened.low <= label <= found.happened.high


def test_months_are_read_from_the_record_until_labels_count(database: str, tmp_path: Path) -> None:
    for month, divorced in ((3, 1), (4, 0), (5, 1)):
        at = microseconds(dt.datetime(2026, month, 10, tzinfo=dt.UTC))
        ids = [f"A-{month}-{number}" for number in range(3)]
        with running_spool(tmp_path / "spool") as spool:
            spool.append(record(3, received_at=at, request_id=f"r{month}", application_ids=ids))
        ship_all(tmp_path / "spool", database)
        execute(database, "INSERT INTO application_outcomes VALUES (%s, %s, '2026-06-01')", ids[0], divorced)
        execute(database, "INSERT INTO application_outcomes VALUES (%s, 0, '2026-06-01')", ids[1])
    now = dt.datetime.now(dt.UTC)
    execute(database, 'UPDATE application_outcomes SET "Divorce" = 0 WHERE "Divorce" = 1')
    with connect(database) as connection:
        found = realised_months(connection, dt.date(2026, 5, 1), now)
        assert realised_months(connection, dt.date(2026, 5, 1), now - dt.timedelta(hours=1)) == ()
        corrected = realised_months(connection, dt.date(2026, 5, 1))
    assert [(one.month, one.divorced) for one in corrected] == [("2026-03", 0), ("2026-04", 0)]
    assert [(one.month, one.labelled, one.divorced) for one in found] == [("2026-03", 2, 1), ("2026-04", 2, 0)]
