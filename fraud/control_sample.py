"""The control sample: applications that are reviewed although the model sees no risk, to measure the model's misses.

Drawn by HMAC-SHA-256 of the application's id: a holder of the key can repeat the draw, nobody else knows who is drawn,
and an application that is sent again has the same draw. An application without an id is drawn by its request and row.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

KEY_CHARACTERS: Final = 32
"""Of a key, at least."""
_FINGERPRINT: Final = b"fingerprint of the control sample's key"
_BY_APPLICATION: Final = b"application "
_BY_ROW: Final = b"row "
_RANGE: Final = 2.0**64


def fingerprint(key: bytes) -> str:
    """A fingerprint: identifies a key without revealing it."""
    return hmac.digest(key, _FINGERPRINT, "sha256").hex()[:16]


def drawn(
    key: bytes, share: float, request_id: str, application_ids: Sequence[str | None] | None, rows: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Which of the rows of a request, by their places on its record, are in the sample."""
    base = hmac.new(key, digestmod=hashlib.sha256)
    return np.fromiter(
        (_number(base, request_id, application_ids, row) < share for row in rows.tolist()), np.bool_, rows.size
    )


def _number(base: hmac.HMAC, request_id: str, application_ids: Sequence[str | None] | None, row: int) -> float:
    """Of a row: uniform from 0 to below 1."""
    name = None if application_ids is None else application_ids[row]
    digest = base.copy()  # the key's own two blocks are hashed once
    if name is None:
        digest.update(_BY_ROW + f"{row} {request_id}".encode())
    else:
        digest.update(_BY_APPLICATION + name.encode())
    return int.from_bytes(digest.digest()[:8]) / _RANGE
