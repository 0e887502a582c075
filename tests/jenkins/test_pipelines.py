"""The pipelines, run: real commands on a real database, registry and server, from the Jenkinsfiles as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from fraud.registry import PREVIOUS, PRODUCTION, RETRAINING_REASON_TAG, Registry
from tests.jenkins.pipeline_runs import Build, Jobs, Run, need_groovy, run_jobs
from tests.live_stack import LENIENT_GATE, LOGIN, LiveStack, project_environment, server_beside

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

MODEL = "pipelines"
STAGES = ["Parameters", "Data check", "Train", "Convert and parity", "Gate", "Promote and deploy", "Verify"]


@dataclass(frozen=True)
class Site:
    """What the agent of these pipelines works with: a registered model and a server of its own."""

    url: str
    registry: Registry
    environment: dict[str, str]

    def alias(self, name: str) -> int | None:
        version = self.registry.version_of(name)
        return None if version is None else version.version

    def served(self) -> int:
        return int(httpx.get(self.url + "/model-info", headers=LOGIN).json()["model_version"])

    def run(self, folder: Path, job: str, parameters: dict[str, str] | None = None, **settings: str) -> Run:
        (run,) = run_jobs(folder, Jobs([(job, parameters or {})], self.environment | settings))
        assert run.refused is None
        return run


@pytest.fixture(scope="module")
def site(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    need_groovy()
    folder = tmp_path_factory.mktemp("server")
    given = {name: value for name, value in {**stack.secrets, **stack.addresses}.items() if value is not None}
    settings = {**given, **LENIENT_GATE, "MODEL_NAME": MODEL, "COMPILED_DIR": str(folder / "compiled")}
    first = subprocess.run(
        [sys.executable, "-m", "train", "--today", "2025-05-01", "--promote-first"],
        env=project_environment(**settings, RUN_DIR=str(folder)),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert first.returncode == 0, first.stderr
    with server_beside(stack, folder, MODEL_NAME=MODEL, SERVE_WORKERS="1") as url:
        address = urlsplit(url)
        environment = settings | {"SERVE_HOST": str(address.hostname), "SERVE_PORT": str(address.port)}
        yield Site(url, Registry(stack.tracking_uri, MODEL), environment)


def verdict(run: Run, build: Build, path: str) -> dict[str, object]:
    content: dict[str, object] = json.loads((run.home / "builds" / build.job / str(build.number) / path).read_text())
    return content


@pytest.fixture(scope="module")
def month(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A monthly run on the data before May 2026."""
    return site.run(tmp_path_factory.mktemp("month"), "retrain", {"TODAY": "2026-05-01"})


def test_a_month_ends_with_a_new_version_that_is_served(site: Site, month: Run) -> None:
    build = month.last("retrain")
    assert build.result == "SUCCESS", build.log
    assert build.stages == dict.fromkeys(STAGES, "SUCCESS")
    assert (site.alias(PRODUCTION), site.alias(PREVIOUS), site.served()) == (2, 1, 2)
    assert build.description == "version 2 is in production"
    version = site.registry.model_version(2)
    assert version.data_cutoff.isoformat() == "2026-05-01"
    assert version.tags[RETRAINING_REASON_TAG] == "monthly"


def test_its_reports_are_archived_and_shown(month: Run) -> None:
    build = month.last("retrain")
    kept = ["data-check/verdict.json", "parity/verdict.json", "gate/gate.html", "gate/gate.json", "verdict.json"]
    assert {f"run/retrain/{name}" for name in kept} <= set(build.artifacts)
    assert build.tests == ["data-check", "train", "parity", "gate", "promote", "verify", "retraining"]
    assert build.pages == ["Promotion gate"]
    assert verdict(month, build, "run/retrain/verdict.json")["verdict"] == "pass"
    assert not (month.home / "workspace" / "retrain" / "run" / "retrain").exists(), "the next build must not find it"


