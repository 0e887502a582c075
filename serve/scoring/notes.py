"""Notes of an answer beside its probabilities, on request: faults, warnings, reasons and decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from serve.answer import Answer
from serve.decoding import DecodedRows
from serve.errors import RowFault
from serve.model.model_store import Manifest
from serve.scoring.asks import Asks
from serve.scoring.plausibility import warnings_of
from serve.scoring.reasons import NO_POSITIONS, Reasons

REVIEW: Final = "review"
PASS: Final = "pass"  # noqa: S105 - a decision, not a password

Told = Sequence[RowFault] | None


class Decided(msgspec.Struct, frozen=True, gc=False):
    """The decision for each scored row, and the rows' positions in the request."""

    policy: str
    """By which."""
    reviewed: NDArray[np.bool_]
    positions: NDArray[np.intp] = NO_POSITIONS
    """Positions of the scored rows in the request."""
    sent: int = 0
    """Number of rows in the request."""

    def texts(self) -> list[str | None]:
        """`REVIEW` or `PASS` for each row of the request; None for an invalid row."""
        texts: list[str | None] = [None] * self.sent
        for position, reviewed in zip(self.positions.tolist(), self.reviewed.tolist(), strict=True):
            texts[position] = REVIEW if reviewed else PASS
        return texts


class Notes(msgspec.Struct, frozen=True, gc=False):
    """Notes in the order of the request; None if not requested."""

    faults: Told = None
    warnings: Told = None
    reasons: Reasons | None = None
    decided: Decided | None = None

    def members(self, *, single: bool = False) -> dict[str, Any]:
        """All notes except reasons, as members of a JSON answer about many rows or a single one."""
        told = {"faults": self.faults, "warnings": self.warnings}
        members: dict[str, Any] = {
            name: [row.as_dict() for row in rows] for name, rows in told.items() if rows is not None
        }
        if self.decided is not None:
            texts = self.decided.texts()
            members |= {"decision": texts[0]} if single else {"decisions": texts}
            members["policy"] = self.decided.policy
        return members

    def texts(self, rows: int) -> dict[str, list[str | None]]:
        """All notes except reasons, as columns of an answer with `rows` rows; None for a row without any."""
        told = {"fault": self.faults, "warning": self.warnings}
        texts = {name: _texts(found, rows) for name, found in told.items() if found is not None}
        if self.decided is not None:
            decisions = self.decided.texts()
            policies = [None if decision is None else self.decided.policy for decision in decisions]
            texts |= {"decision": decisions, "policy": policies}
        return texts


NO_NOTES: Final = Notes()


class WriteNoted(Protocol):
    """Writes a protocol's answer, with or without notes."""

    def __call__(self, probabilities: NDArray[np.float32], manifest: Manifest, notes: Notes = NO_NOTES, /) -> Answer:
        """Probabilities, float32 [N], NaN for an invalid row; the model that scored; the notes."""


def noted(write: WriteNoted, rows: DecodedRows, asks: Asks) -> WriteNoted:
    """Adapt `write` to a request for these rows with notes. The result takes the probabilities, reasons and decisions
    of the valid rows.
    """

    def write_noted(probabilities: NDArray[np.float32], manifest: Manifest, notes: Notes = NO_NOTES, /) -> Answer:
        answered, told = in_order(rows, asks, probabilities, notes)
        return write(answered, manifest, told)

    return write_noted


def in_order(
    rows: DecodedRows, asks: Asks, probabilities: NDArray[np.float32], notes: Notes = NO_NOTES
) -> tuple[NDArray[np.float32], Notes]:
    """Probabilities and notes of the valid rows -> those of all rows, in the order of the request."""
    positions = np.flatnonzero(_is_good(rows))
    answered = np.full(rows.sent, np.nan, np.float32)
    answered[positions] = probabilities
    warnings = warnings_of(rows.matrix, positions) if asks.warnings else None
    reasons = notes.reasons
    if reasons is not None:
        reasons = msgspec.structs.replace(
            reasons, positions=positions, sent=rows.sent, told=asks.reasons, language=asks.language
        )
    decided = notes.decided
    if decided is not None:
        decided = msgspec.structs.replace(decided, positions=positions, sent=rows.sent)
    return answered, Notes(rows.faults if asks.report else None, warnings, reasons, decided)


def _is_good(rows: DecodedRows) -> NDArray[np.bool_]:
    is_good = np.ones(rows.sent, np.bool_)
    is_good[[fault.instance for fault in rows.faults]] = False
    return is_good


def _texts(told: Sequence[RowFault], rows: int) -> list[str | None]:
    texts: list[str | None] = [None] * rows
    for row in told:
        before = texts[row.instance]
        texts[row.instance] = row.message if before is None else f"{before}; {row.message}"
    return texts
