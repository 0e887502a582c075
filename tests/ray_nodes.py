"""A Ray cluster of several nodes on this machine, each with a run folder of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.live_stack import project_environment, wait_until

HOST = "127.0.0.1"
START_S = 120
STORE_BYTES = 100 * 1024 * 1024


@dataclass
class RayNodes:
    """The first node is the head; it scores nothing."""

    address: str
    settings: dict[str, str]
    """With which commands find the cluster and may use it."""
    folder: Path
    session: Path
    """Of Ray's own files: paths of sockets in it must be short."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run_dir(self, number: int) -> Path:
        """What a node keeps."""
        return self.folder / f"node-{number}"

    def start(self, *arguments: str) -> None:
        """One more node; of several that start at once, some give up."""
        run_dir = self.run_dir(len(self.processes))
        run_dir.mkdir()
        ray = Path(sys.executable).with_name("ray")
        common = (
            f"--node-ip-address={HOST}",
            f"--object-store-memory={STORE_BYTES}",
            "--disable-usage-stats",
            "--block",
        )
        with (run_dir / "ray.log").open("wb") as log:
            environment = project_environment(**self.settings, RUN_DIR=str(run_dir))
            command = [str(ray), "start", *arguments, *common]
            process = subprocess.Popen(
                command, env=environment, cwd=run_dir, stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        number = len(self.processes) - 1
        wait_until(lambda: self._has_started(number), START_S, f"node {number} has started")

    def kill(self, number: int) -> None:
        """End a node's raylet by `kill -9`, as the loss of a machine does; its actors end with it."""
        raylet = self._raylet(number)
        assert raylet is not None
        raylet.kill()

    def titles(self, number: int) -> list[str]:
        """Of a node's processes, which Ray calls after what they do: `ray::function`; none of a node that is lost."""
        raylet = self._raylet(number)
        found = []
        for process in [] if raylet is None else raylet.children():
            with suppress(psutil.NoSuchProcess):
                found.append("".join(process.cmdline()[:1]))
        return found

    def _raylet(self, number: int) -> psutil.Process | None:
        if not psutil.pid_exists(self.processes[number].pid):
            return None
        children = psutil.Process(self.processes[number].pid).children()
        return next((child for child in children if child.name() == "raylet"), None)

    def _has_started(self, number: int) -> bool:
        told = (self.run_dir(number) / "ray.log").read_text()
        assert self.processes[number].poll() is None, told
        return "Ray runtime started" in told


@contextmanager
def ray_nodes(folder: Path, nodes: int) -> Iterator[RayNodes]:
    """A head and so many nodes of one core each, behind a token as Ray has it."""
    session = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    with socket.create_server((HOST, 0)) as held:
        port = held.getsockname()[1]
    settings = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "ENGINE": "onnxruntime",
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),  # kept for all: Ray gives its processes 15 s to load
    }
    cluster = RayNodes(f"{HOST}:{port}", settings, folder, session)
    try:
        cluster.start("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={session}")
        for _ in range(nodes):
            cluster.start(f"--address={cluster.address}", "--num-cpus=1")
        yield cluster
    finally:
        _end([process.pid for process in cluster.processes])
        for process in cluster.processes:
            process.wait()
        shutil.rmtree(session, ignore_errors=True)


def _end(pids: Sequence[int]) -> None:
    ours = [child for pid in pids if psutil.pid_exists(pid) for child in psutil.Process(pid).children(recursive=True)]
    for process in [*(psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)), *ours]:
        if process.is_running():
            os.kill(process.pid, 9)
