"""`docker compose up` on a fresh clone: everything starts in order, scores, and is stopped without loss."""

from __future__ import annotations

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE
from tests.compose.compose_file import raw_project
from tests.compose.stack import PORTS, Stack, missing
from tests.live_stack import wait_until

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]
USUAL = {name for name, service in raw_project()["services"].items() if "profiles" not in service}


def test_every_service_becomes_healthy_and_training_ends_well(docker_stack: Stack) -> None:
    def all_healthy() -> bool:
        states = docker_stack.containers()
        return all(states[name]["Health"] == "healthy" for name in USUAL - {"mlflow-train"})

    wait_until(all_healthy, 300, "every service is healthy, Jenkins's agent connected")
    states = docker_stack.containers()
    assert set(states) == USUAL
    assert (states["mlflow-train"]["State"], states["mlflow-train"]["ExitCode"]) == ("exited", 0)


def test_only_server_and_jenkins_are_published_at_the_ports_of_the_env_file(docker_stack: Stack) -> None:
    published = {
        (name, port["URL"], str(port["PublishedPort"]))
        for name, state in docker_stack.containers().items()
        for port in state["Publishers"] or []
        if port["PublishedPort"]
    }
    local = "127.0.0.1"
    assert published == {
        ("fastapi", local, PORTS["PUBLISHED_PORT"]),
        ("jenkins", local, PORTS["JENKINS_PORT"]),
    }


def test_an_answer_is_on_record_and_survives_a_restart(docker_stack: Stack) -> None:
    before = docker_stack.records()
    answer = _predict(docker_stack)
    assert answer.status_code == 200, answer.text
    docker_stack.run("restart", "fastapi")
    _wait_for_server(docker_stack)
    assert docker_stack.records() == before + 1
    assert _predict(docker_stack).json() == answer.json()


def test_a_new_container_serves_while_database_and_registry_are_stopped(docker_stack: Stack) -> None:
    docker_stack.run("stop", "mlflow-server", "postgres")
    try:
        docker_stack.run("up", "--detach", "--no-deps", "--force-recreate", "fastapi")
        _wait_for_server(docker_stack)
        assert _predict(docker_stack).status_code == 200
    finally:
        docker_stack.up()


def test_mlflow_is_reached_through_the_server_with_its_password_only(docker_stack: Stack) -> None:
    page = docker_stack.url + "/mlflow/"
    assert httpx.get(page).status_code == 401
    assert httpx.get(page, auth=("admin", docker_stack.secrets["ADMIN_PASSWORD"]), timeout=30).status_code == 200
    assert httpx.get(f"http://127.0.0.1:{PORTS['JENKINS_PORT']}/login").status_code == 200


def test_an_auditor_finds_the_record_whole(docker_stack: Stack) -> None:
    login = {"AUDITOR_DB_PASSWORD": docker_stack.secrets["AUDITOR_DB_PASSWORD"]}
    audited = docker_stack.execute("fastapi", "python", "-m", "serve.audit", "verify", **login)
    assert audited.returncode == 0, audited.stdout + audited.stderr


def test_a_change_of_the_env_file_reaches_the_services_by_up(docker_stack: Stack) -> None:
    docker_stack.set(DESK_DUE_DAYS="11")
    docker_stack.up()
    assert "DESK_DUE_DAYS=11" in docker_stack.inspect("fastapi")["Config"]["Env"]


def test_no_service_is_refused_a_file_that_it_writes(docker_stack: Stack) -> None:
    logs = docker_stack.run("logs", "--no-color")
    refused = [line for line in logs.splitlines() if "Read-only file system" in line or "Permission denied" in line]
    assert refused == []


def _predict(stack: Stack) -> httpx.Response:
    return httpx.post(stack.url + "/predict", json=EXAMPLE_INSTANCE, headers=stack.key, timeout=30)


def _wait_for_server(stack: Stack) -> None:
    wait_until(lambda: stack.containers()["fastapi"]["Health"] == "healthy", 120, "the server is healthy")
