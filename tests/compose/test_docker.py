"""`docker compose up` on a fresh clone: everything starts in order, scores, and is stopped without loss.

Needs a Docker engine and free ports 8000 and 8080; run by `make stack-test`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from dotenv import dotenv_values

from fraud.api_keys import bearer
from fraud.features import EXAMPLE_INSTANCE
from tests.compose.compose_file import ROOT, raw_project
from tests.live_stack import wait_until

URL = "http://127.0.0.1:8000"
PROJECT = "scoring-stack-test"
COMPOSE = ("docker", "compose", "--project-name", PROJECT)
ANSWERED_RECORDS = "SELECT count(*) FROM prediction_logs"


def missing() -> str | None:
    """Why there is nothing to test with; None when there is."""
    if shutil.which("docker") is None:
        return "no Docker here: install docker and its compose plugin"
    for command in (("docker", "version"), ("docker", "compose", "version")):
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return f"no Docker engine here: `{' '.join(command)}` fails"
    return None


pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh clone, with everything up; nothing of it is left afterwards."""
    folder = tmp_path_factory.mktemp("clone") / "clone"
    subprocess.run(["/usr/bin/env", "git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    subprocess.run(["/usr/bin/env", "make", "--silent", "env"], cwd=folder, check=True)
    try:
        subprocess.run(
            [*COMPOSE, "up", "--build", "--detach"],
            cwd=folder,
            check=True,
            env={**os.environ, "REFERENCE_SCALE": "0.05", "SERVE_CPUS": "1", "TRAIN_CPUS": "1"},
        )
        yield folder
    finally:
        subprocess.run([*COMPOSE, "logs", "--tail", "50"], cwd=folder, check=False)
        subprocess.run([*COMPOSE, "down", "--volumes", "--timeout", "90"], cwd=folder, check=False)


def compose(folder: Path, *arguments: str) -> str:
    done = subprocess.run([*COMPOSE, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def containers(folder: Path) -> dict[str, dict[str, Any]]:
    lines = compose(folder, "ps", "--all", "--format", "json").splitlines()
    return {state["Service"]: state for state in map(json.loads, lines)}


def records(folder: Path) -> int:
    psql = ("psql", "--username=postgres", "--dbname=marriage_loans", "--tuples-only", "--command")
    return int(compose(folder, "exec", "--no-TTY", "postgres", *psql, ANSWERED_RECORDS))


def test_every_service_is_healthy_and_training_has_ended_well(clone: Path) -> None:
    def all_healthy() -> bool:
        states = containers(clone)
        return all(states[name]["Health"] == "healthy" for name in states if name != "mlflow-train")

    wait_until(all_healthy, 300, "every service is healthy, Jenkins's agent connected")
    states = containers(clone)
    assert set(states) == set(raw_project()["services"])
    assert (states["mlflow-train"]["State"], states["mlflow-train"]["ExitCode"]) == ("exited", 0)


def test_only_server_and_jenkins_are_reached_from_outside(clone: Path) -> None:
    published = {
        (name, port["PublishedPort"])
        for name, state in containers(clone).items()
        for port in state["Publishers"]
        if port["PublishedPort"]
    }
    assert published == {("fastapi", 8000), ("jenkins", 8080)}


def test_an_answer_is_on_record_and_survives_a_restart(clone: Path) -> None:
    secrets = dotenv_values(clone / ".env")
    key = bearer(secrets["SCORING_API_KEY"])
    before = records(clone)
    answer = httpx.post(URL + "/predict", json=EXAMPLE_INSTANCE, headers=key, timeout=30)
    assert answer.status_code == 200, answer.text
    compose(clone, "restart", "fastapi")
    wait_until(lambda: containers(clone)["fastapi"]["Health"] == "healthy", 120, "the server is back")
    assert records(clone) == before + 1
    assert httpx.post(URL + "/predict", json=EXAMPLE_INSTANCE, headers=key, timeout=30).json() == answer.json()
    assert httpx.get(URL + "/mlflow/").status_code == 401
    password = secrets["ADMIN_PASSWORD"] or ""
    assert httpx.get(URL + "/mlflow/", auth=("admin", password), timeout=30).status_code == 200
    assert httpx.get("http://127.0.0.1:8080/login").status_code == 200
