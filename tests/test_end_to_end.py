"""From the database to the answer: what the API says of an applicant is what XGBoost says."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from xgboost import XGBClassifier

from fraud.database import connect
from fraud.features import FEATURE_NAMES
from fraud.registry import PRODUCTION, ModelVersion, Registry
from fraud.settings import DatabaseRole
from tests.instances import instances_of
from tests.live_stack import LOGIN, LiveStack, wait_until


@pytest.fixture(scope="module")
def registry(stack: LiveStack) -> Registry:
    return Registry(stack.tracking_uri, "divorce-model", timeout_s=10)


@pytest.fixture(scope="module")
def production(registry: Registry) -> ModelVersion:
    version = registry.version_of(PRODUCTION)
    assert version is not None
    return version


@pytest.fixture(scope="module")
def xgboost_model(
    registry: Registry, production: ModelVersion, tmp_path_factory: pytest.TempPathFactory
) -> XGBClassifier:
    model = XGBClassifier()
    model.load_model(registry.download_file(production, "model.ubj", tmp_path_factory.mktemp("native")))
    return model


@pytest.fixture(scope="module")
def applications(stack: LiveStack) -> NDArray[np.float32]:
    columns = ", ".join(f'"{name}"' for name in FEATURE_NAMES)
    with connect(stack.dsn(DatabaseRole.TRAINER)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM divorce_predictions ORDER BY application_id LIMIT 5000")  # noqa: S608
        return np.array(cursor.fetchall(), dtype=np.float32)


def test_the_api_answers_what_xgboost_answers(
    stack: LiveStack, xgboost_model: XGBClassifier, applications: NDArray[np.float32]
) -> None:
    instances = instances_of(applications)
    answer = httpx.post(stack.url + "/batch_predict", json={"instances": instances}, headers=LOGIN, timeout=30)
    probabilities = np.array(answer.json()["probabilities"], dtype=np.float32)
    expected = xgboost_model.predict_proba(applications)[:, 1]
    assert np.max(np.abs(probabilities - expected) / expected) <= 1e-6
    assert len(np.unique(probabilities)) > 10


def test_answers_are_recorded_to_the_bit(stack: LiveStack, applications: NDArray[np.float32]) -> None:
    request_id = uuid.uuid4().hex
    instances = instances_of(applications[:200])
    answer = httpx.post(
        stack.url + "/batch_predict", json={"instances": instances}, headers={"X-Request-ID": request_id, **LOGIN}
    )
    query = (
        "SELECT divorce_probability, features FROM prediction_logs WHERE request_id = %s ORDER BY row_number",
        (request_id,),
    )

    def record() -> list[tuple[float, dict[str, float]]]:
        with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(*query)
            return cursor.fetchall()

    wait_until(lambda: len(record()) == 200, 10, "the record arrives")
    probabilities, features = zip(*record(), strict=True)
    np.testing.assert_array_equal(
        np.array(probabilities, np.float32), np.array(answer.json()["probabilities"], np.float32)
    )
    recorded = np.array([[row[name] for name in FEATURE_NAMES] for row in features], dtype=np.float32)
    np.testing.assert_array_equal(recorded, applications[:200])


def test_the_version_carries_its_proof(registry: Registry, production: ModelVersion, tmp_path: Path) -> None:
    parity = json.loads(registry.download_file(production, "parity.json", tmp_path).read_text())
    assert parity["model_sha256"] == production.sha256
    assert parity["margin_bit_equal_share"] == 1.0
    assert parity["max_relative_difference"] <= 1e-6
    assert parity["rows"]["real"] + parity["rows"]["made"] >= 200_000


def model_info(stack: LiveStack) -> dict[str, Any]:
    """What is served, whichever worker says it."""
    info: dict[str, Any] = httpx.get(stack.url + "/model-info", headers=LOGIN).json()
    assert info.pop("worker") > 0
    info.pop("engine_plan")  # what it has measured is each worker's own
    return info


def test_a_new_production_version_answers_after_an_update(stack: LiveStack, registry: Registry) -> None:
    before = model_info(stack)
    environment = {**stack.environment, "TODAY": "2025-06-01"}
    trained = subprocess.run(
        [sys.executable, "-m", "train"], env=environment, cwd=stack.run_dir, capture_output=True, text=True, check=False
    )
    assert trained.returncode == 0, trained.stderr
    assert model_info(stack) == before, "a candidate does not serve"
    candidate = registry.version_of("candidate")
    assert candidate is not None
    registry.set_alias(PRODUCTION, candidate.version)
    try:
        updated = httpx.post(stack.url + "/update-model", auth=stack.admin, timeout=60)
        assert updated.json()["model_version"] == str(candidate.version)
        info = model_info(stack)
        assert (info["model_version"], info["data_cutoff_date"]) == (str(candidate.version), "2025-06-01")
    finally:
        registry.set_alias(PRODUCTION, int(before["model_version"]))
        httpx.post(stack.url + "/update-model", auth=stack.admin, timeout=60)
    assert model_info(stack) == before


def test_a_model_that_is_not_what_was_registered_is_refused_and_the_old_one_serves_on(
    stack: LiveStack, registry: Registry, production: ModelVersion
) -> None:
    run = production.run_id
    damaged = registry.register(run, production.sha256, production.data_cutoff, {})
    registry.set_tag(damaged.version, "sha256", "0" * 64)
    registry.set_alias(PRODUCTION, damaged.version)
    try:
        refused = httpx.post(stack.url + "/update-model", auth=stack.admin, timeout=60)
        assert refused.status_code == 502
        assert "SHA-256" in refused.json()["error"]["message"]
        assert httpx.get(stack.url + "/model-info", headers=LOGIN).json()["model_version"] == str(production.version)
    finally:
        registry.set_alias(PRODUCTION, production.version)


def test_the_bench_prints_its_table(stack: LiveStack, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    run = subprocess.run(
        [sys.executable, "-m", "bench", "--seconds", "3", "--warmup", "0.1", "--json", str(figures)],
        env=stack.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(figures.read_text())
    assert [result["batch_rows"] for result in results] == [1, 100, 1_000, 10_000]
    assert all(result["requests"] > 0 and result["failures"] == 0 for result in results)
    assert "rows/s" in run.stdout
