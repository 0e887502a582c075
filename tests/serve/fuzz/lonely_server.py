"""A server for the wire fuzzer, with a model of its own and nothing behind it: no registry, no database."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from bench.experiments.engines.models import SIZES, make_models
from fraud.stack.ports import hold_port
from serve.engine import read_model
from serve.model.model_store import Manifest, model_store
from serve.workers.supervisor import worker_command

NAME = "divorce-model"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
WORKER_MODULE = worker_command("", 0, 1, 1)[2]


@contextmanager
def lonely_server(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Its address, and the process that answers; what it logs is `server.log` in the folder."""
    _store_model(folder)
    port = hold_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "RUN_DIR": str(folder),
        "COMPILED_DIR": str(folder / "compiled"),
        "DATABASE_URL": f"host={folder}",  # where no PostgreSQL listens: records wait in the spool
        "ADMIN_PASSWORD": secrets.token_urlsafe(),
        "AUTHENTICATION": "off",  # failed logins would be answered ever more slowly
        "SERVE_PORT": str(port),
        "SERVE_WORKERS": "1",
        "MODEL_NAME": NAME,
    }
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "serve"],
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, url, folder / "server.log")
        yield url, _worker_of(process)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def _store_model(folder: Path) -> None:
    (folder / "made").mkdir(exist_ok=True)
    (made,) = make_models(folder / "made", SIZES[:1])
    model = read_model(made.path)
    store = model_store(folder, NAME)
    store.add(Manifest(NAME, 1, model.sha256, dt.date(2025, 1, 1)), lambda: model.content)
    store.make_current(1)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server does not start: {log.read_text()}")
        with suppress(httpx.TransportError):
            if httpx.get(url + "/health/ready").status_code == 200:
                return
        time.sleep(0.1)


def _worker_of(process: subprocess.Popen[bytes]) -> psutil.Process:
    children = psutil.Process(process.pid).children()
    return next(child for child in children if WORKER_MODULE in child.cmdline())
