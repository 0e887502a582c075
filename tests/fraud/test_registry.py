"""The registry client against a real MLflow server, and against servers that fail in every way we know."""

from __future__ import annotations

import datetime as dt
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fraud.errors import RegistryError
from fraud.registry import (
    CANDIDATE,
    CONTRIBUTIONS_SHA256_TAG,
    PREVIOUS,
    PRODUCTION,
    TEST_START_TAG,
    ChecksumError,
    ModelVersion,
    Registry,
)
from fraud.stack.ports import hold_port

CUTOFF = dt.date(2026, 5, 1)
MODEL = b"\x08\x0aonnx bytes"


@pytest.fixture
def registry(mlflow_uri: str, request: pytest.FixtureRequest) -> Registry:
    """A registered model of its own for each test."""
    return Registry(mlflow_uri, f"model-{request.node.name}")


def upload(registry: Registry, folder: Path, content: bytes) -> str:
    """A run whose `model/` holds `model.onnx` and `parity.json`."""
    from mlflow import MlflowClient

    client = MlflowClient(registry.tracking_uri)
    run_id: str = client.create_run("0").info.run_id
    (folder / "model.onnx").write_bytes(content)
    (folder / "parity.json").write_text("{}", encoding="utf-8")
    client.log_artifacts(run_id, str(folder), "model")
    return run_id


def register(registry: Registry, folder: Path, content: bytes = MODEL) -> ModelVersion:
    run_id = upload(registry, folder, content)
    return registry.register(run_id, hashlib.sha256(content).hexdigest(), CUTOFF, {"seed": "7"})


def test_an_empty_registry_says_none(registry: Registry) -> None:
    assert registry.version_of(PRODUCTION) is None


def test_a_version_keeps_what_was_registered(registry: Registry, tmp_path: Path) -> None:
    registered = register(registry, tmp_path)
    assert registered.version == 1
    assert registered.name == registry.model_name
    assert registered.data_cutoff == CUTOFF
    assert registered.sha256 == hashlib.sha256(MODEL).hexdigest()
    assert registered.tags["seed"] == "7"
    assert registry.model_version(1) == registered


def test_a_model_without_the_alias_says_none(registry: Registry, tmp_path: Path) -> None:
    register(registry, tmp_path)
    assert registry.version_of(CANDIDATE) is None


def test_aliases_move_from_version_to_version(registry: Registry, tmp_path: Path) -> None:
    first, second = register(registry, tmp_path), register(registry, tmp_path, b"second")
    registry.set_alias(PRODUCTION, first.version)
    assert registry.version_of(PRODUCTION) == first
    registry.set_alias(PREVIOUS, first.version)
    registry.set_alias(PRODUCTION, second.version)
    assert registry.version_of(PRODUCTION) == second
    assert registry.version_of(PREVIOUS) == first


def test_all_versions_are_listed_the_newest_first(registry: Registry, tmp_path: Path) -> None:
    assert registry.versions(10) == []
    numbers = [register(registry, tmp_path).version for _ in range(3)]
    assert [one.version for one in registry.versions(10)] == numbers[::-1]
    assert [one.version for one in registry.versions(2)] == numbers[:0:-1]


def test_tags_are_written_later(registry: Registry, tmp_path: Path) -> None:
    registry.set_tag(register(registry, tmp_path).version, "gate", "pass")
    assert registry.model_version(1).tags["gate"] == "pass"


def test_the_bytes_that_were_registered_are_fetched(registry: Registry, tmp_path: Path) -> None:
    version = register(registry, tmp_path)
    assert registry.fetch_model(version) == MODEL
    folder = tmp_path / "new" / "folder"
    assert registry.download_file(version, "parity.json", folder).read_text(encoding="utf-8") == "{}"
    assert [file.name for file in folder.iterdir()] == ["parity.json"]


def test_other_bytes_are_not_registered(registry: Registry, tmp_path: Path) -> None:
    run_id = upload(registry, tmp_path, b"changed on the way")
    with pytest.raises(ChecksumError, match="SHA-256"):
        registry.register(run_id, hashlib.sha256(MODEL).hexdigest(), CUTOFF, {})
    with pytest.raises(RegistryError, match="not found"):
        registry.model_version(1)


