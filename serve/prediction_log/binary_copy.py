"""Records as PostgreSQL's binary COPY format: the fastest way in (one row a request, array columns).

The format is the one of the chapter "COPY, Binary Format" of PostgreSQL's manual; arrays are laid out as
`array_send` writes them. All integers and floats are big-endian.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serve.prediction_log.record import PredictionRecord

TABLE: Final = "prediction_requests"
COLUMNS: Final = (
    "record_id",
    "request_id",
    "received_at",
    "endpoint",
    "model_version",
    "load_test",
    "application_ids",
    "features",
    "probabilities",
)

# S608: both names are constants of this module, nothing of a request comes near this text.
COPY_STATEMENT: Final = f"COPY {TABLE} ({', '.join(COLUMNS)}) FROM STDIN WITH (FORMAT binary)"

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
_TRAILER: Final = struct.pack("!h", -1)
_FIELD_COUNT: Final = struct.pack("!h", len(COLUMNS))
_NULL: Final = struct.pack("!i", -1)
_POSTGRES_EPOCH: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_TEXT_OID: Final = 25
_REAL_OID: Final = 700
_REAL_ELEMENT: Final = np.dtype([("length", ">i4"), ("value", ">f4")])
_ARRAY_HEADER: Final = struct.Struct("!iiiii")  # dimensions, has nulls, element type, length, lower bound


def encode_copy(records: Iterable[PredictionRecord]) -> bytes:
    """The whole payload of one COPY of `COLUMNS`."""
    parts = [_HEADER]
    for record in records:
        parts.append(_FIELD_COUNT)
        parts.extend(
            (
                _field(record.record_id.bytes),
                _field(record.request_id.encode()),
                _field(_timestamp(record.received_at)),
                _field(record.endpoint.encode()),
                _field(struct.pack("!i", record.model_version)),
                _field(struct.pack("!?", record.load_test)),
                _NULL if record.application_ids is None else _field(_text_array(record.application_ids)),
                _field(_real_array(record.features)),
                _field(_real_array(record.probabilities)),
            )
        )
    parts.append(_TRAILER)
    return b"".join(parts)


def _field(value: bytes) -> bytes:
    return struct.pack("!i", len(value)) + value


def _timestamp(moment: dt.datetime) -> bytes:
    return struct.pack("!q", (moment - _POSTGRES_EPOCH) // _MICROSECOND)


def _real_array(values: NDArray[np.float32]) -> bytes:
    elements = np.empty(values.size, dtype=_REAL_ELEMENT)
    elements["length"] = 4
    elements["value"] = values.ravel()
    return _ARRAY_HEADER.pack(1, 0, _REAL_OID, values.size, 1) + elements.tobytes()


def _text_array(values: Sequence[str | None]) -> bytes:
    elements = b"".join(_NULL if value is None else _field(value.encode()) for value in values)
    has_nulls = int(any(value is None for value in values))
    return _ARRAY_HEADER.pack(1, has_nulls, _TEXT_OID, len(values), 1) + elements
