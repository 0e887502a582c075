"""A bridge follows what the registry calls production, and goes on with what it has where that can't be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.registry import PRODUCTION
from serve.engine import EngineKind, EngineOptions
from serve.errors import ReasonsUnavailable
from serve.model.model_store import model_store
from serve.model.serving_model import ServingModel
from serve.scoring.asks import Asks
from serve.stream.bridge import FollowedModel
from tests.convert.small_models import convert_small, fit
from tests.serve.shadow.small_registry import SmallRegistry

FIRST, SECOND = convert_small(fit(base_score=0.3)).model, convert_small(fit(base_score=0.4)).model


@pytest.fixture
def registry() -> SmallRegistry:
    registry = SmallRegistry()
    registry.add(1, FIRST, PRODUCTION)
    return registry


@pytest.fixture
def serving(registry: SmallRegistry, tmp_path: Path) -> ServingModel:
    """The first version is in charge."""
    options = EngineOptions(kind=EngineKind.ONNXRUNTIME)
    serving = ServingModel("divorce-model", model_store(tmp_path, "divorce-model"), registry, options)
    serving.fetch_production()
    serving.prepare(1)
    serving.commit(1)
    return serving


@pytest.fixture
def follow_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.stream.bridge.FOLLOW_S", -1.0)


@pytest.mark.usefixtures("follow_at_once")
def test_next_batch_is_scored_by_the_new_production(registry: SmallRegistry, serving: ServingModel) -> None:
    model = FollowedModel(serving, Asks(report=True))
    assert model().manifest.model_version == 1
    registry.add(2, SECOND, PRODUCTION)
    assert model().manifest.model_version == 2
    registry.aliases[PRODUCTION] = 1
    assert model().manifest.model_version == 1, "a version that was withdrawn scores no more"


def test_registry_is_not_asked_for_each_batch(registry: SmallRegistry, serving: ServingModel) -> None:
    model = FollowedModel(serving, Asks(report=True))
    registry.add(2, SECOND, PRODUCTION)
    assert model().manifest.model_version == 1


@pytest.mark.usefixtures("follow_at_once")
def test_version_goes_on_while_the_registry_is_away(registry: SmallRegistry, serving: ServingModel) -> None:
    model = FollowedModel(serving, Asks(report=True))
    registry.add(2, SECOND, PRODUCTION)
    registry.is_away = True
    assert model().manifest.model_version == 1
    registry.is_away = False
    assert model().manifest.model_version == 2


@pytest.mark.usefixtures("follow_at_once")
@pytest.mark.parametrize("fault", ["no production", "another file than was registered", "no model"])
def test_version_goes_on_where_the_next_can_not_be_had(
    registry: SmallRegistry, serving: ServingModel, fault: str
) -> None:
    model = FollowedModel(serving, Asks(report=True))
    if fault == "no production":
        del registry.aliases[PRODUCTION]
    else:
        registry.add(2, SECOND if fault == "another file than was registered" else b"no model", PRODUCTION)
        registry.tampered = FIRST if fault == "another file than was registered" else None
    assert model().manifest.model_version == 1
    registry.tampered = None
    registry.add(3, SECOND, PRODUCTION)
    assert model().manifest.model_version == 3


@pytest.mark.usefixtures("follow_at_once")
def test_version_without_reasons_ends_a_bridge_that_gives_them(registry: SmallRegistry, serving: ServingModel) -> None:
    model = FollowedModel(serving, Asks(report=True, reasons=2))
    registry.add(2, SECOND, PRODUCTION)
    with pytest.raises(ReasonsUnavailable):
        model()
