"""Decodes rows of the log from PostgreSQL's binary COPY into the bytes that are hashed.

The format is the one of the chapter "COPY, Binary Format" of PostgreSQL's manual, and a message holds one row. Rows of
the same length mostly have the same layout, so one `struct` reads such a row, and numpy reads the arrays of all such
rows of a page at once.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from fraud.features import FEATURE_COUNT
from serve.prediction_log.chain import Facts

SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00"
HEADER_BYTES: Final = len(SIGNATURE) + 8
TRAILER: Final = b"\xff\xff"

COLUMNS: Final = (
    *("chain_id", "sequence", "recorded_at", "received_at", "request_id", "endpoint", "caller"),
    *("model_version", "model_sha256", "load_test", "application_ids", "applicant_refs"),
    *("features", "probabilities", "salt", "content_digest", "hash", "reasons", "trace_id"),
)
"""Columns in the order of a row."""
TYPES: Final = (
    *("uuid", "bigint", "timestamptz", "timestamptz", "text", "text", "text"),
    *("integer", "bytea", "boolean", "text[]", "bytea[]"),
    *("real[]", "real[]", "bytea", "bytea", "bytea", "real[]", "bytea"),
)
REASONS: Final = "reasons"
ADDED_LATER: Final = (REASONS, "trace_id")
"""Columns that older tables do not have."""
MAY_BE_NULL: Final = frozenset({"application_ids", "applicant_refs", *ADDED_LATER})

FIRST_TIME_US: Final = -(2**63)
LAST_TIME_US: Final = 2**63 - 1
"""PostgreSQL's infinite times."""

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
_ERASED: Final = struct.pack("<f", float("nan"))
_MANY_LAYOUTS: Final = 10_000
"""Maximum number of remembered layouts."""

Fields = tuple[Any, ...]
"""Number of columns; then of each column its length (-1 = NULL) and its value."""
(_CHAIN, _SEQUENCE, _RECORDED_AT, _RECEIVED_AT, _REQUEST_ID, _ENDPOINT, _CALLER, _VERSION, _SHA256, _LOAD_TEST) = range(
    2, 22, 2
)
(_IDS, _REFS, _FEATURES, _PROBABILITIES, _SALT, _DIGEST, _HASH, _REASONS, _TRACE) = range(22, 40, 2)


class LoggedRow(msgspec.Struct, frozen=True, gc=False):
    """A record of the log: its arrays are the hashed bytes; erased values are NaN."""

    chain: bytes
    facts: Facts
    application_ids: list[str | None] | None
    applicant_refs: list[bytes | None] | None
    features: bytes
    probabilities: bytes
    salt: bytes
    digest: bytes
    hash: bytes
    reasons: bytes = b""
    """Empty if the answer had none."""

    @property
    def row_count(self) -> int:
        """Number of predictions in the record."""
        return len(self.probabilities) // _REAL_BYTES


class UnreadableRecord(msgspec.Struct, frozen=True, gc=False):
    """A row of the table with values that no server process writes, so that it can't be hashed."""

    chain: bytes
    sequence: int
    hash: bytes
    why: str

    @property
    def chain_id(self) -> uuid.UUID:
        """Its chain."""
        return uuid.UUID(bytes=self.chain)


class NotAsWritten(ValueError):
    """A value of a row has a form that the server does not write."""


class _Layout:
    """The layout of rows whose fields have these lengths."""

    def __init__(self, lengths: tuple[int, ...]) -> None:
        self.lengths = lengths
        fields = zip(TYPES, lengths, strict=True)
        codes = [_FIXED[kind] if kind in _FIXED and size >= 0 else f"{max(size, 0)}s" for kind, size in fields]
        self.unpack = struct.Struct("!h" + "".join("i" + code for code in codes)).unpack
        nulls = [name for name, size in zip(COLUMNS, lengths, strict=True) if size < 0 and name not in MAY_BE_NULL]
        self.null = nulls[0] if nulls else None


