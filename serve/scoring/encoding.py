"""Encodes answers. Probabilities are float32, written with the fewest digits that restore them exactly. The probability
of an invalid row, if faults are reported, is NaN here and null in JSON and Arrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from serve.scoring.notes import NO_NOTES, Notes
from serve.scoring.reasons import Reasons

ARROW_REASONS: Final = pa.list_(
    pa.struct([("field", pa.string()), ("value", pa.float32()), ("effect", pa.float32()), ("text", pa.string())])
)
_ARROW_ANSWER: Final = pa.schema([pa.field("probability", pa.float32(), nullable=False)])


def encode_probability(probabilities: NDArray[np.float32], notes: Notes = NO_NOTES) -> bytes:
    """float32 [1] -> `{"probability": p}`; its reasons are a list, not a list of lists."""
    if notes.reasons is None:
        return _dumps("probability", probabilities[0], {} if notes is NO_NOTES else notes.members(single=True))
    told = {"base": notes.reasons.base, "reasons": next(notes.reasons.rows())}
    return _dumps("probability", probabilities[0], told | notes.members(single=True))


def encode_probabilities(probabilities: NDArray[np.float32], notes: Notes = NO_NOTES) -> bytes:
    """float32 [N] -> `{"probabilities": [p, ...]}`."""
    return _dumps("probabilities", probabilities, _beside(notes))


def encode_predictions(probabilities: NDArray[np.float32], notes: Notes = NO_NOTES) -> bytes:
    """float32 [N] -> `{"predictions": [p, ...]}`, MLflow's form."""
    return _dumps("predictions", probabilities, _beside(notes))


def encode_arrow(probabilities: NDArray[np.float32], notes: Notes = NO_NOTES) -> bytes:
    """float32 [N] -> an Arrow IPC stream of one batch with the float32 column `probability`.

    Faults, warnings and decisions are text columns; reasons are a list column, with the column `base`.
    """
    batch = answer_batch(probabilities, notes)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def answer_batch(probabilities: NDArray[np.float32], notes: Notes = NO_NOTES) -> pa.RecordBatch:
    """float32 [N] -> a record batch with the float32 column `probability`, and a column for each kind of notes."""
    if notes is NO_NOTES:
        return pa.record_batch([pa.array(probabilities)], schema=_ARROW_ANSWER)
    texts = {name: pa.array(values, pa.string()) for name, values in notes.texts(len(probabilities)).items()}
    answered = pa.array(probabilities, mask=np.isnan(probabilities))
    return pa.record_batch({"probability": answered, **_reasons(notes.reasons), **texts})


def _reasons(reasons: Reasons | None) -> dict[str, pa.Array]:
    if reasons is None:
        return {}
    base = pa.array(np.full(reasons.sent, reasons.base))
    return {"base": base, "reasons": pa.concat_arrays([pa.array(one, ARROW_REASONS) for one in reasons.pieces()])}


def _beside(notes: Notes) -> dict[str, Any]:
    # Most answers have no notes.
    if notes is NO_NOTES:
        return {}
    if notes.reasons is None:
        return notes.members()
    pieces = (orjson.dumps(piece, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1] for piece in notes.reasons.pieces())
    return {"base": notes.reasons.base, "reasons": orjson.Fragment(b"[%b]" % b",".join(pieces)), **notes.members()}


def _dumps(name: str, value: object, beside: Mapping[str, Any]) -> bytes:
    return orjson.dumps({name: value, **beside}, option=orjson.OPT_SERIALIZE_NUMPY)
