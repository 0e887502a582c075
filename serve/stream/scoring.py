"""A batch of messages to answers and dead letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson

from serve.model.serving_model import LoadedModel
from serve.scoring.asks import Asks
from serve.scoring.notes import Notes, in_order
from serve.scoring.reasons import explain
from serve.stream.decoding import decode_messages
from serve.stream.messages import Answer, DeadLetter, Message

_POSITION: Final = re.compile(r" of instance \d+|^instance \d+: ")


def score_messages(
    model: LoadedModel, messages: Sequence[Message], asks: Asks
) -> tuple[list[Answer], list[DeadLetter]]:
    """Every message is in one of both, once.

    Raises:
        ReasonsUnavailable: reasons are asked for, and the version has none.
    """
    rows = decode_messages([message.body for message in messages])
    at_fault = {fault.instance: _POSITION.sub("", fault.message) for fault in rows.faults}
    dead = [DeadLetter(messages[place].key, messages[place].body, reason) for place, reason in at_fault.items()]
    if not len(rows.matrix):
        return [], dead
    version = model.manifest.model_version
    reasons = explain(model.contributions, version, rows.matrix, asks.reasons) if asks.reasons else None
    probabilities, notes = in_order(rows, asks, model.engine.score(rows.matrix), Notes(reasons=reasons))
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
        answers.append(Answer(messages[place].key, orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)))
    return answers, dead


def _said(notes: Notes, asks: Asks) -> dict[int, list[dict[str, object]]]:
    """Warnings by position; which that is says the message itself."""
    said: dict[int, list[dict[str, object]]] = {}
    for warning in (notes.warnings or ()) if asks.warnings else ():
        text = _POSITION.sub("", warning.message)
        said.setdefault(warning.instance, []).append({"field": warning.field, "message": text})
    return said
