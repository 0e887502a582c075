"""Records as PostgreSQL's binary COPY format: the fastest way to insert (one row for each request, array columns).

The format is the one of the chapter "COPY, Binary Format" of PostgreSQL's manual; arrays are laid out as
`array_send` writes them. All integers and floats are big-endian.
"""

from __future__ import annotations

import os
import struct
import uuid
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg2 import sql

from serve.prediction_log.frame import StoredRecord

TABLE: Final = sql.Identifier("prediction_requests")
COLUMNS: Final = (
    "chain_id",
    "sequence",
    "recorded_at",
    "received_at",
    "request_id",
    "endpoint",
    "caller",
    "model_version",
    "model_sha256",
    "load_test",
    "trace_id",
    "application_ids",
    "applicant_refs",
    "features",
    "probabilities",
    "salt",
    "content_digest",
    "hash",
    "reasons",
)

COPY_STATEMENT: Final = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT binary)").format(
    TABLE, sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
)

PIECE_VALUES: Final = 16 * 1024
"""Features in a piece of the stream: 128 kB, which fits in a core's own cache."""

REPEATED_MAX: Final = 1024
"""Number of cached encodings of repeated values."""

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
TRAILER: Final = struct.pack("!h", -1)
_LENGTH: Final = struct.Struct("!i")
_NULL: Final = _LENGTH.pack(-1)
_POSTGRES_EPOCH_US: Final = 946_684_800_000_000  # 2000-01-01 as microseconds since 1970
_FIXED: Final = struct.Struct("!hi16siqiqiq")  # number of fields, then lengths and values of the first four
_NUMBERS: Final = struct.Struct("!iii32si?")  # model version, its SHA-256, load test
_DIGESTS: Final = struct.Struct("!i16si32si32s")
_TEXT_OID: Final = 25
_BYTEA_OID: Final = 17
_REAL_OID: Final = 700
_REAL_ELEMENT: Final = np.dtype([("length", ">i4"), ("value", ">f4")])
_VALUE_BYTES: Final = _REAL_ELEMENT.itemsize
_ARRAY_HEADER: Final = struct.Struct("!iiiii")  # dimensions, has nulls, element type, length, lower bound
_REAL_ARRAY: Final = struct.Struct("!iiiiii")  # length of the field, then as above


class CopyStream:
    """Records as a file object that psycopg2 sends for `COPY_STATEMENT`, encoded lazily. Each piece stays in the
    processor's cache from here to the socket; encoded as a whole, a batch would pass through memory once for each step.
    """

    def __init__(self, chains: Iterable[tuple[uuid.UUID, Sequence[StoredRecord]]]) -> None:
        self._pieces = _pieces(chains)

    def read(self, _size: int = -1, /) -> bytes:
        """The next piece, of any size; empty at the end."""
        os.sched_yield()  # let waiting requests run first
        return next(self._pieces, b"")

    def readline(self, _size: int = -1, /) -> bytes:
        """Required by psycopg2's type, but never called: binary data has no lines."""
        return self.read()


def _pieces(chains: Iterable[tuple[uuid.UUID, Sequence[StoredRecord]]]) -> Iterator[bytes]:
    kept = _Elements()
    yield HEADER
    for chain_id, records in chains:
        first = values = 0
        for end, record in enumerate(records, 1):
            values += record.features.size + (0 if record.reasons is None else record.reasons.size)
            if values >= PIECE_VALUES or end == len(records):
                if end - first > 1:
                    yield _encode_together(chain_id.bytes, records[first:end], kept)
                else:
                    yield from _encode_alone(chain_id.bytes, record, kept)
                first, values = end, 0
    yield TRAILER


class _Elements:
    """Values as elements of an array, in memory that is reused for each piece."""

    def __init__(self) -> None:
        self._memory = np.empty(0, dtype=_REAL_ELEMENT)

    def of(self, values: NDArray[np.float32]) -> memoryview:
        """The elements as bytes, until the next call."""
        if len(self._memory) < len(values):
            self._memory = np.empty(len(values), dtype=_REAL_ELEMENT)
            self._memory["length"] = 4
        elements = self._memory[: len(values)]
        elements["value"] = values
        return elements.view(np.uint8).data


