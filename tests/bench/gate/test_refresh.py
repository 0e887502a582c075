"""After a rejection: the champion's recipe, fitted again, with a twin of its own; it ships only if not inferior."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.gate.check import Gate, LatencyTest
from bench.gate.command import Run
from bench.gate.latency.judge import LatencyRule
from bench.gate.latency.measure import Effort
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.rule import Rule
from bench.gate.refresh import Refresh
from fraud.registry import (
    CANDIDATE,
    GATE_VERDICT_TAG,
    PRODUCTION,
    RECIPE_TAG,
    REFRESHED_FROM_TAG,
    ModelVersion,
    Registry,
)
from fraud.settings.gate import GateVetoes
from fraud.verdict import Verdict
from tests.bench.gate.report.gate_reports import latency
from tests.train.conftest import store, synthetic_dataset
from tests.train.quick_search import shorten_search
from train.maturity import known_before
from train.pipeline import run
from train.refresh import why_not_refreshed

EARLIER, LAST = dt.date(2024, 2, 20), dt.date(2024, 3, 21)
POLICY = QualityPolicy(
    rule=Rule.SUPERIOR, level=0.01, margin=0.5, minimum_positives=30, review_capacity=0.05, vetoes=GateVetoes()
)
LATENCY = LatencyTest(LatencyRule(1.1, 2.0, {}), Effort(1.0, 1, 1), 1)


def trained(dsn: str, registry: Registry, today: dt.date) -> ModelVersion:
    return run(dsn, registry, today, seed=1, threads=1, promote_first=False, progress=lambda *_: None).version


@pytest.fixture(scope="module")
def world(module_database: str, mlflow_uri: str) -> tuple[str, Registry, ModelVersion, ModelVersion]:
    """A champion, and a candidate that is a month younger, but of a poor recipe."""
    store(module_database, synthetic_dataset(8_000, 80, 1))
    registry = Registry(mlflow_uri, "refreshed")
    with pytest.MonkeyPatch.context() as patch:
        shorten_search(patch)
        champion = trained(module_database, registry, EARLIER)
        patch.setattr("train.search.SAMPLE_SHARES", (0.1,))
        candidate = trained(module_database, registry, LAST)
    return module_database, registry, champion, candidate


def gate_run(
    world: tuple[str, Registry, ModelVersion, ModelVersion], folder: Path, margin: float, *, refreshes: bool = True
) -> Run:
    dsn, registry, champion, candidate = world
    registry.set_alias(PRODUCTION, champion.version)
    registry.set_alias(CANDIDATE, candidate.version)
    gate = Gate(registry, dsn, {}, LAST, known_before(LAST), replace(POLICY, margin=margin), LATENCY, folder)
    return Run(gate, None, dsn, folder / "report", measure_only=True, refresh=Refresh(1, 1) if refreshes else None)


@pytest.fixture(autouse=True)
def _quick_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latency is measured elsewhere."""
    monkeypatch.setattr(Gate, "check_latency", lambda *_: latency())


def test_rejected_month_ships_the_champions_recipe_on_newer_applications(
    world: tuple[str, Registry, ModelVersion, ModelVersion], tmp_path: Path
) -> None:
    _, registry, champion, candidate = world
    report = gate_run(world, tmp_path, margin=0.5).report()
    assert report is not None
    assert report.verdict is Verdict.PASS, report.reasons
    assert f"version {candidate.version}, the candidate, was rejected" in report.reasons[0]
    refreshed = registry.version_of(CANDIDATE)
    assert refreshed is not None
    assert refreshed.version > candidate.version
    assert refreshed.tags[REFRESHED_FROM_TAG] == str(champion.version)
    assert refreshed.tags[RECIPE_TAG] == champion.tags[RECIPE_TAG]
    assert (refreshed.data_cutoff, refreshed.unseen_from) == (LAST, candidate.unseen_from)
    assert refreshed.twin_sha256 not in {None, champion.twin_sha256, refreshed.sha256}
    written = json.loads((tmp_path / "report" / "gate.json").read_text())
    assert (written["verdict"], written["quality"]["candidate"]) == ("pass", refreshed.version)
    assert registry.model_version(candidate.version).tags[GATE_VERDICT_TAG] == "fail"
    production = registry.version_of(PRODUCTION)
    assert production is not None
    assert production.version == champion.version, "to measure promotes nothing"


@pytest.mark.parametrize(
    ("margin", "refreshes"),
    [pytest.param(-0.5, True, id="inferior"), pytest.param(0.5, False, id="switched off")],
)
def test_a_candidate_without_refresh_stays_rejected(
    world: tuple[str, Registry, ModelVersion, ModelVersion], tmp_path: Path, margin: float, refreshes: bool
) -> None:
    _, registry, _, candidate = world
    report = gate_run(world, tmp_path, margin, refreshes=refreshes).report()
    assert report is not None
    assert report.verdict is Verdict.FAIL
    left = registry.version_of(CANDIDATE)
    assert left is not None
    assert left.version == candidate.version


def test_a_failed_refresh_says_why(world: tuple[str, Registry, ModelVersion, ModelVersion]) -> None:
    _, _, champion, _ = world
    assert why_not_refreshed(champion, LAST) is None
    assert "knows all applications" in (why_not_refreshed(champion, EARLIER) or "")
    assert "does not say its recipe" in (why_not_refreshed(replace(champion, tags={}), LAST) or "")
