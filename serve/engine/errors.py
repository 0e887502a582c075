"""Faults of a model file; each message names the file and what was expected of it."""

from pathlib import Path

from fraud.errors import ProjectError


class EngineError(ProjectError):
    """A model file can't be served."""


class ModelMissingError(EngineError):
    """There is no readable file at the path."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: it can't be read ({reason}); expected a file of the model")


class ModelFormatError(EngineError):
    """The file is there, but ONNX Runtime can't read it as a model, or lacks an operator that it uses."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: ONNX Runtime can't run it ({reason}); expected an ONNX model of `convert`")


class ModelSignatureError(EngineError):
    """The model's inputs or outputs are not the ones that every model of ours has."""

    def __init__(self, path: Path, found: str, expected: str) -> None:
        super().__init__(f"{path}: wrong signature: found {found}; expected {expected}")


class ForestRefusedError(EngineError):
    """The model can be served, but not by the forest kernel: it has a form that only ONNX Runtime knows."""


class ForestMismatchError(EngineError):
    """The forest kernel gives another answer than ONNX Runtime: a fault in our code or in theirs."""


class ForestUnavailableError(EngineError):
    """The forest kernel was asked for by name, but this model can't be scored with it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: the forest kernel can't score it ({reason}); choose the engine auto or onnxruntime")
