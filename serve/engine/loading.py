"""From a model file to an engine."""

from __future__ import annotations

from pathlib import Path

from serve.engine.engine import Engine, EngineKind, EngineOptions, Route
from serve.engine.errors import ModelMissingError
from serve.engine.onnx_kernel import OnnxKernel


def load(model_path: Path, options: EngineOptions) -> Engine:
    """Load an ONNX model that `convert` wrote.

    Raises:
        ModelMissingError: the file is not there or can't be read.
        ModelFormatError: it is not an ONNX model.
        ModelSignatureError: it is one, but not with one float32 [N, 10] in and one float32 [N] out.
        ForestUnavailableError: only the forest kernel is allowed, and it can't score this model.
    """
    try:
        model = model_path.read_bytes()
    except OSError as error:
        raise ModelMissingError(model_path, error.strerror or type(error).__name__) from error
    reference = OnnxKernel(model_path, model)
    if options.kind == EngineKind.ONNXRUNTIME:
        return Engine([Route(None, reference, options.threads)])
    # numba takes a third of a second to import, and is not installed where models are only trained and converted.
    from serve.engine.choice import choose  # noqa: PLC0415

    return choose(model_path, model, reference, options)
