"""Whether a registered version can still be served: an earlier version of this project may have registered it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fraud.golden_rows import GoldenRowsError
from fraud.registry import ModelVersion, Registry
from serve.engine import EngineKind, EngineOptions, load_checked
from serve.engine.errors import EngineError


def why_unservable(registry: Registry, version: ModelVersion) -> str | None:
    """What a server would say of the version, or None when it would serve it.

    Raises:
        RegistryError: the registry does not answer, or holds another file than was registered; that is no reason to
            replace the version, but one to find out what happened.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = registry.download_model(version, Path(folder))
        try:
            load_checked(model, EngineOptions(threads=1, kind=EngineKind.ONNXRUNTIME, cache_dir=None))
        except (EngineError, GoldenRowsError) as error:
            return str(error)
    return None
