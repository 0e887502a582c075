"""An MLflow tracking server of our own: metadata in PostgreSQL, artifacts served by it, on loopback only."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from psycopg2.extensions import parse_dsn

from fraud.stack.child import Child

STATIC_PREFIX: Final = "/mlflow"
LOOPBACK: Final = "127.0.0.1"


def sqlalchemy_url(dsn: str) -> str:
    """The SQLAlchemy form of a libpq connection string; psycopg2 named, since SQLAlchemy 2.1 prefers psycopg 3."""
    parts = parse_dsn(dsn)
    user = quote(parts["user"], safe="")
    password = quote(parts.get("password", ""), safe="")
    database = quote(parts["dbname"], safe="")
    query = "&".join(f"{key}={quote(parts[key], safe='')}" for key in ("host", "port", "sslmode") if key in parts)
    return f"postgresql+psycopg2://{user}:{password}@/{database}?{query}"


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """A running server: its process, what clients call it by, and what answers 200 once it works."""

    child: Child
    tracking_uri: str
    health_url: str


def start_mlflow(metadata_dsn: str, artifact_dir: Path, port: int, log_path: Path) -> MlflowServer:
    """Start the server; its `health_url` answers once it has brought its tables up to date.

    The address of the database holds a password, so it travels by environment, where `ps` does not show it.
    """
    artifact_dir.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--host", LOOPBACK, "--port", str(port), "--workers", "1"),
        *("--static-prefix", STATIC_PREFIX, "--allowed-hosts", f"{LOOPBACK}:{port},localhost:{port}"),
        *("--serve-artifacts", "--artifacts-destination", str(artifact_dir.resolve())),
    ]
    environment = {
        "MLFLOW_BACKEND_STORE_URI": sqlalchemy_url(metadata_dsn),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # saves 230 MB and is not used
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    address = f"http://{LOOPBACK}:{port}{STATIC_PREFIX}"  # its API answers below the prefix only
    child = Child("the MLflow server", command, environment, log_path)
    return MlflowServer(child, address, f"{address}/health")
