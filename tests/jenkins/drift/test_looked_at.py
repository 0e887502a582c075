"""From decisions on record to what each outcome stands for in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from fraud.database import connect
from jenkins.drift.__main__ import app
from jenkins.drift.looked_at import looked_at_probabilities
from serve.audit.decisions import Decision
from serve.policy.decisions import is_reviewed
from serve.prediction_log.chain import microseconds
from tests.jenkins.drift.test_control import decision
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all
from tests.serve.review_policies import HOUR, KEY, NOON, add_policy
from train.dataset import load_dataset

SHARE = 0.02


@pytest.mark.parametrize(
    ("made", "looked_at", "passed"),
    [
        ([decision("A", 0.8, True)], {"A": 1.0}, set()),
        ([decision("A", 0.1, True)], {"A": SHARE}, set()),
        ([decision("A", 0.1, False)], {}, {"A"}),
        ([decision("A", 0.8, True), decision("A", 0.1, False)], {"A": 1.0}, set()),
        ([decision("A", 0.1, True), decision("A", 0.1, True, looked_at_probability=0.5)], {"A": 0.5}, set()),
        ([decision("A", 0.1, True, load_test=True)], {}, set()),
        ([decision("A", 0.1, True, application_id=None)], {}, set()),
        ([msgspec.structs.replace(decision("A", 0.1, True), reviewed=None)], {}, set()),
    ],
    ids=["suspected", "control", "passed", "suspected once", "a larger share", "load test", "no id", "erased"],
)
def test_probability_is_that_of_any_decision(
    made: list[Decision], looked_at: dict[str, float], passed: set[str]
) -> None:
    assert looked_at_probabilities(made) == (looked_at, passed)


def test_outcomes_of_the_reviewed_get_weights_that_training_reads(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = add_policy(database)
    assert policy is not None
    probabilities = np.linspace(0, 1, 400, dtype=np.float32)
    ids = [f"A{number}" for number in range(400)]
    with running_spool(tmp_path) as spool:
        spool.append(
            record(
                400,
                endpoint=f"/batch_predict?policy={policy.id}",
                received_at=microseconds(NOON + HOUR),
                application_ids=ids,
                probabilities=probabilities,
            )
        )
    ship_all(tmp_path, database)
    reviewed = is_reviewed(policy, KEY, "r-1", ids, probabilities)
    known: list[Any] = [name for name, chosen in zip(ids, reviewed, strict=True) if chosen]
    execute(
        database,
        "INSERT INTO application_outcomes SELECT id, (random() < 0.5)::int, now() FROM unnest(%s) AS id",
        known,
    )
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("REVIEW_CONTROL_KEY", KEY.decode())

    done = CliRunner().invoke(app, ["looked-at"])
    assert done.exit_code == 0, done.output
    suspected = int((probabilities >= policy.threshold).sum())
    control = int(reviewed.sum()) - suspected
    assert control > 0
    assert f"Outcomes of suspected applications, which count for themselves: {suspected};" in done.output
    assert f"whom the model did not suspect: {control}." in done.output
    assert "nobody was to look at" not in done.output
    shares = "SELECT DISTINCT looked_at_probability::text::float8 FROM application_outcomes ORDER BY 1"
    assert fetch(database, shares) == [(policy.terms.control_share,), (1.0,)]
    weights = load_dataset(database, (NOON + 48 * HOUR).date()).weights
    assert weights is not None
    assert weights.sum() == suspected + control / policy.terms.control_share

    passed = ids[int(np.flatnonzero(~reviewed)[0])]
    execute(database, "INSERT INTO application_outcomes VALUES (%s, 0, now())", passed)
    assert (
        "Outcomes of applications that nobody was to look at, which count for themselves too: 1."
        in CliRunner().invoke(app, ["looked-at"]).output
    )


def test_another_key_is_an_error(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = add_policy(database)
    assert policy is not None
    with running_spool(tmp_path) as spool:
        spool.append(
            record(
                1, endpoint=f"/predict?policy={policy.id}", received_at=microseconds(NOON + HOUR), application_ids=["A"]
            )
        )
    ship_all(tmp_path, database)
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("REVIEW_CONTROL_KEY", "another key of thirty-two characters")
    done = CliRunner().invoke(app, ["looked-at"])
    assert done.exit_code == 2
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM application_outcomes")
        assert cursor.fetchone() == (0,)
