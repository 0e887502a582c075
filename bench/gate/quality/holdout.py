"""The rows on which two models are compared: those that neither was trained or tuned on.

Training never looks at the newest tenth of what it may know but to report on it, and records on which day that tenth
begins. Rows from the later of the two models' days on are new to both. A champion that was trained after the
candidate's test part began, or whose version does not say when its own began, shortens the comparison; it never gets
rows that it has seen.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fraud.registry import ModelVersion
from fraud.statistics.design_weights import effective_labels
from train.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Holdout:
    """The rows of a comparison, in the terms of a report."""

    first_day: dt.date
    """Rows from this day on count."""
    before: dt.date
    """Rows from this day on don't count: unknown, or without a label that is mature."""
    rows: int
    positives: int
    effective: tuple[float, float] | None = None
    """How many rows with and without a divorce would tell as much if each had the same weight; None: each has."""

    def too_few(self, minimum: int) -> str | None:
        """Why the rows don't suffice when each label needs `minimum` of them; None when they do."""
        if min(self.effective or (self.positives, self.rows - self.positives)) >= minimum:
            return None
        if self.effective is not None:
            return (
                f"too few outcomes that neither model has seen: {self.rows:,} from {self.first_day} to before "
                f"{self.before}, which stand for others and tell as much as {self.effective[0]:,.0f} with and "
                f"{self.effective[1]:,.0f} without a divorce (Kish's effective sizes); at least {minimum:,} of each "
                "are needed: wait for more outcomes of the control sample, or lower GATE_MIN_POSITIVES"
            )
        return (
            f"too few rows that neither model has seen: {self.rows:,} from {self.first_day} to before {self.before}, "
            f"{self.positives:,} of them with a divorce; at least {minimum:,} with and {minimum:,} without one are "
            "needed: wait for more applications, or lower GATE_MIN_POSITIVES"
        )


def unseen_rows(dataset: Dataset, before: dt.date, versions: Iterable[ModelVersion]) -> tuple[Holdout, Dataset]:
    """The rows of `dataset`, which ends before the day `before`, that none of the versions has seen."""
    first_day = max(version.unseen_from for version in versions)
    unseen = dataset.part(slice(int(np.searchsorted(dataset.dates, np.datetime64(first_day))), None))
    effective = None if unseen.weights is None else effective_labels(unseen.y, unseen.weights)
    return Holdout(first_day, before, unseen.y.size, int(unseen.y.sum()), effective), unseen
