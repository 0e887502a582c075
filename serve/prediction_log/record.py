"""What is kept of one answered request."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

ANONYMOUS: Final = "anonymous"
"""The caller of a request that names none."""


class PredictionRecord(msgspec.Struct, frozen=True, gc=False):
    """One request and its answer: `features` is float32 [N, features], `probabilities` float32 [N], row by row.

    `applicant_refs` are pseudonyms (`pseudonym.py`), never what the client sent. `reasons` is float32 [N, 2 K] where
    the answer gave any: of each row the K weightiest features, each as its number, from 0, and its effect.
    `trace_id` has 16 bytes where the request belongs to a trace (W3C Trace Context), else none.
    """

    request_id: str
    received_at: int
    """Microseconds since 1970 (UTC)."""
    endpoint: str
    caller: str
    model_version: int
    model_sha256: bytes
    load_test: bool
    application_ids: Sequence[str | None] | None
    applicant_refs: Sequence[bytes | None] | None
    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    reasons: NDArray[np.float32] | None = None
    trace_id: bytes = b""

    @property
    def row_count(self) -> int:
        """Number of predictions in the record."""
        return len(self.probabilities)


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """A place in the log: that of the record number `sequence`, from 1, of a chain."""

    chain_id: uuid.UUID
    sequence: int


Promise = Callable[[RecordPlace], None]
"""Told where a record is about to stand; an error keeps it from being written."""


class RecordLog(Protocol):
    """Where a server process puts its records; `spool.py` has the one that keeps them."""

    @property
    def waits_for_disk(self) -> bool:
        """Whether `append` waits for the disk, so that it should not be called on an event loop."""

    def start(self) -> None:
        """Make ready to take records."""

    def append(self, record: PredictionRecord, promise: Promise | None = None) -> None:
        """Take a record, whose place `promise` is told before; raises `PredictionLogFull` when it is not kept."""

    def stop(self) -> None:
        """Take no more records and finish what is open."""
