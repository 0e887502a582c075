"""What an answer says beside its probabilities, row by row: faults, warnings, decisions, to who asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

REVIEW: Final = "review"
PASS: Final = "pass"  # noqa: S105 - a decision, no password

Told = Sequence[RowFault] | None


class Decided(msgspec.Struct, frozen=True, gc=False):
    """What is decided about each row that was scored."""

    policy: str
    """By which."""
    reviewed: NDArray[np.bool_]

    def texts(self, positions: NDArray[np.intp], rows: int) -> list[str | None]:
        """Of a request with so many rows, of which those at the positions were scored; None for any other."""
        texts: list[str | None] = [None] * rows
        for position, reviewed in zip(positions.tolist(), self.reviewed.tolist(), strict=True):
            texts[position] = REVIEW if reviewed else PASS
        return texts


class Notes(msgspec.Struct, frozen=True, gc=False):
    """Faults, warnings and decisions in the order of the request; None where they are not asked for."""

    faults: Told = None
    warnings: Told = None
    decisions: Sequence[str | None] | None = None
    """`REVIEW` or `PASS`; None for a row at fault."""
    policy: str | None = None
    """By which was decided."""

    def members(self, *, single: bool = False) -> dict[str, Any]:
        """As members of a JSON answer, about many rows or a single one."""
        told = {"faults": self.faults, "warnings": self.warnings}
        members: dict[str, Any] = {
            name: [row.as_dict() for row in rows] for name, rows in told.items() if rows is not None
        }
        if self.decisions is not None:
            decided = {"decision": self.decisions[0]} if single else {"decisions": self.decisions}
            members |= {**decided, "policy": self.policy}
        return members

    def texts(self, rows: int) -> dict[str, Sequence[str | None]]:
        """As columns of an answer with so many rows: `fault`, `warning`, `decision` and `policy`, None where a row has
        none.
        """
        told = {"fault": self.faults, "warning": self.warnings}
        texts: dict[str, Sequence[str | None]] = {
            name: _texts(found, rows) for name, found in told.items() if found is not None
        }
        if self.decisions is not None:
            policies = [None if decision is None else self.policy for decision in self.decisions]
            texts |= {"decision": self.decisions, "policy": policies}
        return texts


NO_NOTES: Final = Notes()


Write = Callable[[NDArray[np.float32], Manifest, Decided | None], Answer]
"""Probabilities, float32 [N], the model that gave them, and what is decided, if that is asked -> the answer."""


class WriteNoted(Protocol):
    """Writes the answer of a protocol."""

    def __call__(self, probabilities: NDArray[np.float32], manifest: Manifest, notes: Notes = NO_NOTES, /) -> Answer:
        """Probabilities, float32 [N], NaN for a row at fault; the model that gave them; what is said beside."""


def write_noted(write: WriteNoted, rows: DecodedRows, asks: Asks) -> Write:
    """Answers a request that asks for notes; probabilities and what is decided are of its good rows."""

    def answer(probabilities: NDArray[np.float32], manifest: Manifest, decided: Decided | None) -> Answer:
        positions = np.flatnonzero(_is_good(rows))
        answered = np.full(rows.sent, np.nan, np.float32)
        answered[positions] = probabilities
        warnings = warnings_of(rows.matrix, positions) if asks.warnings else None
        notes = Notes(rows.faults if asks.report else None, warnings)
        if decided is not None:
            decisions = decided.texts(positions, rows.sent)
            notes = msgspec.structs.replace(notes, decisions=decisions, policy=decided.policy)
        return write(answered, manifest, notes)

    return answer


def write_plain(write: WriteNoted) -> Write:
    """Answers a request that asks for nothing beside."""
    return lambda probabilities, manifest, _decided: write(probabilities, manifest)


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
