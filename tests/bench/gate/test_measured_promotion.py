"""`bench promote`: what was measured is what is promoted, or nothing is."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench.__main__ import app
from bench.gate.lock import RETRAINING, alone
from bench.gate.report.files import write_report
from bench.gate.report.gate_report import GateReport
from fraud.registry import CANDIDATE, GATE_VERDICT_TAG, PREVIOUS, PRODUCTION, Registry
from fraud.verdict import Verdict
from tests.bench.gate.report.gate_reports import latency, quality


@pytest.fixture
def registry(
    mlflow_uri: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Registry:
    """Version 1 is in production, version 2 is the candidate, and the gate has let it pass."""
    from mlflow import MlflowClient

    name = f"measured-{request.node.name}".replace("[", "-").replace("]", "").replace(" ", "-")
    settings = {
        "RUN_DIR": str(tmp_path),
        "DATABASE_URL": database,
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "MODEL_NAME": name,
    }
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAINER_DB_PASSWORD", raising=False)
    for setting, value in settings.items():
        monkeypatch.setenv(setting, value)
    registry = Registry(mlflow_uri, name)
    client, content = MlflowClient(mlflow_uri), b"model bytes"
    (tmp_path / "model.onnx").write_bytes(content)
    for alias in (PRODUCTION, CANDIDATE):
        run_id = client.create_run("0").info.run_id
        client.log_artifact(run_id, str(tmp_path / "model.onnx"), "model")
        version = registry.register(run_id, hashlib.sha256(content).hexdigest(), dt.date(2026, 5, 1), {})
        registry.set_alias(alias, version.version)
    registry.set_tag(2, GATE_VERDICT_TAG, Verdict.PASS)
    return registry


def measured(registry: Registry, folder: Path, verdict: Verdict = Verdict.PASS, **versions: int | None) -> None:
    """The report of a gate that measured version 2 against version 1, unless told otherwise."""
    judged: dict[str, Any] = {"candidate": 2, "champion": 1, **versions}
    half = dataclasses.replace(quality(verdict), **judged)
    report = GateReport(registry.model_name, dt.datetime.now(dt.UTC), 1.0, half, latency())
    write_report(report, folder / "gate" / "report")


def promote() -> Result:
    return CliRunner().invoke(app, ["promote", "--no-deploy"])


def aliases(registry: Registry) -> dict[str, int]:
    found = {alias: registry.version_of(alias) for alias in (PRODUCTION, PREVIOUS, CANDIDATE)}
    return {alias: version.version for alias, version in found.items() if version is not None}


def test_promotion_is_of_the_measured_version_and_idempotent(registry: Registry, tmp_path: Path) -> None:
    measured(registry, tmp_path)
    assert promote().exit_code == 0
    assert aliases(registry) == {PRODUCTION: 2, PREVIOUS: 1}
    again = promote()
    assert (again.exit_code, "no candidate" in again.output) == (2, True)
    assert aliases(registry) == {PRODUCTION: 2, PREVIOUS: 1}


def test_a_promotion_that_was_killed_is_finished(registry: Registry) -> None:
    registry.set_alias(PREVIOUS, 1)
    registry.set_alias(PRODUCTION, 2)
    assert promote().exit_code == 0
    assert aliases(registry) == {PRODUCTION: 2, PREVIOUS: 1}


def another_champion(registry: Registry, folder: Path) -> None:
    measured(registry, folder)
    third = registry.register(
        registry.model_version(1).run_id, registry.model_version(1).sha256, dt.date(2026, 5, 1), {}
    )
    registry.set_alias(PRODUCTION, third.version)


def untagged(registry: Registry, folder: Path) -> None:
    measured(registry, folder)
    registry.set_tag(2, GATE_VERDICT_TAG, Verdict.FAIL)


def another_model(registry: Registry, folder: Path) -> None:
    measured(Registry(registry.tracking_uri, "another"), folder)


@pytest.mark.parametrize(
    ("before", "message"),
    [
        pytest.param(lambda _registry, _folder: None, "can't be read", id="nothing was measured"),
        pytest.param(lambda r, f: measured(r, f, Verdict.FAIL), "says fail", id="rejected"),
        pytest.param(lambda r, f: measured(r, f, Verdict.INCONCLUSIVE), "says inconclusive", id="undecided"),
        pytest.param(lambda r, f: measured(r, f, candidate=7), "but 7 was measured", id="another candidate"),
        pytest.param(lambda r, f: measured(r, f, champion=None), "measured against None", id="a champion came"),
        pytest.param(another_champion, "production is version 3 by now", id="another champion"),
        pytest.param(another_model, "is about another", id="another model"),
        pytest.param(untagged, "does not say that version 2 passed", id="the registry says otherwise"),
    ],
)
def test_nothing_else_is_promoted(
    registry: Registry, tmp_path: Path, before: Callable[[Registry, Path], None], message: str
) -> None:
    before(registry, tmp_path)
    was = aliases(registry)
    refused = promote()
    assert refused.exit_code == 2
    assert message in " ".join(refused.output.split())
    assert aliases(registry) == was


def test_a_retraining_does_not_keep_its_own_gate_out(registry: Registry, database: str, tmp_path: Path) -> None:
    measured(registry, tmp_path)
    with alone(database, registry.model_name, RETRAINING):
        assert promote().exit_code == 0


def test_two_promotions_never_work_at_once(registry: Registry, database: str, tmp_path: Path) -> None:
    measured(registry, tmp_path)
    with alone(database, registry.model_name):
        refused = promote()
    assert (refused.exit_code, "is running" in refused.output) == (2, True)
