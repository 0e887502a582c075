"""The experiment itself: faults are survived, and a broken promise would show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.experiments.chaos.experiment import Outcome
from tests.bench.experiments.conftest import Experiment


def test_four_faults_are_survived_and_counted(experiment: Experiment, tmp_path: Path) -> None:
    figures = tmp_path / "chaos.json"
    only = ("--only", "of a worker", "--only", "of PostgreSQL", "--only", "disk", "--only", "wrong byte")
    done = experiment("chaos", *only, "--json", str(figures))
    assert done.returncode == 0, done.stdout + done.stderr
    worker, postgresql, model, disk = json.loads(figures.read_text())
    for outcome in (worker, postgresql, model, disk):
        assert outcome["answered"] <= outcome["recorded"] <= outcome["sent"]
        assert (outcome["lost"], outcome["twice"], outcome["unexpected"]) == (0, 0, [])
    assert (worker["refused"], postgresql["refused"], model["refused"]) == (0, 0, 0)
    assert disk["refused"] > 0
    assert "4 faults" in done.stdout


@pytest.mark.parametrize(
    ("broken_promise", "passed"),
    [
        ({}, True),
        ({"lost": 1}, False),
        ({"twice": 1}, False),
        ({"disordered": 1}, False),
        ({"unexpected": (500,)}, False),
    ],
)
def test_a_broken_promise_fails(broken_promise: dict[str, Any], passed: bool) -> None:
    counts = {
        "sent": 9,
        "answered": 9,
        "refused": 0,
        "broken": 0,
        "recorded": 9,
        "lost": 0,
        "twice": 0,
        "disordered": 0,
    }
    outcome = Outcome(**{"fault": "any", "seconds": 1, "back_s": 1, **counts, "unexpected": (), **broken_promise})
    assert outcome.passed is passed


def test_a_fault_that_nobody_knows_is_an_error(experiment: Experiment) -> None:
    done = experiment("chaos", "--only", "meteorite")
    assert done.returncode == 2
    assert "meteorite" in done.stderr
    assert "kill -9 of a worker" in done.stderr
