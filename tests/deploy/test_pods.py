"""Every pod keeps its rules, each rule finds its own fault, and what manifests name is there."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from fraud.settings import Settings
from serve.access.authorization import OPEN_PATHS
from tests.compose import dockerfile
from tests.compose.compose_file import ENV_EXAMPLE, ROOT, raw_project
from tests.deploy.manifests import OVERLAYS, Workload, kserve_workload, manifests, of_kind, workloads
from tests.deploy.pod_rules import findings
from tests.test_documents import runnable

SETTINGS = of_kind(manifests("everything"), "ConfigMap")
ALL = [*workloads(manifests("everything")), kserve_workload()]
CONTAINERS = [
    pytest.param(workload, container, id=f"{workload.name}-{container['name']}")
    for workload in ALL
    for container in workload.containers()
]
OF_LIBRARIES = {"OMP_NUM_THREADS"}
NOT_OURS = {"postgres", "controller"}
"""Containers whose program, and so its variables, are somebody else's."""
MAKES_A_FOLDER = ["install", "-d", "-m", "0700"]
BUILDS = {service["image"]: service["build"] for service in raw_project()["services"].values() if "build" in service}

Fault = Callable[[dict[str, Any]], object]


def workload(name: str) -> Workload:
    return copy.deepcopy(next(found for found in ALL if found.name == name))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_keeps_every_rule(overlay: str) -> None:
    assert [finding for found in workloads(manifests(overlay)) for finding in findings(found)] == []


