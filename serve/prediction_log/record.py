"""The record of one answered request."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

ANONYMOUS: Final = "anonymous"
"""The caller of a request without a login."""


class PredictionRecord(msgspec.Struct, frozen=True, gc=False):
    """One request and its answer: `features` is float32 [N, features], `probabilities` float32 [N], row by row.

    `applicant_refs` are pseudonyms (`pseudonym.py`), never what the client sent. `reasons` is float32 [N, 2 K] if the
    answer had any: for each row the K features with the largest effects, each as its number, from 0, and its effect.
    `trace_id` has 16 bytes if the request belongs to a trace (W3C Trace Context), else none.
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
    """A place in the log: record number `sequence`, from 1, of a chain."""

    chain_id: uuid.UUID
    sequence: int


Promise = Callable[[RecordPlace], None]
"""Called with a record's place before it is written; an error prevents the writing."""


class RecordLog(Protocol):
    """Receives the records of a server process; `spool.py` has the durable implementation."""

    @property
    def waits_for_disk(self) -> bool:
        """Whether `append` waits for the disk, so that it should not be called on an event loop."""

    def start(self) -> None:
        """Prepare to accept records."""

    def append(self, record: PredictionRecord, promise: Promise | None = None) -> None:
        """Append a record, after `promise` is called with its place; raises `PredictionLogFull` if it is not stored."""

    def stop(self) -> None:
        """Accept no more records, and close open files."""
