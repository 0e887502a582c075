"""Compiled fast path for plain row objects, which nearly all clients send."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

import numpy as np
from numba import types

from fraud.features import FEATURE_COUNT
from serve.decoding.bounds import MINIMA
from serve.decoding.json_batch import decode_batch
from serve.decoding.row_objects import decode_instance
from serve.decoding.row_scan import KEY, MIN_ROW_BYTES, NOT_PLAIN, scan_batch, scan_object
from serve.decoding.rows import DecodedRows
from serve.engine import jit
from serve.engine.code_cache import load_code
from serve.engine.errors import ForestRefusedError

logger = logging.getLogger(__name__)

DEFAULT_CACHE_DIR: Final = Path(__file__).parent / "__pycache__"

BYTES: Final = types.Array(types.uint8, 1, "C", readonly=True)
SIGNATURES: Final = [
    types.int64(BYTES, types.float32[:, ::1], types.float32[::1], types.int64[:, ::1], types.float64[::1])
]
SOURCES: Final = (Path(__file__).with_name("row_scan.py"), Path(__file__).with_name("words.py"), Path(jit.__file__))

LAYOUT: Final = np.zeros((FEATURE_COUNT + 1, 3), np.int64)
LAYOUT[:FEATURE_COUNT, KEY] = np.arange(FEATURE_COUNT)


class RowScanner:
    """Decodes `/predict` and `/batch_predict` bodies: plain ones by compiled code, all others by
    the general decoders.
    """

    def __init__(self, cache_dir: Path | None) -> None:
        """Load the compiled code from `cache_dir` (None: beside the source), or compile it and cache it there.
        Compiling takes seconds. If numba can't compile it, the general decoders read every body.
        """
        self._scan_object: Any = _cannot_scan
        self._scan_batch: Any = _cannot_scan
        try:
            self._scan_object, self._scan_batch = load_scans(cache_dir)
        except ForestRefusedError as error:
            logger.warning("row objects are read without compiled code: %s", error)

    def decode_instance(self, body: bytes) -> DecodedRows:
        """As `row_objects.decode_instance`."""
        return _scanned(self._scan_object, body, rows=1) or decode_instance(body)

    def decode_batch(self, body: bytes, max_rows: int) -> DecodedRows:
        """As `json_batch.decode_batch`."""
        rows = min(max_rows, len(body) // MIN_ROW_BYTES)
        return _scanned(self._scan_batch, body, rows) or decode_batch(body, max_rows)


def load_scans(cache_dir: Path | None) -> tuple[Any, Any]:
    """The compiled `scan_object` and `scan_batch`, cached in `cache_dir` (None: beside the source).

    Raises:
        ForestRefusedError: numba can't compile them here.
    """
    scans: tuple[Any, Any] = load_code(cache_dir or DEFAULT_CACHE_DIR, SOURCES, _compile)
    return scans


def _compile(cached: bool) -> tuple[Any, Any]:
    return (
        jit.compiled(scan_object, SIGNATURES, cached=cached),
        jit.compiled(scan_batch, SIGNATURES, cached=cached),
    )


def _cannot_scan(*_: object) -> int:
    return NOT_PLAIN


def _scanned(scan: Any, body: bytes, rows: int) -> DecodedRows | None:
    matrix = np.empty((rows, FEATURE_COUNT), np.float32)
    found = scan(np.frombuffer(body, np.uint8), matrix, MINIMA, LAYOUT.copy(), np.empty(1))
    return None if found == NOT_PLAIN else DecodedRows(matrix[:found], None, None)
