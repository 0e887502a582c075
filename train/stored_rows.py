"""Applications on their way to disk: each batch is checked and appended to files, which training maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fraud.applicant_groups import Attributes
from fraud.counted import counted
from fraud.features import DATE, FEATURE_COUNT, FEATURE_NAMES, LABEL, MAY_BE_MISSING
from fraud.statistics.design_weights import DesignWeights
from train.array_file import ArrayFile
from train.errors import LabelError, MissingValueError
from train.table import COLUMNS, ID, LOOKED_AT, TABLE


@dataclass(frozen=True, slots=True)
class Columns:
    """N applications as `train.dataset.Dataset` has them."""

    x: NDArray[np.float32]
    y: NDArray[np.int8]
    dates: NDArray[np.datetime64]
    attributes: Attributes
    weights: DesignWeights


class StoredRows:
    """Takes the batches of `train.table.batches`, and returns them as checked arrays."""

    def __init__(self, values: Mapping[str, Mapping[str | None, str]]) -> None:
        """Begin without any.

        Args:
            values: of each attribute that applicants are grouped by, by the application's id.
        """
        self._values = values
        self._x = ArrayFile(np.float32, FEATURE_COUNT)
        self._y = ArrayFile(np.int8)
        self._dates = ArrayFile("datetime64[D]")
        self._weights = ArrayFile(np.float64)
        self._attributes: dict[str, list[NDArray[np.object_]]] = {name: [] for name in values}
        self._unusable: Counter[str] = Counter()
        self._labels: set[float] = set()
        self._is_weighted = False

    def append(self, batch: pa.RecordBatch) -> None:
        """Check and keep further applications."""
        self._unusable.update({name: _unusable(batch[name], name) for name in COLUMNS})
        labels = batch[LABEL].to_numpy(zero_copy_only=False)
        self._labels.update(np.unique(labels[np.isfinite(labels)]).tolist())
        if self._unusable.total() or not self._labels <= {0, 1}:
            return  # nobody will see them: what is left to do is to count faults
        self._x.append(np.column_stack([batch[name].to_numpy(zero_copy_only=False) for name in FEATURE_NAMES]))
        self._y.append(labels)
        self._dates.append(batch[DATE].to_numpy(zero_copy_only=False))
        looked_at = batch[LOOKED_AT].to_numpy(zero_copy_only=False)
        self._weights.append(1 / looked_at)
        self._is_weighted = self._is_weighted or bool((looked_at != 1).any())
        if self._values:
            ids = batch[ID].to_pylist()
            for name, values in self._values.items():
                self._attributes[name].append(np.array([values.get(one) for one in ids], object))

    def columns(self) -> Columns:
        """All applications, of which there must be one at least.

        Raises:
            MissingValueError, LabelError: they can't be trained on.
        """
        if self._unusable.total():
            listed = ", ".join(f"{name} ({counted(count, 'row')})" for name, count in self._unusable.items() if count)
            raise MissingValueError(
                f"table {TABLE} has missing or infinite values in {listed}: mend or delete those rows"
            )
        found = sorted(self._labels)
        if not self._labels <= {0, 1}:
            listed = ", ".join(f"{value:g}" for value in found)
            raise LabelError(f"column {LABEL} of {TABLE} must be 0 or 1, it holds {listed}")
        if len(found) == 1:
            raise LabelError(
                f"column {LABEL} of {TABLE} is {found[0]:g} in every row before the cutoff: both classes needed"
            )
        return Columns(
            self._x.mapped(),
            self._y.mapped(),
            self._dates.mapped(),
            {name: np.concatenate(parts) for name, parts in self._attributes.items()},
            self._weights.mapped() if self._is_weighted else None,
        )


def _unusable(column: pa.Array, name: str) -> int:
    """Rows of the column that are infinite, or NULL or NaN where they may not be missing."""
    nulls = int(column.null_count)
    if not pa.types.is_floating(column.type):
        return nulls
    values = column.drop_null().to_numpy(zero_copy_only=False)
    if name in MAY_BE_MISSING:
        return int(np.isinf(values).sum())
    return nulls + int((~np.isfinite(values)).sum())
