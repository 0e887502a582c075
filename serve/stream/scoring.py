"""A batch of messages to answers and dead letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from serve.decoding import DecodedRows
from serve.model.serving_model import LoadedModel
from serve.scoring.asks import Asks
from serve.scoring.notes import Notes, in_order
from serve.scoring.reasons import Reasons, explain
from serve.stream.decoding import decode_messages
from serve.stream.messages import Answer, DeadLetter, Message

_POSITION: Final = re.compile(r" of instance \d+|^instance \d+: ")


@dataclass(frozen=True, slots=True)
class Scored:
    """A batch: each of its messages is in `answers` or in `dead`, once."""

    answers: Sequence[Answer]
    dead: Sequence[DeadLetter]
    rows: DecodedRows
    """Those that are answered, in the order of `answers`."""
    probabilities: NDArray[np.float32]
    reasons: Reasons | None


def score_messages(model: LoadedModel, messages: Sequence[Message], asks: Asks) -> Scored:
    """Decode, score and answer a batch.

    Raises:
        ReasonsUnavailable: reasons are asked for, and the version has none.
    """
    rows = decode_messages([message.body for message in messages])
    at_fault = {fault.instance: _POSITION.sub("", fault.message) for fault in rows.faults}
    dead = [DeadLetter(messages[place], reason) for place, reason in at_fault.items()]
    if not len(rows.matrix):
        return Scored([], dead, rows, np.empty(0, np.float32), None)
    version = model.manifest.model_version
    reasons = explain(model.contributions, version, rows.matrix, asks.reasons) if asks.reasons else None
    scores = model.engine.score(rows.matrix)
    probabilities, notes = in_order(rows, asks, scores, Notes(reasons=reasons))
    good = np.setdiff1d(np.arange(len(messages)), list(at_fault))
    ids = rows.application_ids or [None] * len(good)
    said = _said(notes, asks)
    told = None if notes.reasons is None else list(notes.reasons.rows())
    answers = []
    for place, application_id in zip(good.tolist(), ids, strict=True):
        answer: dict[str, Any] = {} if application_id is None else {"application_id": application_id}
        answer |= {"probability": probabilities[place], "model_version": version}
        if told is not None and notes.reasons is not None:
            answer |= {"base": notes.reasons.base, "reasons": told[place]}
        if asks.warnings:
            answer["warnings"] = said.get(place, [])
        answers.append(Answer(messages[place], orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)))
    return Scored(answers, dead, rows, scores, reasons)


def _said(notes: Notes, asks: Asks) -> dict[int, list[dict[str, object]]]:
    """Warnings by position; which that is says the message itself."""
    said: dict[int, list[dict[str, object]]] = {}
    for warning in (notes.warnings or ()) if asks.warnings else ():
        text = _POSITION.sub("", warning.message)
        said.setdefault(warning.instance, []).append({"field": warning.field, "message": text})
    return said
