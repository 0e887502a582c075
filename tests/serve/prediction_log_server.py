"""A server of its own for tests that kill: two workers and a shipper, over the services of the shared stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.experiments.chaos.load import Load
from bench.experiments.site.server import SHIPPER, WORKER, ScoringServer
from fraud.stack.ports import hold_port
from tests.live_stack import LOGIN, LiveStack, wait_until
from tests.serve.prediction_log_rows import fetch

__all__ = ["SHIPPER", "WORKER", "Load", "LogServer", "log_server"]


class LogServer(ScoringServer):
    """A server over the stack's database with a spool of its own."""

    def __init__(self, stack: LiveStack, spool: Path, settings: dict[str, str]) -> None:
        addresses = {name: value for name, value in stack.addresses.items() if value}
        super().__init__({**stack.environment, **addresses, **settings}, stack.run_dir, spool, hold_port())
        self.stack = stack

    def start(self) -> None:
        super().start()
        wait_until(self.is_ready, 60, "the server is ready")

    def is_ready(self) -> bool:
        try:
            return httpx.get(self.url + "/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str) -> str:
        return httpx.get(self.url + path, headers=LOGIN).text

    def recorded(self, load: Load) -> list[tuple[str, int]]:
        """Request ids of a load and their numbers of records in PostgreSQL."""
        return fetch(
            self.stack.owner_dsn,
            "SELECT request_id, count(*) FROM prediction_requests WHERE request_id LIKE %s GROUP BY 1",
            f"{load.name}-%",
        )


@contextmanager
def log_server(stack: LiveStack, spool: Path, **settings: str) -> Iterator[LogServer]:
    server = LogServer(stack, spool, settings)
    server.start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill_all()
