"""The applications that training may know: a matrix, labels and dates, checked before anything is computed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fraud.applicant_groups import Attributes
from fraud.database import connect
from fraud.features import DATE, FEATURE_NAMES, LABEL, MAY_BE_MISSING
from fraud.provenance import Provenance, read_provenance
from fraud.statistics.design_weights import (
    DesignWeights,
    design_weights,
    effective_size,
    joined_weights,
    weighted_mean,
    weights_of,
)
from fraud.stored_attributes import read_attributes
from train.errors import CutoffError, EmptyTableError, LabelError, MissingValueError
from train.table import ID, LOOKED_AT, TABLE, first_day, moment_known, read_rows


@dataclass(frozen=True, slots=True)
class Dataset:
    """N labelled applications, oldest first."""

    x: NDArray[np.float32]
    """Features [N, F] in the order of `FEATURE_NAMES`; NaN where one is missing that may be."""
    y: NDArray[np.int8]
    """1 = divorced soon after the loan [N]."""
    dates: NDArray[np.datetime64]
    """Day of the application [N], rising."""
    provenance: Provenance | None = None
    """Of the table that they are from; None: not on record."""
    attributes: Attributes = field(default_factory=dict)
    """What applicants are grouped by beside the features [N]: to examine a model, never to fit one."""
    weights: DesignWeights = None
    """How many applicants each stands for [N]; None: outcomes are known of everybody."""
    known_before: dt.datetime | None = None
    """Outcomes that were recorded from then on are unknown; None: that is not on record."""

    def part(self, rows: slice) -> Dataset:
        """The applications of a slice, as views."""
        attributes = {name: values[rows] for name, values in self.attributes.items()}
        weights = weights_of(self.weights, rows)
        if weights is not None and (weights == 1).all():
            weights = None
        return Dataset(
            *(self.x[rows], self.y[rows], self.dates[rows], self.provenance, attributes, weights, self.known_before)
        )

    @property
    def positive_rate(self) -> float:
        """Share of applicants with a divorce."""
        return weighted_mean(self.y, self.weights)

    @property
    def effective_rows(self) -> float:
        """How many applications would tell as much if outcomes were known of everybody."""
        return float(self.y.size) if self.weights is None else effective_size(self.weights)


def joined(older: Dataset, newer: Dataset) -> Dataset:
    """The applications of both."""
    return Dataset(
        np.concatenate((older.x, newer.x)),
        np.concatenate((older.y, newer.y)),
        np.concatenate((older.dates, newer.dates)),
        weights=joined_weights(older.weights, older.y.size, newer.weights, newer.y.size),
    )


def load_dataset(dsn: str, cutoff: dt.date, known_before: dt.datetime | None = None) -> Dataset:
    """Read the applications dated before `cutoff` from PostgreSQL; about a second for 214,000.

    Outcomes that were recorded from `known_before` on are unknown, as are answers to applications; None: none of them.

    Raises:
        DatasetError: one of its children, for a table that can't be trained on.
        DatabaseError: PostgreSQL does not answer or refuses.
    """
    with connect(dsn, application_name="train") as connection:
        moment = moment_known(connection)
        known_before = moment if known_before is None else min(moment, known_before)
        table = read_rows(connection, cutoff, known_before)
        if table.num_rows == 0:
            raise _no_rows(cutoff, first_day(connection))
        provenance = read_provenance(connection)
        attributes = read_attributes(connection, table[ID].to_pylist())
    weights = design_weights(table[LOOKED_AT].to_numpy())
    dataset = _checked(table.drop_columns([ID, LOOKED_AT]))
    return replace(dataset, provenance=provenance, attributes=attributes, weights=weights, known_before=known_before)


def _no_rows(cutoff: dt.date, first: dt.date | None) -> EmptyTableError | CutoffError:
    if first is None:
        return EmptyTableError(f"table {TABLE} is empty: fill the database with `python -m initdb`")
    return CutoffError(
        f"no application in {TABLE} is dated before {cutoff}: the first is of {first}; choose a later --today "
        "or fewer LABEL_MATURITY_DAYS"
    )


def _checked(table: pa.Table) -> Dataset:
    faults = {name: count for name in table.column_names if (count := _unusable(table[name], name))}
    if faults:
        listed = ", ".join(f"{name} ({count:,} rows)" for name, count in faults.items())
        raise MissingValueError(f"table {TABLE} has missing or infinite values in {listed}: mend or delete those rows")
    labels = table[LABEL].to_numpy()
    found = np.unique(labels)
    if not np.isin(found, [0, 1]).all():
        raise LabelError(f"column {LABEL} of {TABLE} must be 0 or 1, it holds {', '.join(f'{v:g}' for v in found)}")
    if found.size == 1:
        raise LabelError(
            f"column {LABEL} of {TABLE} is {found[0]:g} in every row before the cutoff: both classes needed"
        )
    x = np.column_stack([table[name].cast(pa.float32()).to_numpy() for name in FEATURE_NAMES])
    return Dataset(np.ascontiguousarray(x, np.float32), labels.astype(np.int8), table[DATE].to_numpy())


def _unusable(column: pa.ChunkedArray, name: str) -> int:
    """Rows of the column that are infinite, or NULL or NaN where they may not be missing."""
    nulls = int(column.null_count)
    values = column.drop_null().to_numpy()
    if not pa.types.is_floating(column.type):
        return nulls
    if name in MAY_BE_MISSING:
        return int(np.isinf(values).sum())
    return nulls + int((~np.isfinite(values)).sum())
