"""A server finds out by itself what is in production, and answers no longer than its lease where it can't."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

import pytest

from fraud.errors import ProjectError, RegistryError
from fraud.registry import ChecksumError
from serve.engine import EngineOptions
from serve.errors import NotReady, UpdateFailed
from serve.model import registry_watch
from serve.model.change_messages import channel_pair
from serve.model.model_change import ModelChange
from serve.model.model_store import CONFIRMED_FILE, ModelStore
from serve.model.registry_watch import RegistryWatch
from serve.model.serving_model import ServingModel


class WatchedModel(ServingModel):
    """Serves version 1; what the registry says is told by the test."""

    served = 1
    production: int | RegistryError | None = 1

    @property
    def version(self) -> int:
        return self.served

    def production_number(self) -> int | None:
        if isinstance(self.production, RegistryError):
            raise self.production
        return self.production


class CountedChange(ModelChange):
    """Brings what is in production to the model at once, or fails."""

    def __init__(self, model: WatchedModel) -> None:
        ours, theirs = channel_pair()
        theirs.close()
        super().__init__(ours, model)
        self.watched = model
        self.updates = 0
        self.error: ProjectError | OSError | None = None

    async def update(self) -> tuple[int, bool]:
        self.updates += 1
        if self.error is not None:
            raise self.error
        assert isinstance(self.watched.production, int)
        self.watched.served = self.watched.production
        return self.watched.served, True


@pytest.fixture
def model(tmp_path: Path) -> WatchedModel:
    return WatchedModel("divorce-model", ModelStore(tmp_path), None, EngineOptions())


@pytest.fixture
def change(model: WatchedModel) -> CountedChange:
    return CountedChange(model)


@pytest.fixture
def watch(change: CountedChange, model: WatchedModel) -> RegistryWatch:
    return RegistryWatch(change, model, 5.0)


def look(watch: RegistryWatch, times: int = 1) -> None:
    async def looks() -> None:
        for _ in range(times):
            await watch.look()

    asyncio.run(looks())


def is_confirmed(model: ServingModel) -> bool:
    return model.unconfirmed_s < 60


def test_the_version_in_production_is_only_confirmed(
    watch: RegistryWatch, model: WatchedModel, change: CountedChange
) -> None:
    assert not is_confirmed(model)
    look(watch)
    assert (is_confirmed(model), change.updates) == (True, 0)


def test_another_version_in_production_is_taken(
    watch: RegistryWatch, model: WatchedModel, change: CountedChange
) -> None:
    model.production = 2
    look(watch, times=2)
    assert (model.served, change.updates, is_confirmed(model)) == (2, 1, True)


def test_a_registry_without_a_production_version_confirms_nothing(
    watch: RegistryWatch, model: WatchedModel, change: CountedChange
) -> None:
    model.production = None
    look(watch)
    assert (model.served, change.updates, is_confirmed(model)) == (1, 0, False)


def test_a_registry_that_is_away_is_told_once_and_changes_nothing(
    watch: RegistryWatch, model: WatchedModel, change: CountedChange, caplog: pytest.LogCaptureFixture
) -> None:
    model.production = RegistryError("no connection")
    with caplog.at_level(logging.INFO):
        look(watch, times=3)
        model.production = 1
        look(watch)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert (model.served, change.updates) == (1, 0)


@pytest.mark.parametrize("error", [UpdateFailed("a worker can't"), ChecksumError("another file"), OSError("full")])
def test_an_unusable_version_is_not_tried_at_every_look(
    watch: RegistryWatch,
    model: WatchedModel,
    change: CountedChange,
    error: ProjectError | OSError,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model.production, change.error = 2, error
    look(watch, times=3)
    assert (change.updates, is_confirmed(model)) == (1, False)
    model.production = 3
    look(watch)
    assert change.updates == 2
    monkeypatch.setattr(registry_watch, "UNUSABLE_AGAIN_S", -1.0)
    change.error = None
    look(watch)
    assert (change.updates, model.served) == (3, 3)


def test_a_registry_that_goes_away_during_a_change_is_asked_again(
    watch: RegistryWatch, model: WatchedModel, change: CountedChange
) -> None:
    model.production, change.error = 2, RegistryError("no connection")
    look(watch)
    change.error = None
    look(watch)
    assert (change.updates, model.served) == (2, 2)


def test_nothing_is_answered_beyond_the_lease_until_the_registry_confirms(tmp_path: Path) -> None:
    model = ServingModel("divorce-model", ModelStore(tmp_path), None, EngineOptions())
    model.keep_lease(60.0)
    with pytest.raises(NotReady, match="MODEL_LEASE_S"):
        _ = model.active
    model.confirm()
    model.keep_lease(60.0)
    with pytest.raises(NotReady, match="no model is loaded"):
        _ = model.active
    longer_ago = time.time() - 61
    os.utime(tmp_path / CONFIRMED_FILE, (longer_ago, longer_ago))
    model.keep_lease(60.0)
    with pytest.raises(NotReady, match="MODEL_LEASE_S"):
        _ = model.active
