"""Answers to bytes. Probabilities are float32 and are written with the fewest digits that restore them exactly."""

from __future__ import annotations

from typing import Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

_ARROW_ANSWER: Final = pa.schema([pa.field("probability", pa.float32(), nullable=False)])


def encode_probability(probabilities: NDArray[np.float32]) -> bytes:
    """float32 [1] -> `{"probability": p}`."""
    return orjson.dumps({"probability": probabilities[0]}, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_probabilities(probabilities: NDArray[np.float32]) -> bytes:
    """float32 [N] -> `{"probabilities": [p, ...]}`."""
    return orjson.dumps({"probabilities": probabilities}, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_predictions(probabilities: NDArray[np.float32]) -> bytes:
    """float32 [N] -> `{"predictions": [p, ...]}`, MLflow's form."""
    return orjson.dumps({"predictions": probabilities}, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_arrow(probabilities: NDArray[np.float32]) -> bytes:
    """float32 [N] -> an Arrow IPC stream of one batch with the float32 column `probability`."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _ARROW_ANSWER) as stream:
        stream.write_batch(pa.record_batch([pa.array(probabilities)], schema=_ARROW_ANSWER))
    content: bytes = sink.getvalue().to_pybytes()
    return content
