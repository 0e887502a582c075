"""A person reads what the server or the system said, not how a library tells of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psycopg2
import pytest

from bench.gate.errors import DeploymentError
from bench.gate.server import Server
from fraud.errors import RegistryError
from fraud.foreign_errors import refusal, told, why_unanswered
from fraud.registry import PRODUCTION, Registry
from fraud.server_addresses import single_server
from fraud.stack.ports import hold_port
from jenkins.drift.waiting_records import ServerMetrics, wait_for_records


def ours(status: int, code: str, message: str) -> tuple[int, bytes]:
    return status, json.dumps({"error": {"code": code, "message": message}, "request_id": "7"}).encode()


REFUSALS = [
    (ours(401, "unauthorized", "send an API key"), "401: send an API key"),
    (ours(403, "forbidden", "takes the role operate"), "403: takes the role operate"),
    (ours(422, "invalid", "instance 0: a feature is missing"), "422: instance 0: a feature is missing"),
    ((404, b'{"error_code": "GONE", "message": "no such model"}'), "404: no such model"),
    ((400, b'{"error": "no tensor"}'), "400: no tensor"),
    ((502, b"<html><h1>Bad\n Gateway</h1></html>"), "502: Bad Gateway"),
    ((500, b""), "500"),
    ((500, b"[1]"), "500: [1]"),
]


@pytest.mark.parametrize(("answer", "said"), REFUSALS, ids=[said for _, said in REFUSALS])
def test_refusal_is_the_servers_message(answer: tuple[int, bytes], said: str) -> None:
    assert refusal(*answer) == said


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], str]]:
    """Starts a server that answers everything in one way; gives its address."""
    servers = []

    def start(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("answer", "said"), REFUSALS[:3])
def test_server_that_refuses_a_change_of_model_is_quoted(
    answering: Callable[[int, bytes], str], answer: tuple[int, bytes], said: str
) -> None:
    url = answering(*answer)
    address = single_server(url)
    server = Server(address, "admin", "wrong")
    with pytest.raises(DeploymentError) as update:
        server.update()
    assert str(update.value) == f"{url}: /update-model answered {said}"
    with pytest.raises(DeploymentError) as verify:
        server.verify(1)
    assert str(verify.value) == f"{url}: /model-info answered {said}"
    assert f"(it answered {said})" in (wait_for_records(ServerMetrics(address, "admin", "wrong")) or "")


MLFLOW_ANSWERS = [
    ((500, b'{"error_code": "INTERNAL_ERROR", "message": "database is gone"}'), "it answered 500, more than once"),
    ((400, b'{"error_code": "BAD_REQUEST", "message": "no such order"}'), "BAD_REQUEST: no such order"),
    ((401, b"password, please"), "it answered 401: password, please"),
    ((404, b"<html>no such page</html>"), "it answered 404: no such page"),
    ((200, b"<html>welcome</html>"), "it answered 200: welcome"),
]


@pytest.mark.parametrize(("answer", "said"), MLFLOW_ANSWERS, ids=[said for _, said in MLFLOW_ANSWERS])
def test_registry_that_refuses_is_quoted(
    answering: Callable[[int, bytes], str], answer: tuple[int, bytes], said: str
) -> None:
    url = answering(*answer)
    with pytest.raises(RegistryError) as refused:
        Registry(url, "divorce-model", timeout_s=2).version_of(PRODUCTION)
    assert str(refused.value) == f"the MLflow registry at {url} failed: {said}"


def test_registry_that_is_away_is_told_of_in_the_systems_words() -> None:
    address = f"127.0.0.1:{hold_port()}/mlflow"
    with pytest.raises(RegistryError) as away:
        Registry(f"http://user:hidden@{address}", "divorce-model", timeout_s=2).version_of(PRODUCTION)
    assert str(away.value) == f"the MLflow registry at http://{address} failed: Connection refused"


def test_server_that_is_away_or_silent_is_told_of_in_the_systems_words() -> None:
    with pytest.raises(httpx.ConnectError) as away:
        httpx.get(f"http://127.0.0.1:{hold_port()}", trust_env=False)
    assert why_unanswered(away.value) == "Connection refused"
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(httpx.TimeoutException) as late:
        httpx.get(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1, trust_env=False)
    assert why_unanswered(late.value) == "no answer in time"


def test_database_refuses_without_its_details(empty_database: str) -> None:
    with psycopg2.connect(empty_database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE couples (name text UNIQUE); INSERT INTO couples VALUES ('Doe')")
        with pytest.raises(psycopg2.Error) as refused:
            cursor.execute("INSERT INTO couples VALUES ('Doe')")
    connection.close()
    assert "Doe" in str(refused.value)
    assert told(refused.value) == ('PostgreSQL: duplicate key value violates unique constraint "couples_name_key"')


def ended(folder: Path, module: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PYTHON", "LANG", "PATH"))}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**kept, "RUN_DIR": str(folder), **settings},
        capture_output=True,
        text=True,
        check=False,
    )


DATABASE_COMMANDS = [
    ("initdb", "--schema-only"),
    ("initdb", "upgrade", "--check"),
    ("train.data_check",),
    ("serve.audit", "verify"),
]


@pytest.mark.parametrize("command", DATABASE_COMMANDS, ids=" ".join)
def test_command_without_its_database_ends_with_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    port = hold_port()
    told_of = ended(tmp_path, *command, DATABASE_URL=f"postgresql://postgres:hidden@127.0.0.1:{port}/loans")
    assert told_of.returncode == 2
    assert told_of.stderr.count("\n") == 1, told_of.stderr
    assert f"port {port} failed: Connection refused" in told_of.stderr
    assert "hidden" not in told_of.stderr


def test_command_without_its_registry_ends_with_one_line(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{hold_port()}/mlflow"
    told_of = ended(
        tmp_path,
        "train.candidate_parity",
        MLFLOW_TRACKING_URI=address,
        DATABASE_URL="postgresql://postgres@127.0.0.1/x",
    )
    assert told_of.returncode == 2
    assert told_of.stderr == f"error: the MLflow registry at {address} failed: Connection refused\n"


def test_command_with_a_wrong_password_says_what_postgresql_said(empty_database: str, tmp_path: Path) -> None:
    wrong = psycopg2.extensions.make_dsn(empty_database, user="scoring_nobody", password="hidden")
    told_of = ended(tmp_path, "initdb", "upgrade", "--check", DATABASE_URL=wrong)
    assert told_of.returncode == 2
    assert "scoring_nobody" in told_of.stderr
    assert "FATAL" not in told_of.stderr
    assert told_of.stderr.count("\n") == 1
    assert not any(word in told_of.stderr for word in ("hidden", "psycopg2", "Traceback"))
