"""No process of the server ever loads a pickle, but for the machine code that it keeps for itself (`code_cache`).

Every Python process of a server tells of each class that an unpickler looks up (the audit event `pickle.find_class`,
which no unpickler of CPython can avoid) and of each call of `pickle.load` and `loads`, with whose code asked for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE
from fraud.registry import PRODUCTION, Registry
from tests.live_stack import LOGIN, LiveStack, project_environment, server_beside, wait_until
from tests.serve.prediction_log_rows import fetch

WITNESS = """
import os, sys, traceback

def tell(what):
    frames = [frame for frame in traceback.extract_stack() if frame.filename != __file__]
    places = [frame.filename for frame in frames if not frame.filename.startswith("<")]
    with open(os.path.join({folder!r}, str(os.getpid())), "a") as log:
        log.write(what + " " + " < ".join(reversed(places)) + "\\n")

def hear(event, arguments):
    if event == "pickle.find_class":
        tell("class")

sys.addaudithook(hear)
import pickle

def told(function):
    def telling(*arguments, **options):
        tell("call")
        return function(*arguments, **options)
    return telling

pickle.load, pickle.loads = told(pickle.load), told(pickle.loads)
tell("started")
"""
ROOT = Path(__file__).parents[2]
CODE_CACHE = "/serve/engine/code_cache.py"


@contextmanager
def witnessed(folder: Path) -> Iterator[str]:
    """A PYTHONPATH under which every process tells what it unpickles into files of the folder."""
    (folder / "told").mkdir()
    (folder / "sitecustomize.py").write_text(WITNESS.format(folder=str(folder / "told")))
    yield str(folder)


def told(folder: Path) -> dict[str, list[str]]:
    return {path.name: path.read_text().splitlines() for path in (folder / "told").iterdir()}


@pytest.fixture
def registry(stack: LiveStack) -> Registry:
    return Registry(stack.tracking_uri, "divorce-model", timeout_s=10)


def test_starting_scoring_shipping_and_updating_unpickle_nothing_but_our_own_machine_code(
    stack: LiveStack, registry: Registry, tmp_path: Path
) -> None:
    production = registry.version_of(PRODUCTION)
    assert production is not None
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    with (
        witnessed(tmp_path) as path,
        server_beside(stack, run_dir, PYTHONPATH=path, ENGINE="auto", SERVE_WORKERS="2") as url,
    ):
        body = {"instances": [EXAMPLE_INSTANCE] * 300}
        named = {**LOGIN, "X-Request-ID": "no-pickle"}
        assert httpx.post(url + "/predict", json=EXAMPLE_INSTANCE, headers=named).status_code == 200
        assert httpx.post(url + "/batch_predict", json=body, headers=named).status_code == 200
        again = registry.register(production.run_id, production.sha256, production.data_cutoff, {})
        registry.set_alias(PRODUCTION, again.version)
        try:
            update = httpx.post(url + "/update-model", auth=stack.admin, timeout=60)
        finally:
            registry.set_alias(PRODUCTION, production.version)
        assert update.json()["model_version"] == str(again.version)
        assert httpx.post(url + "/predict", json=EXAMPLE_INSTANCE, headers=named).status_code == 200
        shipped = "SELECT count(*) FROM prediction_requests WHERE request_id = 'no-pickle'"
        wait_until(lambda: fetch(stack.owner_dsn, shipped) == [(3,)], 30, "the records are in PostgreSQL")
    processes = told(tmp_path)
    assert len(processes) >= 4, "supervisor, two workers and shipper"
    lines = [line for lines in processes.values() for line in lines]
    assert sum(line.startswith("started") for line in lines) >= 4
    unpickled = [line for line in lines if not line.startswith("started")]
    of_others = [line for line in unpickled if CODE_CACHE not in line or "/numba/" not in line]
    assert of_others == []
    assert unpickled, "workers read the machine code that is kept, and the witness sees that"


LITTLE_CODE = """
import sys
from pathlib import Path
from numba import types
from serve.engine import sigmoid
from serve.engine.code_cache import load_code
from serve.engine.jit import compiled
signatures = [types.float32(types.float32)]
load_code(Path(sys.argv[1]), [Path(sigmoid.__file__)], lambda kept: compiled(sigmoid.sigmoid, signatures, cached=kept))
"""
"""Kept and read in the one way there is (`load_code`), and compiled in a moment."""


def test_a_cache_writable_by_others_is_never_unpickled(tmp_path: Path) -> None:
    code = tmp_path / "code"
    with witnessed(tmp_path) as path:
        for start in range(2):
            subprocess.run(
                [sys.executable, "-c", LITTLE_CODE, str(code)],
                env=project_environment(PYTHONPATH=f"{path}{os.pathsep}{ROOT}"),
                check=True,
                timeout=120,
            )
            if start == 0:
                (kept,) = code.iterdir()
                kept.chmod(0o777)
    first, second = (path.read_text() for path in sorted((tmp_path / "told").iterdir(), key=os.path.getmtime))
    assert list(kept.rglob("*.nbi")), "the first start has kept its code"
    assert "numba" not in second
    assert "started" in first
