"""Compares a dossier's statements about an answer with the inputs of the record's hash and digest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from serve.audit.dossier.document import Answer
from serve.audit.dossier.proof import Content, Proof
from serve.prediction_log.chain import (
    FACTS_DECODER,
    Facts,
    content_digest,
    encode_facts,
    encode_list,
    microseconds,
    record_hash,
)

_FLOAT: Final = np.dtype("<f4")


def check_record(answer: Answer) -> tuple[list[str], bool]:
    """The differences from the record, and whether the dossier's content produces its hash."""
    proof = answer.proof
    if proof.opened is None:
        return (
            [] if proof.why_not_opened else ["proof: the record's facts are not disclosed, and no reason is given"]
        ), False
    probabilities = _floats(proof.opened.probabilities)
    facts = _facts(proof.opened.facts)
    if probabilities is None or facts is None:
        return ["proof.opened: it has not the form of a record"], False
    hashed = record_hash(
        bytes.fromhex(proof.previous),
        bytes.fromhex(proof.content_digest),
        proof.opened.facts,
        proof.opened.probabilities,
    )
    differs = [] if hashed.hex() == proof.hash else ["proof.hash: it is not the hash of the record's content"]
    differs += [
        f"{name}: the dossier says {said}, but the record {written}"
        for name, said, written in _compared(answer, facts, probabilities)
        if said != written
    ]
    return differs, not differs


def check_content(answer: Answer, application: str | None, annexed: Content | None) -> tuple[list[str], bool]:
    """The differences from the content, here or in the annex, and whether the dossier's content produces the digest."""
    proof, content = answer.proof, answer.proof.content or annexed
    if content is None:
        return ([] if proof.why_no_content else ["proof: the content is missing, and no reason is given"]), False
    digest = digest_of_content(content, proof.row_count)
    left = [entry.digest for entry in proof.amendments if entry.kind != "request_id"]
    if digest.hex() != (left[-1] if left else proof.content_digest):
        return ["proof.content: its digest differs from the record's"], False
    differs = list(compare_with_content(answer, application, content))
    return differs, not differs


def digest_of_content(content: Content, rows: int) -> bytes:
    """The salted digest of a record's erasable content."""
    ids, refs = encode_list(content.application_ids), encode_list(content.applicant_refs)
    return content_digest(content.salt, ids, refs, content.features, rows, reasons=content.reasons)


def compare_with_content(answer: Answer, application: str | None, content: Content) -> Iterator[str]:
    """Yield the differences between the dossier and a row of the content."""
    rows, row = answer.proof.row_count, answer.row_number
    features, reasons = _row(content.features, rows, row), _row(content.reasons, rows, row)
    if features is None or reasons is None or not 0 <= row < len(content.application_ids or [None] * rows):
        yield "proof.content: it has no such row"
        return
    written = [None if value != value else value for value in features.tolist()]  # noqa: PLR0124 - NaN
    said = list((answer.sent or {}).values())
    for name, one, other in zip(answer.sent or {}, said, written, strict=False):
        if one != other:
            yield f"sent.{name}: the dossier says {one}, but the record {other}"
    if len(said) != len(written):
        yield f"sent: the dossier has {len(said)} values, but the record {len(written)}"
    id_on_record = None if content.application_ids is None else content.application_ids[row]
    if application is not None and id_on_record != application:
        yield f"application: the dossier says {application}, but the record {id_on_record}"
    yield from _compare_reasons(answer, list(answer.sent or {}), reasons)


def _compare_reasons(answer: Answer, names: list[str], reasons: NDArray[np.float32]) -> Iterator[str]:
    given = answer.given or ()
    if len(given) * 2 != reasons.size:
        yield f"given: the dossier has {len(given)} reasons, but the record {reasons.size // 2}"
        return
    for number, (told, (column, effect)) in enumerate(zip(given, reasons.reshape(-1, 2).tolist(), strict=True)):
        name = names[int(column)] if 0 <= column < len(names) else f"feature {column:g}"
        value = (answer.sent or {}).get(name)
        if (told.field, told.effect, told.value) != (name, effect, value):
            yield f"given[{number}]: the dossier says {told.field} {told.effect}, but the record {name} {effect}"


def _compared(answer: Answer, facts: Facts, probabilities: NDArray[np.float32]) -> Iterator[tuple[str, Any, Any]]:
    proof: Proof = answer.proof
    has_row = 0 <= answer.row_number < len(probabilities)
    yield "probability", answer.probability, float(probabilities[answer.row_number]) if has_row else None
    yield "proof.row_count", proof.row_count, len(probabilities)
    yield "proof.sequence", proof.sequence, facts.sequence
    yield "request_id", answer.request_id, facts.request_id
    yield "received_at", _microseconds(answer.received_at), facts.received_at
    yield "recorded_at", _microseconds(answer.recorded_at), facts.recorded_at
    yield "load_test", answer.load_test, facts.load_test
    yield "model_version", answer.model_version, facts.model_version
    yield "model_sha256", answer.model_sha256, facts.model_sha256.hex()
    if answer.model is not None:
        yield "model.version", answer.model.version, facts.model_version
        yield "model.sha256", answer.model.sha256, facts.model_sha256.hex()


def _microseconds(moment: dt.datetime | None) -> int | None:
    return None if moment is None or moment.tzinfo is None else microseconds(moment)


def _facts(encoded: bytes) -> Facts | None:
    """The facts; None if they are not in canonical form."""
    try:
        facts = FACTS_DECODER.decode(encoded)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return facts if encode_facts(facts) == encoded else None


def _floats(data: bytes) -> NDArray[np.float32] | None:
    return None if len(data) % _FLOAT.itemsize else np.frombuffer(data, _FLOAT)


def _row(data: bytes, rows: int, row: int) -> NDArray[np.float32] | None:
    """One of `rows` rows; None if it does not exist."""
    values = _floats(data)
    if values is None or rows <= 0 or values.size % rows or not 0 <= row < rows:
        return None
    one: NDArray[np.float32] = values.reshape(rows, -1)[row]
    return one
