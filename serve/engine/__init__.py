"""The engine that runs a model: `load_checked(read_model(path), options)`, then `engine.score(x)` from any thread."""

from serve.engine.checked import load_checked, read_golden_rows
from serve.engine.engine import Engine, EngineKind, EngineOptions
from serve.engine.loading import load
from serve.engine.model_file import ModelFile, read_model

__all__ = [
    "Engine",
    "EngineKind",
    "EngineOptions",
    "ModelFile",
    "load",
    "load_checked",
    "read_golden_rows",
    "read_model",
]
