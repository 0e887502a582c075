"""Months of generated applications, each forecast from what was known before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from xgboost import XGBClassifier

from bench.plan.evidence import groups_of
from bench.plan.forecast import EVERYBODY, Choice, Expected, Price, Seen, forecast
from fraud.statistics.interval import Interval
from fraud.statistics.recalibration import fit_recalibration
from initdb.population import Population
from initdb.preparation import prepare
from initdb.profile import load_profile
from initdb.raw_table import write_raw_table
from initdb.reference import ReferenceData, build_reference, raw_rows_for

PRICE = Price(case_eur=150, divorce_eur=5_000)
VALIDATION_DAYS = 90
SEEN_DAYS = 56
CAPACITIES = (0.02, 0.05, 0.1, 0.2)
"""Shares of the applications of a week."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A figure of a held-out month, and whether what came true lies in its band."""

    month: np.datetime64
    figure: str
    group: str
    lies_within: bool


def generated(folder: Path, scale: float, seed: int) -> ReferenceData:
    """The reference data of a seed."""
    table = folder / "raw.csv"
    write_raw_table(table, Population.fit(load_profile()), raw_rows_for(scale), seed, lambda _: None)
    return build_reference(prepare(table, lambda _: None), scale, seed)


def held_out(data: ReferenceData, months: np.ndarray, resamples: int) -> Iterator[Checked]:
    """Every figure of every capacity and group in each month, whose model is fitted on what is 90 days older."""
    features, labels, days = data.features.astype(np.float32), data.labels, data.dates
    for month in months:
        start, end = month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]")
        twin_end = start - np.timedelta64(VALIDATION_DAYS, "D")
        model = XGBClassifier(n_estimators=60, max_depth=3, learning_rate=0.1, random_state=0, n_jobs=1)
        model.fit(features[days < twin_end], labels[days < twin_end])
        probabilities = np.asarray(model.predict_proba(features)[:, 1], np.float32)
        validation = (days >= twin_end) & (days < start)
        first = start - np.timedelta64(SEEN_DAYS, "D")
        last = (days >= first) & (days < start)
        seen = Seen(probabilities[last], days[last], groups_of(features[last]), first, SEEN_DAYS)
        choices = forecast(
            seen,
            fit_recalibration(labels[validation], probabilities[validation]),
            [share * last.sum() / seen.weeks for share in CAPACITIES],
            PRICE,
            days_ahead=int((end - start).astype(int)),
            rng=np.random.default_rng(1),
            resamples=resamples,
        )
        came = (days >= start) & (days < end)
        groups = {EVERYBODY: np.ones(int(came.sum()), np.bool_), **groups_of(features[came])}
        weeks = float((end - start).astype(int)) / 7
        for choice in choices:
            yield from _compared(month, choice, probabilities[came], labels[came], groups, weeks)


def _compared(
    month: np.datetime64,
    choice: Choice,
    probabilities: np.ndarray,
    labels: np.ndarray,
    groups: dict[str, np.ndarray],
    weeks: float,
) -> Iterator[Checked]:
    is_reviewed = probabilities >= np.float32(choice.threshold)
    for name, expected in choice.by_group.items():
        reviewed_of_group = is_reviewed & groups.get(name, np.zeros(labels.size, np.bool_))
        reviewed = float(reviewed_of_group.sum()) / weeks
        found = float((reviewed_of_group & (labels == 1)).sum()) / weeks
        came_true = (reviewed, found, reviewed - found, found * PRICE.divorce_eur - reviewed * PRICE.case_eur)
        for figure, value in zip(Expected.__dataclass_fields__, came_true, strict=True):
            band: Interval = getattr(expected, figure)
            margin = 1e-9 * max(1.0, abs(value))
            yield Checked(month, figure, name, band.low - margin <= value <= band.high + margin)
