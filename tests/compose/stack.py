"""The stack of `docker-compose.yml` on a Docker engine: a clone of the project, and what compose does in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from fraud.api_keys import bearer
from tests.compose.compose_file import ROOT

PROJECT = "scoring-stack-test"
PAGE = ROOT / "docs/how-to/docker.md"
BUILD_TIMEOUT_S = 1200.0
UP_TIMEOUT_S = 420.0
COMMAND_TIMEOUT_S = 300.0
SMALL = {"REFERENCE_SCALE": "0.05", "SERVE_CPUS": "1", "TRAIN_CPUS": "2"}
PORTS = {"PUBLISHED_PORT": "18000", "JENKINS_PORT": "18080", "GRAFANA_PORT": "13000"}
"""Not the usual ones: `.env` decides."""


def missing() -> str | None:
    """Why there is nothing to test with; None when there is."""
    if shutil.which("docker") is None:
        return "no Docker here: run `make stack-test`"
    for command in (("docker", "version"), ("docker", "compose", "version")):
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return f"no Docker engine here: `{' '.join(command)}` fails; run `make stack-test`"
    return None


def block(first_line: str) -> str:
    """A block of the page for operators, by its first line."""
    found = re.search(rf"```\w*\n({re.escape(first_line)}\n.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None, f"{PAGE.name} has no block that begins with {first_line!r}"
    return found[1]


@dataclass(frozen=True)
class Stack:
    """A clone with `.env`, as a person has it."""

    folder: Path

    @property
    def url(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{PORTS['PUBLISHED_PORT']}"

    @property
    def secrets(self) -> dict[str, str]:
        """What is in `.env`."""
        return {name: value or "" for name, value in dotenv_values(self.folder / ".env").items()}

    @property
    def key(self) -> dict[str, str]:
        """The header that shows the key of our own client."""
        return dict(bearer(self.secrets["SCORING_API_KEY"]))

    def set(self, **values: str) -> None:
        """Write lines of `.env`, in place of those that were there."""
        file = self.folder / ".env"
        kept = [line for line in file.read_text().splitlines() if line.split("=")[0] not in values]
        file.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in values.items())]) + "\n")

    def override(self, text: str | None) -> None:
        """Write `docker-compose.override.yml`, or remove it."""
        file = self.folder / "docker-compose.override.yml"
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)

    def compose(
        self, *arguments: str, stdin: str | None = None, project: str = PROJECT, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run compose, as it is run by hand in the clone."""
        override = self.folder / "docker-compose.override.yml"
        files = os.environ.get("COMPOSE_FILE", "docker-compose.yml") + (f":{override}" if override.exists() else "")
        return subprocess.run(
            ("/usr/bin/env", "docker", "compose", "--project-name", project, *arguments),
            cwd=self.folder,
            env={**os.environ, "COMPOSE_FILE": files},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def run(self, *arguments: str, **options: Any) -> str:
        """Output of compose, which must succeed."""
        done = self.compose(*arguments, **options)
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    def up(self, *services: str) -> None:
        """Start services, and return when they are healthy."""
        self.run("up", "--detach", *services, timeout_s=UP_TIMEOUT_S)

    def execute(self, service: str, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a service's container."""
        given = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        return self.compose("exec", "--no-TTY", *given, service, *command)

    def containers(self) -> dict[str, dict[str, Any]]:
        """Service -> what compose says about its container."""
        lines = self.run("ps", "--all", "--format", "json").splitlines()
        return {state["Service"]: state for state in map(json.loads, lines)}

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine says about a service's container."""
        identity = self.run("ps", "--all", "--quiet", service).strip()
        (found,) = json.loads(docker("inspect", identity))
        return dict(found)

    def records(self) -> int:
        """How many answers are on record."""
        psql = ("psql", "--username=postgres", "--dbname=marriage_loans", "--tuples-only", "--command")
        counted = self.execute("postgres", *psql, "SELECT count(*) FROM prediction_logs")
        return int(counted.stdout)


def docker(*arguments: str) -> str:
    """Output of the engine's client, which must succeed."""
    done = subprocess.run(
        ("/usr/bin/env", "docker", *arguments), capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clone_into(folder: Path) -> Stack:
    """A clone of the project with what is in the work tree, as `make env` leaves it."""
    git = ("/usr/bin/env", "git", "-C", str(ROOT))
    listed = subprocess.run(
        (*git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"), capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    subprocess.run(["/usr/bin/env", "make", "--silent", "env"], cwd=folder, check=True)
    return Stack(folder)
