"""The controller's configuration: secure by what it says, and in one piece with the pipelines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.jenkins.pipeline_runs import PIPELINES, ROOT, Jobs, need_groovy, run_groovy, run_jobs

Call = tuple[str, list[Any], list[Any]]
"""Name, arguments, and the calls within its block."""

SCHEMA = Path(__file__).with_name("casc_schema.json")
NAMES = sorted(path.stem for path in PIPELINES.glob("*.Jenkinsfile"))


@pytest.fixture(scope="module")
def casc() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "jenkins" / "casc.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def jobs(casc: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Call]]:
    """The calls within each job by the job's name, as the Job DSL script makes them."""
    need_groovy()
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "script").write_text(casc["jobs"][0]["script"])
    run_groovy("JobDsl", folder / "script", folder / "report.json", PIPELINES_DIR=str(PIPELINES))
    return {name: calls for _, (name,), calls in json.loads((folder / "report.json").read_text())}


def arguments_of(calls: list[Call], wanted: str) -> list[list[Any]]:
    """Of every call of that name, however deep it is."""
    found = []
    for name, arguments, within in calls:
        found += [arguments] if name == wanted else []
        found += arguments_of(within, wanted)
    return found


def test_the_configuration_has_known_keys_and_values_only(casc: dict[str, Any]) -> None:
    jsonschema.validate(casc, json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("jenkins", "numExecutors"), 2),
        (("jenkins", "slaveAgentPort"), 50000),
        (("jenkins", "securityRealm", "local", "allowsSignup"), True),
        (("jenkins", "securityRealm", "local", "users", 0, "password"), "admin"),
        (("jenkins", "securityRealm", "local", "users", 0, "password"), "${JENKINS_ADMIN_PASSWORD:-admin}"),
        (("jenkins", "authorizationStrategy", "loggedInUsersCanDoAnything", "allowAnonymousRead"), True),
        (("jenkins", "authorizationStrategy"), "unsecured"),
        (("jenkins", "crumbIssuer"), None),
        (("jenkins", "numExecutor"), 0),
    ],
)
def test_the_schema_knows_what_is_insecure_or_misspelled(
    casc: dict[str, Any], path: tuple[str | int, ...], value: object
) -> None:
    changed: Any = json.loads(json.dumps(casc))
    *way, last = path
    place = changed
    for step in way:
        place = place[step]
    place[last] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, json.loads(SCHEMA.read_text()))


def test_the_jobs_are_the_pipelines_in_the_sandbox(jobs: dict[str, list[Call]]) -> None:
    assert sorted(jobs) == NAMES
    for name, calls in jobs.items():
        assert arguments_of(calls, "script") == [[(PIPELINES / f"{name}.Jenkinsfile").read_text()]]
        assert arguments_of(calls, "sandbox") == [[True]]


def test_schedules_and_parameters_are_those_of_the_pipelines(jobs: dict[str, list[Call]], tmp_path: Path) -> None:
    # Parameters that are refused: every pipeline declares what it has and does no more.
    hostile = {"retrain": {"TODAY": "x"}, "test-retraining": {"MONTHS": "x"}}
    nothing = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    runs = run_jobs(tmp_path, *(Jobs([(name, hostile.get(name, {}))], nothing) for name in NAMES))
    for name, run in zip(NAMES, runs, strict=True):
        declared = run.last(name).declared
        calls = jobs[name]
        assert [spec for (spec,) in arguments_of(calls, "spec")] == declared.get("cron", [])
        parameters = {parameter: default for parameter, default, _ in arguments_of(calls, "stringParam")}
        assert parameters == declared["parameters"]
        assert len(arguments_of(calls, "disableConcurrentBuilds")) == 1
        assert "disableConcurrentBuilds" in declared["options"]
        assert {"timeout", "buildDiscarder"} <= set(declared["options"])
        assert run.last(name).result == "FAILURE", "nothing answers, so nothing may pass"


def test_one_lock_is_declared_and_used(casc: dict[str, Any]) -> None:
    declared = casc["unclassified"]["lockableResourcesManager"]["declaredResources"]
    used = {lock for name in NAMES for lock in re.findall(r"lock\('(.*?)'\)", source(name))}
    assert {resource["name"] for resource in declared} == used == {"production-model"}
    assert {name for name in NAMES if "lock(" in source(name)} == {"drift-monitor", "retrain", "rollback"}


def test_each_schedule_has_one_cron() -> None:
    assert {name: len(re.findall(r"\bcron\(", source(name))) for name in NAMES} == {
        "drift-monitor": 1,
        "retrain": 1,
        "rollback": 0,
        "test-retraining": 0,
    }


def test_every_plugin_is_pinned_once() -> None:
    lines = (ROOT / "jenkins" / "plugins.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+:[0-9][\w.-]*", pin) for pin in pins)
    names = [pin.split(":")[0] for pin in pins]
    assert names == sorted(set(names))


@pytest.mark.parametrize(
    ("step", "plugin"),
    [
        ("readJSON", "pipeline-utility-steps"),
        ("publishHTML", "htmlpublisher"),
        ("junit", "junit"),
        ("lock", "lockable-resources"),
        ("build", "pipeline-build-step"),
        ("timestamps", "timestamper"),
        ("sh", "workflow-durable-task-step"),
        ("archiveArtifacts", "workflow-basic-steps"),
    ],
)
def test_the_plugin_of_every_step_is_installed(step: str, plugin: str) -> None:
    assert any(re.search(rf"\b{step}\b", source(name)) for name in NAMES)
    assert f"\n{plugin}:" in (ROOT / "jenkins" / "plugins.txt").read_text()


def source(name: str) -> str:
    """The pipeline without its comments."""
    text = (PIPELINES / f"{name}.Jenkinsfile").read_text()
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))
