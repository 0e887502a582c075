"""The applications that training may know: a matrix, labels and dates, checked before anything is computed."""

from __future__ import annotations

import datetime as dt
import io
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fraud.applicant_groups import Attributes
from fraud.database import connect
from fraud.provenance import Provenance, read_provenance
from fraud.statistics.design_weights import (
    DesignWeights,
    effective_size,
    joined_weights,
    weighted_mean,
    weights_of,
)
from fraud.stored_attributes import attribute_values
from train.array_file import joined_on_disk
from train.errors import CutoffError, EmptyTableError
from train.stored_rows import StoredRows
from train.table import TABLE, batches, copy_rows, first_day, moment_known


@dataclass(frozen=True, slots=True)
class Dataset:
    """N labelled applications, oldest first. Arrays may be read-only, and on disk rather than in memory."""

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
    """How many applicants each row represents [N]; None: outcomes are known for everybody."""
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
        joined_on_disk(older.x, newer.x),
        np.concatenate((older.y, newer.y)),
        np.concatenate((older.dates, newer.dates)),
        weights=joined_weights(older.weights, older.y.size, newer.weights, newer.y.size),
    )


def load_dataset(dsn: str, cutoff: dt.date, known_before: dt.datetime | None = None) -> Dataset:
    """Read the applications dated before `cutoff` from PostgreSQL to disk; about a second for 214,000.

    Outcomes that were recorded from `known_before` on are unknown, as are answers to applications; None: none of them.
    The arrays are read-only maps of temporary files (`train.array_file`), so that there may be more than memory holds.

    Raises:
        DatasetError: one of its children, for a table that can't be trained on.
        DatabaseError: PostgreSQL does not answer or refuses.
    """
    with ExitStack() as stack:
        with connect(dsn, application_name="train") as connection:
            moment = moment_known(connection)
            known_before = moment if known_before is None else min(moment, known_before)
            copied = stack.enter_context(copy_rows(connection, cutoff, known_before))
            if copied.seek(0, io.SEEK_END) == 0:
                raise _no_rows(cutoff, first_day(connection))
            provenance = read_provenance(connection)
            rows = StoredRows(attribute_values(connection))
        for batch in batches(copied):
            rows.append(batch)
    found = rows.columns()
    return Dataset(found.x, found.y, found.dates, provenance, found.attributes, found.weights, known_before)


def _no_rows(cutoff: dt.date, first: dt.date | None) -> EmptyTableError | CutoffError:
    if first is None:
        return EmptyTableError(f"table {TABLE} is empty: fill the database with `python -m initdb`")
    return CutoffError(
        f"no application in {TABLE} is dated before {cutoff}: the first is of {first}; choose a later --today "
        "or fewer LABEL_MATURITY_DAYS"
    )
