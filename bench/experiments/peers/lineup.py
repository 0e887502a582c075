"""All servers of a comparison, running side by side: each waits idle on the servers' core while another is measured."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final

import psycopg2
from psycopg2 import sql

from bench.experiments.peers import contenders
from bench.experiments.peers.cores import cpu_seconds, on_server_core
from bench.experiments.peers.environment import REQUIREMENTS, make_environment
from bench.experiments.peers.errors import PeersError
from bench.experiments.peers.model import SharedModel
from bench.experiments.peers.servers import bentoml, mlflow_serve, mlserver, mosec, original, ours, responder
from bench.experiments.peers.servers.launch import Launch, Place
from fraud.api_keys import Role, key_settings
from fraud.database import connect
from fraud.stack.child import Child
from fraud.stack.ports import hold_port
from fraud.stack.postgres import EmbeddedPostgres

STOP_TIMEOUT_S: Final = 15.0
SETTLE_TIMEOUT_S: Final = 60.0
SETTLE_PAUSE_S: Final = 0.1
SETTLED_SHARE: Final = 0.05
"""Of a core: below it a server is idle."""

ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "ORT_DISABLE_TELEMETRY": "1"}

PASSWORDS: Final = ("ADMIN_PASSWORD", "SERVER_DB_PASSWORD")

DATABASE: Final = "marriage_loans"
RECORDS: Final = sql.Identifier("prediction_requests")
ORIGINAL_RECORDS: Final = sql.Identifier("original_predictions")

LAUNCHES: Final[dict[str, Callable[[Place], Launch]]] = {
    contenders.OURS: partial(ours.launch, logged=True),
    contenders.OURS_UNLOGGED: partial(ours.launch, logged=False),
    contenders.MLSERVER: partial(mlserver.launch, batching=False),
    contenders.MLSERVER_BATCHING: partial(mlserver.launch, batching=True),
    contenders.MLFLOW: mlflow_serve.launch,
    contenders.BENTOML: bentoml.launch,
    contenders.MOSEC: mosec.launch,
    contenders.ORIGINAL: original.launch,
    contenders.RESPONDER: responder.launch,
}

ENVIRONMENTS: Final = {
    contenders.MLSERVER: "mlserver",
    contenders.MLSERVER_BATCHING: "mlserver",
    contenders.MLFLOW: "mlflow",
    contenders.BENTOML: "bentoml",
    contenders.MOSEC: "mosec",
    contenders.ORIGINAL: "original",
}


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    name: str
    port: int
    child: Child
    headers: Mapping[str, str]
    """What it asks of every request."""


class Lineup:
    """A PostgreSQL and the servers that were asked for, stopped at the end of the block."""

    def __init__(self, folder: Path, model: SharedModel) -> None:
        self._folder = folder
        self._model = model
        self._at_end = contextlib.ExitStack()
        self.servers: dict[str, Running] = {}
        self.database = ""
        self.postgres_pid = 0

    def __enter__(self) -> Lineup:
        """Start PostgreSQL, empty but for the schema; it inherits the client's core."""
        data = self._folder / "postgres"
        postgres = EmbeddedPostgres(data, DATABASE)
        self._at_end.callback(postgres.stop)
        try:
            self.database = postgres.start()
            self._make_schema()
            self.postgres_pid = int((data / "postmaster.pid").read_text(encoding="ascii").split()[0])
            self.forget_records()
        except BaseException:
            self._at_end.close()
            raise
        return self

    def _make_schema(self) -> None:
        """As `make run` does: by initdb's own command, with passwords made for this run only."""
        passwords = {name: secrets.token_urlsafe() for name in PASSWORDS}
        self._secrets = passwords | key_settings("peers", Role.SCORE)
        environment = {**os.environ, **self._secrets, "DATABASE_URL": self.database, "RUN_DIR": str(self._folder)}
        command = (sys.executable, "-m", "initdb", "--schema-only")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PeersError(f"initdb can't make the tables: {done.stderr.strip()[-300:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what was started, the last first."""
        self._at_end.close()

    def start(self, name: str, python: Path) -> Running:
        """Start a server and wait until it is ready.

        Raises:
            PeersError, StackError: it does not start.
        """
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "server.log"
        log.unlink(missing_ok=True)
        place = Place(folder, hold_port(), python, self._model, self.database, self._secrets)
        launch = LAUNCHES[name](place)
        with on_server_core():
            child = Child(name, launch.command, {**ONE_THREAD, **launch.environment}, log)
        self._at_end.callback(child.stop, STOP_TIMEOUT_S)
        child.wait_until_answers(f"http://127.0.0.1:{place.port}{launch.ready_path}")
        running = Running(name, place.port, child, launch.headers)
        self.servers[name] = running
        return running

    def settle(self, server: Running) -> None:
        """Wait until a server is idle: it may still have abandoned requests to finish and records to write.

        Raises:
            PeersError: it does not come to rest.
        """
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while time.monotonic() < deadline:
            before = cpu_seconds(server.child.pid)
            time.sleep(SETTLE_PAUSE_S)
            if cpu_seconds(server.child.pid) - before < SETTLED_SHARE * SETTLE_PAUSE_S:
                return
        raise PeersError(f"{server.name} is still busy {SETTLE_TIMEOUT_S:.0f} s after its last request")

    def recorded_requests(self) -> int:
        """Requests on record in our prediction log."""
        with connect(self.database) as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(RECORDS))
            (count,) = cursor.fetchone() or (0,)
            return int(count)

    def forget_records(self) -> None:
        """Empty both logs, so that each window begins with the same tables."""
        with connect(self.database) as connection, connection.cursor() as cursor:
            truncate = sql.SQL("TRUNCATE {}")
            cursor.execute(truncate.format(RECORDS))
            try:
                cursor.execute(truncate.format(ORIGINAL_RECORDS))
            except psycopg2.errors.UndefinedTable:
                connection.rollback()
                cursor.execute(truncate.format(RECORDS))


def make_environments(servers: Iterable[str], folder: Path, progress: Callable[[str], None]) -> dict[str, Path]:
    """The interpreter of each server's environment, by server; ours for those that need no other."""
    pythons: dict[str, Path] = {}
    for server in servers:
        name = ENVIRONMENTS.get(server)
        if name is None:
            pythons[server] = Path(sys.executable)
            continue
        progress(f"environment of {name}")
        pythons[server] = make_environment(REQUIREMENTS / "peers" / f"{name}.lock", folder / name)
    return pythons
