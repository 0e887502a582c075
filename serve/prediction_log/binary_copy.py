"""Records as PostgreSQL's binary COPY format: the fastest way in (one row a request, array columns).

The format is the one of the chapter "COPY, Binary Format" of PostgreSQL's manual; arrays are laid out as
`array_send` writes them. All integers and floats are big-endian.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serve.prediction_log.frame import StoredRecord

TABLE: Final = "prediction_requests"
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
    "application_ids",
    "applicant_refs",
    "features",
    "probabilities",
    "salt",
    "content_digest",
    "hash",
)

# S608: both names are constants of this module, nothing of a request comes near this text.
COPY_STATEMENT: Final = f"COPY {TABLE} ({', '.join(COLUMNS)}) FROM STDIN WITH (FORMAT binary)"

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
TRAILER: Final = struct.pack("!h", -1)
_NULL: Final = struct.pack("!i", -1)
_POSTGRES_EPOCH_US: Final = 946_684_800_000_000  # 2000-01-01 as microseconds since 1970
_FIXED: Final = struct.Struct("!hi16siqiqiq")  # number of fields, then lengths and values of the first four
_NUMBERS: Final = struct.Struct("!iii32si?")  # model version, its SHA-256, load test
_DIGESTS: Final = struct.Struct("!i16si32si32s")
_TEXT_OID: Final = 25
_BYTEA_OID: Final = 17
_REAL_OID: Final = 700
_REAL_ELEMENT: Final = np.dtype([("length", ">i4"), ("value", ">f4")])
_ARRAY_HEADER: Final = struct.Struct("!iiiii")  # dimensions, has nulls, element type, length, lower bound


def encode_rows(chain_id: uuid.UUID, records: Iterable[StoredRecord]) -> bytes:
    """Records of one chain as rows of `COLUMNS`, to stand between `HEADER` and `TRAILER`."""
    return b"".join(_encode_row(chain_id.bytes, record) for record in records)


def _encode_row(chain_id: bytes, record: StoredRecord) -> bytes:
    facts = record.facts
    return b"".join(
        (
            _FIXED.pack(
                *(len(COLUMNS), 16, chain_id, 8, facts.sequence),
                *(8, facts.recorded_at - _POSTGRES_EPOCH_US, 8, facts.received_at - _POSTGRES_EPOCH_US),
            ),
            _text(facts.request_id),
            _text(facts.endpoint),
            _text(facts.caller),
            _NUMBERS.pack(4, facts.model_version, 32, facts.model_sha256, 1, facts.load_test),
            _text_array(record.application_ids),
            _bytea_array(record.applicant_refs),
            _real_array(record.features),
            _real_array(record.probabilities),
            _DIGESTS.pack(16, record.salt, 32, record.digest, 32, record.hash),
        )
    )


def _field(value: bytes) -> bytes:
    return struct.pack("!i", len(value)) + value


def _text(value: str) -> bytes:
    return _field(value.encode())


def _real_array(values: NDArray[np.float32]) -> bytes:
    elements = np.empty(values.size, dtype=_REAL_ELEMENT)
    elements["length"] = 4
    elements["value"] = values.ravel()
    return _field(_ARRAY_HEADER.pack(1, 0, _REAL_OID, values.size, 1) + elements.tobytes())


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
