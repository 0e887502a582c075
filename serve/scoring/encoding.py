"""Answers to bytes. Probabilities are float32 and are written with the fewest digits that restore them exactly.

The probability of a row at fault, where faults are reported, is NaN here: null in JSON and Arrow.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from serve.scoring.notes import NO_NOTES, Notes

_ARROW_ANSWER: Final = pa.schema([pa.field("probability", pa.float32(), nullable=False)])


def encode_probability(probabilities: NDArray[np.float32], notes: Notes = NO_NOTES) -> bytes:
    """float32 [1] -> `{"probability": p}`."""
    return _dumps("probability", probabilities[0], notes)


def encode_probabilities(probabilities: NDArray[np.float32], notes: Notes = NO_NOTES) -> bytes:
    """float32 [N] -> `{"probabilities": [p, ...]}`."""
    return _dumps("probabilities", probabilities, notes)


def encode_predictions(probabilities: NDArray[np.float32], notes: Notes = NO_NOTES) -> bytes:
    """float32 [N] -> `{"predictions": [p, ...]}`, MLflow's form."""
    return _dumps("predictions", probabilities, notes)


def encode_arrow(probabilities: NDArray[np.float32], notes: Notes = NO_NOTES) -> bytes:
    """float32 [N] -> an Arrow IPC stream of one batch with the float32 column `probability`; notes are text columns."""
    if notes is NO_NOTES:
        batch = pa.record_batch([pa.array(probabilities)], schema=_ARROW_ANSWER)
    else:
        texts = {name: pa.array(values, pa.string()) for name, values in notes.texts(len(probabilities)).items()}
        answered = pa.array(probabilities, mask=np.isnan(probabilities))
        batch = pa.record_batch({"probability": answered, **texts})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _dumps(name: str, value: object, notes: Notes) -> bytes:
    beside = {} if notes is NO_NOTES else notes.members(single=name == "probability")
    return orjson.dumps({name: value, **beside}, option=orjson.OPT_SERIALIZE_NUMPY)
