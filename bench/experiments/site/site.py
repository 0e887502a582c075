"""What is put under load or broken: PostgreSQL, MLflow, a small trained model and a scoring server, all ours alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final

import httpx
import psutil
from psycopg2.extensions import make_dsn

from bench.experiments.site.clock import Clock
from bench.experiments.site.errors import SiteError
from bench.experiments.site.registry_relay import RegistryRelay
from bench.experiments.site.server import WORKERS, ScoringServer
from fraud.api_keys import SCORING_API_KEY, Role, key_settings
from fraud.database import connect
from fraud.registry import MODEL_FILE, MODEL_FOLDER, PRODUCTION, ModelVersion, Registry
from fraud.settings import DatabaseRole
from fraud.stack.child import Child
from fraud.stack.mlflow_server import start_mlflow
from fraud.stack.ports import hold_port
from fraud.stack.postgres import EmbeddedPostgres

SCALE: Final = "0.02"
"""Of the reference data: the model has to be real, not good."""
PASSWORDS: Final = ("ADMIN_PASSWORD", "SERVER_DB_PASSWORD", "TRAINER_DB_PASSWORD", "MLFLOW_DB_PASSWORD")
DESK: Final = "DESK_DB_PASSWORD"
ADMIN: Final = "admin"
MODEL_NAME: Final = "divorce-model"
START_TIMEOUT_S: Final = 120.0
STOP_TIMEOUT_S: Final = 30.0
POLL_INTERVAL_S: Final = 0.05

_DISORDERED: Final = """
    SELECT count(*) FROM (
        SELECT recorded_at < lag(recorded_at) OVER (PARTITION BY chain_id ORDER BY sequence) AS is_early
        FROM prediction_requests WHERE request_id LIKE %s
    ) AS records WHERE is_early
