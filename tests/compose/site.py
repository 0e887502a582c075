"""The services of `docker-compose.yml`, each run from its image by its own entry point, on loopback.

Environment, mounts and health checks are the file's own; only names of hosts and ports become this machine's.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fraud.api_keys import bearer
from fraud.stack.ports import hold_port
from tests.compose.compose_file import project
from tests.compose.engine import Container, Engine, Image, stop
from tests.compose.env_file import copy_what_make_env_reads, make_env
from tests.live_stack import wait_until

LOOPBACK = "127.0.0.1"
HEALTH_TIMEOUT_S = 180.0
RUN_TIMEOUT_S = 900.0


@dataclass(frozen=True)
class Running:
    """A service that runs, and the file that its output goes to."""

    container: Container
    process: subprocess.Popen[bytes]
    log: Path


class Site:
    """One set of volumes, secrets and ports, and what runs on them."""

    def __init__(self, engine: Engine, images: dict[str, Image], folder: Path) -> None:
        copy_what_make_env_reads(folder)
        self.secrets = make_env(folder)
        self.services: dict[str, Any] = project(
            {**self.secrets, "REFERENCE_SCALE": "0.05", "SERVE_CPUS": "1", "TRAIN_CPUS": "2"}
        )["services"]
        self._engine = engine
        self._images = images
        self._folder = folder
        self._ports = {"postgres": hold_port(), "mlflow-server": hold_port(), "fastapi": hold_port()}
        self._running: dict[str, Running] = {}
        self._since = time.time()

    @property
    def url(self) -> str:
        """Address of the scoring server."""
        return f"http://{LOOPBACK}:{self._ports['fastapi']}"

    @property
    def key(self) -> dict[str, str]:
        """The header that shows the key of our own client."""
        return dict(bearer(self.secrets["SCORING_API_KEY"]))

    @property
    def tracking_uri(self) -> str:
        """Address of MLflow."""
        return f"http://{LOOPBACK}:{self._ports['mlflow-server']}/mlflow"

    @property
    def owner_dsn(self) -> str:
        """Connection string of the database's owner."""
        password = self.secrets["POSTGRES_PASSWORD"]
        return f"postgresql://postgres:{password}@{LOOPBACK}:{self._ports['postgres']}/marriage_loans"

    def start(self, name: str) -> None:
        """Start a service and return once its health check passes."""
        image = self._images[name]
        container = self._engine.container(image.name)
        arguments = image.arguments
        if name == "mlflow-server":
            own = f"{LOOPBACK}:{self._ports[name]}"
            arguments = ("--host", LOOPBACK, "--port", str(self._ports[name]), "--allowed-host", own)
        log = self._folder / f"{name}.log"
        with log.open("ab") as output:
            command = self._command(name, container, (*image.command, *arguments))
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        self._running[name] = Running(container, process, log)
        wait_until(lambda: self._healthy(name), HEALTH_TIMEOUT_S, f"{name} is healthy; see {log}")

    def run(self, name: str, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a service's image to its end: its entry point, or another command."""
        container = self._engine.container(self._images[name].name)
        inside = self._command(name, container, command or self._images[name].command, environment)
        done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=RUN_TIMEOUT_S)
        self._check_root(name, container)
        return done

    def stop(self, name: str, program: str) -> int:
        """Stop a service as an engine does; gives its exit status."""
        running = self._running.pop(name)
        grace_s = float(str(self.services[name]["stop_grace_period"]).removesuffix("s"))
        how = signal.Signals[self.services[name].get("stop_signal", "SIGTERM")]
        status = stop(running.process, program, how, grace_s)
        self._check_root(name, running.container)
        return status

    def log(self, name: str) -> str:
        """What a service has said."""
        return (self._folder / f"{name}.log").read_text()

    def volume(self, name: str) -> Path:
        """Where a named volume is on this machine."""
        return self._folder / "volumes" / name

    def close(self) -> None:
        """Stop what still runs."""
        programs = {"postgres": "postgres", "mlflow-server": "mlflow", "fastapi": "serve"}
        for name in reversed(list(self._running)):
            self.stop(name, programs[name])

    def _healthy(self, name: str) -> bool:
        running = self._running[name]
        assert running.process.poll() is None, f"{name} ended:\n{running.log.read_text()[-4000:]}"
        check = self.services[name]["healthcheck"]["test"]
        port = {"mlflow-server": "5000", "fastapi": "8000"}.get(name)
        texts = [text.replace("$$", "$") for text in check[1:]]
        local = [text.replace(port, str(self._ports[name])) if port else text for text in texts]
        command = self._command(name, running.container, local)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _command(
        self, name: str, container: Container, command: Sequence[str], environment: dict[str, str] | None = None
    ) -> list[str]:
        return container.command(
            command, {**self._environment(name), **(environment or {})}, self._mounts(name, container)
        )

    def _environment(self, name: str) -> dict[str, str]:
        ours = {key: str(value) for key, value in self.services[name]["environment"].items()}
        if name == "postgres":
            return {**ours, "PGPORT": str(self._ports["postgres"])}
        local = {"POSTGRES_HOST": LOOPBACK, "POSTGRES_PORT": str(self._ports["postgres"])}
        if "MLFLOW_TRACKING_URI" in ours:
            local["MLFLOW_TRACKING_URI"] = self.tracking_uri
        if "SERVE_HOST" in ours:
            local |= {"SERVE_HOST": LOOPBACK, "SERVE_PORT": str(self._ports["fastapi"])}
        return {**ours, **local}

    def _mounts(self, name: str, container: Container) -> dict[str, Path]:
        mounts = {}
        for volume in self.services[name].get("volumes", []):
            source, path = volume.split(":")[:2]
            mounts[path] = self._volume_for(source, container, path)
        for entry in self.services[name].get("tmpfs", []):
            path, _, options = entry.partition(":")
            mounts[path] = self._scratch(name, path, options)
        return mounts

    def _volume_for(self, source: str, container: Container, path: str) -> Path:
        folder = self.volume(source)
        if not folder.exists():
            folder.mkdir(parents=True)
            os.chown(folder, *container.owner(path))
        return folder

    def _scratch(self, name: str, path: str, options: str) -> Path:
        folder = self._folder / "tmpfs" / name / path.strip("/").replace("/", "-")
        if not folder.exists():
            folder.mkdir(parents=True)
            given = dict(re.findall(r"(uid|gid|mode)=(\d+)", options))
            os.chown(folder, int(given.get("uid", 0)), int(given.get("gid", 0)))
            folder.chmod(int(given.get("mode", "1777"), 8))
        return folder

    def _check_root(self, name: str, container: Container) -> None:
        written = container.written(self._since)
        assert not written, f"{name} writes to its root file system: {written[:20]}"
