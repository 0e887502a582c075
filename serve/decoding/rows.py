"""What every decoder gives, and the id that an application may carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from serve.errors import InvalidInstance

APPLICATION_ID: Final = "application_id"
APPLICATION_ID_MAX_CHARS: Final = 64

# No control characters: PostgreSQL's text can't hold a NUL, and a log line should stay one line.
ApplicationId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=APPLICATION_ID_MAX_CHARS, pattern=r"^[^\x00-\x1f\x7f]*\Z")
]


@dataclass(frozen=True, slots=True)
class DecodedRows:
    """What a request asks to score.

    `matrix` is float32 [N, 10], C-contiguous, in the order of the request; `application_ids` has N entries, or is
    None when no row names one.
    """

    matrix: NDArray[np.float32]
    application_ids: Sequence[str | None] | None
    applicant_refs: Sequence[str | None] | None = None


def named_ids(application_ids: Sequence[str | None]) -> Sequence[str | None] | None:
    """The ids of the rows, or None when there is none among them."""
    return application_ids if any(application_ids) else None


def checked_ids(application_ids: Sequence[str | None]) -> Sequence[str | None] | None:
    """Ids of a format that has no such check of its own, as `named_ids`.

    Raises:
        InvalidInstance: naming the first row whose id is no `ApplicationId`.
    """
    for row, value in enumerate(application_ids):
        try:
            msgspec.convert(value, ApplicationId | None)
        except msgspec.ValidationError as error:
            raise InvalidInstance(f"{APPLICATION_ID} of instance {row}: {error}", row, APPLICATION_ID) from None
    return named_ids(application_ids)
