"""Converts rows to output columns: in the order of the input, null if a row is invalid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from serve.decoding import DecodedRows
from serve.decoding.rows import APPLICATION_ID
from serve.model.serving_model import LoadedModel
from serve.scoring.asks import Asks
from serve.scoring.encoding import ARROW_REASONS, answer_batch
from serve.scoring.notes import Notes, in_order
from serve.scoring.reasons import Reasons, explain


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns to write."""

    asks: Asks
    with_ids: bool
    """Whether an input has application ids."""
    flat: bool
    """Whether reasons are one text, because the format has no lists."""

    @property
    def schema(self) -> Any:
        """The Arrow schema of the output."""
        reasons = pa.string() if self.flat else ARROW_REASONS
        told = [("base", pa.float64()), ("reasons", reasons)] if self.asks.reasons else []
        ids = [(APPLICATION_ID, pa.string())] if self.with_ids else []
        warnings = [("warning", pa.string())] if self.asks.warnings else []
        return pa.schema([*ids, ("probability", pa.float32()), *told, *warnings])


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's answers for rows."""

    rows: DecodedRows
    probabilities: Any
    """float32 [N], of the valid rows."""
    reasons: Reasons | None


def answer(model: LoadedModel, rows: DecodedRows, reasons: int) -> Answers:
    """Score rows, and explain each score by `reasons` reasons.

    Raises:
        ReasonsUnavailable: the version has none.
    """
    explained = None
    if reasons:
        explained = explain(model.contributions, model.manifest.model_version, rows.matrix, reasons)
    return Answers(rows, model.engine.score(rows.matrix), explained)


def batch_of(answers: Answers, columns: Columns) -> Any:
    """The record batch to write."""
    rows, asks = answers.rows, columns.asks
    if not rows.faults and not asks.reasons and not asks.warnings:
        told = answer_batch(answers.probabilities)
        found = dict(zip(told.schema.names, told.columns, strict=True))
    else:
        probabilities, notes = in_order(rows, asks, answers.probabilities, Notes(reasons=answers.reasons))
        texts = notes.reasons.texts() if columns.flat and notes.reasons is not None else None
        told = answer_batch(probabilities, notes if texts is None else msgspec.structs.replace(notes, reasons=None))
        found = dict(zip(told.schema.names, told.columns, strict=True))
        if texts is not None and notes.reasons is not None:
            found |= {"base": pa.array(np.full(rows.sent, notes.reasons.base)), "reasons": pa.array(texts, pa.string())}
    if columns.with_ids:
        found[APPLICATION_ID] = _ids(rows)
    return pa.record_batch([found[field.name].cast(field.type) for field in columns.schema], schema=columns.schema)


def _ids(rows: DecodedRows) -> Any:
    """The ids of all rows; null for invalid rows, whose ids the decoders drop."""
    if rows.application_ids is None:
        return pa.nulls(rows.sent, pa.string())
    ids = pa.array(rows.application_ids, pa.string())
    if not rows.faults:
        return ids
    places = np.full(rows.sent, -1, np.int64)
    is_good = np.ones(rows.sent, np.bool_)
    is_good[[fault.instance for fault in rows.faults]] = False
    places[is_good] = np.arange(len(ids))
    return ids.take(pa.array(places, mask=~is_good))
