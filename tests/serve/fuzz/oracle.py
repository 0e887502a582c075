"""What must hold for whatever a decoder is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from serve.decoding import DecodedRows
from serve.decoding.bounds import MAY_BE_MISSING, within_bounds
from serve.decoding.checked_rows import FaultyRows
from serve.decoding.rows import LABEL_MAX_CHARS
from serve.errors import InvalidInstance, RowFault, ServeError

MAX_ROWS = 50
ONE_NAN = 0x7FC00000
"""The bits of a value that is missing, whatever a client's were."""
MAX_BODY_BYTES = 64 * 1024

Read = Callable[[bytes], DecodedRows | None]
"""What a decoder makes of a body; None where it gives no rows by nature."""


class BrokenPromise(AssertionError):
    """A decoder gave what it must not give."""


def accepted(read: Read, body: bytes) -> bool:
    """Whether a decoder takes a body, which it does with valid rows, or refuses with an error of the caller.

    Raises:
        BrokenPromise: it does neither.
        Exception: whatever else the decoder raises, which is a fault too.
    """
    try:
        rows = read(body)
    except ServeError as error:
        _require(400 <= error.status < 500, f"status {error.status}")
        error.message.encode()  # an answer can be made of it
        if isinstance(error, InvalidInstance):
            _check_faults(error.faults)
        if isinstance(error, FaultyRows) and len(error.good.matrix):
            check_rows(error.good)
        return False
    if rows is not None:
        check_rows(rows)
    return True


def check_rows(rows: DecodedRows) -> None:
    matrix = rows.matrix
    _require(matrix.dtype == np.float32 and matrix.shape[1:] == (FEATURE_COUNT,), f"{matrix.dtype} {matrix.shape}")
    _require(matrix.flags.c_contiguous, "the matrix is not contiguous")
    _require(1 <= len(matrix) <= rows.sent <= MAX_ROWS, f"{len(matrix)} rows of {rows.sent}")
    missing = np.isnan(matrix)
    _require(bool((within_bounds(matrix) | missing & MAY_BE_MISSING).all()), "a value is out of bounds")
    patterns = set(matrix.view(np.uint32)[missing].tolist())
    _require(patterns <= {ONE_NAN}, f"patterns of NaN: {patterns}")
    for labels in (rows.application_ids, rows.applicant_refs):
        _require(labels is None or len(labels) == len(matrix), "labels and rows differ in number")
        for label in labels or ():
            _require(label is None or _is_label(label), f"label {label!r}")


def _check_faults(faults: Sequence[RowFault]) -> None:
    rows = [fault.instance for fault in faults]
    _require(rows == sorted(set(rows)), f"faults of rows {rows}")
    _require(all(0 <= row < MAX_ROWS for row in rows), f"faults of rows {rows}")
    for fault in faults:
        json.dumps(fault.as_dict()).encode()


def agreeing(fast: Read, reference: Read) -> Read:
    """Reads by both, which must give the same rows to the bit, or refuse with the same words."""

    def read(body: bytes) -> DecodedRows | None:
        ours, theirs = _outcome(fast, body), _outcome(reference, body)
        if isinstance(ours, ServeError) or isinstance(theirs, ServeError):
            same = type(ours) is type(theirs) and str(ours) == str(theirs)
            _require(same, f"{ours!r} beside {theirs!r}")
            raise ours if isinstance(ours, ServeError) else BrokenPromise("unreachable")
        if ours is None or theirs is None:
            _require(ours is theirs, "one of both gives no rows")
            return None
        _require(ours.matrix.tobytes() == theirs.matrix.tobytes(), "the matrices differ")
        _require(ours.application_ids == theirs.application_ids, "the ids differ")
        _require(ours.applicant_refs == theirs.applicant_refs, "the references to applicants differ")
        return ours

    return read


def as_python_reads(read: Read, instances_of: Callable[[Any], Sequence[Any]]) -> Read:
    """Reads JSON row objects, whose values must be what Python's own parser makes of them."""

    def checked(body: bytes) -> DecodedRows | None:
        rows = read(body)
        assert rows is not None
        instances = instances_of(json.loads(body))
        with np.errstate(over="ignore"):
            values = [[instance.get(name) for name in FEATURE_NAMES] for instance in instances]
            expected = np.array(values, np.float64).astype(np.float32)
        _require(rows.matrix.tobytes() == expected.tobytes(), "Python reads other values")
        return rows

    return checked


def _outcome(read: Read, body: bytes) -> DecodedRows | ServeError | None:
    try:
        return read(body)
    except ServeError as error:
        return error


def _is_label(label: str) -> bool:
    return 1 <= len(label) <= LABEL_MAX_CHARS and not any(ord(letter) < 32 or ord(letter) == 127 for letter in label)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise BrokenPromise(what)
