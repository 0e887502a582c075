"""The choice between ONNX Runtime and the forest kernel for one model: proof first, then measurement."""

from __future__ import annotations

import logging

from serve.engine.compilation import compile_code
from serve.engine.engine import Engine, EngineKind, EngineOptions, Kernel, Route
from serve.engine.errors import ForestMismatchError, ForestRefusedError, ForestUnavailableError
from serve.engine.forest_kernel import ForestKernel
from serve.engine.model_file import ModelFile
from serve.engine.onnx_forest import read_forest
from serve.engine.onnx_kernel import OnnxKernel
from serve.engine.onnxruntime_parity import prove
from serve.engine.plan import Plan, plan_key, plan_path, read_plan, write_plan
from serve.engine.tuning import Tuner

logger = logging.getLogger(__name__)


def choose(model: ModelFile, reference: OnnxKernel, options: EngineOptions) -> Engine:
    """The engine that `options.kind` allows; only ONNX Runtime (`reference`) if the forest kernel is not proved equal.

    Raises:
        ForestUnavailableError: only the forest kernel is allowed, and it can't score this model.
    """
    forest = _proved_forest(model, reference, options)
    if forest is None:
        return Engine([Route(None, reference, options.threads)])
    kernels: list[Kernel] = [forest] if options.kind == EngineKind.FOREST else [forest, reference]
    plan = _plan(model, kernels, forest, options)
    by_name = {kernel.name: kernel for kernel in kernels}
    return Engine([Route(batch.largest_rows, by_name[batch.kernel], batch.threads) for batch in plan.classes], plan)


def _proved_forest(model: ModelFile, reference: OnnxKernel, options: EngineOptions) -> ForestKernel | None:
    """The forest kernel, if its answers equal ONNX Runtime's; otherwise None, and the reason is logged."""
    try:
        forest = read_forest(model.content)
        kernel = ForestKernel(forest, compile_code(options.cache_dir))
        proof = prove(kernel, forest, reference, model.content)
    except (ForestRefusedError, ForestMismatchError) as error:
        if options.kind == EngineKind.FOREST:
            raise ForestUnavailableError(model.path, str(error)) from error
        if isinstance(error, ForestMismatchError):
            logger.error("%s: the forest kernel is wrong, ONNX Runtime is used instead: %s", model.path, error)
        else:
            logger.warning("%s: the forest kernel can't score it, ONNX Runtime is used instead: %s", model.path, error)
        return None
    logger.info("%s: the forest kernel is proved on %d rows (%.2g)", model.path, proof.rows, proof.largest_difference)
    return kernel


def _plan(model: ModelFile, kernels: list[Kernel], forest: ForestKernel, options: EngineOptions) -> Plan:
    """The saved plan, if it was measured under the same conditions; otherwise a new one."""
    key = plan_key(model.sha256, options.kind, options.threads)
    known = read_plan(plan_path(model.path), key)
    if known is not None and known.blocks is not None:
        forest.adopt(known.blocks)
        return known
    measured = Tuner(options.threads, options.plan_budget_s).measure(kernels)
    plan = Plan(key, measured.classes, measured.blocks)
    write_plan(plan_path(model.path), plan)
    return plan
