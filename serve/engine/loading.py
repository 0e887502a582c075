"""From a model to an engine."""

from __future__ import annotations

from serve.engine.engine import Engine, EngineKind, EngineOptions, Route
from serve.engine.model_file import ModelFile
from serve.engine.onnx_kernel import OnnxKernel


def load(model: ModelFile, options: EngineOptions) -> Engine:
    """Load an ONNX model that `convert` wrote.

    Raises:
        ModelFormatError: it is not an ONNX model.
        ModelSignatureError: it does not have one float32 [N, 10] input and one float32 [N] output.
        ForestUnavailableError: only the forest kernel is allowed, and it can't score this model.
    """
    reference = OnnxKernel(model.path, model.content)
    if options.kind == EngineKind.ONNXRUNTIME:
        return Engine([Route(None, reference, options.threads)])
    # numba takes a third of a second to import, and is not installed on machines that only train and convert models.
    from serve.engine.choice import choose  # noqa: PLC0415

    return choose(model, reference, options)