def _encode_together(chain_id: bytes, records: Sequence[StoredRecord], kept: _Elements) -> bytes:
    """Records of one chain as rows of `COLUMNS`, all arrays at once, since numpy's call overhead exceeds the cost of a
    few values.
    """
    arrays = [array for record in records for array in _arrays(record)]
    elements = kept.of(np.concatenate(arrays))
    rows: list[bytes | memoryview] = []
    for record in records:
        middle = _VALUE_BYTES * record.features.size
        end = middle + _VALUE_BYTES * record.probabilities.size
        before, between, after = _row_without_values(chain_id, record)
        rows += (before, elements[:middle], between, elements[middle:end], after)
        elements = elements[end:]
        if record.reasons is not None:
            reasons = _VALUE_BYTES * record.reasons.size
            rows.append(elements[:reasons])
            elements = elements[reasons:]
    return b"".join(rows)


def _encode_alone(chain_id: bytes, record: StoredRecord, kept: _Elements) -> Iterator[bytes]:
    """A possibly large record as a row of `COLUMNS`, in pieces."""
    before, between, after = _row_without_values(chain_id, record)
    yield before
    yield from _encode_in_pieces(record.features.ravel(), kept)
    yield between
    yield from _encode_in_pieces(record.probabilities, kept)
    yield after
    if record.reasons is not None:
        yield from _encode_in_pieces(record.reasons.ravel(), kept)


def _arrays(record: StoredRecord) -> tuple[NDArray[np.float32], ...]:
    """The values of a record, in the order of a row."""
    features = record.features.ravel()
    if record.reasons is None:
        return features, record.probabilities
    return features, record.probabilities, record.reasons.ravel()


def _row_without_values(chain_id: bytes, record: StoredRecord) -> tuple[bytes, bytes, bytes]:
    """The bytes before the features, between features and probabilities, and between probabilities and reasons."""
    facts = record.facts
    before = (
        _FIXED.pack(
            *(len(COLUMNS), 16, chain_id, 8, facts.sequence),
            *(8, facts.recorded_at - _POSTGRES_EPOCH_US, 8, facts.received_at - _POSTGRES_EPOCH_US),
        ),
        _text(facts.request_id),
        _repeated_text(facts.endpoint),
        _repeated_text(facts.caller),
        _NUMBERS.pack(4, facts.model_version, 32, facts.model_sha256, 1, facts.load_test),
        _field(facts.trace_id) if facts.trace_id else _NULL,
        _text_array(record.application_ids),
        _bytea_array(record.applicant_refs),
        _real_array_start(record.features.size),
    )
    reasons = _NULL if record.reasons is None else _real_array_start(record.reasons.size)
    after = _DIGESTS.pack(16, record.salt, 32, record.digest, 32, record.hash) + reasons
    return b"".join(before), _real_array_start(record.probabilities.size), after


@lru_cache(REPEATED_MAX)
def _real_array_start(count: int) -> bytes:
    """Field length and header of an array of this number of values."""
    return _REAL_ARRAY.pack(_ARRAY_HEADER.size + _VALUE_BYTES * count, 1, 0, _REAL_OID, count, 1)


def _encode_in_pieces(values: NDArray[np.float32], kept: _Elements) -> Iterator[bytes]:
    for start in range(0, values.size, PIECE_VALUES):
        yield bytes(kept.of(values[start : start + PIECE_VALUES]))


def _field(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _text(value: str) -> bytes:
    return _field(value.encode())


@lru_cache(REPEATED_MAX)
def _repeated_text(value: str) -> bytes:
    """As `_text`, cached for values that are the same in many records."""
    return _text(value)


def _text_array(values: Sequence[str | None] | None) -> bytes:
    encoded = None if values is None else [None if value is None else value.encode() for value in values]
    return _array(encoded, _TEXT_OID)


def _bytea_array(values: Sequence[bytes | None] | None) -> bytes:
    return _array(values, _BYTEA_OID)


def _array(values: Sequence[bytes | None] | None, element_type: int) -> bytes:
    if values is None:
        return _NULL
    elements = b"".join(_NULL if value is None else _field(value) for value in values)
    has_nulls = int(any(value is None for value in values))
    return _field(_ARRAY_HEADER.pack(1, has_nulls, element_type, len(values), 1) + elements)