"""


class Site:
    """Everything, from `__enter__` to `__exit__`."""

    def __init__(
        self,
        folder: Path,
        tell: Callable[[str], None],
        workers: int = WORKERS,
        settings: Mapping[str, str] = MappingProxyType({}),
        *,
        settable_clock: bool = False,
        with_pages: bool = False,
    ) -> None:
        """`with_pages`: the server shows pages for people, by a process of their own."""
        self.folder = folder
        self._tell = tell
        self._at_end = contextlib.ExitStack()
        self.registry_relay = RegistryRelay(hold_port())
        names = (*PASSWORDS, DESK) if with_pages else PASSWORDS
        passwords = {name: secrets.token_urlsafe() for name in names}
        key = key_settings("chaos", Role.SCORE)
        self.environment = {**os.environ, **passwords, **key, "RUN_DIR": str(folder), "REFERENCE_SCALE": SCALE}
        self.environment |= {"MODEL_NAME": MODEL_NAME, "SSL_CERTFILE": "", "SSL_KEYFILE": ""}
        self.clock = Clock(folder / "clock")
        self.postgres = EmbeddedPostgres(folder / "postgres", "chaos")
        self.owner_dsn = ""
        self.mlflow: Child
        self.api_key = key[SCORING_API_KEY]
        self.server = ScoringServer(
            self.environment,
            folder,
            folder / "spool",
            hold_port(),
            workers,
            {**settings, **(self.clock.environment if settable_clock else {})},
        )

    def __enter__(self) -> Site:
        """Start all of it, and train the model.

        Raises:
            SiteError, StackError: something does not start.
        """
        try:
            self._start()
        except BaseException:
            self._at_end.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what was started, the last first."""
        self._at_end.close()

    def _start(self) -> None:
        self._tell("starting PostgreSQL")
        self._at_end.callback(self.postgres.stop)
        self.start_postgres()
        self.run("loading applications", "initdb")
        self._tell("starting MLflow")
        self._at_end.enter_context(self.registry_relay.running())
        self._at_end.callback(lambda: self.mlflow.stop(STOP_TIMEOUT_S))
        self.start_mlflow()
        self.run("training a small model", "train", "--promote-first")
        self._tell("starting the server")
        self._at_end.callback(self._end_server)
        self.server.start()
        self.wait_until(self.is_ready, START_TIMEOUT_S, "the server is ready")

    def start_postgres(self) -> None:
        """Start PostgreSQL, for the first time or after a kill."""
        dsn = self.postgres.start()
        if self.owner_dsn not in {"", dsn}:
            raise SiteError("PostgreSQL has come back at another address")
        self.owner_dsn = self.environment["DATABASE_URL"] = dsn

    def kill_postgres(self) -> None:
        """Kill the postmaster, and return when its backends have noticed and ended too."""
        processes = self.postgres_processes()
        processes[0].kill()
        _, left = psutil.wait_procs(processes, STOP_TIMEOUT_S)
        if left:
            raise SiteError("PostgreSQL's processes did not end with their postmaster")

    def postgres_processes(self) -> list[psutil.Process]:
        """The postmaster and its backends."""
        pid_file = self.folder / "postgres" / "postmaster.pid"
        postmaster = psutil.Process(int(pid_file.read_text(encoding="ascii").split()[0]))
        return [postmaster, *postmaster.children(recursive=True)]

    def start_mlflow(self) -> None:
        """Start MLflow, for the first time or after a kill, at the same address."""
        password = self.environment["MLFLOW_DB_PASSWORD"]
        dsn = make_dsn(self.owner_dsn, user=DatabaseRole.MLFLOW.value, password=password)
        port = self.registry_relay.mlflow_port
        server = start_mlflow(dsn, self.folder / "artifacts", port, self.folder / "mlflow.log")
        self.mlflow = server.child
        self.environment["MLFLOW_TRACKING_URI"] = self.registry_relay.before(server.tracking_uri)
        server.child.wait_until_answers(server.health_url)

    def update_model(self) -> int:
        """Call `/update-model`; returns the status."""
        login = (ADMIN, self.environment["ADMIN_PASSWORD"])
        return httpx.post(self.server.url + "/update-model", auth=login, timeout=START_TIMEOUT_S).status_code

    def promote_again(self) -> None:
        """Register the files of the production version once more, and have the registry call that production."""
        registry, production = self._registry(), self._production()
        again = registry.register(production.run_id, production.sha256, production.data_cutoff, {})
        registry.set_alias(PRODUCTION, again.version)

    def model_artifact(self) -> Path:
        """Where MLflow keeps the file that the production version serves; not the one of its judged twin."""
        run = self._production().run_id
        (path,) = (self.folder / "artifacts").rglob(f"{run}/artifacts/{MODEL_FOLDER}/{MODEL_FILE}")
        return path

    def _production(self) -> ModelVersion:
        production = self._registry().version_of(PRODUCTION)
        if production is None:
            raise SiteError("the registry has no production version")
        return production

    def _registry(self) -> Registry:
        return Registry(self.environment["MLFLOW_TRACKING_URI"], MODEL_NAME)

    def is_ready(self) -> bool:
        """Whether the server answers."""
        try:
            return httpx.get(self.server.url + "/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def has_pages(self) -> bool:
        """Whether the server shows pages by now."""
        return httpx.get(self.server.url).status_code == httpx.codes.OK

    def fetch(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL, as its owner."""
        with connect(self.owner_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def execute(self, statement: str) -> None:
        """Tell PostgreSQL, as its owner."""
        with connect(self.owner_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def recorded(self, load_name: str) -> dict[str, int]:
        """Request ids that begin with a load's name, and how often each is on record."""
        query = "SELECT request_id, count(*) FROM prediction_requests WHERE request_id LIKE %s GROUP BY 1"
        return dict(self.fetch(query, f"{load_name}-%"))

    def disordered(self, load_name: str) -> int:
        """Records of a load whose time is before that of the record they follow."""
        ((count,),) = self.fetch(_DISORDERED, f"{load_name}-%")
        return int(count)

    def wait_until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> float:
        """Seconds until the condition holds.

        Raises:
            SiteError: it does not in time.
        """
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > timeout_s:
                raise SiteError(f"not within {timeout_s:.0f} s: {what}")
            time.sleep(POLL_INTERVAL_S)
        return time.monotonic() - begun

    def run(self, what: str, part: str, *arguments: str) -> None:
        """Run a command of ours on this site.

        Raises:
            SiteError: it did not end well.
        """
        self._tell(what)
        command = [sys.executable, "-m", part, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SiteError(f"`python -m {part}` ended with status {done.returncode}: {done.stderr.strip()[-300:]}")

    def _end_server(self) -> None:
        if self.server.process.poll() is None:
            try:
                self.server.stop()
            except subprocess.TimeoutExpired:
                self.server.kill_all()
