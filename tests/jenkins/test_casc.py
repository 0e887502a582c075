"""The controller's configuration: secure by what it says, and in one piece with the pipelines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.jenkins.pipeline_runs import PIPELINES, ROOT, Jobs, need_groovy, run_jobs

SCHEMA = Path(__file__).with_name("casc_schema.json")
NAMES = sorted(path.stem for path in PIPELINES.glob("*.Jenkinsfile"))


@pytest.fixture(scope="module")
def casc() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "jenkins" / "casc.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def jobs(casc: dict[str, Any]) -> dict[str, str]:
    """The Job DSL of each job by its name."""
    found = re.split(r"^pipelineJob\('([\w-]+)'\) \{\n", casc["jobs"][0]["script"], flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def test_it_has_known_keys_and_values_only(casc: dict[str, Any]) -> None:
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


def test_the_jobs_are_the_pipelines(jobs: dict[str, str]) -> None:
    assert sorted(jobs) == NAMES
    for name, body in jobs.items():
        assert f"script(pipeline('{name}')); sandbox(true)" in body


def test_schedules_and_parameters_are_those_of_the_pipelines(jobs: dict[str, str], tmp_path: Path) -> None:
    need_groovy()
    # Parameters that are refused: every pipeline declares what it has and does no more.
    hostile = {"retrain": {"TODAY": "x"}, "test-retraining": {"MONTHS": "x"}}
    nothing = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    runs = run_jobs(tmp_path, *(Jobs([(name, hostile.get(name, {}))], nothing) for name in NAMES))
    for name, run in zip(NAMES, runs, strict=True):
        declared = run.last(name).declared
        assert re.findall(r"spec\('(.*)'\)", jobs[name]) == declared.get("cron", [])
        parameters = dict(re.findall(r"stringParam\('(\w+)', '(\w*)'", jobs[name]))
        assert parameters == declared["parameters"]
        assert ("disableConcurrentBuilds" in jobs[name]) == ("disableConcurrentBuilds" in declared["options"])
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