class RowDecoder:
    """Decodes rows of one query, and caches their layouts."""

    def __init__(self) -> None:
        self._by_size: dict[int, _Layout] = {}
        self._by_lengths: dict[tuple[int, ...], _Layout] = {}

    def decode(self, rows: Sequence[bytes]) -> list[LoggedRow | UnreadableRecord]:
        """Decode the rows of a page, in order."""
        split: list[Fields] = []
        unreadable: dict[int, str] = {}
        find = self._by_size.get
        for row in rows:
            layout = find(len(row))
            fields = () if layout is None else layout.unpack(row)
            if layout is None or fields[1::2] != layout.lengths:
                layout = self._by_size[len(row)] = self._layout(_lengths(row))
                fields = layout.unpack(row)
            if layout.null is not None:
                unreadable[len(split)] = f"{layout.null} is NULL"
            split.append(fields)
        arrays = zip(
            _real_arrays("features", [fields[_FEATURES] for fields in split], unreadable),
            _real_arrays("probabilities", [fields[_PROBABILITIES] for fields in split], unreadable),
            _reasons([fields[_REASONS] for fields in split], unreadable),
            strict=True,
        )
        if not unreadable:
            return [_row(fields, *values) for fields, values in zip(split, arrays, strict=True)]
        return [
            UnreadableRecord(fields[_CHAIN], fields[_SEQUENCE], fields[_HASH], unreadable[number])
            if number in unreadable
            else _row(fields, *values)
            for number, (fields, values) in enumerate(zip(split, arrays, strict=True))
        ]

    def _layout(self, lengths: tuple[int, ...]) -> _Layout:
        layout = self._by_lengths.get(lengths)
        if layout is None:
            if len(self._by_lengths) >= _MANY_LAYOUTS:
                self._by_lengths.clear()
                self._by_size.clear()
            layout = self._by_lengths[lengths] = _Layout(lengths)
        return layout


def place_of(row: bytes) -> tuple[bytes, int, int]:
    """Chain, sequence and time (microseconds since 2000) of a row."""
    chain, _, sequence, _, recorded_at = _PLACE.unpack_from(row, _PLACE_OFFSET)
    return chain, sequence, recorded_at


def _lengths(row: bytes) -> tuple[int, ...]:
    found, position = [], 2
    for _ in COLUMNS:
        (length,) = _LENGTH.unpack_from(row, position)
        found.append(length)
        position += _LENGTH.size + max(length, 0)
    return tuple(found)


def _reasons(arrays: Sequence[bytes], unreadable: dict[int, str]) -> list[bytes]:
    """The float32 bytes of each array, as `_real_arrays`; most records have none."""
    places = [place for place, array in enumerate(arrays) if array]
    found = [b""] * len(arrays)
    if places:
        faults: dict[int, str] = {}
        for place, values in zip(places, _real_arrays(REASONS, [arrays[p] for p in places], faults), strict=True):
            found[place] = values
        for number, fault in faults.items():
            unreadable.setdefault(places[number], fault)
    return found


def _row(fields: Fields, features: bytes, probabilities: bytes, reasons: bytes) -> LoggedRow | UnreadableRecord:
    recorded_at, received_at, ids, refs = fields[_RECORDED_AT], fields[_RECEIVED_AT], fields[_IDS], fields[_REFS]
    try:
        if not FIRST_TIME_US < recorded_at < LAST_TIME_US or not FIRST_TIME_US < received_at < LAST_TIME_US:
            raise NotAsWritten("one of its times is infinite")
        if len(features) != len(probabilities) * FEATURE_COUNT:
            _check_width(len(features) // _REAL_BYTES, len(probabilities) // _REAL_BYTES)
        if fields[_REASONS]:
            _check_reasons(len(reasons) // _REAL_BYTES, len(probabilities) // _REAL_BYTES)
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
                fields[_TRACE],
            ),
            _texts(ids) if ids else None,
            _elements("applicant_refs", refs) if refs else None,
            features,
            probabilities,
            fields[_SALT],
            fields[_DIGEST],
            fields[_HASH],
            reasons,
        )
    except (NotAsWritten, UnicodeDecodeError) as error:
        return UnreadableRecord(fields[_CHAIN], fields[_SEQUENCE], fields[_HASH], str(error))


