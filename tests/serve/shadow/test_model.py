"""The version that shadows is that of the alias; what goes wrong is told once and raises nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from serve.shadow import model as model_module
from serve.shadow.metrics import ShadowMetrics
from serve.shadow.model import ShadowModel
from serve.shadow.state_file import StateFile
from tests.convert.small_models import applications, convert_small, fit
from tests.live_stack import wait_until
from tests.serve.shadow.small_registry import ALIAS, SmallRegistry, new_model

ROWS = np.nan_to_num(applications(50))


@pytest.fixture(scope="module")
def models() -> list[bytes]:
    return [convert_small(fit(base_score=base)).model for base in (0.3, 0.4)]


@pytest.fixture
def registry() -> SmallRegistry:
    return SmallRegistry()


def version_of(model: ShadowModel) -> int | None:
    return None if model.active is None else model.active.manifest.model_version


def state_of(folder: Path) -> tuple[int | None, str | None]:
    state = StateFile(folder / "state", ALIAS).read()
    return state.model_version, state.fault


def test_alias_is_followed_wherever_it_goes(registry: SmallRegistry, models: list[bytes], tmp_path: Path) -> None:
    model = new_model(registry, tmp_path)
    scored = []
    for version in (1, 2, 1):
        registry.add(version, models[version - 1])
        model.look()
        assert model.active is not None
        assert (version_of(model), state_of(tmp_path)) == (version, (version, None))
        scored.append(model.active.engine.score(ROWS))
    assert not np.array_equal(scored[0], scored[1])
    np.testing.assert_array_equal(scored[0], scored[2])
    del registry.aliases[ALIAS]
    model.look()
    assert version_of(model) is None


Break = Callable[[SmallRegistry, Path], object]


@pytest.mark.parametrize(
    ("break_it", "left", "reason"),
    [
        pytest.param(lambda registry, _: registry.aliases.clear(), None, "no version under", id="no such alias"),
        pytest.param(lambda registry, _: setattr(registry, "is_away", True), 1, "not answer", id="no registry"),
        pytest.param(lambda registry, _: setattr(registry, "tampered", b"x"), None, "SHA-256", id="a damaged file"),
        pytest.param(
            lambda registry, _: registry.add(2, b"no model"), None, "can't be used as a shadow", id="no model at all"
        ),
        pytest.param(
            lambda _, folder: (folder / "models" / "2").write_text(""),
            None,
            "can't be used as a shadow",
            id="something in the way",
        ),
    ],
)
def test_fault_is_told_once_and_raises_nothing(
    registry: SmallRegistry,
    models: list[bytes],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    break_it: Break,
    left: int | None,
    reason: str,
) -> None:
    registry.add(1, models[0])
    metrics = ShadowMetrics()
    model = new_model(registry, tmp_path, metrics)
    model.look()
    registry.add(2, models[1])
    break_it(registry, tmp_path)
    with caplog.at_level(logging.WARNING, "serve.shadow"):
        for _ in range(3):
            model.look()
    assert [reason in line for line in caplog.messages] == [True]
    assert version_of(model) == left
    version, fault = state_of(tmp_path)
    assert version == left
    assert fault is not None
    assert reason in fault
    (family,) = metrics.faults.collect()
    assert family.samples[0].value >= 1


def test_version_that_could_not_be_loaded_is_tried_again_when_asked(
    registry: SmallRegistry, models: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "POLL_INTERVAL_S", 0.01)
    registry.add(1, models[0])
    registry.tampered = b"x"
    model, stop = new_model(registry, tmp_path), threading.Event()
    following = threading.Thread(target=model.run, args=(stop,))
    following.start()
    try:
        wait_until(lambda: "SHA-256" in (state_of(tmp_path)[1] or ""), 60, "it is refused")
        registry.tampered = None
        model.look()
        assert version_of(model) is None, "nobody has asked"
        StateFile(tmp_path / "state", ALIAS).ask()
        wait_until(lambda: state_of(tmp_path) == (1, None), 60, "it is tried again")
    finally:
        stop.set()
        following.join()


def test_without_a_registry_nothing_shadows(tmp_path: Path) -> None:
    model = new_model(None, tmp_path)
    model.look()
    assert version_of(model) is None
    assert "MLFLOW_TRACKING_URI" in (state_of(tmp_path)[1] or "")
