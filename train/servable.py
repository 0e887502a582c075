"""Whether a registered version can still be served: an earlier version of this project may have registered it."""

from __future__ import annotations

from pathlib import Path

from fraud.golden_rows import GoldenRowsError
from fraud.registry import MODEL_FILE, ModelVersion, Registry
from serve.engine import EngineKind, EngineOptions, ModelFile, load_checked
from serve.engine.contributions import load_contributions
from serve.engine.errors import EngineError


def why_unservable(registry: Registry, version: ModelVersion) -> str | None:
    """What a server would say of the version, or None when it would serve it.

    Raises:
        RegistryError: the registry does not answer, or holds another file than was registered; that is no reason to
            replace the version, but one to find out what happened.
    """
    model = ModelFile.of(Path(MODEL_FILE), registry.fetch_model(version))
    try:
        load_checked(model, EngineOptions(threads=1, kind=EngineKind.ONNXRUNTIME, cache_dir=None))
        if (contributions := registry.fetch_contributions(version)) is not None:
            load_contributions(contributions, model)
    except (EngineError, GoldenRowsError) as error:
        return str(error)
    return None