def test_a_changed_file_is_not_handed_over(registry: Registry, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    version = register(registry, tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"changed in the store")
    MlflowClient(registry.tracking_uri).log_artifact(version.run_id, str(tmp_path / "model.onnx"), "model")
    with pytest.raises(ChecksumError, match="changed the artifact store"):
        registry.fetch_model(version)


def explained(registry: Registry, folder: Path, tables: bytes, sha256: str) -> ModelVersion:
    """A version whose tag says that its tables of contributions have this SHA-256."""
    (folder / "contributions.msgpack").write_bytes(tables)
    run_id = upload(registry, folder, MODEL)
    return registry.register(run_id, hashlib.sha256(MODEL).hexdigest(), CUTOFF, {CONTRIBUTIONS_SHA256_TAG: sha256})


def test_tables_of_contributions_are_those_that_were_registered(registry: Registry, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    assert registry.fetch_contributions(register(registry, tmp_path)) is None
    version = explained(registry, tmp_path, b"tables", hashlib.sha256(b"tables").hexdigest())
    assert registry.fetch_contributions(version) == b"tables"
    (tmp_path / "contributions.msgpack").write_bytes(b"changed in the store")
    changed = str(tmp_path / "contributions.msgpack")
    MlflowClient(registry.tracking_uri).log_artifact(version.run_id, changed, "model")
    with pytest.raises(ChecksumError, match=r"contributions\.msgpack .* SHA-256"):
        registry.fetch_contributions(version)


def test_other_tables_of_contributions_are_not_registered(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ChecksumError, match=r"contributions\.msgpack .* SHA-256"):
        explained(registry, tmp_path, b"changed on the way", hashlib.sha256(b"tables").hexdigest())
    with pytest.raises(RegistryError, match="not found"):
        registry.model_version(1)


def test_a_version_of_someone_else_is_an_error(registry: Registry, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(registry.tracking_uri)
    run_id = upload(registry, tmp_path, MODEL)
    client.create_registered_model(registry.model_name)
    client.create_model_version(registry.model_name, f"runs:/{run_id}/model", run_id)
    registry.set_alias(PRODUCTION, 1)
    with pytest.raises(RegistryError, match="not registered by `python -m train`"):
        registry.version_of(PRODUCTION)


def test_a_damaged_tag_is_an_error(registry: Registry, tmp_path: Path) -> None:
    registry.set_tag(register(registry, tmp_path).version, "data_cutoff", "soon")
    with pytest.raises(RegistryError, match="soon"):
        registry.model_version(1)


def test_the_first_unseen_day_is_where_the_test_part_began(registry: Registry, tmp_path: Path) -> None:
    version = register(registry, tmp_path)
    assert version.unseen_from == CUTOFF, "a version that does not say has seen all that it could"
    registry.set_tag(version.version, TEST_START_TAG, "2026-01-24")
    assert registry.model_version(version.version).unseen_from == dt.date(2026, 1, 24)
    registry.set_tag(version.version, TEST_START_TAG, "in winter")
    with pytest.raises(RegistryError, match="in winter"):
        registry.model_version(version.version)


def test_an_unknown_version_or_file_is_an_error(registry: Registry, tmp_path: Path) -> None:
    version = register(registry, tmp_path)
    with pytest.raises(RegistryError, match="not found"):
        registry.model_version(99)
    with pytest.raises(RegistryError, match=r"absent\.json"):
        registry.download_file(version, "absent.json", tmp_path / "served")


def test_the_prefix_belongs_to_the_address(mlflow_uri: str) -> None:
    with pytest.raises(RegistryError, match="404"):
        Registry(mlflow_uri.removesuffix("/mlflow"), "any").version_of(PRODUCTION)


@pytest.fixture
def stub() -> Iterator[Callable[[int, bytes], str]]:
    """Start servers that give one answer to everything."""
    servers = []

    def start(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, b'{"error_code": "INTERNAL_ERROR", "message": "database is gone"}', id="server fault"),
        pytest.param(503, b"<html>upstream is down</html>", id="proxy without a server"),
        pytest.param(404, b"<html>no such page</html>", id="proxy's 404 is not an empty registry"),
        pytest.param(
            404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "gone"}', id="MLflow's 404 to a search"
        ),
        pytest.param(401, b"password, please", id="not allowed"),
        pytest.param(200, b"<html>welcome</html>", id="some other web site"),
    ],
)
def test_an_answer_that_is_an_error_is_never_none(stub: Callable[[int, bytes], str], status: int, body: bytes) -> None:
    with pytest.raises(RegistryError, match="failed") as raised:
        Registry(stub(status, body), "divorce-model", timeout_s=2).version_of(PRODUCTION)
    assert "\n" not in str(raised.value)


def test_unreachable_is_an_error_of_one_line_without_the_password() -> None:
    registry = Registry(f"http://user:hidden-word@127.0.0.1:{hold_port()}/mlflow", "divorce-model", timeout_s=2)
    with pytest.raises(RegistryError, match=r"http://127\.0\.0\.1") as raised:
        registry.version_of(PRODUCTION)
    assert "hidden-word" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_silent_server_costs_no_more_than_two_timeouts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        registry = Registry(f"http://127.0.0.1:{silent.getsockname()[1]}", "divorce-model", timeout_s=1)
        start = time.monotonic()
        with pytest.raises(RegistryError):
            registry.version_of(PRODUCTION)
        assert time.monotonic() - start < 5
