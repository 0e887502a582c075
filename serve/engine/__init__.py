"""The engine that runs a model: `load_checked(path, options)` once, then `engine.score(x)` from any thread."""

from serve.engine.checked import load_checked, read_golden_rows
from serve.engine.engine import Engine, EngineKind, EngineOptions
from serve.engine.loading import load

__all__ = ["Engine", "EngineKind", "EngineOptions", "load", "load_checked", "read_golden_rows"]
