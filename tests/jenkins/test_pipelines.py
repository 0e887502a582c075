"""The pipelines, run: real commands on a real database, registry and server, from the Jenkinsfiles as they are."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from fraud.database import connect
from fraud.features import FEATURE_NAMES
from fraud.registry import PREVIOUS, PRODUCTION, RETRAINING_REASON_TAG, Registry
from fraud.stack.ports import hold_port
from tests.instances import instances_of
from tests.jenkins.pipeline_runs import Build, Jobs, Run, need_groovy, run_jobs
from tests.live_stack import LENIENT_GATE, LOGIN, LiveStack, project_environment, server_beside, wait_until
from tests.serve.prediction_log_rows import fetch

pytestmark = pytest.mark.timeout(600)

MODEL = "pipelines"
STAGES = [
    *("Parameters", "Groups", "Data check", "Train", "Convert and parity", "Gate", "Shadow"),
    *("Promote and deploy", "Verify"),
]


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
    compiled = {"COMPILED_DIR": os.environ["COMPILED_DIR"]}  # of the session: nothing is compiled twice
    settings = {**given, **LENIENT_GATE, **compiled, "MODEL_NAME": MODEL, "SERVE_WORKERS": "1"}
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


def test_its_reports_are_archived_and_shown(site: Site, month: Run) -> None:
    build = month.last("retrain")
    kept = [
        "data-check/verdict.json",
        "parity/verdict.json",
        "gate/gate.html",
        "gate/gate.json",
        "shadow/verdict.json",
        "verdict.json",
    ]
    assert {f"run/retrain/{name}" for name in kept} <= set(build.artifacts)
    assert build.tests == ["data-check", "train", "parity", "gate", "shadow", "promote", "verify", "retraining"]
    assert build.pages == ["Promotion gate", "Shadow"]
    assert verdict(month, build, "run/retrain/verdict.json")["verdict"] == "pass"
    stored = fetch(
        site.environment["DATABASE_URL"], "SELECT facts FROM reports WHERE (kind, verdict) = ('gate', 'pass')"
    )
    assert [json.loads(facts) for (facts,) in stored].count(verdict(month, build, "run/retrain/gate/gate.json")) == 1
    assert not (month.home / "workspace" / "retrain" / "run" / "retrain").exists(), "the next build must not find it"


def test_a_rejected_candidate_is_unstable_and_changes_nothing(site: Site, month: Run, tmp_path: Path) -> None:
    assert month.last("retrain").result == "SUCCESS"
    run = site.run(tmp_path, "retrain", {"TODAY": "2026-05-01", "REASON": "again"}, GATE_RULE="superior")
    build = run.last("retrain")
    assert build.result == "UNSTABLE", build.log
    assert list(build.stages.values()) == ["SUCCESS"] * 5 + ["UNSTABLE", "SKIPPED", "SKIPPED", "SKIPPED"]
    assert "rejected: gate" in build.log
    assert "AUC-PR" in (build.description or "")
    assert verdict(run, build, "run/retrain/verdict.json")["exit_status"] == 10
    assert (site.alias(PRODUCTION), site.served()) == (2, 2)


TOO_FEW_ROWS = {"DATA_LIMITS": '{"min_rows": 1000000}'}
NO_DATABASE = {"TRAINER_DB_PASSWORD": "wrong", "DATABASE_URL": "postgresql://postgres@127.0.0.1:1/loans"}
TOO_MANY_DIVORCES = {"DATA_LIMITS": '{"max_label_rate": 0.02}'}


@pytest.mark.parametrize(
    ("settings", "result", "status", "message"),
    [
        pytest.param(TOO_FEW_ROWS, "UNSTABLE", 20, "could not be decided: data-check", id="too few"),
        pytest.param(TOO_MANY_DIVORCES, "FAILURE", 30, "data-quality fault: data-check", id="fault"),
        pytest.param(NO_DATABASE, "FAILURE", None, "data-check ended with status 2", id="error"),
    ],
)
def test_data_that_can_not_be_trained_on(
    site: Site, tmp_path: Path, settings: dict[str, str], result: str, status: int | None, message: str
) -> None:
    before = site.alias(PRODUCTION)
    run = site.run(tmp_path, "retrain", {"TODAY": "2026-05-01"}, **settings)
    build = run.last("retrain")
    assert build.result == result, build.log
    assert message in build.log
    assert [stage for stage, how in build.stages.items() if how == "SKIPPED"] == STAGES[3:]
    if status is not None:
        assert verdict(run, build, "run/retrain/verdict.json")["exit_status"] == status
    assert site.alias(PRODUCTION) == before


HOSTILE = (
    {"TODAY": "2026-05-01; touch pwned"},
    {"TODAY": "$(touch pwned)"},
    {"TODAY": "2026-05-01\ntouch pwned"},
    {"TODAY": "--today=2026-05-01"},
    {"TODAY": "2026-13-01"},
    {"TODAY": "2026-05-01", "REASON": "`touch pwned`"},
    {"TODAY": "2026-05-01", "REASON": 'a" ; touch pwned ; "'},
)


@pytest.fixture(scope="module")
def hostile_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """A run for each of `HOSTILE`, all in one Java process: its start takes most of the time."""
    need_groovy()
    jobs = (Jobs([("retrain", parameters)], {}) for parameters in HOSTILE)
    return run_jobs(tmp_path_factory.mktemp("hostile"), *jobs)


@pytest.mark.parametrize("number", range(len(HOSTILE)), ids=map(str, HOSTILE))
def test_a_hostile_parameter_is_refused_before_anything_runs(hostile_runs: list[Run], number: int) -> None:
    run = hostile_runs[number]
    build = run.last("retrain")
    assert (build.result, build.shells) == ("FAILURE", [])
    assert build.stages == {"Parameters": "FAILURE"} | dict.fromkeys(STAGES[1:], "SKIPPED")
    assert not list(run.home.rglob("pwned"))


@dataclass(frozen=True)
class GroupsCase:
    """The exit status of the comparison of groups, why a retraining was started, and what the build says then."""

    name: str
    status: int
    reason: str
    result: str
    words: str = ""


GROUPS = (
    GroupsCase("as ever", 0, "monthly", "SUCCESS"),
    GroupsCase("too few answers", 20, "monthly", "SUCCESS"),
    GroupsCase("changed", 10, "monthly", "UNSTABLE", "whom production suspects has changed"),
    GroupsCase("error", 2, "monthly", "UNSTABLE", "groups could not be compared: status 2"),
    GroupsCase("no month", 10, "drift", "SUCCESS"),
)


@pytest.fixture(scope="module")
def groups_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The runs of `GROUPS` by name, with programs in place of our commands, all in one Java process."""
    need_groovy()
    folder = tmp_path_factory.mktemp("groups")
    jobs = []
    for case in GROUPS:
        programs = folder / case.name
        programs.mkdir()
        (programs / "python").write_text(f'#!/bin/sh\ncase "$*" in *groups*) exit {case.status};; esac\n')
        (programs / "python").chmod(0o755)
        jobs.append(Jobs([("retrain", {"REASON": case.reason})], {}, programs=programs))
    return dict(zip((case.name for case in GROUPS), run_jobs(folder, *jobs), strict=True))


