"""What a plan is made from: the last weeks' applications with their probabilities, and what labels say of those."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.gate.quality.holdout import unseen_rows
from bench.gate.quality.scoring import shipped_probabilities, twin_probabilities
from bench.plan.errors import PlanError
from bench.plan.forecast import DAYS_A_WEEK, Seen
from bench.plan.logged import logged_applications
from fraud.applicant_groups import declared_groups
from fraud.registry import ModelVersion, Registry
from fraud.statistics.design_weights import effective_labels
from fraud.statistics.recalibration import Recalibration, fit_recalibration
from train.dataset import Dataset, load_dataset
from train.maturity import known_before

LEAST_DAYS: Final = 14
"""Of which anything can be said about the days to come."""


class Source(StrEnum):
    """Where the applications of the last weeks are from."""

    LOG = "what the server answered"
    TABLE = "applications with a known outcome that the judged twin has not seen"


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that a forecast takes."""

    source: Source
    version: ModelVersion
    seen: Seen
    known: Recalibration
    """How far the version's probabilities are from what came true."""
    labelled: int
    """Applications with a label that say so."""


def gather(
    dsn: str,
    registry: Registry,
    version: ModelVersion,
    *,
    today: dt.date,
    label_cutoff: dt.date,
    weeks: int,
    minimum_of_each_label: int,
) -> Evidence:
    """Read applications and labels as they were known on the day `today`, and score them with the version's own files.

    Logged applications are scored again by the model that serves: that is what will be answered, also where another one
    answered some of them. Labels tell something only where the model had not seen them: they are compared with the
    judged twin's probabilities. Where the server has not answered for two weeks, the labelled applications stand in.

    Raises:
        PlanError: there is too little of either.
        DatasetError, DatabaseError, RegistryError, EngineError, ProbabilityError: something can't be read or run.
    """
    holdout, unseen = unseen_rows(load_dataset(dsn, label_cutoff, known_before(today)), label_cutoff, [version])
    if min(effective_labels(unseen.y, unseen.weights)) < minimum_of_each_label:
        raise PlanError(
            f"{holdout.rows:,} applications with a label that version {version.version} has not seen, "
            f"{holdout.positives:,} with a divorce: at least {minimum_of_each_label:,} with and without one are needed "
            "to estimate how far its probabilities are right; wait for more labels, or lower GATE_MIN_POSITIVES"
        )
    twin = twin_probabilities(registry, version, unseen.x)
    known = fit_recalibration(unseen.y, twin, unseen.weights)
    x, days = logged_applications(dsn, today - dt.timedelta(weeks=weeks), today)
    first = _first_full_day(days, np.datetime64(today - dt.timedelta(weeks=weeks)))
    number_of_days = int((np.datetime64(today) - first).astype(int))
    if number_of_days >= LEAST_DAYS:
        kept = days >= first
        seen = _seen(shipped_probabilities(registry, version, x[kept]), days[kept], x[kept], first, number_of_days)
        return Evidence(Source.LOG, version, seen, known, holdout.rows)
    return Evidence(Source.TABLE, version, newest_labelled(unseen, twin, weeks), known, holdout.rows)


def groups_of(x: NDArray[np.float32]) -> dict[str, NDArray[np.bool_]]:
    """Who of N applications belongs to which group, by name; those that anybody belongs to."""
    return {group.name: group.rows for group in declared_groups(x) if group.rows.any()}


def newest_labelled(unseen: Dataset, probabilities: NDArray[np.float32], weeks: int) -> Seen:
    """The last weeks of the labelled applications.

    Raises:
        PlanError: they are too few days, or not of everybody.
    """
    if unseen.weights is not None:
        raise PlanError(
            f"the log has no {LEAST_DAYS} days, and labelled applications can't replace it: only outcomes of reviewed "
            "applications are known; plan again once the server has answered for two weeks"
        )
    end = unseen.dates[-1] + np.timedelta64(1, "D")
    first = np.maximum(unseen.dates[0], end - np.timedelta64(weeks * DAYS_A_WEEK, "D"))
    number_of_days = int((end - first).astype(int))
    if number_of_days < LEAST_DAYS:
        raise PlanError(
            f"neither the log nor the labelled applications have {LEAST_DAYS} days that the model has not seen: "
            "plan again once the server has answered for two weeks"
        )
    kept = unseen.dates >= first
    return _seen(probabilities[kept], unseen.dates[kept], unseen.x[kept], first, number_of_days)


def _first_full_day(days: NDArray[np.datetime64], earliest: np.datetime64) -> np.datetime64:
    """Of the log within the window: the server may have begun in the middle of its first day."""
    if not days.size:
        return np.datetime64("9999-01-01")
    first: np.datetime64 = days.min()
    return first if first == earliest else first + np.timedelta64(1, "D")


def _seen(
    probabilities: NDArray[np.float32],
    days: NDArray[np.datetime64],
    x: NDArray[np.float32],
    first: np.datetime64,
    number_of_days: int,
) -> Seen:
    return Seen(probabilities, days, groups_of(x), first, number_of_days)
