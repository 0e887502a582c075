"""How much better than chance reviews find quick divorces, by the control sample."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fraud.settings import Settings
from fraud.verdict import Verdict
from jenkins.drift.control import control_report, estimate, told
from serve.audit.decisions import Decision
from serve.policy.decisions import is_reviewed
from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all
from tests.serve.review_policies import HOUR, KEY, NOON, add_policy

THRESHOLD = 0.5


def decision(name: str, probability: float, reviewed: bool, **changes: Any) -> Decision:
    values = {
        "received_at": NOON,
        "request_id": "r",
        "load_test": False,
        "row_number": 0,
        "application_id": name,
        "policy": "1-ab",
        "probability": probability,
        "threshold": THRESHOLD,
        "reviewed": reviewed,
        "control": reviewed and probability < THRESHOLD,
        "looked_at_probability": 1.0 if probability >= THRESHOLD else 0.02,
    }
    return Decision(**{**values, **changes})


def world(rng: np.random.Generator, *, above: float, below: float) -> tuple[list[Decision], dict[str, int]]:
    """20,000 applications, 5% of them suspected, with these rates; outcomes of all are known, and of some count."""
    made, outcomes = [], {}
    for number in range(20_000):
        suspected = number < 1_000
        name = f"A{number}"
        outcomes[name] = int(rng.random() < (above if suspected else below))
        reviewed = suspected or bool(rng.random() < 0.02)
        made.append(decision(name, 0.7 if suspected else 0.1, reviewed))
    return made, outcomes


def test_figures_follow_from_counts() -> None:
    made = [decision(f"A{number}", 0.8, True) for number in range(100)]
    made += [decision(f"B{number}", 0.1, number < 100) for number in range(1_900)]
    outcomes = {f"A{number}": int(number < 30) for number in range(100)}
    outcomes |= {f"B{number}": int(number < 5 or number >= 100) for number in range(1_900)}
    report = estimate(made, outcomes)
    assert (report.others.known, report.others.divorced) == (100, 5), "outcomes of who was passed count for nothing"
    divorces = 100 * 30.5 / 101 + 1_900 * 5.5 / 101
    assert report.times_better is not None
    assert report.found is not None
    assert report.times_better.estimate == pytest.approx(30.5 / 101 * 2_000 / divorces)
    assert report.found.estimate == pytest.approx(100 * 30.5 / 101 / divorces)
    assert report.verdict is Verdict.PASS
    assert "times as many as by chance" in told(report)


@pytest.mark.parametrize(("above", "below"), [(0.3, 0.06), (0.08, 0.08)], ids=["a good model", "chance"])
def test_truth_lies_in_the_interval_as_often_as_it_says(above: float, below: float) -> None:
    truth = above / (0.05 * above + 0.95 * below)
    within, passed = [], []
    for seed in range(60):
        report = estimate(*world(np.random.default_rng(seed), above=above, below=below))
        assert report.times_better is not None
        within.append(report.times_better.low <= truth <= report.times_better.high)
        passed.append(report.verdict is Verdict.PASS)
    assert np.mean(within) >= 0.88
    assert np.mean(passed) == (1 if above > below else pytest.approx(0, abs=0.1))


@pytest.mark.parametrize("outcomes", [{}, {"A": 1}, {"B": 0}], ids=["none", "no control's", "controls' only"])
def test_without_outcomes_on_both_sides_nothing_is_told(outcomes: dict[str, int]) -> None:
    report = estimate([decision("A", 0.8, True), decision("B", 0.1, True)], outcomes)
    assert (report.verdict, report.times_better) == (Verdict.INCONCLUSIVE, None)
    assert "Too few outcomes" in told(report)


def test_report_is_made_from_record_and_outcomes(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = add_policy(database)
    assert policy is not None
    probabilities = np.linspace(0, 1, 400, dtype=np.float32)
    ids = [f"A{number}" for number in range(400)]
    with running_spool(tmp_path) as spool:
        # Sent again, each application counts once; a load test counts for nothing.
        for hours, load_test in ((1, False), (2, False), (3, True)):
            spool.append(
                record(
                    400,
                    endpoint=f"/batch_predict?policy={policy.id}",
                    received_at=microseconds(NOON + hours * HOUR),
                    application_ids=[f"L{name}" for name in ids] if load_test else ids,
                    probabilities=probabilities,
                    load_test=load_test,
                )
            )
    ship_all(tmp_path, database)
    told = "append_outcome(%s, 'court', 'outcome', NULL, 'A' || n, n %% 2, '2026-05-01', 'register', 1)"
    execute(database, f"SELECT {told} FROM generate_series(0, 399) AS n", NOON + 5 * HOUR)
    execute(database, "INSERT INTO application_outcomes VALUES ('told long after', 1, now())")
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("REVIEW_CONTROL_KEY", KEY.decode())
    day = NOON.date() + dt.timedelta(days=1)
    report = control_report(Settings(), day)
    reviewed = is_reviewed(policy, KEY, "r-1", ids, probabilities)
    assert (report.suspected.applications, report.others.applications) == (200, 200)
    assert report.suspected.known == 200
    assert report.others.known == reviewed[:200].sum() > 0
    assert control_report(Settings(), NOON.date()).suspected.applications == 0, "outcomes of that day are not mature"
