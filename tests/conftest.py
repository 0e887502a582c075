"""Real parts for every test that needs them: one PostgreSQL, one MLflow and one whole stack a session."""

from __future__ import annotations

import itertools
import os
import ssl
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from psycopg2.extensions import make_dsn

from fraud.stack.mlflow_server import start_mlflow
from fraud.stack.ports import hold_port
from fraud.stack.postgres import EmbeddedPostgres
from initdb.schema import apply_schema
from tests.compiled_code import COMPILED_DIR
from tests.databases import administer, copied_database, new_database, spare_the_disk
from tests.grouping import pytest_xdist_make_scheduler
from tests.live_stack import LiveStack, folder_for_postgres, introduce_us, start_stack, stop_stack, wait_until_ready
from tests.services import MARKER, mark, no_services

__all__ = ["pytest_xdist_make_scheduler"]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Before `-m` selects."""
    mark(item)


@pytest.fixture(autouse=True)
def _guard(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that is not marked `service` fails where it starts one."""
    if request.node.get_closest_marker(MARKER) is not None:
        yield
        return
    with no_services():
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """Servers with folders of their own find what tests compiled in their own process, and keep theirs for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPILED_DIR", str(COMPILED_DIR))
        yield


@cache
def _trusting(cafile: str | None, **how: Any) -> ssl.SSLContext:
    """What httpx makes of these arguments while the environment names this file."""
    return httpx.create_ssl_context(**how)


@pytest.fixture(scope="session", autouse=True)
def _authorities_once() -> Iterator[None]:
    """httpx reads the authorities of all the world for each client, also for plain HTTP: 20 ms of a core, thousands of
    times. Here it reads them once.
    """

    def make(**how: Any) -> ssl.SSLContext:
        return _trusting(os.environ.get("SSL_CERT_FILE"), **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", make)
        yield


@pytest.fixture(scope="session")
def stack() -> Iterator[LiveStack]:
    """The whole system, started once, shared by tests that only add to it."""
    with folder_for_postgres() as folder:
        introduce_us(folder / "run")
        live = start_stack(folder / "run", hold_port())
        try:
            wait_until_ready(live)
            yield live
        finally:
            if live.process.poll() is None:
                stop_stack(live)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Owner's connection string of a PostgreSQL server without any table of ours."""
    with folder_for_postgres() as folder:
        server = EmbeddedPostgres(folder / "data", "empty")
        try:
            dsn = server.start()
            spare_the_disk(dsn)
            yield dsn
        finally:
            server.stop()


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """Name of a database with our schema and no rows: to copy it is faster than to apply each version again."""
    with new_database(postgres, "template_of_ours", dropped=False) as dsn:
        apply_schema(dsn)
    return "template_of_ours"


@pytest.fixture(scope="session")
def mlflow_uri(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Tracking URI of an MLflow server, static prefix included, with an empty registry at first."""
    folder = tmp_path_factory.mktemp("mlflow")
    administer(postgres, "CREATE DATABASE {}", "mlflow")
    server = start_mlflow(make_dsn(postgres, dbname="mlflow"), folder / "artifacts", hold_port(), folder / "log")
    try:
        server.child.wait_until_answers(server.health_url)
        yield server.tracking_uri
    finally:
        server.child.stop(10)


_names = itertools.count()


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """Owner's connection string of a fresh, empty database."""
    with new_database(postgres, f"test_{next(_names)}") as dsn:
        yield dsn


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def narrow_database(postgres: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Owner's connection string of a database that can't hold every text."""
    statement = f"CREATE DATABASE {{}} TEMPLATE template0 ENCODING '{request.param}' LOCALE_PROVIDER libc LOCALE 'C'"
    with new_database(postgres, "narrow", statement) as dsn:
        yield dsn


@pytest.fixture
def database(postgres: str, template: str) -> Iterator[str]:
    """Owner's connection string of a fresh database with our schema and no rows."""
    with copied_database(postgres, f"test_{next(_names)}", template) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def module_database(postgres: str, template: str) -> Iterator[str]:
    """As `database`, but one for all tests of a module."""
    with copied_database(postgres, f"test_{next(_names)}", template) as dsn:
        yield dsn