def test_a_pod_of_kserve_keeps_every_rule() -> None:
    assert findings(kserve_workload()) == []


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        (lambda p: p["securityContext"].pop("runAsNonRoot"), "has no user of its own, by number"),
        (lambda p: p["securityContext"].update(runAsUser=0), "has no user of its own, by number"),
        (lambda p: p["securityContext"].pop("seccompProfile"), "may make any system call"),
        (lambda p: p.update(hostPID=True), "shares the node's namespaces"),
        (lambda p: p.pop("automountServiceAccountToken"), "gets a login to Kubernetes"),
        (lambda p: p.pop("enableServiceLinks"), "gets variables that Kubernetes makes of services"),
        (lambda p: p.pop("terminationGracePeriodSeconds"), "has no time to stop"),
        (lambda p: p["volumes"].append({"name": "x", "hostPath": {"path": "/"}}), "mounts a hostPath"),
        (lambda p: p["volumes"].append({"name": "x", "secret": {"secretName": "x"}}), "mounts a secret"),
        (lambda p: p["volumes"].append({"name": "x", "emptyDir": {}}), "volume x has no limit"),
        (lambda p: p["securityContext"].pop("fsGroupChangePolicy"), "has its volume opened to its group at each start"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_rule_for_pods_finds_its_fault(fault: Fault, finding: str) -> None:
    faulty = workload("scoring")
    fault(faulty.pod)
    assert findings(faulty) == [f"scoring: {finding}"]


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        (lambda c: c["securityContext"].pop("allowPrivilegeEscalation"), "may gain privileges"),
        (lambda c: c["securityContext"].update(privileged=True), "may gain privileges"),
        (lambda c: c["securityContext"]["capabilities"].update(add=["NET_ADMIN"]), "keeps capabilities"),
        (lambda c: c["securityContext"].pop("readOnlyRootFilesystem"), "writes to its root file system"),
        (lambda c: c["ports"][0].update(hostPort=8000), "takes a port of the node"),
        (lambda c: c["resources"].pop("limits"), "has no limits of processor and memory"),
        (lambda c: c["resources"]["requests"].pop("cpu"), "has no requests of processor and memory"),
        (lambda c: c.update(image="scoring:latest"), "image scoring:latest is not pinned"),
        (lambda c: c["env"].append({"name": "MLFLOW_DB_PASSWORD", "value": "x"}), "MLFLOW_DB_PASSWORD has a value"),
        (
            lambda c: c["env"].append(
                {"name": "TODAY", "valueFrom": {"secretKeyRef": {"name": "scoring-secrets", "key": "API_KEYS"}}}
            ),
            "TODAY is another secret's",
        ),
        (lambda c: c["envFrom"].append({"secretRef": {"name": "scoring-secrets"}}), "gets every secret"),
        (lambda c: c["volumeMounts"].append({"name": "x", "mountPath": "/x"}), "mounts x, which is not there"),
        (lambda c: c.pop("livenessProbe"), "has no livenessProbe"),
        (lambda c: c["readinessProbe"]["httpGet"].update(port=1), "readinessProbe asks a port that is not there"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_rule_for_containers_finds_its_fault(fault: Fault, finding: str) -> None:
    faulty = workload("scoring")
    fault(faulty.pod["containers"][0])
    assert findings(faulty) == [f"scoring: {finding}"]


@pytest.mark.parametrize(("found", "container"), CONTAINERS)
def test_an_image_is_one_that_compose_builds_and_its_user_the_same(found: Workload, container: dict[str, Any]) -> None:
    build = BUILDS[container["image"]]
    user = dockerfile.read(ROOT / build["dockerfile"]).user_of(build.get("target"))
    context = found.pod["securityContext"]
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context.get("fsGroup", context["runAsGroup"]) == context["runAsGroup"]


@pytest.mark.parametrize(("found", "container"), CONTAINERS)
def test_every_command_is_a_module_of_ours(found: Workload, container: dict[str, Any]) -> None:
    command = container.get("command")
    if command is None:  # the image's own: PostgreSQL, Jenkins and its agent
        assert container["name"] in {"postgres", "controller", "agent"}
    elif command[0] == "install":
        folder = command[-1]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        seen = {
            (mount["name"], mount.get("subPath"))
            for later in found.pod["containers"]
            for mount in later["volumeMounts"]
        }
        assert command[:-1] == MAKES_A_FOLDER
        assert any((name, folder.removeprefix(f"{path}/")) in seen for name, path in mounts.items())
    else:
        assert command[:2] == ["python", "-m"]
        assert runnable(command[2])


@pytest.mark.parametrize(("found", "container"), CONTAINERS)
def test_every_variable_that_a_program_of_ours_gets_is_a_setting(found: Workload, container: dict[str, Any]) -> None:
    given = {variable["name"] for variable in container.get("env", [])}
    for source in container.get("envFrom", []):
        given |= set(SETTINGS[source["configMapRef"]["name"]]["data"])
    if container["name"] not in NOT_OURS:
        assert given - OF_LIBRARIES <= {name.upper() for name in Settings.model_fields}, found.name


def test_every_secret_is_one_that_make_env_makes() -> None:
    known = {line.lstrip("#").partition("=")[0] for line in ENV_EXAMPLE.read_text().splitlines() if "=" in line}
    for found in ALL:
        for container in found.containers():
            for variable in container.get("env", []):
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                assert reference is None or reference["key"] in known


def test_each_container_gets_its_own_logins_and_no_other() -> None:
    passwords = {
        (found.name, container["name"]): {
            variable["name"] for variable in container.get("env", []) if variable["name"].endswith("PASSWORD")
        }
        for found in ALL
        for container in found.containers()
    }
    tasks = {"SERVER_DB_PASSWORD", "TRAINER_DB_PASSWORD", "ADMIN_PASSWORD"}
    assert {name: given for name, given in passwords.items() if given} == {
        ("postgres", "postgres"): {"POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD"},
        ("mlflow-server", "mlflow"): {"MLFLOW_DB_PASSWORD"},
        ("first-model", "initdb"): {  # makes the roles, whose passwords it sets
            *("POSTGRES_PASSWORD", "SERVER_DB_PASSWORD", "TRAINER_DB_PASSWORD"),
            *("AUDITOR_DB_PASSWORD", "DESK_DB_PASSWORD", "MLFLOW_DB_PASSWORD"),
        },
        ("first-model", "train"): {"TRAINER_DB_PASSWORD"},
        ("scoring", "scoring"): {"SERVER_DB_PASSWORD", "DESK_DB_PASSWORD", "ADMIN_PASSWORD"},
        ("kserve-scoring", "kserve-container"): {"SERVER_DB_PASSWORD", "ADMIN_PASSWORD"},
        ("drift-monitor", "task"): tasks,
        ("retrain", "task"): tasks,
        ("rewrite-erased", "task"): {"POSTGRES_PASSWORD"},
        ("jenkins", "controller"): {"JENKINS_ADMIN_PASSWORD"},
        ("jenkins", "agent"): tasks,
    }


@pytest.mark.parametrize("name", ["scoring", "kserve-scoring"])
def test_probes_of_a_server_ask_what_is_open_to_all(name: str) -> None:
    (container,) = workload(name).pod["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in OPEN_PATHS


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_in_a_rendered_file_is_a_secret_s_value(overlay: str) -> None:
    assert of_kind(manifests(overlay), "Secret") == {}


def test_threads_follow_the_limit() -> None:
    # A limit on their time leaves a container the node's cores.
    for found in ALL:
        for container in found.containers():
            for variable in container.get("env", []):
                if variable["name"] in {"SERVE_WORKERS", "TRAIN_THREADS", "OMP_NUM_THREADS"}:
                    assert variable["valueFrom"] == {"resourceFieldRef": {"resource": "limits.cpu"}}
                    assert float(container["resources"]["limits"]["cpu"]).is_integer()
