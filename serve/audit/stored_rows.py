"""Records as PostgreSQL has them, turned back into what was hashed. The tables' SQL for reading is here."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from fraud.features import FEATURE_COUNT
from serve.prediction_log.chain import Facts, microseconds
from serve.prediction_log.frame import StoredRecord
from serve.prediction_log.table import ChainEnd

RECORDS_PER_FETCH: Final = 100

_COLUMNS: Final = sql.SQL("""
    SELECT chain_id::text, sequence, recorded_at, received_at, request_id, endpoint, caller, model_version,
        model_sha256, load_test, application_ids, applicant_refs, array_send(features), array_send(probabilities), salt,
        content_digest, hash
    FROM prediction_requests
""")
_IN_ORDER: Final = sql.SQL("ORDER BY chain_id, sequence")
_OF_APPLICANT: Final = sql.SQL("WHERE applicant_refs @> ARRAY[%s]::bytea[]")
_MARKS: Final = "SELECT chain_id::text, sequence, hash FROM prediction_chains"

_ARRAY_HEADER: Final = struct.Struct("!iiiii")
_REAL_ELEMENT: Final = np.dtype([("length", ">i4"), ("value", ">f4")])


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record and the chain that it is in."""

    chain_id: uuid.UUID
    record: StoredRecord


def all_records(connection: Connection) -> Iterator[LoggedRecord]:
    """The whole log, chain by chain, each in order; features that were erased are NaN."""
    yield from _read(connection, sql.Composed([_COLUMNS, _IN_ORDER]), ())


def records_of_applicant(connection: Connection, pseudonym: bytes) -> Iterator[LoggedRecord]:
    """The records with a row of one person."""
    yield from _read(connection, sql.Composed([_COLUMNS, _OF_APPLICANT, _IN_ORDER]), (pseudonym,))


def chain_marks(connection: Connection) -> dict[uuid.UUID, ChainEnd]:
    """How far each chain is, as the table of chains says."""
    with connection.cursor() as cursor:
        cursor.execute(_MARKS)
        marks = [ChainEnd(uuid.UUID(chain_id), sequence, bytes(end)) for chain_id, sequence, end in cursor.fetchall()]
    return {mark.chain_id: mark for mark in marks}


def _read(connection: Connection, query: sql.Composed, values: tuple[Any, ...]) -> Iterator[LoggedRecord]:
    with connection.cursor(name="audit") as cursor:
        cursor.itersize = RECORDS_PER_FETCH
        cursor.execute(query, values)
        for row in cursor:
            yield _record(row)


def _record(row: tuple[Any, ...]) -> LoggedRecord:
    chain_id, sequence, recorded_at, received_at, *facts, ids, refs, features, probabilities, salt, digest, end = row
    request_id, endpoint, caller, model_version, model_sha256, load_test = facts
    return LoggedRecord(
        uuid.UUID(chain_id),
        StoredRecord(
            facts=Facts(
                sequence=sequence,
                recorded_at=microseconds(recorded_at),
                received_at=microseconds(received_at),
                request_id=request_id,
                endpoint=endpoint,
                caller=caller,
                model_version=model_version,
                model_sha256=bytes(model_sha256),
                load_test=load_test,
            ),
            application_ids=ids,
            applicant_refs=None if refs is None else [None if ref is None else bytes(ref) for ref in refs],
            features=_reals(bytes(features)).reshape(-1, FEATURE_COUNT),
            probabilities=_reals(bytes(probabilities)),
            salt=bytes(salt),
            digest=bytes(digest),
            hash=bytes(end),
        ),
    )


def _reals(array: bytes) -> NDArray[np.float32]:
    """What `array_send` gives of a `real[]`; NULL becomes NaN."""
    if len(array) < _ARRAY_HEADER.size:
        return np.empty(0, dtype="<f4")
    _, has_nulls, _, length, _ = _ARRAY_HEADER.unpack_from(array)
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
