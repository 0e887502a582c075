"""The compose file keeps its rules, and each rule finds its own fault."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from fraud.settings import Settings
from tests.compose import dockerfile
from tests.compose.compose_file import COMPOSE_FILE, ROOT, MissingVariable, project, raw_project, required_variables
from tests.compose.compose_rules import findings

DOCKERFILES = {
    str(path.relative_to(ROOT)): dockerfile.read(path)
    for part in ("initdb", "serve", "train", "fraud", "jenkins")
    for path in (ROOT / part).rglob("Dockerfile")
}
OF_LIBRARIES = {
    "OMP_NUM_THREADS",
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"),
}
"""Variables that libraries of ours read."""
NOT_OURS = {"postgres", "jenkins", "prometheus", "grafana"}
"""Services whose program is somebody else's."""

Fault = Callable[[dict[str, Any]], object]


def test_the_file_is_valid_compose() -> None:
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    checked = subprocess.run(schema, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_file_keeps_every_rule() -> None:
    assert findings(raw_project(), DOCKERFILES) == []


@pytest.mark.parametrize(
    ("service", "fault", "finding"),
    [
        ("postgres", lambda s: s.update(ports=["5432:5432"]), "publishes 5432:5432"),
        ("fastapi", lambda s: s["ports"].append("9000:9000"), "publishes 9000:9000"),
        ("fastapi", lambda s: s.update(ports=["8000:22"]), "publishes 8000:22"),
        ("fastapi", lambda s: s.update(ports=["0.0.0.0:8000:8000"]), "publishes 0.0.0.0:8000:8000"),
        ("mlflow-server", lambda s: s["networks"].append("published"), "is in a network that it has no port for"),
        ("fastapi", lambda s: s.update(network_mode="host"), "leaves the project's networks"),
        ("fastapi", lambda s: s.update(privileged=True), "has rights of the host"),
        ("fastapi", lambda s: s.pop("cap_drop"), "keeps capabilities"),
        ("fastapi", lambda s: s.pop("security_opt"), "may gain privileges"),
        ("fastapi", lambda s: s.pop("read_only"), "writes to its root file system"),
        ("fastapi", lambda s: s.update(user="0:0"), "runs as root"),
        ("fastapi", lambda s: [s.pop("mem_limit"), s.pop("memswap_limit")], "has no mem_limit"),
        ("fastapi", lambda s: s.pop("memswap_limit"), "may swap, which no limit bounds"),
        ("fastapi", lambda s: s.pop("logging"), "has a log without end"),
        (
            "fastapi",
            lambda s: s["healthcheck"].update(test=["CMD", "python", "-c", "0"]),
            "starts a Python for each health check",
        ),
        ("fastapi", lambda s: s.pop("cpus"), "has no cpus"),
        ("fastapi", lambda s: s.pop("healthcheck"), "has no health check"),
        ("fastapi", lambda s: s.pop("restart"), "stays down after a crash"),
        ("fastapi", lambda s: s.pop("stop_grace_period"), "has no stop_grace_period"),
        (
            "fastapi",
            lambda s: s["depends_on"].update({"mlflow-train": {"condition": "service_started"}}),
            "does not wait until mlflow-train is ready",
        ),
        (
            "jenkins",
            lambda s: s["volumes"].append("/var/run/docker.sock:/var/run/docker.sock"),
            "mounts the engine's socket",
        ),
        ("jenkins", lambda s: s["volumes"].append("./jobs:/jobs"), "mounts ./jobs of the host"),
        (
            "fastapi",
            lambda s: s["environment"].update(ADMIN_PASSWORD="admin"),
            "ADMIN_PASSWORD has a value or a default",
        ),
        (
            "fastapi",
            lambda s: s["environment"].update(ADMIN_PASSWORD="${ADMIN_PASSWORD:-admin}"),
            "ADMIN_PASSWORD has a value or a default",
        ),
        ("fastapi", lambda s: s.update(env_file=".env"), "gets every variable of a file"),
        (
            "fastapi",
            lambda s: s["build"].update(args={"TOKEN": "x"}),
            "builds with arguments, which stay in the image's history",
        ),
        ("fastapi", lambda s: s.update(image="scoring:latest"), "image scoring:latest is not pinned"),
        ("fastapi", lambda s: s.update(image="scoring"), "image scoring is not pinned"),
        ("grafana", lambda s: s.update(image="grafana/grafana:latest"), "image grafana/grafana:latest is not pinned"),
        ("grafana", lambda s: s.pop("profiles"), "is somebody else's image that starts unasked"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_rule_finds_its_fault(service: str, fault: Fault, finding: str) -> None:
    faulty = raw_project()
    fault(faulty["services"][service])
    assert findings(faulty, DOCKERFILES) == [f"{service}: {finding}"]


def test_a_network_that_reaches_the_outside_is_found() -> None:
    faulty = raw_project()
    faulty["networks"]["inside"] = {}
    assert findings(faulty, DOCKERFILES) == ["network inside: reaches the outside"]


def test_a_network_that_lets_services_out_unasked_is_found() -> None:
    faulty = raw_project()
    faulty["networks"]["published"] = None
    assert findings(faulty, DOCKERFILES) == [
        "network published: reaches the outside, whether anybody asked for it or not"
    ]


def test_a_variable_that_opens_two_services_is_found() -> None:
    faulty = raw_project()
    faulty["services"]["jenkins"]["ports"] = ["${PUBLISHED_ADDRESS:-127.0.0.1}:${JENKINS_PORT:-8080}:8080"]
    assert findings(faulty, DOCKERFILES) == ["services: one variable opens several of them"]


def test_without_its_secrets_compose_stops_and_says_what_to_do() -> None:
    for name in required_variables():
        with pytest.raises(MissingVariable, match=rf"{name}: run `make env` first"):
            project({other: value for other, value in required_variables().items() if other != name})


def test_every_variable_that_a_program_of_ours_gets_is_a_setting() -> None:
    settings = {name.upper() for name in Settings.model_fields}
    for name, service in raw_project()["services"].items():
        if name not in NOT_OURS:
            assert set(service["environment"]) - OF_LIBRARIES <= settings, name


def test_each_service_gets_its_own_logins_and_no_other() -> None:
    passwords = {
        name: {
            variable for variable, value in service["environment"].items() if variable.endswith("PASSWORD") and value
        }
        for name, service in project(required_variables())["services"].items()
    }
    assert passwords == {
        "postgres": {"POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD"},
        "mlflow-server": {"MLFLOW_DB_PASSWORD"},
        "mlflow-train": {  # makes the roles, whose passwords it sets
            *("POSTGRES_PASSWORD", "SERVER_DB_PASSWORD", "TRAINER_DB_PASSWORD"),
            *("AUDITOR_DB_PASSWORD", "DESK_DB_PASSWORD", "MLFLOW_DB_PASSWORD"),
        },
        "fastapi": {"SERVER_DB_PASSWORD", "DESK_DB_PASSWORD", "ADMIN_PASSWORD"},
        "jenkins": {"JENKINS_ADMIN_PASSWORD"},
        "prometheus": set(),
        "grafana": {"GF_SECURITY_ADMIN_PASSWORD"},
        "jenkins-agent": {"SERVER_DB_PASSWORD", "TRAINER_DB_PASSWORD", "ADMIN_PASSWORD"},
    }


def test_the_agent_is_owner_of_the_database_only_if_somebody_wants_it() -> None:
    usual = project(required_variables())["services"]["jenkins-agent"]["environment"]
    assert not usual["POSTGRES_PASSWORD"]
    wanted = project({**required_variables(), "AGENT_OWNER_PASSWORD": "x"})["services"]["jenkins-agent"]["environment"]
    assert wanted["POSTGRES_PASSWORD"] == "x"


@pytest.mark.parametrize(
    ("service", "limit", "threads"),
    [
        ("fastapi", "SERVE_CPUS", ["SERVE_WORKERS"]),
        ("mlflow-train", "TRAIN_CPUS", ["TRAIN_THREADS", "OMP_NUM_THREADS"]),
        ("jenkins-agent", "TRAIN_CPUS", ["TRAIN_THREADS", "OMP_NUM_THREADS"]),
    ],
)
def test_threads_follow_the_limit(service: str, limit: str, threads: list[str]) -> None:
    # A limit on their time leaves a service the host's cores.
    filled = project({**required_variables(), limit: "3"})["services"][service]
    assert filled["cpus"] == 3
    assert [filled["environment"][name] for name in threads] == [3] * len(threads)


def test_a_stop_lasts_longer_than_open_requests_may_take() -> None:
    service = project(required_variables())["services"]["fastapi"]
    grace_s = int(service["stop_grace_period"].removesuffix("s"))
    drain_s = service["environment"]["DRAIN_TIMEOUT_S"]
    supervisor_s = drain_s + 5  # what the supervisor gives to the workers, to the shipper, and to a second shipper
    assert grace_s > 3 * supervisor_s
    assert drain_s == Settings.model_fields["drain_timeout_s"].default


def test_monitoring_mounts_exist_and_start_with_their_profile_only() -> None:
    whole = raw_project()
    for name in ("prometheus", "grafana"):
        service = whole["services"][name]
        assert service["profiles"] == ["observability"]
        for mounted in service["configs"]:
            assert (ROOT / whole["configs"][mounted["source"]]["file"]).is_file()
    assert not any("profiles" in service for name, service in whole["services"].items() if name not in NOT_OURS)


def test_records_that_wait_survive_a_new_container() -> None:
    service = raw_project()["services"]["fastapi"]
    mounted = {mount.split(":")[1]: mount.split(":")[0] for mount in service["volumes"]}
    assert mounted[service["environment"]["SPOOL_DIR"]] == "spool"
    assert mounted[service["environment"]["COMPILED_DIR"]] == "compiled"
