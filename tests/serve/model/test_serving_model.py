"""What serves is what was verified, whatever happens to its file meanwhile."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import numpy as np
import pytest

from serve.engine import EngineKind, EngineOptions, ModelFile
from serve.model.model_store import Manifest, ModelStore
from serve.model.serving_model import ServingModel
from tests.convert.small_models import applications, convert_small, fit

REGISTERED, OTHER = fit(base_score=0.3), fit(base_score=0.4)
ROWS = np.nan_to_num(applications(50))


class StoreOfReplacedFiles(ModelStore):
    """Whose files somebody replaces right after they were verified, by another model that works."""

    def __init__(self, root: Path, intruder: bytes) -> None:
        super().__init__(root)
        self._intruder = intruder

    def get(self, version: int) -> tuple[Manifest, ModelFile]:
        manifest, model = super().get(version)
        model.path.write_bytes(self._intruder)
        return manifest, model


@pytest.fixture(scope="module")
def registered() -> bytes:
    return convert_small(REGISTERED).model


@pytest.fixture(scope="module")
def intruder() -> bytes:
    return convert_small(OTHER).model


@pytest.fixture
def store(tmp_path: Path, registered: bytes, intruder: bytes) -> ModelStore:
    store = StoreOfReplacedFiles(tmp_path / "models", intruder)
    manifest = Manifest("divorce-model", 4, hashlib.sha256(registered).hexdigest(), dt.date(2026, 5, 1))
    store.add(manifest, lambda: registered)
    store.make_current(4)
    return store


@pytest.mark.parametrize("start", ["from the local copy", "by an update"])
@pytest.mark.parametrize("kind", EngineKind)
def test_a_file_replaced_after_its_verification_is_not_served(store: ModelStore, kind: EngineKind, start: str) -> None:
    model = ServingModel("divorce-model", store, None, EngineOptions(kind=kind, plan_budget_s=0.05))
    if start == "by an update":
        model.prepare(4)
        model.commit(4)
    else:
        model.load_local()
    expected = REGISTERED.predict_proba(ROWS)[:, 1]
    assert not np.allclose(expected, OTHER.predict_proba(ROWS)[:, 1], rtol=1e-3)
    np.testing.assert_allclose(model.active.engine.score(ROWS), expected, rtol=1e-6)
