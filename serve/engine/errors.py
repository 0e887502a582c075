"""Errors of a model file; each message names the file and what was expected."""

from pathlib import Path

from fraud.errors import ProjectError


class EngineError(ProjectError):
    """A model file can't be served."""


class ModelMissingError(EngineError):
    """There is no readable file at the path."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: it can't be read ({reason}); expected a readable model file")


class ModelFormatError(EngineError):
    """The file exists, but ONNX Runtime can't read it as a model, or does not support one of its operators."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: ONNX Runtime can't run it ({reason}); expected an ONNX model written by `convert`")


class ModelSignatureError(EngineError):
    """The model's inputs or outputs are not the expected ones."""

    def __init__(self, path: Path, found: str, expected: str) -> None:
        super().__init__(f"{path}: wrong signature: found {found}; expected {expected}")


class ForestRefusedError(EngineError):
    """The model can be served, but not by the forest kernel: only ONNX Runtime supports its form."""


class ForestMismatchError(EngineError):
    """The forest kernel's answer differs from ONNX Runtime's: a bug in our code or in theirs."""


class ForestUnavailableError(EngineError):
    """The forest kernel was requested by name, but it can't score this model."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: the forest kernel can't score it ({reason}); choose the engine auto or onnxruntime")
