"""Promotion and rollback: all or nothing, whoever fails, and a working model in production after a kill at any step."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2
import pytest

from bench.gate.deployment import Deployment
from bench.gate.errors import DeploymentError, GateError
from bench.gate.lock import alone
from bench.gate.promotion import finish, promote, rollback
from bench.gate.server import Server as OperatedServer
from fraud.errors import RegistryError
from fraud.registry import CANDIDATE, PREVIOUS, PRODUCTION, ModelVersion, Registry
from fraud.server_addresses import ServerAddress, single_server
from fraud.stack.ports import hold_port
from tests.serving import serving

ROOT = Path(__file__).parents[3]
WORKERS = 2


@pytest.fixture
def registry(mlflow_uri: str, request: pytest.FixtureRequest) -> Registry:
    """A registered model of its own for each test."""
    return Registry(mlflow_uri, f"promoted-{request.node.name}")


def register(registry: Registry, folder: Path) -> ModelVersion:
    from mlflow import MlflowClient

    content = b"model bytes"
    client = MlflowClient(registry.tracking_uri)
    run_id = client.create_run("0").info.run_id
    (folder / "model.onnx").write_bytes(content)
    client.log_artifacts(run_id, str(folder), "model")
    return registry.register(run_id, hashlib.sha256(content).hexdigest(), dt.date(2026, 5, 1), {})


@pytest.fixture
def champion(registry: Registry, tmp_path: Path) -> ModelVersion:
    version = register(registry, tmp_path)
    registry.set_alias(PRODUCTION, version.version)
    return version


@pytest.fixture
def candidate(registry: Registry, champion: ModelVersion, tmp_path: Path) -> ModelVersion:
    version = register(registry, tmp_path)
    registry.set_alias(CANDIDATE, version.version)
    return version


def aliases(registry: Registry) -> dict[str, int]:
    found = {alias: registry.version_of(alias) for alias in (PRODUCTION, PREVIOUS, CANDIDATE)}
    return {alias: version.version for alias, version in found.items() if version is not None}


class Server(ThreadingHTTPServer):
    """A scoring server that takes what the registry calls production, or refuses; its workers answer in turn."""

    refuses = False
    stubborn_worker = False
    cut_off_by: str | None = None
    """The call at whose beginning, and after which, it answers nobody."""
    registry_is_away = False

    def __init__(self, registry: Registry) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.registry = registry
        self.served = 1
        self.prepared: list[int] = []
        self.updates = 0
        self.answers = 0
        self.is_cut_off = False

    @property
    def address(self) -> ServerAddress:
        return single_server(f"http://127.0.0.1:{self.server_port}")

    @property
    def deployment(self) -> Deployment:
        return deployment_on(self)

    def handle_error(self, *_: object) -> None:
        """Say nothing of a connection that was cut."""


def deployment_on(*servers: Server) -> Deployment:
    return Deployment(tuple(OperatedServer(server.address, "admin", "password") for server in servers))


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        call, _, version = self.path.removeprefix("/").partition("/")
        if self.server.cut_off_by == call or self.server.is_cut_off:
            self.server.is_cut_off = True
            raise ConnectionResetError
        if self.server.registry_is_away:
            self.answer(502, {"error": {"code": "upstream_error", "message": "no registry"}})
        elif call == "prepare-model":
            self.prepare(int(version))
        else:
            self.update()

    def prepare(self, version: int) -> None:
        if self.server.refuses:
            self.answer(502, {"error": {"code": "update_failed", "message": "the new model is refused"}})
            return
        self.server.prepared.append(version)
        self.answer(200, {})

    def update(self) -> None:
        self.server.updates += 1
        production = self.server.registry.version_of(PRODUCTION)
        assert production is not None
        self.server.served = production.version
        self.answer(200, {})

    def do_GET(self) -> None:
        if self.server.is_cut_off:
            raise ConnectionResetError
        self.server.answers += 1
        worker = self.server.answers % WORKERS
        version = 1 if self.server.stubborn_worker and worker == 0 else self.server.served
        self.answer(200, {"model_version": str(version), "worker": worker, "workers": WORKERS})

    def answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(registry: Registry) -> Iterator[Server]:
    with serving(Server(registry)) as server:
        yield server


@pytest.fixture
def others(registry: Registry) -> Iterator[tuple[Server, Server]]:
    with serving(Server(registry)) as first, serving(Server(registry)) as second:
        yield first, second


def nobody_else() -> None:
    """The lock holds."""


def test_a_promotion_moves_the_aliases_and_the_server(
    registry: Registry, champion: ModelVersion, candidate: ModelVersion, server: Server
) -> None:
    promote(registry, champion, candidate, server.deployment, nobody_else)
    assert aliases(registry) == {PRODUCTION: 2, PREVIOUS: 1}
    assert server.served == 2
    assert server.answers >= WORKERS


def test_the_first_model_needs_no_champion(registry: Registry, tmp_path: Path) -> None:
    first = register(registry, tmp_path)
    registry.set_alias(CANDIDATE, first.version)
    promote(registry, None, first, None, nobody_else)
    assert aliases(registry) == {PRODUCTION: 1}


def test_a_champion_that_was_replaced_meanwhile_is_no_champion(
    registry: Registry, champion: ModelVersion, candidate: ModelVersion, tmp_path: Path
) -> None:
    registry.set_alias(PRODUCTION, register(registry, tmp_path).version)
    before = aliases(registry)
    with pytest.raises(GateError, match=r"production is version 3 by now.*measured against 1.*again"):
        promote(registry, champion, candidate, None, nobody_else)
    assert aliases(registry) == before


def test_no_champion_is_not_taken_for_one_that_came_meanwhile(
    registry: Registry, champion: ModelVersion, candidate: ModelVersion
) -> None:
    with pytest.raises(GateError, match="production is version 1 by now"):
        promote(registry, None, candidate, None, nobody_else)


@pytest.mark.parametrize(("fault", "updates"), [("refuses", 0), ("stubborn_worker", 2)])
def test_a_server_that_does_not_take_the_candidate_leaves_all_as_it_was(
    registry: Registry, champion: ModelVersion, candidate: ModelVersion, server: Server, fault: str, updates: int
) -> None:
    setattr(server, fault, True)
    with pytest.raises(DeploymentError):
        promote(registry, champion, candidate, server.deployment, nobody_else)
    assert aliases(registry) == {PRODUCTION: 1, CANDIDATE: 2}
    assert server.served == 1
    assert server.updates == updates  # the last one tells it to keep the old version


@pytest.mark.parametrize(
    ("fault", "value"), [("refuses", True), ("cut_off_by", "prepare-model"), ("registry_is_away", True)]
)
def test_a_server_that_does_not_prepare_stops_a_promotion_before_anything_changed(
    registry: Registry,
    champion: ModelVersion,
    candidate: ModelVersion,
    server: Server,
    others: tuple[Server, Server],
    fault: str,
    value: object,
) -> None:
    setattr(server, fault, value)
    with pytest.raises(DeploymentError, match=f"nothing was changed: {server.address}"):
        promote(registry, champion, candidate, deployment_on(others[0], server, others[1]), nobody_else)
    assert aliases(registry) == {PRODUCTION: 1, CANDIDATE: 2}
    assert [(other.prepared, other.updates, other.served) for other in others] == [([2], 1, 1)] * 2


@pytest.mark.parametrize("way", ["promotion", "rollback"])
def test_a_server_that_is_cut_off_after_it_prepared_is_named_and_the_others_switch(
    registry: Registry,
    champion: ModelVersion,
    candidate: ModelVersion,
    server: Server,
    others: tuple[Server, Server],
    way: str,
) -> None:
    deployment = deployment_on(server, *others)
    if way == "promotion":
        server.cut_off_by = "update-model"
        missing = promote(registry, champion, candidate, deployment, nobody_else)
    else:
        promote(registry, champion, candidate, deployment, nobody_else)
        server.cut_off_by = "prepare-model"  # which holds up no rollback
        missing = rollback(registry, deployment, nobody_else)[1]
    serving_now, before = (2, 1) if way == "promotion" else (1, 2)
    assert aliases(registry) == {PRODUCTION: serving_now, PREVIOUS: before}
    assert [other.served for other in others] == [serving_now] * 2
    (line,) = missing
    assert str(server.address) in line


def test_no_server_that_confirms_leaves_all_as_it_was(
    registry: Registry, champion: ModelVersion, candidate: ModelVersion, others: tuple[Server, Server]
) -> None:
    for other in others:
        other.cut_off_by = "update-model"
    with pytest.raises(DeploymentError, match="does not answer"):
        promote(registry, champion, candidate, deployment_on(*others), nobody_else)
    assert aliases(registry) == {PRODUCTION: 1, CANDIDATE: 2}


def test_an_alias_that_somebody_moves_while_servers_prepare_stops_the_promotion(
    registry: Registry, champion: ModelVersion, candidate: ModelVersion, server: Server, tmp_path: Path
) -> None:
    third = register(registry, tmp_path)
    looks = itertools.count()

    def somebody_else_after_the_first_look() -> None:
        if next(looks) == 1:
            registry.set_alias(PRODUCTION, third.version)

    with pytest.raises(GateError, match="became version 3 while servers prepared"):
        promote(registry, champion, candidate, server.deployment, somebody_else_after_the_first_look)
    assert aliases(registry) == {PRODUCTION: 3, CANDIDATE: 2}


def test_a_failure_keeps_the_earlier_previous_version(
    registry: Registry, champion: ModelVersion, candidate: ModelVersion, server: Server, tmp_path: Path
) -> None:
    registry.set_alias(PREVIOUS, register(registry, tmp_path).version)
    server.stubborn_worker = True
    with pytest.raises(DeploymentError, match="serves version 1, not 2"):
        promote(registry, champion, candidate, server.deployment, nobody_else)
    assert aliases(registry) == {PRODUCTION: 1, PREVIOUS: 3, CANDIDATE: 2}


def test_no_server_is_a_failure(registry: Registry, champion: ModelVersion, candidate: ModelVersion) -> None:
    away = OperatedServer(single_server(f"http://127.0.0.1:{hold_port()}"), "admin", "password")
    with pytest.raises(DeploymentError, match="is the server running"):
        promote(registry, champion, candidate, Deployment((away,)), nobody_else)
    assert aliases(registry) == {PRODUCTION: 1, CANDIDATE: 2}


@pytest.mark.parametrize("changes", range(3))
def test_a_promotion_that_is_killed_leaves_a_working_model_and_can_be_finished(
    registry: Registry, champion: ModelVersion, candidate: ModelVersion, changes: int
) -> None:
    command = [sys.executable, "-m", "tests.bench.gate.killed_promotion"]
    killed = subprocess.run(
        [*command, registry.tracking_uri, registry.model_name, str(changes)], cwd=ROOT, check=False, timeout=60
    )
    assert killed.returncode == -9
    production = registry.version_of(PRODUCTION)
    assert production in (champion, candidate)
    if production == champion:
        promote(registry, champion, candidate, None, nobody_else)
    else:
        finish(registry, candidate, None)
    assert aliases(registry) == {PRODUCTION: 2, PREVIOUS: 1}


def test_a_rollback_goes_back_and_a_second_one_forth(
    registry: Registry, champion: ModelVersion, candidate: ModelVersion, server: Server
) -> None:
    promote(registry, champion, candidate, server.deployment, nobody_else)
    assert rollback(registry, server.deployment, nobody_else) == (champion, ())
    assert (aliases(registry), server.served) == ({PRODUCTION: 1, PREVIOUS: 2}, 1)
    assert rollback(registry, server.deployment, nobody_else)[0].version == 2
    assert (aliases(registry), server.served) == ({PRODUCTION: 2, PREVIOUS: 1}, 2)


def test_a_rollback_without_an_earlier_version_says_so(registry: Registry, champion: ModelVersion) -> None:
    with pytest.raises(GateError, match="no earlier version to go back to: production is version 1"):
        rollback(registry, None, nobody_else)


def test_a_registry_that_is_away_is_no_registry_without_a_champion(candidate: ModelVersion) -> None:
    away = Registry(f"http://127.0.0.1:{hold_port()}/mlflow", candidate.name, timeout_s=2)
    with pytest.raises(RegistryError):
        promote(away, None, candidate, None, nobody_else)


def test_two_gates_never_work_at_once(database: str) -> None:
    with alone(database, "divorce-model"):
        with (
            pytest.raises(GateError, match="another gate or rollback of divorce-model is running"),
            alone(database, "divorce-model"),
        ):
            pass
        with alone(database, "another-model"):
            pass
    with alone(database, "divorce-model") as check:
        check()


def test_a_lock_that_the_database_forgot_is_noticed(database: str) -> None:
    with alone(database, "divorce-model") as check:
        other = psycopg2.connect(database)
        with other, other.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE locktype = 'advisory' AND datname = current_database()"
            )
        other.close()
        with pytest.raises(GateError, match="lost the lock of the gate"):
            check()