def _real_arrays(name: str, arrays: Sequence[bytes], unreadable: dict[int, str]) -> list[bytes]:
    """The float32 bytes of each array; malformed ones are added to `unreadable`."""
    found: list[bytes | None] = [None] * len(arrays)
    places_by_size: dict[int, list[int]] = {}
    for place, array in enumerate(arrays):
        places_by_size.setdefault(len(array), []).append(place)
    for size, places in places_by_size.items():
        if len(places) == len(arrays):
            found = _equal_arrays(arrays, size)
        else:
            for place, values in zip(places, _equal_arrays([arrays[p] for p in places], size), strict=True):
                found[place] = values
    return [_reals(name, arrays, place, unreadable) if values is None else values for place, values in enumerate(found)]


def _equal_arrays(arrays: Sequence[bytes], size: int) -> list[bytes | None]:
    """The float32 bytes of arrays of one size in bytes; None for an array of an unusual form."""
    count, rest = divmod(size - _ONE_DIMENSION_BYTES, _LENGTH.size + _REAL_BYTES)
    if count <= 0 or rest:
        return [None] * len(arrays)
    together = np.frombuffer(b"".join(arrays), ">i4").reshape(len(arrays), -1)
    elements = together[:, 5:].reshape(len(arrays), count, 2)
    plain = (together[:, [0, 2, 3, 4]] == (1, _REAL_OID, count, 1)).all(axis=1)
    plain &= (elements[:, :, 0] == _REAL_BYTES).all(axis=1)
    values = elements[:, :, 1].astype("<i4").tobytes()  # as integers, so that no NaN changes
    width = _REAL_BYTES * count
    split = [values[start : start + width] for start in range(0, len(values), width)]
    if plain.all():
        return [*split]
    return [one if is_plain else None for one, is_plain in zip(split, plain.tolist(), strict=True)]


def _reals(name: str, arrays: Sequence[bytes], place: int, unreadable: dict[int, str]) -> bytes:
    """The float32 bytes of an array that may have NULLs, which become NaN."""
    try:
        return _nullable_reals(name, arrays[place])
    except NotAsWritten as error:
        unreadable.setdefault(place, str(error))
        return b""


def _nullable_reals(name: str, array: bytes) -> bytes:
    """Check the subscripts too: the views read arrays by subscript, so with a first one other than 1 they show other
    values.
    """
    if len(array) < _ARRAY_START.size:
        raise NotAsWritten(f"{name} is NULL")
    dimensions, _, kind = _ARRAY_START.unpack_from(array)
    first = _DIMENSION.unpack_from(array, _ARRAY_START.size)[1] if dimensions else 1
    if dimensions > 1 or first != 1 or kind != _REAL_OID:
        raise NotAsWritten(f"{name} has {dimensions} dimensions, the first from {first}; expected one, from 1")
    values = _values(array)
    return b"".join([_ERASED if value is None else value[::-1] for value in values])


def _check_width(values: int, rows: int) -> None:
    """Check the number of features; records from before features were added have fewer. Raises: NotAsWritten: more
    features than declared, or a different number in some rows.
    """
    if values % rows if rows else values:
        raise NotAsWritten(f"features has {values} elements, expected the same number in each of {rows} rows")
    if rows and not 0 < values // rows <= FEATURE_COUNT:
        raise NotAsWritten(f"features has {values // rows} elements a row, but {FEATURE_COUNT} are declared")


def _check_reasons(values: int, rows: int) -> None:
    """Check that each row has the same number of reasons, each a feature and its effect. Raises: NotAsWritten: they
    don't.
    """
    if not rows or not values or values % (2 * rows):
        raise NotAsWritten(f"reasons has {values} elements, expected the same number of pairs in each of {rows} rows")


def _texts(array: bytes) -> list[str | None]:
    return [None if value is None else value.decode() for value in _elements("application_ids", array)]


def _elements(name: str, array: bytes) -> list[bytes | None]:
    """The elements of a one-dimensional array with subscripts from 1."""
    dimensions, *_ = _ARRAY_START.unpack_from(array)
    bounds = [_DIMENSION.unpack_from(array, _ARRAY_START.size + 8 * number) for number in range(dimensions)]
    if dimensions > 1 or any(first != 1 for _, first in bounds):
        shape = "".join(f"[{first}:{first + length - 1}]" for length, first in bounds)
        raise NotAsWritten(f"{name} has the shape {shape}, expected one dimension from 1")
    return _values(array)


def _values(array: bytes) -> list[bytes | None]:
    """The elements of a one-dimensional or empty array."""
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