@pytest.mark.parametrize("case", GROUPS, ids=lambda case: case.name)
def test_a_change_of_groups_is_for_a_person_and_stops_nothing(groups_runs: dict[str, Run], case: GroupsCase) -> None:
    build = groups_runs[case.name].last("retrain")
    assert build.result == case.result, build.log
    assert build.stages == dict.fromkeys(STAGES, "SUCCESS")
    assert ("Groups" in {stage for stage, *_ in build.shells}) is (case.reason == "monthly")
    assert case.words in build.log


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


GIVE_BACK = "Give the claim back"
NIGHT = {"DRIFT_WINDOW": "1", "DRIFT_MIN_SAMPLES": "500", "DRIFT_OWN_VERSION_ONLY": "true"}
"""Other tests have requests answered too, by other models."""


def recent_applications(stack: LiveStack) -> NDArray[np.float64]:
    """The newest fifth of the applications [N, 10]: what version 2 is compared with."""
    columns = ", ".join(f'"{name}"' for name in FEATURE_NAMES)
    with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute(f'SELECT {columns} FROM divorce_predictions ORDER BY "Date" DESC LIMIT 2140')  # noqa: S608
        return np.array(cursor.fetchall(), dtype=float)


def ask(stack: LiveStack, site: Site, rows: NDArray[np.float64]) -> None:
    """Have clients ask for these applications, and wait until they are on record."""
    request_id = uuid.uuid4().hex
    body = {"instances": instances_of(rows)}
    answer = httpx.post(
        site.url + "/batch_predict", json=body, headers={**LOGIN, "X-Request-ID": request_id}, timeout=60
    )
    assert answer.status_code == 200, answer.text

    def recorded() -> bool:
        with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM prediction_logs WHERE request_id = %s", (request_id,))
            row = cursor.fetchone()
        return row is not None and row[0] == len(rows)

    wait_until(recorded, 30, "the record arrives")


def night(site: Site, folder: Path, **settings: str) -> Run:
    """The drift monitor, in the night after today: a check counts full days."""
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    return site.run(folder, "drift-monitor", None, TODAY=tomorrow.isoformat(), **NIGHT, **settings)


def test_a_night_without_enough_applications_is_not_built(site: Site, month: Run, tmp_path: Path) -> None:
    assert month.last("retrain").result == "SUCCESS"
    run = night(site, tmp_path)
    build = run.last("drift-monitor")
    assert build.result == "NOT_BUILT", build.log
    assert build.stages == {"Check": "NOT_BUILT", "Retrain": "SKIPPED", GIVE_BACK: "SKIPPED"}
    assert [built.job for built in run.builds] == ["drift-monitor"]


