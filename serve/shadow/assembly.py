"""Assembles the shadow from the settings."""

from __future__ import annotations

from fraud.registry import Registry
from fraud.settings import DatabaseRole, Settings
from serve.engine import EngineKind, EngineOptions
from serve.shadow.metrics import ShadowMetrics
from serve.shadow.model import ShadowModel
from serve.shadow.shadow import Shadow
from serve.shadow.state_file import FOLDER, StateFile
from serve.shadow.table import ShadowTable


def assemble_shadow(settings: Settings, alias: str) -> Shadow:
    """The shadow of the version under an alias, not started yet."""
    metrics, uri = ShadowMetrics(), settings.mlflow_tracking_uri
    model = ShadowModel(
        alias,
        registry=Registry(uri, settings.model_name, settings.registry_timeout_s) if uri else None,
        folder=settings.run_dir / FOLDER / settings.model_name,
        options=EngineOptions(kind=EngineKind(settings.engine), cache_dir=settings.compiled_folder()),
        state=StateFile(settings.run_dir / FOLDER, alias),
        metrics=metrics,
    )
    return Shadow(model, ShadowTable(settings.dsn(DatabaseRole.SERVER)), settings.shadow_share, metrics)
