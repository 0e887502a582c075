"""The result of every decoder: rows, with optional labels of each application: its id and its applicant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURES
from serve.errors import RowFault

APPLICATION_ID: Final = "application_id"
APPLICANT_REF: Final = "applicant_ref"
LABELS: Final[tuple[str, ...]] = (APPLICATION_ID, APPLICANT_REF)
LABEL_MAX_CHARS: Final = 64

# No control characters: PostgreSQL's text can't store NUL, and a log line must stay one line.
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=LABEL_MAX_CHARS, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
Labels = Sequence[str | None]


VALUE_TYPES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        **{feature.name: float | None if feature.may_be_missing else float for feature in FEATURES},
        **dict.fromkeys(LABELS, Label | None),
    }
)
"""JSON type of each feature and label."""


def list_of(value_type: Any) -> Any:
    """The type of a list of these values."""
    return list[value_type]


class DecodedRows(msgspec.Struct, frozen=True, gc=False):
    """The rows of a request.

    `matrix` is float32 [N, features], C-contiguous, in the order of the request; a value that is missing is NaN.
    `application_ids` and `applicant_refs` have N entries each, or are None if no row has one. `faults` are the rows
    left out, in the order of the request, if the request asks for them.
    """

    matrix: NDArray[np.float32]
    application_ids: Labels | None
    applicant_refs: Labels | None
    faults: tuple[RowFault, ...] = ()
    reasons: int = 0
    """Number of reasons requested for each row."""

    @property
    def texts(self) -> tuple[Labels | None, Labels | None]:
        """All labels."""
        return self.application_ids, self.applicant_refs

    @property
    def sent(self) -> int:
        """Number of rows sent, including faulty ones."""
        return len(self.matrix) + len(self.faults)


def labelled(matrix: NDArray[np.float32], labels: Mapping[str, Labels], faults: Sequence[RowFault] = ()) -> DecodedRows:
    """Rows with their labels, by name; a label that no row has may be left out or empty."""

    def given(name: str) -> Labels | None:
        values = labels.get(name, ())
        return values if any(values) else None

    return DecodedRows(matrix, given(APPLICATION_ID), given(APPLICANT_REF), tuple(faults))


def label_faults(labels: Mapping[str, Labels]) -> dict[int, RowFault]:
    """The rows with an invalid label, for formats without such a check of their own."""
    faults: dict[int, RowFault] = {}
    for name, values in labels.items():
        for row, value in enumerate(values):
            try:
                msgspec.convert(value, Label | None)
            except msgspec.ValidationError as error:
                faults.setdefault(row, RowFault(row, name, f"{name} of instance {row}: {error}"))
    return faults
