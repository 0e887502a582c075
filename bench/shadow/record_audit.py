"""Whether the probabilities on record are those that the version returns, to the bit."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.shadow.copied_rows import AnsweredRows, Unreadable
from serve.engine.onnxruntime_parity import RELATIVE_TOLERANCE

MOST_TOLD: Final = 10
"""Most rows with a difference that are listed one by one, of each kind."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row whose probability on record is not what the version returns."""

    chain_id: uuid.UUID
    sequence: int
    row: int
    """In the request, from 0."""
    on_record: float
    given: float
    is_rounding: bool
    """Whether it lies within what kernels may round differently."""


@dataclass(slots=True)
class RecordAudit:
    """What was found so far."""

    compared: int = 0
    equal: int = 0
    """To the bit, by one of the kernels."""
    rounded: int = 0
    """Not to the bit, but within what kernels may round differently."""
    different: int = 0
    unreadable: int = 0
    """Records of the version whose arrays no server writes."""
    largest: float = 0.0
    """Largest relative difference of those that differ by more than rounding; NaN on record is infinitely far."""
    differences: list[Difference] = field(default_factory=list)
    """The first of them of either kind."""

    def see(
        self,
        rows: AnsweredRows,
        given: NDArray[np.float32],
        otherwise: Callable[[NDArray[np.float32]], Iterable[NDArray[np.float32]]],
    ) -> None:
        """Compare rows [N] that the version answered with what it returns now [N]; `otherwise`: by other kernels."""
        self.compared += given.size
        stands = ~_is_same(rows.stored, given)
        self.equal += given.size - int(stands.sum())
        if not stands.any():
            return
        rest, given = rows.part(stands), given[stands]
        nearest = _distance(rest.stored, given)
        equal = np.zeros(given.size, np.bool_)
        for other in otherwise(np.ascontiguousarray(rest.x)):
            equal |= _is_same(rest.stored, other)
            nearest = np.minimum(nearest, _distance(rest.stored, other))
        self.equal += int(equal.sum())
        is_far = ~(nearest <= RELATIVE_TOLERANCE)
        self.rounded += int((~equal & ~is_far).sum())
        self.different += int((~equal & is_far).sum())
        if (~equal & is_far).any():
            self.largest = max(self.largest, float(nearest[~equal & is_far].max()))
        for is_rounding, kind in ((False, ~equal & is_far), (True, ~equal & ~is_far)):
            self._tell(rest.part(kind), given[kind], is_rounding=is_rounding)

    def see_unreadable(self, records: Iterable[Unreadable]) -> None:
        """Records that could not be read."""
        self.unreadable += sum(record.is_own for record in records)

    def findings(self, version: int) -> Iterator[str]:
        """A sentence for each kind of fault; none where all is as it was answered."""
        if self.different:
            yield (
                f"{self.different:,} of {self.compared:,} probabilities on record differ from version {version}'s "
                f"(largest relative difference {self.largest:.3g}), first {self._first(is_rounding=False)}: `python -m "
                "serve.audit verify` shows whether the record was changed"
            )
        if self.unreadable:
            yield (
                f"{self.unreadable:,} records of version {version} can't be read: `python -m serve.audit verify` names "
                "them"
            )

    def rounding(self, version: int) -> str | None:
        """A sentence where nothing but the last bits differ; None where they don't."""
        if not self.rounded:
            return None
        return (
            f"{self.rounded:,} of {self.compared:,} probabilities on record are version {version}'s, except for "
            f"rounding (relative difference at most {RELATIVE_TOLERANCE:g}), first {self._first(is_rounding=True)}: "
            "another processor or release answered, or they were changed; `python -m serve.audit verify` tells"
        )

    def _first(self, *, is_rounding: bool) -> str:
        one = next(found for found in self.differences if found.is_rounding is is_rounding)
        return f"record {one.sequence} of chain {one.chain_id}, row {one.row}"

    def _tell(self, rows: AnsweredRows, given: NDArray[np.float32], *, is_rounding: bool) -> None:
        told = sum(found.is_rounding is is_rounding for found in self.differences)
        for place in range(min(given.size, MOST_TOLD - told)):
            self.differences.append(
                Difference(
                    uuid.UUID(bytes=rows.chain[place].tobytes()),
                    int(rows.sequence[place]),
                    int(rows.row[place]),
                    float(rows.stored[place]),
                    float(given[place]),
                    is_rounding,
                )
            )


def _is_same(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(one.view(np.uint32) == other.view(np.uint32))


def _distance(stored: NDArray[np.float32], given: NDArray[np.float32]) -> NDArray[np.float64]:
    """Relative to what is given; infinite for what is no number."""
    away = np.abs(stored.astype(np.float64) - given)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(away == 0, 0.0, away / given)
    return np.nan_to_num(relative, nan=np.inf, posinf=np.inf)
