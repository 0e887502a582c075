"""A server whose shadow finds no registry: it answers, records, and says why nothing shadows."""

from __future__ import annotations

import datetime as dt
import hashlib
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx

from fraud.features import EXAMPLE_INSTANCE
from fraud.stack.ports import hold_port
from serve.model.model_store import Manifest, model_store
from tests.convert.small_models import convert_small, plain
from tests.live_stack import project_environment, wait_until
from tests.serve.prediction_log_rows import fetch

START_TIMEOUT_S = 240.0


def test_shadow_without_a_registry_costs_nobody_an_answer(database: str, tmp_path: Path) -> None:
    model = convert_small(plain()).model
    store = model_store(tmp_path, "divorce-model")
    store.add(Manifest("divorce-model", 1, hashlib.sha256(model).hexdigest(), dt.date(2026, 5, 1)), lambda: model)
    store.make_current(1)
    port = hold_port()
    url = f"http://127.0.0.1:{port}"
    environment = project_environment(
        RUN_DIR=str(tmp_path),
        DATABASE_URL=database,
        SERVE_PORT=str(port),
        SERVE_WORKERS="1",
        ADMIN_PASSWORD="of-the-test",
        AUTHENTICATION="off",
        ENGINE="onnxruntime",
        SHADOW_ALIAS="candidate",
        SHADOW_SHARE="1",
    )
    log = tmp_path / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "serve"], cwd=tmp_path, env=environment, stdout=output, stderr=subprocess.STDOUT
        )

    def is_ready() -> bool:
        assert server.poll() is None, log.read_text()
        with suppress(httpx.TransportError):
            return httpx.get(url + "/health/ready").status_code == 200
        return False

    admin = ("admin", "of-the-test")
    counted = 'scoring_shadow_requests_total{outcome="no_model"} 3.0'
    try:
        wait_until(is_ready, START_TIMEOUT_S, "the server is ready")
        for _ in range(3):
            assert httpx.post(url + "/predict", json=EXAMPLE_INSTANCE, timeout=30).status_code == 200
        wait_until(lambda: counted in httpx.get(url + "/metrics", auth=admin).text, START_TIMEOUT_S, "they are counted")
        told = httpx.get(url + "/model-info", auth=admin).json()["shadow"]
    finally:
        server.terminate()
        status = server.wait(60)
    assert status == 0
    assert (told["alias"], told["model_version"]) == ("candidate", None)
    assert "MLFLOW_TRACKING_URI" in told["fault"]
    assert log.read_text().count("the shadow's model") == 1
    assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(3,)]
