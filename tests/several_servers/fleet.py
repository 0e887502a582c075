"""Scoring servers beside each other, each with a folder, a port and links of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil

from bench.gate.deployment import Deployment
from bench.gate.server import Patience, Server
from fraud.registry import PRODUCTION, ModelVersion, Registry
from fraud.server_addresses import single_server
from fraud.stack.ports import hold_port
from serve.model.model_store import Manifest, model_store
from tests.live_stack import STACK_STOP_TIMEOUT_S, LiveStack, project_environment, wait_until
from tests.several_servers.link import Link

START_S: Final = 600.0
"""All of them start at the same time."""
FOLLOW_S: Final = 300.0
WATCH_S: Final = 2.0
REGISTRY_TIMEOUT_S: Final = 60
"""A busy machine is no registry that is away; a link that is cut answers at once."""
LEASE_S: Final = 10.0

PROBE: Final = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=FOLLOW_S)
"""Made once: to load the certificates of authorities takes longer than a request."""


@dataclass
class FleetServer:
    """One server: its operator and its registry are reached over links."""

    environment: dict[str, str]
    folder: Path
    port: int
    operator: Link
    registry: Link
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        """Its own address, past the link."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def operated_url(self) -> str:
        """What its operator knows."""
        return f"http://127.0.0.1:{self.operator.port}"

    def start(self) -> None:
        """Start it, without waiting."""
        with (self.folder / "server.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serve"],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def status(self) -> int | None:
        """Of its readiness probe; None where it does not answer."""
        with suppress(httpx.TransportError):
            return PROBE.get(self.url + "/health/ready").status_code
        return None

    def wait_until_ready(self) -> None:
        """Return once it serves."""

        def ready() -> bool:
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            return self.status() == 200

        wait_until(ready, START_S, "a server is ready")

    def version(self) -> int:
        """What it serves."""
        return int(PROBE.get(self.url + "/health/live").headers["X-Model-Version"])

    def wait_until_serves(self, version: int) -> None:
        """Return once it does."""
        wait_until(lambda: self.version() == version, FOLLOW_S, f"a server follows to version {version}")

    def cut_off(self) -> None:
        """From its operator and from the registry; clients still reach it."""
        self.operator.cut()
        self.registry.cut()

    def mend(self) -> None:
        """Connect it again."""
        self.operator.mend()
        self.registry.mend()

    def kill(self) -> None:
        """Its processes, all at once."""
        supervisor = psutil.Process(self.process.pid)
        processes = [supervisor, *supervisor.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(STACK_STOP_TIMEOUT_S)

    def begin_stop(self) -> None:
        """Tell it to stop, as an orchestrator does."""
        self.process.terminate()

    def close(self) -> None:
        """End it and its links."""
        self.begin_stop()
        self.process.wait(STACK_STOP_TIMEOUT_S)
        self.operator.close()
        self.registry.close()


@dataclass
class Fleet:
    """All servers of one model."""

    registry: Registry
    servers: list[FleetServer]
    admin: tuple[str, str]

    @property
    def deployment(self) -> Deployment:
        """As the gate operates them."""
        patience = Patience(connect_s=30.0, prepare_s=FOLLOW_S, switch_s=FOLLOW_S)
        return Deployment(
            tuple(Server(single_server(one.operated_url), *self.admin, patience=patience) for one in self.servers)
        )

    def versions(self) -> list[int]:
        """What each serves."""
        return [server.version() for server in self.servers]

    def in_production(self) -> ModelVersion:
        """What the registry says."""
        found = self.registry.version_of(PRODUCTION)
        assert found is not None
        return found

    def another_version(self) -> ModelVersion:
        """The model in production, registered again."""
        production = self.in_production()
        return self.registry.register(production.run_id, production.sha256, production.data_cutoff, {})


@contextmanager
def running_fleet(stack: LiveStack, folder: Path, size: int) -> Iterator[Fleet]:
    """As many servers on the stack's database and registry, with a model of their own in production, all ready."""
    source = Registry(stack.tracking_uri, "divorce-model").version_of(PRODUCTION)
    assert source is not None
    registry = Registry(stack.tracking_uri, "model-of-several-servers", REGISTRY_TIMEOUT_S)
    first = registry.register(source.run_id, source.sha256, source.data_cutoff, {})
    registry.set_alias(PRODUCTION, first.version)
    servers = [_new_server(stack, registry.model_name, folder / str(number)) for number in range(size)]
    for server in servers:
        _give_copy(registry, first, server.folder)
    with ExitStack() as ending:
        for server in servers:
            server.start()
            ending.callback(server.close)
        with ThreadPoolExecutor(size) as pool:
            list(pool.map(FleetServer.wait_until_ready, servers))
        yield Fleet(registry, servers, stack.admin)


def _new_server(stack: LiveStack, model_name: str, folder: Path) -> FleetServer:
    folder.mkdir()
    port = hold_port()
    registry_url = httpx.URL(stack.tracking_uri)
    assert registry_url.port is not None
    registry = Link(registry_url.port, as_target=True)
    shared = {name: value for name, value in {**stack.secrets, **stack.addresses}.items() if value is not None}
    own = {
        "RUN_DIR": str(folder),
        "SERVE_PORT": str(port),
        "SERVE_WORKERS": "1",
        "MODEL_NAME": model_name,
        "MLFLOW_TRACKING_URI": str(registry_url.copy_with(port=registry.port)),
        "MODEL_WATCH_S": str(WATCH_S),
        "REGISTRY_TIMEOUT_S": str(REGISTRY_TIMEOUT_S),
    }
    return FleetServer(project_environment(**{**shared, **own}), folder, port, Link(port), registry)


def _give_copy(registry: Registry, version: ModelVersion, folder: Path) -> None:
    """As of an earlier start: with it a server is ready before it has asked the registry."""
    store = model_store(folder, version.name)
    store.add(
        Manifest(version.name, version.version, version.sha256, version.data_cutoff),
        lambda: registry.fetch_model(version),
    )
    store.make_current(version.version)
