"""Results of every kind, made by the monitor's own judgement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache

import numpy as np

from fraud.features import FEATURE_NAMES, FEATURES
from fraud.reference_profile import PREDICTION
from fraud.statistics.binning import choose_bins
from fraud.statistics.expected_performance import expected_performance
from fraud.verdict import Verdict
from initdb.public_table import EDUCATION_DAYS, NOT_EMPLOYED_DAYS
from jenkins.drift.counts import LabelCounts, VariableCounts
from jenkins.drift.judgement import judge
from jenkins.drift.policy import DriftPolicy
from jenkins.drift.result import DriftResult, EarlierCheck, PerformanceEstimate, VariableDrift, WindowDrift

CHECKED_AT = dt.datetime(2026, 5, 1, 6, 30, tzinfo=dt.UTC)
POLICY = DriftPolicy()
REFERENCE_ROWS = 20_000


@cache
def applications(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Columns that look like those of the reference."""
    rng = np.random.default_rng(seed)
    columns = {
        feature.name: np.round(feature.typical[0] + (feature.typical[1] - feature.typical[0]) * rng.beta(2, 3, rows))
        for feature in FEATURES
    }
    columns["Employed_Days"][rng.random(rows) < 0.15] = NOT_EMPLOYED_DAYS
    columns["Education_Days"] = rng.choice(sorted(EDUCATION_DAYS.values()), rows, p=[0.02, 0.7, 0.04, 0.23, 0.01])
    columns["Credit_Bureau"] = rng.poisson(1.5, rows).astype(float)
    return columns | {PREDICTION: rng.beta(1, 9, rows)}


@cache
def window(verdict: Verdict, name: str = "last day", rows: int = 4_000, *, drift_too: bool = False) -> WindowDrift:
    """A window that ends so; one with a fault may have drift beside it."""
    now = {name: values.astype(np.float64) for name, values in applications(rows, 2).items()}
    if verdict is Verdict.FAIL or drift_too:
        now["Age_Days"] = np.where(np.arange(rows) % 4 == 0, np.minimum(now["Age_Days"], 9_000), now["Age_Days"])
    if verdict is Verdict.DATA_QUALITY_FAULT:
        now["Client_Income"][: rows // 50] *= 1_000
        now["Phone_Change"][: rows // 20] = np.nan
    variables = []
    for place, (variable, values) in enumerate(applications(REFERENCE_ROWS, 1).items()):
        bins = choose_bins(values)
        importance = None if variable == PREDICTION else (len(FEATURE_NAMES) - place) / 55
        counts = VariableCounts(variable, bins, bins.count(values), bins.count(now[variable]), importance)
        variables.append(counts)
    found, rate = judge(variables, LabelCounts(REFERENCE_ROWS, 1_600, 900, 75), POLICY)
    performance = PerformanceEstimate(
        expected_performance(applications(REFERENCE_ROWS, 1)[PREDICTION]), expected_performance(now[PREDICTION])
    )
    since = CHECKED_AT - dt.timedelta(days=1)
    return WindowDrift(
        name, since, CHECKED_AT, rows, REFERENCE_ROWS, POLICY, found, rate, performance, earlier_checks(found)
    )


def earlier_checks(found: Sequence[VariableDrift]) -> tuple[EarlierCheck, ...]:
    """A month in which every variable kept still."""
    rng = np.random.default_rng(3)
    return tuple(
        EarlierCheck(
            CHECKED_AT - dt.timedelta(days=days),
            Verdict.INCONCLUSIVE if days == 20 else Verdict.PASS,
            {one.name: float(0.001 + 0.004 * rng.random()) for one in found},
        )
        for days in range(30, 0, -1)
    )


def result(*windows: WindowDrift, error: str | None = None) -> DriftResult:
    """A check of a fixed time."""
    return DriftResult("divorce-model", None if error else 7, CHECKED_AT, 1.4, windows, error)


def too_few() -> WindowDrift:
    """A window with 120 applications, which look like any others."""
    return window(Verdict.PASS, "last day", 120)
