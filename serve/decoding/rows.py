"""What every decoder gives, and the labels that an application may carry: an id, and whose application it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from serve.errors import InvalidInstance

APPLICATION_ID: Final = "application_id"
APPLICANT_REF: Final = "applicant_ref"
LABELS: Final[tuple[str, ...]] = (APPLICATION_ID, APPLICANT_REF)
LABEL_MAX_CHARS: Final = 64

# No control characters: PostgreSQL's text can't hold a NUL, and a log line should stay one line.
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=LABEL_MAX_CHARS, pattern=r"^[^\x00-\x1f\x7f]*\Z")]


class DecodedRows(msgspec.Struct, frozen=True, gc=False):
    """What a request asks to score.

    `matrix` is float32 [N, 10], C-contiguous, in the order of the request; `application_ids` and `applicant_refs` have
    N entries each, or are None when no row names one.
    """

    matrix: NDArray[np.float32]
    application_ids: Sequence[str | None] | None
    applicant_refs: Sequence[str | None] | None

    @property
    def texts(self) -> tuple[Sequence[str | None] | None, Sequence[str | None] | None]:
        """All labels."""
        return self.application_ids, self.applicant_refs


def labelled(matrix: NDArray[np.float32], labels: Mapping[str, Sequence[str | None]]) -> DecodedRows:
    """Rows with the labels that they carry, by name; a label that no row has may be left out, or be empty."""

    def given(name: str) -> Sequence[str | None] | None:
        values = labels.get(name, ())
        return values if any(values) else None

    return DecodedRows(matrix, given(APPLICATION_ID), given(APPLICANT_REF))


def check_labels(labels: Mapping[str, Sequence[str | None]]) -> None:
    """Check labels of a format that has no such check of its own.

    Raises:
        InvalidInstance: naming the first row whose label is no `Label`.
    """
    for name, values in labels.items():
        for row, value in enumerate(values):
            try:
                msgspec.convert(value, Label | None)
            except msgspec.ValidationError as error:
                raise InvalidInstance(f"{name} of instance {row}: {error}", row, name) from None
