"""What an answer says beside its probabilities, row by row: faults, warnings and reasons, to who asks for them."""

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
from serve.scoring.reasons import Reasons

Told = Sequence[RowFault] | None


class Notes(msgspec.Struct, frozen=True, gc=False):
    """Faults, warnings and reasons in the order of the request; None where they are not asked for."""

    faults: Told = None
    warnings: Told = None
    reasons: Reasons | None = None

    def members(self) -> dict[str, Any]:
        """Faults and warnings as members of a JSON answer."""
        told = {"faults": self.faults, "warnings": self.warnings}
        return {name: [row.as_dict() for row in rows] for name, rows in told.items() if rows is not None}

    def texts(self, rows: int) -> dict[str, list[str | None]]:
        """As columns of an answer with so many rows: `fault` and `warning`, None where a row has none."""
        told = {"fault": self.faults, "warning": self.warnings}
        return {name: _texts(found, rows) for name, found in told.items() if found is not None}


NO_NOTES: Final = Notes()


class WriteNoted(Protocol):
    """Writes the answer of a protocol; without notes, the answer of a request that asks for none."""

    def __call__(self, probabilities: NDArray[np.float32], manifest: Manifest, notes: Notes = NO_NOTES, /) -> Answer:
        """Probabilities, float32 [N], NaN for a row at fault; the model that gave them; what is said beside."""


def noted(write: WriteNoted, rows: DecodedRows, asks: Asks) -> WriteNoted:
    """Has `write` answer a request for these rows that asks for notes.

    What it is given are the probabilities, and the reasons, of the good rows.
    """

    def write_noted(probabilities: NDArray[np.float32], manifest: Manifest, notes: Notes = NO_NOTES, /) -> Answer:
        positions = np.flatnonzero(_is_good(rows))
        answered = np.full(rows.sent, np.nan, np.float32)
        answered[positions] = probabilities
        warnings = warnings_of(rows.matrix, positions) if asks.warnings else None
        reasons = notes.reasons
        if reasons is not None:
            reasons = msgspec.structs.replace(
                reasons, positions=positions, sent=rows.sent, told=asks.reasons, language=asks.language
            )
        return write(answered, manifest, Notes(rows.faults if asks.report else None, warnings, reasons))

    return write_noted


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
