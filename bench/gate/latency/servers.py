"""Model versions served side by side, each by a real server of its own with the real prediction log."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fraud.registry import ModelVersion, Registry
from fraud.stack.child import Child
from fraud.stack.ports import hold_port
from serve.model.model_store import Manifest, model_store

STOP_TIMEOUT_S: Final = 60.0
SERVER_COMMAND: Final = (sys.executable, "-m", "serve")


@contextmanager
def served(
    registry: Registry,
    version: ModelVersion,
    folder: Path,
    settings: Mapping[str, str],
    command: tuple[str, ...] = SERVER_COMMAND,
    *,
    workers: int = 1,
) -> Iterator[str]:
    """Address of a server that serves this version and no other, as long as the block runs.

    It gets a run folder of its own with a verified copy of the model, and no registry, so nothing changes its version.
    Servers are started one after the other: each measures at its start how it runs the model best.

    Args:
        registry: where the version is.
        version: what to serve.
        folder: empty; the server's working and run folder.
        settings: further settings of the server: above all the database of its prediction log.
        command: what starts the server.
        workers: server processes; one is measured most evenly.

    Raises:
        RegistryError: the version can't be fetched.
        StackError: the server does not start.
    """
    store = model_store(folder, version.name)
    manifest = Manifest(
        version.name, version.version, version.sha256, version.data_cutoff, version.contributions_sha256
    )
    store.add(manifest, lambda: registry.fetch_model(version), lambda: registry.fetch_contributions(version))
    store.make_current(version.version)
    port = hold_port()
    environment = {
        **settings,
        "RUN_DIR": str(folder.absolute()),  # it starts in this folder: a relative path would lead elsewhere
        "MODEL_NAME": version.name,
        "MLFLOW_TRACKING_URI": "",
        "SHADOW_ALIAS": "",
        "ADMIN_PASSWORD": secrets.token_urlsafe(),
        "SERVE_HOST": "127.0.0.1",
        "SSL_CERTFILE": "",
        "SSL_KEYFILE": "",
        "SERVE_PORT": str(port),
        "SERVE_WORKERS": str(workers),
    }
    name = f"the server of version {version.version}"
    server = Child(name, command, environment, folder / "server.log", folder)
    try:
        url = f"http://127.0.0.1:{port}"
        server.wait_until_answers(f"{url}/health/ready")
        yield url
    finally:
        server.stop(STOP_TIMEOUT_S)