def test_an_error_of_the_monitor_fails_and_retrains_nothing(site: Site, tmp_path: Path) -> None:
    run = night(site, tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:1/mlflow", REGISTRY_TIMEOUT_S="1")
    build = run.last("drift-monitor")
    assert build.result == "FAILURE", build.log
    assert "ended with status 2; no retraining" in build.log
    assert [built.job for built in run.builds] == ["drift-monitor"]


@pytest.fixture(scope="module")
def quiet_night(stack: LiveStack, site: Site, month: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Applicants as the model knows them."""
    assert month.last("retrain").result == "SUCCESS"
    rows = recent_applications(stack)
    ask(stack, site, rows[np.random.default_rng(1).integers(0, len(rows), 2_000)])
    return night(site, tmp_path_factory.mktemp("quiet"))


@pytest.fixture(scope="module")
def drift_night(stack: LiveStack, site: Site, quiet_night: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Only the younger ones of them, on the same day."""
    assert quiet_night.last("drift-monitor").result == "SUCCESS"
    ask(stack, site, younger(recent_applications(stack)))
    return night(site, tmp_path_factory.mktemp("drift"))


def younger(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """As many, drawn from the youngest third: values as they were, in another mixture."""
    ages = rows[:, FEATURE_NAMES.index("Age_Days")]
    young = rows[ages <= np.quantile(ages, 1 / 3)]
    return young[np.random.default_rng(2).integers(0, len(young), len(rows))]


def test_a_quiet_night_does_nothing(quiet_night: Run) -> None:
    build = quiet_night.last("drift-monitor")
    assert build.result == "SUCCESS", build.log
    assert build.stages == {"Check": "SUCCESS", "Retrain": "SKIPPED", GIVE_BACK: "SKIPPED"}
    assert [built.job for built in quiet_night.builds] == ["drift-monitor"]
    assert build.pages == ["Drift"]
    assert {"run/drift/verdict.json", "run/drift/report.html", "run/drift/junit.xml"} <= set(build.artifacts)


def test_a_manual_start_checks_today(tmp_path: Path) -> None:
    need_groovy()
    nowhere = {"DATABASE_URL": f"host=127.0.0.1 port={hold_port()} dbname=any user=any"}
    by_hand, by_cron = run_jobs(
        tmp_path,
        Jobs([("drift-monitor", {})], nowhere, by_hand=True),
        Jobs([("drift-monitor", {})], nowhere),
    )
    scripts = [run.last("drift-monitor").shells[0][1] for run in (by_hand, by_cron)]
    assert scripts == ["python -m jenkins.drift check --now", "python -m jenkins.drift check"]


@pytest.mark.long
def test_a_drift_night_ends_with_a_new_version(site: Site, drift_night: Run) -> None:
    monitor, retraining = drift_night.builds
    assert (monitor.job, retraining.job) == ("drift-monitor", "retrain")
    assert (monitor.result, retraining.result) == ("SUCCESS", "SUCCESS"), monitor.log + retraining.log
    assert retraining.parameters["REASON"] == "drift, drift-monitor #1"
    assert retraining.stages == dict.fromkeys(STAGES, "SUCCESS")
    version = site.served()
    assert (site.alias(PRODUCTION), site.alias(PREVIOUS)) == (version, 2)
    assert version > 2
    assert site.registry.model_version(version).tags[RETRAINING_REASON_TAG] == "drift, drift-monitor #1"
    assert "retraining #1: SUCCESS" in (monitor.description or "")
    assert verdict(drift_night, monitor, "run/drift/verdict.json")["exit_status"] == 10


@pytest.mark.long
def test_drift_a_short_time_after_a_retraining_is_for_a_person(
    stack: LiveStack, site: Site, drift_night: Run, tmp_path: Path
) -> None:
    assert drift_night.last("retrain").result == "SUCCESS"
    version = site.served()
    ask(stack, site, younger(recent_applications(stack)))
    run = night(site, tmp_path)
    build = run.last("drift-monitor")
    assert build.result == "UNSTABLE", build.log
    assert build.stages == {"Check": "UNSTABLE", "Retrain": "SKIPPED", GIVE_BACK: "SKIPPED"}
    assert [built.job for built in run.builds] == ["drift-monitor"]
    assert "the last retraining because of drift was on" in (build.description or "")
    assert (site.alias(PRODUCTION), site.served()) == (version, version)


@pytest.mark.long
def test_values_that_can_not_be_are_a_fault_and_no_reason_to_retrain(
    stack: LiveStack, site: Site, drift_night: Run, tmp_path: Path
) -> None:
    assert drift_night.last("retrain").result == "SUCCESS"
    rows = recent_applications(stack)
    rows[:, FEATURE_NAMES.index("Client_Income")] *= 1_000
    ask(stack, site, rows)
    run = night(site, tmp_path)
    build = run.last("drift-monitor")
    assert build.result == "FAILURE", build.log
    assert "data-quality fault" in build.log
    assert "Client_Income" in (build.description or "")
    assert [built.job for built in run.builds] == ["drift-monitor"]


@pytest.mark.long
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
