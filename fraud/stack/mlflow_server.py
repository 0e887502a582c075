"""An MLflow tracking server of our own: metadata in PostgreSQL, artifacts served by it.

It asks nobody for a password, so it may be reached from this machine only, or from a network without strangers.
`python -m fraud.stack.mlflow_server` is such a server in the foreground, for a container.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote

import typer
from psycopg2.extensions import parse_dsn

from fraud.command_line import CommandLine
from fraud.priority import give_way
from fraud.settings import DatabaseRole, load_settings
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
    """Start the server on loopback; its `health_url` answers once it has brought its tables up to date.

    It gives way to the scoring server: nobody waits for a page of the registry as for an answer.
    """
    command = _command(LOOPBACK, port, (f"{LOOPBACK}:{port}", f"localhost:{port}"), artifact_dir)
    address = f"http://{LOOPBACK}:{port}{STATIC_PREFIX}"  # its API answers below the prefix only
    child = Child("the MLflow server", command, _environment(metadata_dsn), log_path, before_start=give_way)
    return MlflowServer(child, address, f"{address}/health")


def _command(host: str, port: int, allowed_hosts: Sequence[str], artifact_dir: Path) -> list[str]:
    artifact_dir.mkdir(parents=True, exist_ok=True)
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--host", host, "--port", str(port), "--workers", "1"),
        *("--static-prefix", STATIC_PREFIX, "--allowed-hosts", ",".join(allowed_hosts)),
        *("--serve-artifacts", "--artifacts-destination", str(artifact_dir.resolve())),
    ]


def _environment(metadata_dsn: str) -> dict[str, str]:
    """What goes to the server by environment: the database's address holds a password, and `ps` shows arguments."""
    return {
        "MLFLOW_BACKEND_STORE_URI": sqlalchemy_url(metadata_dsn),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # saves 230 MB and is not used
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def main(
    *,
    artifacts: Annotated[Path, typer.Option(help="Folder of the artifacts.")],
    host: Annotated[str, typer.Option(help="Address to listen on; the server has no password.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="HOST:PORT by which clients may call it; repeatable.")
    ] = None,
) -> None:
    """Run the tracking server, with its metadata in the database of the settings."""
    environment = _environment(load_settings().dsn(DatabaseRole.MLFLOW))
    command = _command(host, port, allowed_host or [f"{LOOPBACK}:{port}", f"localhost:{port}"], artifacts)
    os.execve(command[0], command, {**os.environ, **environment})  # noqa: S606 - the signals of a container are MLflow's


if __name__ == "__main__":
    CommandLine(main)()
