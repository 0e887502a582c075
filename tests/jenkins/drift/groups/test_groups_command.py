"""`python -m jenkins.drift groups` beside a real PostgreSQL: what it reads of the record, and how it ends."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from fraud.database import connect
from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from fraud.stack.ports import hold_port
from jenkins.drift.__main__ import app
from jenkins.drift.groups.logged_answers import read_month
from jenkins.drift.groups.months import UNKNOWN, Month
from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all
from tests.serve.review_policies import add_policy
from tests.train.conftest import synthetic_dataset

AGE = FEATURE_NAMES.index("Age_Days")
MARCH, APRIL, TODAY = dt.date(2026, 3, 1), dt.date(2026, 4, 1), "2026-05-02"


@pytest.fixture
def site(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1/mlflow")
    monkeypatch.delenv("TRAINER_DB_PASSWORD", raising=False)
    return database


def log(dsn: str, folder: Path, day: dt.date, seed: int, *, harder: float = 0.0, **changes: Any) -> None:
    """3,000 applications of a day, answered in one request."""
    x = synthetic_dataset(3_000, 2, seed).x
    odds = -2 + np.random.default_rng(seed).normal(size=len(x)) + harder * (x[:, AGE] < 9_855)
    facts = {
        "features": x,
        "probabilities": np.asarray(1 / (1 + np.exp(-odds)), np.float32),
        "received_at": microseconds(dt.datetime.combine(day, dt.time(12), dt.UTC)),
    }
    with running_spool(folder / "spool") as spool:
        spool.append(record(len(x), **(facts | changes)))
    ship_all(folder / "spool", dsn)


def run(folder: Path) -> tuple[Result, dict[str, Any]]:
    result = CliRunner().invoke(app, ["groups", "--today", TODAY])
    return result, json.loads((folder / "groups" / "verdict.json").read_bytes())


@pytest.mark.parametrize(
    ("harder", "status", "reason"),
    [
        pytest.param(0.0, 0, "no group is treated differently in 2026-04 from 2026-03", id="alike"),
        pytest.param(2.0, 10, "age under 27 years: share reviewed", id="changed"),
    ],
)
def test_two_months_are_compared(site: str, tmp_path: Path, harder: float, status: int, reason: str) -> None:
    log(site, tmp_path, MARCH, 1)
    log(site, tmp_path, APRIL, 2, harder=harder)
    result, verdict = run(tmp_path)
    assert (result.exit_code, verdict["exit_status"]) == (status, status), result.output
    ((stored, page, facts),) = fetch(site, "SELECT verdict, page, facts FROM reports WHERE kind = 'groups'")
    assert (stored, json.loads(facts)) == (verdict["verdict"], verdict)
    assert "age under 27 years" in page
    assert "2026-03" in page
    assert verdict["reasons"][0].startswith(reason) or any(one.startswith(reason) for one in verdict["reasons"])
    assert [month["answers"] for month in verdict["months"]] == [3_000, 3_000]
    assert verdict["months"][0]["groups"][0]["selection_rate"]["ratio"]["low"] > 0


def test_decisions_are_compared_by_the_policies_that_made_them(site: str, tmp_path: Path) -> None:
    february = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    policy = add_policy(site, at=february, threshold=0.3)
    harder = add_policy(site, at=february, valid_from=dt.datetime(2026, 4, 1, tzinfo=dt.UTC), threshold=0.1)
    assert policy is not None
    assert harder is not None
    log(site, tmp_path, MARCH, 1, endpoint=f"/batch_predict?policy={policy.id}")
    log(site, tmp_path, APRIL, 2, endpoint=f"/batch_predict?policy={harder.id}")
    result, verdict = run(tmp_path)
    assert result.exit_code == 10, result.output
    assert any("share that the policy had reviewed" in reason for reason in verdict["reasons"])
    assert verdict["reasons"][-1] == f"policy {policy.id} decided in 2026-03, policy {harder.id} in 2026-04"
    march, april = (month["decisions"] for month in verdict["months"])
    assert (march["decided"], march["policies"]) == (3_000, [policy.id])
    assert march["reviewed"] < april["reviewed"]
    assert march["groups"][0]["selection_rate"] is not None


def test_a_decision_by_a_policy_that_nobody_signed_is_an_error(site: str, tmp_path: Path) -> None:
    log(site, tmp_path, MARCH, 1)
    log(site, tmp_path, APRIL, 2, endpoint="/batch_predict?policy=9-00")
    result, verdict = run(tmp_path)
    assert (result.exit_code, verdict["verdict"]) == (2, "error")
    assert "is not signed in review_policies" in verdict["reasons"][0]


def test_the_last_decision_about_an_application_counts_whatever_was_answered_later(site: str, tmp_path: Path) -> None:
    policy = add_policy(site, at=dt.datetime(2026, 2, 1, tzinfo=dt.UTC), threshold=0.5)
    assert policy is not None
    with running_spool(tmp_path / "spool") as spool:
        for hour, (probability, asked) in enumerate([(0.2, policy.id), (0.7, policy.id), (0.1, None)]):
            spool.append(
                record(
                    1,
                    application_ids=["A"],
                    probabilities=np.array([probability], np.float32),
                    received_at=microseconds(dt.datetime(2026, 3, 5, hour, tzinfo=dt.UTC)),
                    endpoint="/predict" if asked is None else f"/predict?policy={asked}",
                )
            )
    ship_all(tmp_path / "spool", site)
    execute(site, "INSERT INTO application_outcomes VALUES ('A', 1, '2026-04-01', 0.25)")
    with connect(site) as connection:
        found = read_month(connection, Month(MARCH))
    assert found.answers.probabilities.tolist() == [np.float32(0.1)]
    assert found.decided.probabilities.tolist() == [np.float32(0.7)]
    assert found.decided.reviewed is not None
    assert (found.decided.reviewed.tolist(), found.decided.labels.tolist()) == ([True], [1])
    assert found.decided.weights is not None
    assert found.decided.weights.tolist() == [4]
    assert found.decided.policies == (policy.id,)


def test_a_month_without_answers_is_inconclusive(site: str, tmp_path: Path) -> None:
    log(site, tmp_path, APRIL, 2)
    result, verdict = run(tmp_path)
    assert (result.exit_code, verdict["verdict"]) == (20, "inconclusive")
    assert verdict["reasons"][0].startswith("0 answers in 2026-03")


def test_a_database_that_does_not_answer_is_an_error(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"host=127.0.0.1 port={hold_port()} dbname=any user=any")
    result, verdict = run(tmp_path)
    assert (result.exit_code, verdict["verdict"]) == (2, "error")


def test_the_command_reads_only_the_columns_it_needs(site: str, tmp_path: Path) -> None:
    ids = [f"A-{number}" for number in range(2_999)]
    log(site, tmp_path, MARCH, 1, application_ids=[*ids, None])
    log(site, tmp_path, MARCH, 2, load_test=True)
    # Asked about again a day later: the last answer counts.
    again = np.array([[1.0] * FEATURE_COUNT], np.float32)
    log_again = {"features": again, "probabilities": np.array([0.5], np.float32), "application_ids": ["A-0"]}
    at = microseconds(dt.datetime(2026, 3, 2, tzinfo=dt.UTC))
    with running_spool(tmp_path / "spool") as spool:
        spool.append(record(1, received_at=at, **log_again))
    ship_all(tmp_path / "spool", site)
    execute(site, "INSERT INTO application_outcomes VALUES ('A-0', 1, '2026-04-01'), ('A-1', 0, '2026-04-01')")
    execute(site, "INSERT INTO applicant_groups VALUES ('A-1', 'region', 'north')")
    execute(
        site,
        "UPDATE prediction_requests SET features[11:20] = array_fill(NULL::real, ARRAY[10]), application_ids[2] = NULL"
        " WHERE cardinality(probabilities) = 3000 AND NOT load_test",
    )
    with connect(site) as connection:
        assert read_month(connection, Month(MARCH)).answers.weights is None
    execute(site, "UPDATE application_outcomes SET looked_at_probability = 0.25 WHERE application_id = 'A-0'")
    with connect(site) as connection:
        found = read_month(connection, Month(MARCH))
        sampled = read_month(connection, Month(MARCH), most=1)
    assert found.answers.answered == 3_001
    assert found.answers.x.shape == (2_999, FEATURE_COUNT), "one is erased, one was asked about twice"
    assert found.answers.probabilities[-1] == 0.5
    assert (found.answers.labels[-1], set(found.answers.labels[:-1])) == (1, {UNKNOWN})
    assert found.answers.weights is not None
    assert (found.answers.weights[-1], set(found.answers.weights[:-1])) == (4, {1})
    assert found.answers.attributes["region"].tolist() == [None] * 2_999, "its application's id is erased"
    assert sampled.answers.answered == 3_001
    assert found.decided.x.shape[0] == 0, "nothing was decided"
    assert sampled.answers.x.shape[0] in {0, 1, 2_998, 2_999}
