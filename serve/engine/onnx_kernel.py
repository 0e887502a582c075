"""ONNX Runtime as a kernel; the only module that imports it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

# ONNX Runtime reads this when it is imported, and sends telemetry unless it is set (onnxruntime#27379).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnx
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from fraud.features import FEATURE_COUNT
from serve.engine.engine import Matrix, Probabilities
from serve.engine.errors import ModelFormatError, ModelSignatureError

EXPECTED_SIGNATURE: Final = f"one input float32 [N, {FEATURE_COUNT}] and one output float32 [N]"

# A block of this many rows takes about 0.4 ms with 100 trees of depth 3; waking a thread takes about 0.05 ms.
MINIMUM_BLOCK_ROWS: Final = 256

# ONNX Runtime's exceptions have no base class of their own.
_LOAD_ERRORS: Final = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


class OnnxKernel:
    """A session that runs the whole graph, one thread for each call."""

    __slots__ = ("_input", "_outputs", "_session")

    def __init__(self, path: Path, model: bytes) -> None:
        """Open a session on the model's bytes; `path` is only used in errors.

        Raises:
            ModelFormatError: the bytes are not a model that ONNX Runtime can run.
            ModelSignatureError: its inputs or outputs are not `EXPECTED_SIGNATURE`.
        """
        try:
            self._session = open_session(model)
        except _LOAD_ERRORS as error:
            raise ModelFormatError(path, " ".join(str(error).split())) from error
        _check_signature(path, self._session)
        self._input = self._session.get_inputs()[0].name
        self._outputs = [self._session.get_outputs()[0].name]

    @property
    def name(self) -> str:
        """Its name in settings and reports."""
        return "onnxruntime"

    @property
    def minimum_block_rows(self) -> int:
        """Minimum number of rows worth another thread."""
        return MINIMUM_BLOCK_ROWS

    def score_into(self, x: Matrix, out: Probabilities) -> None:
        """Write the probabilities of the rows of `x` into `out`."""
        # Binding `out` as the session's output costs 7 us for each call; copying 4 bytes a row is negligible.
        out[:] = self._session.run(self._outputs, {self._input: x})[0]


def open_session(model: bytes) -> ort.InferenceSession:
    """Open a session on the model's bytes, on the CPU, whose results do not depend on how many threads call it.

    One intra-op thread: with more, ONNX Runtime shares the *trees* of more than 50 rows among threads and merges
    partial sums, and only 15% of the margins stay those of XGBoost. Callers' threads run side by side in one session.
    From bytes, not from a path, so that a model can't reference external files.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return ort.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])


def open_margin_session(model: bytes) -> ort.InferenceSession:
    """Open a session whose only output is the log-odds, float32 [N, 1], the tree operator's output. The model must have
    passed `onnx_forest.read_forest`, so that its first operator is the trees.
    """
    proto = onnx.load_model_from_string(model)
    trees, free = proto.graph.node[0], proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    del proto.graph.node[1:]
    del proto.graph.output[:]
    del proto.graph.initializer[:]
    margin = onnx.helper.make_tensor_value_info(trees.output[0], onnx.TensorProto.FLOAT, [free, 1])
    proto.graph.output.append(margin)
    return open_session(proto.SerializeToString())


def _check_signature(path: Path, session: ort.InferenceSession) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    # A number as the first dimension would tie the model to one batch size; a free one is a name or None.
    good = (
        len(inputs) == len(outputs) == 1
        and all(tensor.type == "tensor(float)" for tensor in (*inputs, *outputs))
        and len(inputs[0].shape) == 2
        and inputs[0].shape[1] == FEATURE_COUNT
        and len(outputs[0].shape) == 1
        and not any(isinstance(tensor.shape[0], int) for tensor in (*inputs, *outputs))
    )
    if not good:
        found = f"inputs {_describe(inputs)} and outputs {_describe(outputs)}"
        raise ModelSignatureError(path, found, EXPECTED_SIGNATURE)


def _describe(tensors: list[ort.NodeArg]) -> str:
    return ", ".join(f"{tensor.name}: {tensor.type} {tensor.shape}" for tensor in tensors) or "none"
