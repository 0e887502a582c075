"""What an answer says beside its probabilities, row by row: faults and warnings, to who asks for them."""

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

Told = Sequence[RowFault] | None


class Notes(msgspec.Struct, frozen=True, gc=False):
    """Faults and warnings in the order of the request; None where they are not asked for."""

    faults: Told = None
    warnings: Told = None

    def members(self) -> dict[str, Any]:
        """As members of a JSON answer."""
        told = {"faults": self.faults, "warnings": self.warnings}
        return {name: [row.as_dict() for row in rows] for name, rows in told.items() if rows is not None}

    def texts(self, rows: int) -> dict[str, list[str | None]]:
        """As columns of an answer with so many rows: `fault` and `warning`, None where a row has none."""
        told = {"fault": self.faults, "warning": self.warnings}
        return {name: _texts(found, rows) for name, found in told.items() if found is not None}


NO_NOTES: Final = Notes()


class WriteNoted(Protocol):
    """Writes the answer of a protocol."""

    def __call__(self, probabilities: NDArray[np.float32], manifest: Manifest, notes: Notes = NO_NOTES, /) -> Answer:
        """Probabilities, float32 [N], NaN for a row at fault; the model that gave them; what is said beside."""


def write_noted(
    write: WriteNoted, rows: DecodedRows, asks: Asks, probabilities: NDArray[np.float32], manifest: Manifest
) -> Answer:
    """The answer to a request that asks for notes; `probabilities` are those of the good rows."""
    positions = np.flatnonzero(_is_good(rows))
    answered = np.full(rows.sent, np.nan, np.float32)
    answered[positions] = probabilities
    warnings = warnings_of(rows.matrix, positions) if asks.warnings else None
    return write(answered, manifest, Notes(rows.faults if asks.report else None, warnings))


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
