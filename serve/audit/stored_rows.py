"""Records as PostgreSQL has them, turned back into what was hashed. The tables' SQL for reading is here."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from fraud.features import FEATURE_COUNT
from serve.audit.errors import AuditError
from serve.prediction_log.chain import Facts
from serve.prediction_log.frame import StoredRecord
from serve.prediction_log.table import ChainEnd

RECORDS_PER_FETCH: Final = 100

_COLUMNS: Final = sql.SQL("""
    SELECT chain_id::text, sequence,
        CASE WHEN isfinite(recorded_at) THEN (extract(epoch FROM recorded_at) * 1000000)::bigint END,
        CASE WHEN isfinite(received_at) THEN (extract(epoch FROM received_at) * 1000000)::bigint END,
        request_id, endpoint, caller, model_version, model_sha256, load_test,
        array_dims(application_ids), array_dims(applicant_refs), application_ids, applicant_refs,
        array_send(features), array_send(probabilities), salt, content_digest, hash
    FROM public.prediction_requests
""")
_IN_ORDER: Final = sql.SQL("ORDER BY chain_id, sequence")
_OF_APPLICANT: Final = sql.SQL("WHERE applicant_refs && %s::bytea[]")
_OF_REQUEST: Final = sql.SQL("WHERE request_id = %s")
_MARKS: Final = "SELECT chain_id::text, sequence, hash FROM public.prediction_chains"

_ARRAY_HEADER: Final = struct.Struct("!iiiii")
_REAL_ELEMENT: Final = np.dtype([("length", ">i4"), ("value", ">f4")])


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record and the chain that it is in."""

    chain_id: uuid.UUID
    record: StoredRecord


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A row of the table that holds what no server process writes, so that nothing can be hashed."""

    chain_id: uuid.UUID
    sequence: int
    hash: bytes
    why: str


class _NotAsWritten(ValueError):
    """A value of a row has a form that the server does not write."""


def all_records(connection: Connection) -> Iterator[LoggedRecord | UnreadableRecord]:
    """The whole log, chain by chain, each in order; features that were erased are NaN."""
    for row in _rows(connection, sql.Composed([_COLUMNS, _IN_ORDER]), ()):
        try:
            yield _record(row)
        except _NotAsWritten as error:
            yield UnreadableRecord(uuid.UUID(row[0]), row[1], bytes(row[-1]), str(error))


def records_of_applicant(connection: Connection, pseudonyms: Sequence[bytes]) -> Iterator[LoggedRecord]:
    """The records with a row of one person, who is known by any of these.

    Raises:
        AuditError: one of them can't be read.
    """
    return _records_where(connection, _OF_APPLICANT, list(pseudonyms))


def records_of_request(connection: Connection, request_id: str) -> Iterator[LoggedRecord]:
    """The records of requests with one id, which a client may have given to several.

    Raises:
        AuditError: one of them can't be read.
    """
    return _records_where(connection, _OF_REQUEST, request_id)


def _records_where(connection: Connection, condition: sql.SQL, value: object) -> Iterator[LoggedRecord]:
    for row in _rows(connection, sql.Composed([_COLUMNS, condition, _IN_ORDER]), (value,)):
        try:
            yield _record(row)
        except _NotAsWritten as error:
            raise AuditError(
                f"record {row[1]} of chain {row[0]} is not as it was written ({error}): `python -m serve.audit verify` "
                "tells of all such records; nothing is erased before they are put right"
            ) from None


def chain_marks(connection: Connection) -> dict[uuid.UUID, ChainEnd]:
    """How far each chain is, as the table of chains says."""
    with connection.cursor() as cursor:
        cursor.execute(_MARKS)
        marks = [ChainEnd(uuid.UUID(chain_id), sequence, bytes(end)) for chain_id, sequence, end in cursor.fetchall()]
    return {mark.chain_id: mark for mark in marks}


def _rows(connection: Connection, query: sql.Composed, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(name="audit") as cursor:
        cursor.itersize = RECORDS_PER_FETCH
        cursor.execute(query, values)
        yield from cursor


def _record(row: tuple[Any, ...]) -> LoggedRecord:
    """Raises _NotAsWritten."""
    chain_id, sequence, recorded_at, received_at, *facts, ids, refs, features, probabilities, salt, digest, end = row
    request_id, endpoint, caller, model_version, model_sha256, load_test, ids_shape, refs_shape = facts
    if recorded_at is None or received_at is None:
        raise _NotAsWritten("one of its times is infinite")
    for name, shape, values in (("application_ids", ids_shape, ids), ("applicant_refs", refs_shape, refs)):
        if values and shape != f"[1:{len(values)}]":
            raise _NotAsWritten(f"{name} has the shape {shape}, expected one dimension from 1")
    return LoggedRecord(
        uuid.UUID(chain_id),
        StoredRecord(
            facts=Facts(
                sequence=sequence,
                recorded_at=recorded_at,
                received_at=received_at,
                request_id=request_id,
                endpoint=endpoint,
                caller=caller,
                model_version=model_version,
                model_sha256=bytes(model_sha256),
                load_test=load_test,
            ),
            application_ids=ids,
            applicant_refs=None if refs is None else [None if ref is None else bytes(ref) for ref in refs],
            features=_matrix(_reals("features", bytes(features))),
            probabilities=_reals("probabilities", bytes(probabilities)),
            salt=bytes(salt),
            digest=bytes(digest),
            hash=bytes(end),
        ),
    )


def _matrix(values: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(values) % FEATURE_COUNT:
        raise _NotAsWritten(f"features has {len(values)} elements, expected {FEATURE_COUNT} a row")
    return values.reshape(-1, FEATURE_COUNT)


def _reals(name: str, array: bytes) -> NDArray[np.float32]:
    """What `array_send` gives of a `real[]`; NULL becomes NaN.

    The views read an array by its subscripts, so an array whose first one is not 1 shows other values than it holds.
    """
    if len(array) < _ARRAY_HEADER.size:
        return np.empty(0, dtype="<f4")
    dimensions, has_nulls, _, length, first = _ARRAY_HEADER.unpack_from(array)
    if dimensions != 1 or first != 1:
        raise _NotAsWritten(f"{name} has {dimensions} dimensions, the first from {first}; expected one, from 1")
    if not has_nulls:
        return np.frombuffer(array, _REAL_ELEMENT, length, _ARRAY_HEADER.size)["value"].astype("<f4")
    values = np.full(length, np.nan, dtype="<f4")
    position = _ARRAY_HEADER.size
    for index in range(length):
        (size,) = struct.unpack_from("!i", array, position)
        position += 4
        if size > 0:
            (values[index],) = struct.unpack_from("!f", array, position)
            position += size
    return values
