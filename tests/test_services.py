"""The tests' own rule: who needs a service is marked, and nobody else can start one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.no_services.refusal import ServiceStartedError
from tests.services import MARKER


@pytest.mark.parametrize("fixture", ["postgres", "mlflow_uri", "database", "stack"])
def test_a_test_that_uses_a_service_is_marked(request: pytest.FixtureRequest, fixture: str) -> None:
    users = [item for item in request.session.items if fixture in getattr(item, "fixturenames", ())]
    assert all(item.get_closest_marker(MARKER) for item in users)


def test_a_test_without_services_is_not_marked(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker(MARKER) is None


def test_postgresql_is_not_started() -> None:
    with pytest.raises(ServiceStartedError, match="is started"):
        subprocess.run(["/usr/lib/postgresql/bin/pg_ctl", "start"], check=False)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import socket; socket.socket().bind(('127.0.0.1', 0))", id="a server"),
        pytest.param("import subprocess; subprocess.run(['/usr/lib/postgresql/bin/postgres'])", id="PostgreSQL"),
    ],
)
def test_a_child_starts_no_service(code: str) -> None:
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ServiceStartedError" in ended.stderr
