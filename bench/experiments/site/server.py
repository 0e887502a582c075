"""The scoring server under test: workers and a shipper, to be killed in any way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

SHIPPER: Final = "serve.prediction_log"
WORKER: Final = "serve.workers.worker"
WORKERS: Final = 2
STOP_TIMEOUT_S: Final = 60.0


@dataclass
class ScoringServer:
    """A server on a port of its own, with a spool of its own."""

    environment: Mapping[str, str]
    folder: Path
    """Where it runs; its log is `server.log` there."""
    spool: Path
    port: int
    workers: int = WORKERS
    settings: Mapping[str, str] = field(default_factory=dict)
    """Its alone."""
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and return at once."""
        command = [sys.executable, "-m", "serve", "--port", str(self.port), "--workers", str(self.workers)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env={**self.environment, **self.settings, "SPOOL_DIR": str(self.spool)},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def processes(self, module: str) -> list[psutil.Process]:
        """Its children that run a module."""
        found = []
        for process in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                if module in process.cmdline():
                    found.append(process)
        return found

    def is_whole(self) -> bool:
        """Whether all its processes run, and every worker takes requests."""
        listening = 0
        for worker in self.processes(WORKER):
            with suppress(psutil.Error):
                listening += any(link.status == psutil.CONN_LISTEN for link in worker.net_connections("tcp"))
        return listening == self.workers and len(self.processes(SHIPPER)) == 1

    def kill(self, victims: Sequence[psutil.Process]) -> None:
        """End some of its children by force, and return when they are gone: the supervisor has noticed then."""
        for victim in victims:
            victim.kill()
        psutil.wait_procs(victims, STOP_TIMEOUT_S)

    def kill_all(self) -> None:
        """End every process at once, the supervisor first, so that it restarts nothing."""
        children = psutil.Process(self.process.pid).children()
        os.kill(self.process.pid, signal.SIGKILL)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.wait()
        psutil.wait_procs(children)

    def stop(self) -> int:
        """Ask it to end; returns its exit status."""
        self.process.terminate()
        return self.process.wait(STOP_TIMEOUT_S)
