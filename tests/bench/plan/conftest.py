"""A model in production, and the applications that it was trained on."""

from __future__ import annotations

import datetime as dt

import pytest

from fraud.registry import PRODUCTION, ModelVersion, Registry
from tests.train.conftest import store, synthetic_dataset
from tests.train.quick_search import shorten_search
from train.pipeline import run

TODAY = dt.date(2024, 7, 19)
"""The day after the last application."""


@pytest.fixture(scope="package")
def planned_model() -> str:
    """Name of the registered model."""
    return "planned"


@pytest.fixture(scope="module")
def planned(module_database: str, mlflow_uri: str, planned_model: str) -> tuple[str, Registry, ModelVersion]:
    """Database, registry and the version in production, whose twin has not seen the newest 20 days."""
    store(module_database, synthetic_dataset(8_000, 200, 1))
    registry = Registry(mlflow_uri, planned_model)
    with pytest.MonkeyPatch.context() as patch:
        shorten_search(patch)
        run(module_database, registry, TODAY, seed=1, threads=1, promote_first=True, progress=lambda *_: None)
    version = registry.version_of(PRODUCTION)
    assert version is not None
    return module_database, registry, version
