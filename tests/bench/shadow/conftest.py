"""Two small models in a registry, and a log of what one of them answered."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.shadow.logged_rows import Window
from bench.shadow.result import Limits, Shadow
from bench.shadow.shadow import Models, compare
from fraud.registry import CANDIDATE, CONTRIBUTIONS_SHA256_TAG, PRODUCTION, ModelVersion, Registry
from serve.engine import Engine, EngineKind, EngineOptions, ModelFile, load
from serve.prediction_log.chain import microseconds
from tests.compiled_code import COMPILED_DIR
from tests.convert.small_models import applications, convert_small, fit
from tests.serve.prediction_log_rows import record, running_spool, ship_all

MODEL = "shadowed"
SINCE = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
"""A Monday."""
WINDOW = Window(SINCE, dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
OPTIONS = EngineOptions(2, EngineKind.AUTO, cache_dir=COMPILED_DIR)
LIMITS = Limits(minimum_applications=100, flip_share=None, is_optional=False)
CAPACITY = 0.1
SIZES = (1, 1, 7, 100, 1, 64, 300, 1)
"""Rows of a week's requests; weeks have their own."""
WEEKS = 3


@dataclass(frozen=True)
class Versions:
    """What is registered, and the engines of the champion that servers may take."""

    registry: Registry
    champion: ModelVersion
    candidate: ModelVersion
    unexplained: ModelVersion
    """The candidate's trees, registered without what gives reasons."""
    engines: tuple[Engine, Engine]
    candidate_engine: Engine


@pytest.fixture(scope="package")
def versions(mlflow_uri: str) -> Iterator[Versions]:
    registry = Registry(mlflow_uri, MODEL)
    champion, candidate = (
        convert_small(fit(n_estimators=trees, max_depth=depth)) for trees, depth in ((40, 3), (25, 4))
    )
    in_production = register(registry, champion.model, champion.contributions)
    judged = register(registry, candidate.model, candidate.contributions)
    unexplained = register(registry, candidate.model, None)
    registry.set_alias(PRODUCTION, in_production.version)
    registry.set_alias(CANDIDATE, judged.version)
    with tempfile.TemporaryDirectory() as folder:
        engines = [
            load(ModelFile.of(Path(folder) / f"{place}.onnx", model), EngineOptions(1, kind, 0.1, COMPILED_DIR))
            for place, (model, kind) in enumerate(
                (
                    (champion.model, EngineKind.FOREST),
                    (champion.model, EngineKind.ONNXRUNTIME),
                    (candidate.model, EngineKind.FOREST),
                )
            )
        ]
    yield Versions(registry, in_production, judged, unexplained, (engines[0], engines[1]), engines[2])
    for engine in engines:
        engine.close()


def register(registry: Registry, model: bytes, contributions: bytes | None) -> ModelVersion:
    from mlflow import MlflowClient

    client = MlflowClient(registry.tracking_uri)
    run_id: str = client.create_run("0").info.run_id
    tags = {}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.onnx").write_bytes(model)
        if contributions is not None:
            (Path(folder) / "contributions.msgpack").write_bytes(contributions)
            tags[CONTRIBUTIONS_SHA256_TAG] = hashlib.sha256(contributions).hexdigest()
        client.log_artifacts(run_id, folder, "model")
    return registry.register(run_id, hashlib.sha256(model).hexdigest(), dt.date(2026, 2, 1), tags)


@dataclass(frozen=True)
class Log:
    """What is in the database, as it was answered."""

    dsn: str
    x: NDArray[np.float32]
    """[N, F] of the champion's answers, in the order in which they came."""
    ids: list[str | None]
    days: NDArray[np.datetime64]


@pytest.fixture(scope="module")
def log(module_database: str, versions: Versions, tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Weeks of requests of one row and many, with ids and without, with missing values, by either kernel."""
    folder = tmp_path_factory.mktemp("spool")
    x = applications(WEEKS * sum(SIZES), seed=5)
    ids: list[str | None] = []
    days: list[dt.date] = []
    with running_spool(folder) as spool:
        for number, size in enumerate(SIZES * WEEKS):
            at = SINCE + dt.timedelta(days=7 * (number // len(SIZES)) + number % len(SIZES), hours=23)
            start = len(ids)
            names = [f"A{start + row}" if number % 2 else None for row in range(size)]
            spool.append(answered(versions, x[start : start + size], number, names, at))
            ids += names
            days += [at.date()] * size
        last = WINDOW.until - dt.timedelta(days=1)
        spool.append(answered(versions, x[:9], 1, None, last, load_test=True))
        spool.append(answered(versions, x[:9], 1, None, WINDOW.until))
    ship_all(folder, module_database)
    return Log(module_database, x, ids, np.array(days, "datetime64[D]"))


def answered(
    versions: Versions,
    x: NDArray[np.float32],
    number: int,
    names: list[str | None] | None,
    at: dt.datetime,
    **changes: Any,
) -> Any:
    """A request that the champion answered, by the kernel that its number says."""
    version = versions.champion
    facts = {
        "request_id": f"r-{number}",
        "features": x,
        "probabilities": versions.engines[number % 2].score(np.ascontiguousarray(x)),
        "application_ids": None if names is None or not any(names) else names,
        "received_at": microseconds(at),
        "model_version": version.version,
        "model_sha256": bytes.fromhex(version.sha256),
    }
    return record(len(x), **(facts | changes))


def compared(
    versions: Versions, dsn: str, folder: Path, candidate: ModelVersion | None = None, limits: Limits = LIMITS
) -> Shadow:
    models = Models(versions.registry, versions.champion, candidate or versions.candidate, OPTIONS)
    return compare(dsn, models, WINDOW, limits, capacity=CAPACITY, work_dir=folder)
