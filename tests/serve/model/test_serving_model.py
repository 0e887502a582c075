"""What serves is what was verified, whatever happens to its file meanwhile."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest

from fraud.registry import Registry
from serve.engine import EngineKind, EngineOptions
from serve.engine.contributions import ContributionsError
from serve.errors import ModelUnusable, NotReady
from serve.model.model_store import Manifest, ModelStore, StoredModel
from serve.model.serving_model import ServingModel
from tests.convert.small_models import applications, convert_small, fit

REGISTERED, OTHER = fit(base_score=0.3), fit(base_score=0.4)
ROWS = np.nan_to_num(applications(50))


class StoreOfReplacedFiles(ModelStore):
    """Whose files somebody replaces right after they were verified, by another model that works."""

    def __init__(self, root: Path, intruder: bytes) -> None:
        super().__init__(root)
        self._intruder = intruder

    def get(self, version: int) -> StoredModel:
        stored = super().get(version)
        stored.model.path.write_bytes(self._intruder)
        return stored


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


@pytest.mark.parametrize("kind", EngineKind)
def test_a_version_is_loaded_with_what_explains_it(tmp_path: Path, kind: EngineKind) -> None:
    model = ServingModel("divorce-model", explained_store(tmp_path), None, EngineOptions(kind=kind, plan_budget_s=0.05))
    model.load_local()
    contributions = model.active.contributions
    assert contributions is not None
    log_odds = contributions.base + contributions.effects(ROWS).sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-log_odds)), model.active.engine.score(ROWS), rtol=1e-5)


def test_a_version_of_before_there_were_reasons_is_served_without(store: ModelStore) -> None:
    model = ServingModel("divorce-model", store, None, EngineOptions(kind=EngineKind.ONNXRUNTIME))
    model.load_local()
    assert model.active.contributions is None


@pytest.mark.parametrize("kind", EngineKind)
def test_a_version_with_the_tables_of_another_model_is_not_served(tmp_path: Path, kind: EngineKind) -> None:
    swapped = explained_store(tmp_path, convert_small(OTHER).contributions)
    model = ServingModel("divorce-model", swapped, None, EngineOptions(kind=kind, plan_budget_s=0.05))
    with pytest.raises(ContributionsError, match="belongs to the model with SHA-256"):
        model.prepare(4)
    model.load_local()
    with pytest.raises(ModelUnusable, match=r"version 4 can't be served: the table of contributions .* belongs to"):
        _ = model.active


def explained_store(folder: Path, tables: bytes | None = None) -> ModelStore:
    """With version 4, and its own tables unless others are given, as if the registry had them."""
    converted = convert_small(REGISTERED)
    content = tables or converted.contributions or b""
    store = ModelStore(folder / "models")
    sha256 = hashlib.sha256(content).hexdigest()
    manifest = Manifest("divorce-model", 4, converted.sha256, dt.date(2026, 5, 1), sha256)
    store.add(manifest, lambda: converted.model, lambda: content)
    store.make_current(4)
    return store


@pytest.fixture
def old_store(tmp_path: Path, registered: bytes) -> ModelStore:
    """Its local copy was made before models carried golden rows."""
    network = onnx.load_model_from_string(registered)
    del network.metadata_props[:]
    old = network.SerializeToString()
    store = ModelStore(tmp_path / "old")
    store.add(Manifest("divorce-model", 1, hashlib.sha256(old).hexdigest(), dt.date(2026, 5, 1)), lambda: old)
    store.make_current(1)
    return store


def test_an_old_local_copy_is_no_verdict_before_the_registry_is_asked(old_store: ModelStore, registered: bytes) -> None:
    options = EngineOptions(kind=EngineKind.ONNXRUNTIME)
    model = ServingModel("divorce-model", old_store, Registry("http://127.0.0.1:9/mlflow", "divorce-model"), options)
    model.load_local()
    with pytest.raises(NotReady, match="waiting for a model from the registry: version 1 can't be served"):
        _ = model.active
    model.give_up_on_registry()
    with pytest.raises(ModelUnusable, match=r"version 1 can't be served: .*golden rows"):
        _ = model.active

    new = Manifest("divorce-model", 2, hashlib.sha256(registered).hexdigest(), dt.date(2026, 5, 1))
    old_store.add(new, lambda: registered)
    model.prepare(2)
    model.commit(2)
    assert model.version == 2
    assert model.active.manifest == new


def test_an_old_local_copy_is_a_verdict_without_a_registry(old_store: ModelStore) -> None:
    model = ServingModel("divorce-model", old_store, None, EngineOptions(kind=EngineKind.ONNXRUNTIME))
    model.load_local()
    with pytest.raises(ModelUnusable, match="golden rows"):
        _ = model.active
