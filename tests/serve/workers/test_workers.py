"""Several workers behave as one server: a death costs only its own connections, a new model comes to all or none."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import onnx
import psutil
import pytest

from fraud.features import EXAMPLE_INSTANCE
from fraud.registry import MODEL_FILE, PRODUCTION, ModelVersion, Registry, mlflow_client
from fraud.stack.ports import hold_port
from tests.live_stack import API_KEY, LOGIN, LiveStack, wait_until

FRESH_CONNECTIONS = 40
"""Enough that each of two workers gets some: the chance that one gets none is 2 in 10^12."""

BODY = json.dumps(EXAMPLE_INSTANCE).encode()
HEADERS = {"Content-Type": "application/json", **LOGIN}


def workers_of(stack: LiveStack) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        with suppress(psutil.Error):  # one that has ended is no worker
            if "serve.workers.worker" in process.cmdline():
                found.append(process)
    return found


def versions_on_fresh_connections(stack: LiveStack) -> set[str]:
    return {httpx.get(stack.url + "/health/live").headers["X-Model-Version"] for _ in range(FRESH_CONNECTIONS)}


def connect(stack: LiveStack) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(stack.url.removeprefix("http://"), timeout=30)
    connection.connect()
    return connection


def predict(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", "/predict", body=BODY, headers=HEADERS)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.fixture
def registry(stack: LiveStack) -> Registry:
    return Registry(stack.tracking_uri, "divorce-model", timeout_s=10)


@pytest.fixture
def production(registry: Registry) -> ModelVersion:
    version = registry.version_of(PRODUCTION)
    assert version is not None
    return version


@contextmanager
def production_is(registry: Registry, version: ModelVersion, before: ModelVersion, stack: LiveStack) -> Iterator[None]:
    registry.set_alias(PRODUCTION, version.version)
    try:
        yield
    finally:
        registry.set_alias(PRODUCTION, before.version)
        assert httpx.post(stack.url + "/update-model", auth=stack.admin, timeout=60).status_code == 200


def test_a_killed_worker_costs_only_its_own_connections_and_comes_back(stack: LiveStack) -> None:
    before = workers_of(stack)
    assert len(before) >= 2, "the default is a worker a core"
    connections = [connect(stack) for _ in range(FRESH_CONNECTIONS)]
    assert {predict(connection) for connection in connections} == {200}
    victim = before[0]
    lost_ports = {link.raddr.port for link in victim.net_connections("tcp") if link.raddr}
    victim.kill()
    kept = [connection for connection in connections if connection.sock.getsockname()[1] not in lost_ports]
    assert 0 < len(kept) < len(connections)
    assert {predict(connection) for connection in kept} == {200}
    for connection in connections:
        connection.close()
    wait_until(lambda: len(workers_of(stack)) == len(before), 30, "a new worker starts")
    newcomer = next(worker for worker in workers_of(stack) if worker not in before)
    wait_until(lambda: any(link.status == "LISTEN" for link in newcomer.net_connections("tcp")), 30, "it listens")
    assert len(versions_on_fresh_connections(stack)) == 1


def test_an_update_reaches_every_worker_before_it_answers_and_no_request_fails(
    stack: LiveStack, registry: Registry, production: ModelVersion
) -> None:
    again = registry.register(production.run_id, production.sha256, production.data_cutoff, {})
    stop = threading.Event()
    seen: list[tuple[float, int, str]] = []

    def load() -> None:
        with closing(connect(stack)) as connection:
            while not stop.is_set():
                started = time.monotonic()
                connection.request("POST", "/predict", body=BODY, headers=HEADERS)
                answer = connection.getresponse()
                answer.read()
                seen.append((started, answer.status, answer.headers["X-Model-Version"]))

    clients = [threading.Thread(target=load) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        with production_is(registry, again, production, stack):
            answer = httpx.post(stack.url + "/update-model", auth=stack.admin, timeout=60)
            answered = time.monotonic()
            assert answer.json()["model_version"] == str(again.version)
            assert versions_on_fresh_connections(stack) == {str(again.version)}
            checked = time.monotonic()
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert {status for _, status, _ in seen} == {200}
    assert {version for started, _, version in seen if answered < started < checked} == {str(again.version)}
    assert any(version == str(production.version) for _, _, version in seen), "the load began before the update"


def junk(_model: bytes) -> bytes:
    return b"registered, verified, and no model"


def with_one_leaf_moved(model: bytes) -> bytes:
    proto = onnx.load_model_from_string(model)
    weights = next(entry for entry in proto.graph.node[0].attribute if entry.name == "target_weights")
    weights.floats[1] += 0.001
    return bytes(proto.SerializeToString())


def without_golden_rows(model: bytes) -> bytes:
    proto = onnx.load_model_from_string(model)
    del proto.metadata_props[:]
    return bytes(proto.SerializeToString())


def register_spoiled(
    spoil: Callable[[bytes], bytes], stack: LiveStack, registry: Registry, production: ModelVersion, folder: Path
) -> ModelVersion:
    spoiled = folder / MODEL_FILE
    spoiled.write_bytes(spoil(registry.fetch_model(production)))
    client = mlflow_client(stack.tracking_uri, timeout_s=10)
    run_id = client.create_run(experiment_id="0").info.run_id
    client.log_artifact(run_id, str(spoiled), "model")
    return registry.register(run_id, hashlib.sha256(spoiled.read_bytes()).hexdigest(), production.data_cutoff, {})


@pytest.mark.parametrize("spoil", [junk, with_one_leaf_moved, without_golden_rows])
def test_a_version_that_fails_its_checks_is_served_by_nobody(
    spoil: Callable[[bytes], bytes],
    stack: LiveStack,
    registry: Registry,
    production: ModelVersion,
    tmp_path: Path,
) -> None:
    unusable = register_spoiled(spoil, stack, registry, production, tmp_path)
    with production_is(registry, unusable, production, stack):
        answer = httpx.post(stack.url + "/update-model", auth=stack.admin, timeout=60)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "update_failed")
        assert versions_on_fresh_connections(stack) == {str(production.version)}
        current = json.loads((stack.run_dir / "models" / "divorce-model" / "current.json").read_text())
        assert current == {"model_version": production.version}


def test_a_prepared_version_serves_nobody_before_the_update(
    stack: LiveStack, registry: Registry, production: ModelVersion
) -> None:
    again = registry.register(production.run_id, production.sha256, production.data_cutoff, {})
    answer = httpx.post(f"{stack.url}/prepare-model/{again.version}", auth=stack.admin, timeout=60)
    assert answer.json()["prepared_version"] == str(again.version)
    assert versions_on_fresh_connections(stack) == {str(production.version)}
    with production_is(registry, again, production, stack):
        assert httpx.post(stack.url + "/update-model", auth=stack.admin, timeout=60).status_code == 200
        assert versions_on_fresh_connections(stack) == {str(again.version)}


def test_an_unusable_version_can_not_be_prepared(
    stack: LiveStack, registry: Registry, production: ModelVersion, tmp_path: Path
) -> None:
    unusable = register_spoiled(junk, stack, registry, production, tmp_path)
    for version, code in ((unusable.version, "update_failed"), (unusable.version + 1, "upstream_error")):
        answer = httpx.post(f"{stack.url}/prepare-model/{version}", auth=stack.admin, timeout=60)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, code)
    assert versions_on_fresh_connections(stack) == {str(production.version)}
    assert httpx.post(stack.url + "/update-model", auth=stack.admin, timeout=60).status_code == 200


def test_a_stop_answers_what_was_begun_refuses_what_is_new_and_leaves_no_process(stack: LiveStack) -> None:
    port = hold_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "serve", "--port", str(port), "--workers", "2"],
        env={**stack.environment, **{name: value for name, value in stack.addresses.items() if value}},
        cwd=stack.run_dir,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/health/ready"), 60, "the second server is ready")
        workers = psutil.Process(server.pid).children()
        begun = [_begin_request(port) for _ in range(FRESH_CONNECTIONS)]
        server.terminate()
        wait_until(lambda: not _accepts(port), 30, "new connections are refused")
        assert {_finish_request(request) for request in begun} == {200}
        assert server.wait(30) == 0
        assert not any(worker.is_running() for worker in workers)
    finally:
        server.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def _begin_request(port: int) -> socket.socket:
    """Send a request's head only; the server has begun to work on it when it asks for the body."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n"
    connection.sendall(head.encode() + f"X-API-Key: {API_KEY}\r\nExpect: 100-continue\r\n\r\n".encode())
    assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
    return connection


def _finish_request(connection: socket.socket) -> int:
    with closing(connection):
        connection.sendall(BODY)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        answer.read()
        return answer.status
