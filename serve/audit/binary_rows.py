"""Rows of the log as PostgreSQL's binary COPY sends them, turned back into what is hashed.

The format is the one of the chapter "COPY, Binary Format" of PostgreSQL's manual, and a message holds one row. Rows of one
length mostly have all their fields at the same places, so one `struct` reads such a row, and numpy the arrays of all
such rows of a page together.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT
from serve.prediction_log.chain import Facts

SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00"
HEADER_BYTES: Final = len(SIGNATURE) + 8
TRAILER: Final = b"\xff\xff"

COLUMNS: Final = (
    *("chain_id", "sequence", "recorded_at", "received_at", "request_id", "endpoint", "caller"),
    *("model_version", "model_sha256", "load_test", "application_ids", "applicant_refs"),
    *("features", "probabilities", "salt", "content_digest", "hash"),
)
"""In the order in which a row has them."""
TYPES: Final = (
    *("uuid", "bigint", "timestamptz", "timestamptz", "text", "text", "text"),
    *("integer", "bytea", "boolean", "text[]", "bytea[]"),
    *("real[]", "real[]", "bytea", "bytea", "bytea"),
)
MAY_BE_NULL: Final = frozenset({"application_ids", "applicant_refs"})

FIRST_TIME_US: Final = -(2**63)
LAST_TIME_US: Final = 2**63 - 1
"""What stands for times without end."""

_EPOCH_US: Final = 946_684_800_000_000  # 2000-01-01 as microseconds since 1970
_FIXED: Final = {"uuid": "16s", "bigint": "q", "timestamptz": "q", "integer": "i", "boolean": "?"}
_LENGTH: Final = struct.Struct("!i")
_ARRAY_START: Final = struct.Struct("!iii")
_DIMENSION: Final = struct.Struct("!ii")
_ONE_DIMENSION_BYTES: Final = _ARRAY_START.size + _DIMENSION.size
_PLACE: Final = struct.Struct("!16siqiq")
_PLACE_OFFSET: Final = 6
_REAL_OID: Final = 700
_REAL_BYTES: Final = 4
_ROW_BYTES: Final = _REAL_BYTES * FEATURE_COUNT
_ERASED: Final = struct.pack("<f", float("nan"))
_MANY_LAYOUTS: Final = 10_000
"""So many are remembered at most."""

Fields = tuple[Any, ...]
"""Number of columns; then of each column its length (-1 = NULL) and its value."""
(_CHAIN, _SEQUENCE, _RECORDED_AT, _RECEIVED_AT, _REQUEST_ID, _ENDPOINT, _CALLER, _VERSION, _SHA256, _LOAD_TEST) = range(
    2, 22, 2
)
(_IDS, _REFS, _FEATURES, _PROBABILITIES, _SALT, _DIGEST, _HASH) = range(22, 36, 2)


class LoggedRow(msgspec.Struct, frozen=True, gc=False):
    """A record of the log: features and probabilities are the bytes that are hashed; what was erased is NaN."""

    chain: bytes
    facts: Facts
    application_ids: list[str | None] | None
    applicant_refs: list[bytes | None] | None
    features: memoryview
    probabilities: memoryview
    salt: bytes
    digest: bytes
    hash: bytes


class UnreadableRecord(msgspec.Struct, frozen=True, gc=False):
    """A row of the table that holds what no server process writes, so that nothing can be hashed."""

    chain: bytes
    sequence: int
    hash: bytes
    why: str

    @property
    def chain_id(self) -> uuid.UUID:
        """The chain that it stands in."""
        return uuid.UUID(bytes=self.chain)


class NotAsWritten(ValueError):
    """A value of a row has a form that the server does not write."""


class _Layout:
    """Where rows whose fields have these lengths have them."""

    def __init__(self, lengths: tuple[int, ...]) -> None:
        self.lengths = lengths
        fields = zip(TYPES, lengths, strict=True)
        codes = [_FIXED[kind] if kind in _FIXED and size >= 0 else f"{max(size, 0)}s" for kind, size in fields]
        self.unpack = struct.Struct("!h" + "".join("i" + code for code in codes)).unpack
        nulls = [name for name, size in zip(COLUMNS, lengths, strict=True) if size < 0 and name not in MAY_BE_NULL]
        self.null = nulls[0] if nulls else None


class RowDecoder:
    """Decodes rows of one query; it remembers their layouts."""

    def __init__(self) -> None:
        self._by_size: dict[int, _Layout] = {}
        self._by_lengths: dict[tuple[int, ...], _Layout] = {}

    def decode(self, rows: Sequence[bytes]) -> list[LoggedRow | UnreadableRecord]:
        """The rows of a page, in their order."""
        split = [self._fields(row) for row in rows]
        features = _real_arrays([fields[_FEATURES] for fields, _ in split])
        probabilities = _real_arrays([fields[_PROBABILITIES] for fields, _ in split])
        return [
            _row(fields, null, *values) for (fields, null), *values in zip(split, features, probabilities, strict=True)
        ]

    def _fields(self, row: bytes) -> tuple[Fields, str | None]:
        layout = self._by_size.get(len(row))
        if layout is not None:
            fields = layout.unpack(row)
            if fields[1::2] == layout.lengths:
                return fields, layout.null
        layout = self._by_size[len(row)] = self._layout(_lengths(row))
        return layout.unpack(row), layout.null

    def _layout(self, lengths: tuple[int, ...]) -> _Layout:
        layout = self._by_lengths.get(lengths)
        if layout is None:
            if len(self._by_lengths) >= _MANY_LAYOUTS:
                self._by_lengths.clear()
                self._by_size.clear()
            layout = self._by_lengths[lengths] = _Layout(lengths)
        return layout


def place_of(row: bytes) -> tuple[bytes, int, int]:
    """Chain, sequence and moment (microseconds since 2000) of a row."""
    chain, _, sequence, _, recorded_at = _PLACE.unpack_from(row, _PLACE_OFFSET)
    return chain, sequence, recorded_at


def _lengths(row: bytes) -> tuple[int, ...]:
    found, position = [], 2
    for _ in COLUMNS:
        (length,) = _LENGTH.unpack_from(row, position)
        found.append(length)
        position += _LENGTH.size + max(length, 0)
    return tuple(found)


def _row(
    fields: Fields, null: str | None, features: memoryview | None, probabilities: memoryview | None
) -> LoggedRow | UnreadableRecord:
    try:
        if null is not None:
            raise NotAsWritten(f"{null} is NULL")
        recorded_at, received_at, ids, refs = (
            fields[_RECORDED_AT],
            fields[_RECEIVED_AT],
            fields[_IDS],
            fields[_REFS],
        )
        if not FIRST_TIME_US < recorded_at < LAST_TIME_US or not FIRST_TIME_US < received_at < LAST_TIME_US:
            raise NotAsWritten("one of its times is infinite")
        features = _reals("features", fields[_FEATURES]) if features is None else features
        if len(features) % _ROW_BYTES:
            count = len(features) // _REAL_BYTES
            raise NotAsWritten(f"features has {count} elements, expected {FEATURE_COUNT} a row")
        return LoggedRow(
            fields[_CHAIN],
            Facts(
                fields[_SEQUENCE],
                recorded_at + _EPOCH_US,
                received_at + _EPOCH_US,
                fields[_REQUEST_ID].decode(),
                fields[_ENDPOINT].decode(),
                fields[_CALLER].decode(),
                fields[_VERSION],
                fields[_SHA256],
                fields[_LOAD_TEST],
            ),
            _texts(ids) if ids else None,
            _elements("applicant_refs", refs) if refs else None,
            features,
            _reals("probabilities", fields[_PROBABILITIES]) if probabilities is None else probabilities,
            fields[_SALT],
            fields[_DIGEST],
            fields[_HASH],
        )
    except (NotAsWritten, UnicodeDecodeError) as error:
        return UnreadableRecord(fields[_CHAIN], fields[_SEQUENCE], fields[_HASH], str(error))


def _real_arrays(arrays: Sequence[bytes]) -> list[memoryview | None]:
    """Of each array the bytes of its float32, where it has the form that the server writes and no NULL."""
    found: list[memoryview | None] = [None] * len(arrays)
    by_size: dict[int, list[int]] = {}
    for place, array in enumerate(arrays):
        by_size.setdefault(len(array), []).append(place)
    for size, places in by_size.items():
        count, rest = divmod(size - _ONE_DIMENSION_BYTES, _LENGTH.size + _REAL_BYTES)
        if count <= 0 or rest:
            continue
        together = np.frombuffer(b"".join([arrays[place] for place in places]), ">i4").reshape(len(places), -1)
        elements = together[:, 5:].reshape(len(places), count, 2)
        whole = (together[:, [0, 2, 3, 4]] == (1, _REAL_OID, count, 1)).all(axis=1) & (
            (elements[:, :, 0] == _REAL_BYTES).all(axis=1)
        )
        values = elements[:, :, 1].astype("<i4").data.cast("B")  # as integers, so that no NaN changes
        width = _REAL_BYTES * count
        for index, place in enumerate(places):
            if whole[index]:
                found[place] = values[index * width : (index + 1) * width]
    return found


def _reals(name: str, array: bytes) -> memoryview:
    """The bytes of the float32 of an array that may have NULLs, each of which is NaN.

    The views read an array by its subscripts, so an array whose first one is not 1 shows other values than it holds.
    """
    dimensions, _, kind = _ARRAY_START.unpack_from(array)
    first = _DIMENSION.unpack_from(array, _ARRAY_START.size)[1] if dimensions else 1
    if dimensions > 1 or first != 1 or kind != _REAL_OID:
        raise NotAsWritten(f"{name} has {dimensions} dimensions, the first from {first}; expected one, from 1")
    values = _values(array)
    return memoryview(b"".join([_ERASED if value is None else value[::-1] for value in values]))


def _texts(array: bytes) -> list[str | None]:
    return [None if value is None else value.decode() for value in _elements("application_ids", array)]


def _elements(name: str, array: bytes) -> list[bytes | None]:
    """The elements of an array of one dimension from 1."""
    dimensions, *_ = _ARRAY_START.unpack_from(array)
    bounds = [_DIMENSION.unpack_from(array, _ARRAY_START.size + 8 * number) for number in range(dimensions)]
    if dimensions > 1 or any(first != 1 for _, first in bounds):
        shape = "".join(f"[{first}:{first + length - 1}]" for length, first in bounds)
        raise NotAsWritten(f"{name} has the shape {shape}, expected one dimension from 1")
    return _values(array)


def _values(array: bytes) -> list[bytes | None]:
    """The elements of an array of one dimension, or none."""
    if len(array) < _ONE_DIMENSION_BYTES:
        return []
    count, _ = _DIMENSION.unpack_from(array, _ARRAY_START.size)
    found: list[bytes | None] = []
    position = _ONE_DIMENSION_BYTES
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(array, position)
        position += _LENGTH.size
        found.append(None if length < 0 else array[position : position + length])
        position += max(length, 0)
    return found
