"""A server of its own for tests that kill: two workers and a shipper, over the services of the shared stack."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from fraud.features import EXAMPLE_INSTANCE
from fraud.stack.child import free_port
from tests.live_stack import LiveStack, wait_until
from tests.serve.prediction_log_rows import fetch

ROWS = 20
BODY = json.dumps({"instances": [EXAMPLE_INSTANCE] * ROWS}).encode()
SHIPPER, WORKER = "serve.prediction_log", "serve.workers.worker"


@dataclass
class LogServer:
    """A server over the stack's database with a spool of its own."""

    stack: LiveStack
    spool: Path
    port: int
    settings: dict[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        addresses = {name: value for name, value in self.stack.addresses.items() if value}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serve", "--port", str(self.port), "--workers", "2"],
            env={**self.stack.environment, **addresses, "SPOOL_DIR": str(self.spool), **self.settings},
            cwd=self.stack.run_dir,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self.is_ready, 60, "the server is ready")

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str) -> str:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}").text

    def processes(self, module: str) -> list[psutil.Process]:
        found = []
        for process in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                if module in process.cmdline():
                    found.append(process)
        return found

    def kill_all(self) -> None:
        """The supervisor first, so that it starts nothing anew."""
        children = psutil.Process(self.process.pid).children()
        os.kill(self.process.pid, signal.SIGKILL)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.wait()
        psutil.wait_procs(children)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)

    def recorded(self, load: Load) -> list[tuple[str, int]]:
        """Request ids of a load and their numbers of records in PostgreSQL."""
        return fetch(
            self.stack.owner_dsn,
            "SELECT request_id, count(*) FROM prediction_requests WHERE request_id LIKE %s GROUP BY 1",
            f"{load.name}-%",
        )


@dataclass
class Load:
    """Clients that each send a request after the other, and note which ids were answered.

    With `keys` each request has an Idempotency-Key and is sent again until it is answered.
    """

    port: int
    keys: bool = False
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    answered: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def send_until_stopped(self, client: int) -> None:
        number = 0
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        request_id = ""
        while not self._stop.is_set() or (self.keys and request_id not in self.answered):
            if not self.keys or not request_id or request_id in self.answered:
                request_id = f"{self.name}-{client}-{number}"
                number += 1
            headers = {"Content-Type": "application/json", "X-Request-ID": request_id}
            if self.keys:
                headers["Idempotency-Key"] = request_id
            try:
                connection.request("POST", "/batch_predict", body=BODY, headers=headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self._stop.wait(0.01)  # its server was killed: let the next one start
                continue
            self.statuses.add(answer.status)
            if answer.status == 200:
                self.answered.add(request_id)
        connection.close()

    @contextmanager
    def running(self, clients: int = 4) -> Iterator[None]:
        threads = [threading.Thread(target=self.send_until_stopped, args=(client,)) for client in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


@contextmanager
def log_server(stack: LiveStack, spool: Path, **settings: str) -> Iterator[LogServer]:
    server = LogServer(stack, spool, free_port(), settings)
    server.start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill_all()
