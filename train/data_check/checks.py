"""The checks themselves, on applications from the database; they read and write nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fraud.feature_file import Feature
from fraud.features import DATE, FEATURES, LABEL, MAY_BE_MISSING
from fraud.settings.data import DataLimits
from fraud.statistics.design_weights import DesignWeights, weighted_mean, weights_of
from fraud.verdict import Verdict
from train.data_check.report import DataReport, Finding

Values = NDArray[np.float32]

FAULT = Verdict.DATA_QUALITY_FAULT


def check_applications(
    table: pa.Table, cutoff: dt.date, limits: DataLimits, weights: DesignWeights = None
) -> DataReport:
    """Look at the applications before `cutoff`: columns `Date`, the features and `Divorce`, NULL allowed.

    `weights` say how many applicants each row represents: the share of divorces is theirs.
    """
    rows: int = table.num_rows
    findings = [_finding("rows", rows >= limits.min_rows, Verdict.INCONCLUSIVE, f"{rows:,}", f"{limits.min_rows:,}")]
    if rows:
        findings += _label(table[LABEL], limits, weights)
        findings += _missing(table)
        for feature in FEATURES:
            findings += _feature(feature, _values(table[feature.name]), limits)
        findings += [_duplicates(table, limits), *_age(table, cutoff, limits)]
    return DataReport(cutoff, rows, tuple(findings))


def _finding(name: str, holds: bool, otherwise: Verdict, found: str, least: str) -> Finding:
    return Finding(name, Verdict.PASS if holds else otherwise, found, f"at least {least}")


def _values(column: pa.ChunkedArray) -> Values:
    """What is there and finite; what is missing is another finding."""
    values: Values = column.drop_null().to_numpy().astype(np.float32)
    return values[np.isfinite(values)]


def _label(column: pa.ChunkedArray, limits: DataLimits, weights: DesignWeights) -> Iterator[Finding]:
    known = pc.is_finite(column).fill_null(False).to_numpy()
    labels, weights = _values(column), weights_of(weights, known)
    others = int((~np.isin(labels, (0, 1))).sum())
    yield Finding("label", FAULT if others else Verdict.PASS, f"{others:,} neither 0 nor 1", "none")
    positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
    fewest = limits.min_positives
    for name, count in (("divorces", positives), ("no divorces", negatives)):
        yield _finding(name, count >= fewest, Verdict.INCONCLUSIVE, f"{count:,}", f"{fewest:,}")
    rate = weighted_mean(labels == 1, weights) if labels.size else 0.0
    holds = limits.min_label_rate <= rate <= limits.max_label_rate
    yield Finding(
        "label rate",
        Verdict.PASS if holds else FAULT,
        f"{rate:.2%}",
        f"{limits.min_label_rate:.2%} to {limits.max_label_rate:.2%}",
    )


def _missing(table: pa.Table) -> Iterator[Finding]:
    for name in table.column_names:
        missing = int(table[name].null_count)
        if pa.types.is_floating(table[name].type):
            missing = table.num_rows - _values(table[name]).size
        if name in MAY_BE_MISSING:
            infinite = int(pc.sum(pc.is_inf(table[name])).as_py() or 0)
            found, is_fault = f"{missing - infinite:,} missing, which may be, and {infinite:,} infinite", infinite > 0
        else:
            found, is_fault = f"{missing:,} missing or infinite", missing > 0
        yield Finding(name, FAULT if is_fault else Verdict.PASS, found, "none")


def _feature(feature: Feature, values: Values, limits: DataLimits) -> Iterator[Finding]:
    low = int((values < feature.minimum).sum())
    yield Finding(feature.name, FAULT if low else Verdict.PASS, f"{low:,} below {feature.minimum:g}", "none")
    if feature.integral:
        broken = int((values != np.rint(values)).sum())
        yield Finding(feature.name, FAULT if broken else Verdict.PASS, f"{broken:,} with a fraction", "none")
    first, last = feature.typical
    atypical = ((values < first) | (values > last)) & ~np.isin(values, list(feature.values.values()))
    share = float(atypical.mean()) if values.size else 0.0
    yield Finding(
        feature.name,
        FAULT if share > limits.max_atypical_share else Verdict.PASS,
        f"{share:.1%} outside of {first:g} to {last:g} {feature.unit}",
        f"at most {limits.max_atypical_share:.0%}",
    )


def _duplicates(table: pa.Table, limits: DataLimits) -> Finding:
    """Copies would be in training and test at once, and a model that memorised them would look too good."""
    distinct = table.group_by(table.column_names).aggregate([]).num_rows
    share = 1 - distinct / table.num_rows
    holds = share <= limits.max_duplicate_share
    most = f"at most {limits.max_duplicate_share:.2%}"
    return Finding("copies", Verdict.PASS if holds else FAULT, f"{share:.2%} of the rows", most)


def _age(table: pa.Table, cutoff: dt.date, limits: DataLimits) -> Iterator[Finding]:
    newest: dt.date | None = pc.max(table[DATE]).as_py()
    if newest is None:
        return
    days = (cutoff - newest).days
    holds = limits.max_age_days is None or days <= limits.max_age_days
    most = "any" if limits.max_age_days is None else f"at most {limits.max_age_days}"
    found = f"the newest is from {newest}, {days:,} days before {cutoff}"
    yield Finding("age in days", Verdict.PASS if holds else FAULT, found, most)
