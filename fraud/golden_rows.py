"""Golden rows: applications with the trained model's own answers, carried inside `model.onnx`.

So a program that loads the file can check the whole way from its bytes to probabilities without the trained model: it
notices a library, a processor or an engine that computes other values before it answers a request.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.errors import ProjectError
from fraud.features import FEATURE_COUNT

METADATA_KEY: Final = "golden_rows"
"""Of the ONNX model's metadata."""

RELATIVE_TOLERANCE: Final = 1e-6
"""About 8 float32 steps of a probability; exp, add and reciprocal may each round differently than XGBoost's.

It holds for every margin. XGBoost clamps below -88.7, and so does the exported graph, bit for bit. From -87.3 down
probabilities are subnormal floats with steps of up to 5e-7 of their value, which is still within the tolerance.
"""

_FLOAT: Final = np.dtype("<f4")
_ROW_BYTES: Final = _FLOAT.itemsize * (FEATURE_COUNT + 1)


class GoldenRowsError(ProjectError):
    """A model carries no golden rows, or answers them otherwise than the model that was trained."""


@dataclass(frozen=True, slots=True)
class GoldenRows:
    """Rows, float32 [N, 10], and the trained model's probabilities for them, float32 [N]."""

    rows: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    def to_text(self) -> str:
        """As a value of the model's metadata: all rows, then all probabilities, as float32 in base64."""
        parts = (np.ascontiguousarray(part, _FLOAT).tobytes() for part in (self.rows, self.probabilities))
        return base64.b64encode(b"".join(parts)).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> GoldenRows:
        """What `to_text` gave.

        Raises:
            GoldenRowsError: the text is something else, or holds no row.
        """
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise GoldenRowsError(f"the golden rows can't be read: {error}") from None
        count, rest = divmod(len(data), _ROW_BYTES)
        if count == 0 or rest:
            raise GoldenRowsError(f"the golden rows are {len(data)} bytes; expected {_ROW_BYTES} for each, and one row")
        values = np.frombuffer(data, _FLOAT).astype(np.float32)
        return cls(values[: count * FEATURE_COUNT].reshape(count, FEATURE_COUNT), values[count * FEATURE_COUNT :])

    def check(self, probabilities: NDArray[np.float32]) -> None:
        """Compare what a loaded model answered, float32 [N], within `RELATIVE_TOLERANCE` of each.

        Raises:
            GoldenRowsError: an answer differs.
        """
        difference = np.abs(probabilities.astype(np.float64) - self.probabilities)
        wrong = np.flatnonzero(~(difference <= RELATIVE_TOLERANCE * self.probabilities.astype(np.float64)))
        if wrong.size:
            row = int(wrong[0])
            raise GoldenRowsError(
                f"{wrong.size} of {len(self.rows)} golden rows are answered otherwise than by the trained model, "
                f"first row {row}: {probabilities[row]!s} instead of {self.probabilities[row]!s}"
            )
