"""A registry whose versions are in memory, and a shadow that follows it, for tests without an MLflow server."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

from fraud.errors import RegistryError
from fraud.registry import ModelVersion, Registry
from serve.engine import EngineOptions
from serve.shadow.metrics import ShadowMetrics
from serve.shadow.model import ShadowModel
from serve.shadow.state_file import StateFile

ALIAS = "candidate"


class SmallRegistry(Registry):
    """Answers as a server would, without one."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9/mlflow", "divorce-model")
        self.models: dict[int, bytes] = {}
        self.aliases: dict[str, int] = {}
        self.tampered: bytes | None = None
        self.is_away = False

    def add(self, version: int, model: bytes, alias: str = ALIAS) -> None:
        self.models[version] = model
        self.aliases[alias] = version

    def version_of(self, alias: str) -> ModelVersion | None:
        if self.is_away:
            raise RegistryError("the registry does not answer")
        number = self.aliases.get(alias)
        if number is None:
            return None
        sha256 = hashlib.sha256(self.models[number]).hexdigest()
        day = dt.date(2026, 5, 1)
        return ModelVersion(self.model_name, number, sha256, day, day, "run", {})

    def number_of(self, alias: str) -> int | None:
        version = self.version_of(alias)
        return None if version is None else version.version

    def fetch_model(self, version: ModelVersion) -> bytes:
        return self.models[version.version] if self.tampered is None else self.tampered


def new_model(registry: Registry | None, folder: Path, metrics: ShadowMetrics | None = None) -> ShadowModel:
    return ShadowModel(
        ALIAS,
        registry=registry,
        folder=folder / "models",
        options=EngineOptions(),
        state=StateFile(folder / "state", ALIAS),
        metrics=metrics or ShadowMetrics(),
    )


def samples(metrics: ShadowMetrics) -> dict[str, int]:
    """Requests by what became of them, without those that nothing became of."""
    (family,) = metrics.requests.collect()
    found = {sample.labels["outcome"]: int(sample.value) for sample in family.samples if sample.name.endswith("_total")}
    return {outcome: count for outcome, count in found.items() if count}