def test_a_rejected_candidate_is_unstable_and_changes_nothing(site: Site, month: Run, tmp_path: Path) -> None:
    assert month.last("retrain").result == "SUCCESS"
    run = site.run(tmp_path, "retrain", {"TODAY": "2026-05-01", "REASON": "again"}, GATE_RULE="superior")
    build = run.last("retrain")
    assert build.result == "UNSTABLE", build.log
    assert list(build.stages.values()) == ["SUCCESS"] * 4 + ["UNSTABLE", "SKIPPED", "SKIPPED"]
    assert "rejected: gate" in build.log
    assert "AUC-PR" in (build.description or "")
    assert verdict(run, build, "run/retrain/verdict.json")["exit_status"] == 10
    assert (site.alias(PRODUCTION), site.served()) == (2, 2)


@pytest.mark.parametrize(
    ("settings", "result", "status", "message"),
    [
        pytest.param({"DATA_MIN_ROWS": "1000000"}, "UNSTABLE", 20, "could not be decided: data-check", id="too few"),
        pytest.param({"DATA_MAX_LABEL_RATE": "0.02"}, "FAILURE", 30, "data-quality fault: data-check", id="fault"),
        pytest.param({"TRAINER_DB_PASSWORD": "wrong", "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "1",
                      "DATABASE_URL": ""}, "FAILURE", None, "data-check ended with status 2", id="error"),
    ],
)  # fmt: skip
def test_data_that_can_not_be_trained_on(
    site: Site, tmp_path: Path, settings: dict[str, str], result: str, status: int | None, message: str
) -> None:
    before = site.alias(PRODUCTION)
    run = site.run(tmp_path, "retrain", {"TODAY": "2026-05-01"}, **settings)
    build = run.last("retrain")
    assert build.result == result, build.log
    assert message in build.log
    assert [stage for stage, how in build.stages.items() if how == "SKIPPED"] == STAGES[2:]
    if status is not None:
        assert verdict(run, build, "run/retrain/verdict.json")["exit_status"] == status
    assert site.alias(PRODUCTION) == before


@pytest.mark.parametrize(
    "parameters",
    [
        {"TODAY": "2026-05-01; touch pwned"},
        {"TODAY": "$(touch pwned)"},
        {"TODAY": "2026-05-01\ntouch pwned"},
        {"TODAY": "--today=2026-05-01"},
        {"TODAY": "2026-13-01"},
        {"TODAY": "2026-05-01", "REASON": "`touch pwned`"},
        {"TODAY": "2026-05-01", "REASON": 'a" ; touch pwned ; "'},
    ],
    ids=str,
)
def test_a_hostile_parameter_is_refused_before_anything_runs(tmp_path: Path, parameters: dict[str, str]) -> None:
    need_groovy()
    (run,) = run_jobs(tmp_path, Jobs([("retrain", parameters)], {}))
    build = run.last("retrain")
    assert (build.result, build.shells) == ("FAILURE", [])
    assert build.stages == {"Parameters": "FAILURE"} | dict.fromkeys(STAGES[1:], "SKIPPED")
    assert not list(run.home.rglob("pwned"))


def test_a_rollback_goes_back_with_the_server(site: Site, month: Run, tmp_path: Path) -> None:
    assert month.last("retrain").result == "SUCCESS"
    build = site.run(tmp_path / "back", "rollback").last("rollback")
    assert build.result == "SUCCESS", build.log
    assert (site.alias(PRODUCTION), site.served()) == (1, 1)
    assert site.run(tmp_path / "forth", "rollback").last("rollback").result == "SUCCESS"
    assert (site.alias(PRODUCTION), site.served()) == (2, 2)


def test_a_rollback_that_can_not_be_fails(site: Site, month: Run, tmp_path: Path) -> None:
    build = site.run(tmp_path, "rollback", SERVE_PORT="1").last("rollback")
    assert build.result == "FAILURE"
    assert build.stages == {"Roll back": "FAILURE", "Verify": "SKIPPED"}
    assert site.alias(PRODUCTION) == 2


def test_months_ahead_of_time(site: Site, tmp_path: Path) -> None:
    run = site.run(tmp_path, "test-retraining", {"MONTHS": "1"})
    build = run.last("test-retraining")
    assert build.result == "SUCCESS", build.log
    assert any(name.endswith("/replay.json") for name in build.artifacts)
    assert any(name.endswith("/replay.png") for name in build.artifacts)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_twelve_months_ahead_of_time(site: Site, tmp_path: Path) -> None:
    build = site.run(tmp_path, "test-retraining").last("test-retraining")
    assert build.result == "SUCCESS", build.log
