"""Requests as PostgreSQL's binary COPY sends them, turned into matrices: all rows of equal requests in one step.

The format is the one of the chapter "COPY, Binary Format" of PostgreSQL's manual, and a message holds one request.
Requests with as many rows have all their fields at the same places, so numpy reads all of them as one array.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT

ERASED: Final = np.float32(-np.inf)
"""Stands for NULL in what is read: no server takes it for a feature's value, while NaN is a missing one."""
NO_APPLICATION: Final = 0
"""In place of the hash of an id, where a row has none."""

_REAL_OID: Final = 700
_BIGINT_OID: Final = 20
_CHAIN: Final = slice(6, 22)
_SEQUENCE: Final = slice(26, 34)
_OWN: Final = 50
_FEATURES_SIZE: Final = slice(51, 55)
_ARRAY_START_BYTES: Final = 20
_REAL_BYTES: Final = 8
"""Of an element: its length and its value."""
_BIGINT_BYTES: Final = 12
_COLUMNS: Final = 7
_LAYOUTS: Final = 4096

Copied = NDArray[np.void]


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredRows:
    """N rows of requests, one after the other in no order."""

    x: NDArray[np.float32]
    """[N, F]; NaN where a feature was missing, `ERASED` where it was erased."""
    stored: NDArray[np.float32]
    """[N]: probabilities, as they were answered."""
    is_own: NDArray[np.bool_]
    """[N]: whether the version that is asked about answered it."""
    received_us: NDArray[np.int64]
    """[N]: when its request came, microseconds since 2000 (UTC)."""
    application: NDArray[np.int64]
    """[N]: hash of the application's id, or `NO_APPLICATION`."""
    chain: NDArray[np.void]
    sequence: NDArray[np.int64]
    """Both [N]: of the record."""
    row: NDArray[np.int64]
    """[N]: place in the request, from 0."""

    def part(self, rows: NDArray[np.bool_]) -> Self:
        """Some of them."""
        return type(self)(*(getattr(self, name)[rows] for name in self.__slots__))

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """All rows of several."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record whose arrays are not as a server with these features writes them."""

    chain: bytes
    sequence: int
    is_own: bool


def decode(requests: Sequence[bytes]) -> tuple[list[AnsweredRows], list[Unreadable]]:
    """The rows of requests, and the requests that can't be read."""
    by_size: dict[int, list[bytes]] = {}
    for request in requests:
        by_size.setdefault(len(request), []).append(request)
    found: list[AnsweredRows] = []
    unreadable: list[Unreadable] = []
    for size, equal in by_size.items():
        for layout, some in _by_layout(size, equal):
            copied = None if layout is None else np.frombuffer(b"".join(some), layout)
            plain = np.zeros(len(some), np.bool_) if copied is None else _is_plain(copied)
            if copied is not None and plain.any():
                found.append(_rows(copied if plain.all() else copied[plain]))
            unreadable += [_unreadable(some[place]) for place in np.flatnonzero(~plain)]
    return found, unreadable


def _by_layout(size: int, requests: list[bytes]) -> Iterator[tuple[np.dtype[np.void] | None, list[bytes]]]:
    """Requests of one size in bytes; with and without ids they may have that size with another number of rows."""
    features = np.frombuffer(b"".join([request[_FEATURES_SIZE] for request in requests]), ">i4")
    for one in np.unique(features):
        chosen = np.flatnonzero(features == one)
        some = requests if len(chosen) == len(requests) else [requests[place] for place in chosen]
        yield _layout_of(size, int(one)), some


def _layout_of(size: int, features_size: int) -> np.dtype[np.void] | None:
    """Where a request of that size has its fields; None where it is none of ours."""
    rows, rest = divmod(features_size - _ARRAY_START_BYTES, _REAL_BYTES * FEATURE_COUNT)
    if rows < 1 or rest:
        return None
    return next((layout for layout in (_layout(rows, ids) for ids in (False, True)) if layout.itemsize == size), None)


@lru_cache(_LAYOUTS)
def _layout(rows: int, has_ids: bool) -> np.dtype[np.void]:
    fields: list[Any] = [("columns", ">i2")]
    for name, kind in (("chain", "V16"), ("sequence", ">i8"), ("received", ">i8"), ("own", "?")):
        fields += [(f"{name}_size", ">i4"), (name, kind)]
    for name, kind, number in (
        ("features", ">f4", rows * FEATURE_COUNT),
        ("probabilities", ">f4", rows),
        ("ids", ">i8", rows),
    ):
        fields.append((f"{name}_size", ">i4"))
        if has_ids or name != "ids":
            fields += [(f"{name}_start", ">i4", 5), (name, np.dtype([("size", ">i4"), ("value", kind)]), (number,))]
    return np.dtype(fields)


def _is_plain(copied: Copied) -> NDArray[np.bool_]:
    """Of each request, whether its arrays are as `_layout` has them: one dimension from 1, and no NULL."""
    plain = np.asarray(copied["columns"] == _COLUMNS)
    for name, oid, bytes_of_one in (
        ("features", _REAL_OID, _REAL_BYTES),
        ("probabilities", _REAL_OID, _REAL_BYTES),
        ("ids", _BIGINT_OID, _BIGINT_BYTES),
    ):
        if name not in (copied.dtype.names or ()):
            plain &= copied[f"{name}_size"] == -1
            continue
        elements = copied[name]["size"]
        count = elements.shape[1]
        plain &= copied[f"{name}_size"] == _ARRAY_START_BYTES + bytes_of_one * count
        plain &= (copied[f"{name}_start"][:, [0, 2, 3, 4]] == (1, oid, count, 1)).all(axis=1)
        plain &= (elements == bytes_of_one - 4).all(axis=1)
    return plain


def _rows(copied: Copied) -> AnsweredRows:
    stored = copied["probabilities"]["value"].astype(np.float32)
    requests, rows = stored.shape
    has_ids = "ids" in (copied.dtype.names or ())
    ids = copied["ids"]["value"].astype(np.int64).ravel() if has_ids else np.full(stored.size, NO_APPLICATION)
    return AnsweredRows(
        x=copied["features"]["value"].astype(np.float32).reshape(-1, FEATURE_COUNT),
        stored=stored.ravel(),
        is_own=np.repeat(copied["own"], rows),
        received_us=np.repeat(copied["received"].astype(np.int64), rows),
        application=ids,
        chain=np.repeat(copied["chain"], rows),
        sequence=np.repeat(copied["sequence"].astype(np.int64), rows),
        row=np.tile(np.arange(rows), requests),
    )


def _unreadable(request: bytes) -> Unreadable:
    return Unreadable(request[_CHAIN], int.from_bytes(request[_SEQUENCE]), bool(request[_OWN]))
