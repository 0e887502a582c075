"""A server that can't start says why in one line."""

from __future__ import annotations

import json
import socket

import pytest

from tests.serve.conftest import StartServer

CONFIGURED = {"ADMIN_PASSWORD": "x" * 8, "DATABASE_URL": "host=/nowhere", "AUTHENTICATION": "off"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        pytest.param({}, "ADMIN_PASSWORD is not set", id="no password"),
        pytest.param({"ADMIN_PASSWORD": "x" * 8}, "no PostgreSQL: set DATABASE_URL", id="no database"),
        pytest.param({"MAX_BATCH_ROWS": "0"}, "MAX_BATCH_ROWS='0'", id="a wrong setting"),
    ],
)
def test_a_missing_setting_is_named(start_server: StartServer, settings: dict[str, str], reason: str) -> None:
    run = start_server(**settings)
    assert run.returncode == 2
    (line,) = map(json.loads, run.stderr.splitlines())
    assert line["level"] == "critical"
    assert reason in line["event"]


def test_a_port_that_is_taken_is_named(start_server: StartServer) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        run = start_server("--port", str(port), **CONFIGURED)
    assert run.returncode == 2
    assert f"can't listen on 127.0.0.1, port {port}" in run.stderr


def test_limit_on_open_files_is_told_of(start_server: StartServer) -> None:
    elsewhere = CONFIGURED | {"SERVE_HOST": "192.0.2.1"}  # not this machine's address: the server ends at once
    run = start_server(under=("prlimit", "--nofile=200"), **elsewhere)
    assert "leaves room for 72 connections a process, of the 10000 of MAX_CONNECTIONS" in run.stderr
