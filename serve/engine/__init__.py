"""The engine that runs a model: `load(path, options)` once, then `engine.score(x)` from any thread."""

from serve.engine.engine import Engine, EngineKind, EngineOptions
from serve.engine.loading import load

__all__ = ["Engine", "EngineKind", "EngineOptions", "load"]
