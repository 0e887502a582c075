"""Groups of applicants in which a candidate must not be much worse, however good it is on the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.gate.quality.comparison import compare
from fraud.feature_file import Feature, ShownAs
from fraud.features import FEATURES
from fraud.shown_values import show_number
from fraud.statistics.interval import Interval

MINIMUM_OF_EACH_LABEL: Final = 30
"""Below it, the average precision of a slice says nothing and is not given."""

RESAMPLES: Final = 1000
"""For 95% intervals; the slices together are each row twice."""


@dataclass(frozen=True, slots=True)
class SliceReport:
    """Average precision of both models in a slice; None where the slice has too few rows of a label."""

    name: str
    rows: int
    positives: int
    champion: float | None
    candidate: float | None
    difference: Interval | None
    """Candidate minus champion, with its 95% interval."""


def slices(x: NDArray[np.float32]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Names and rows [N] of the bands and the levels that features declare, of applications [N, F].

    Every application is in one band and in one level of each such feature; "other" holds values that no level has,
    "missing" those that are not there.
    """
    for feature, values in zip(FEATURES, x.T, strict=True):
        is_missing = np.isnan(values)
        if feature.bands:
            band = np.searchsorted(np.array(feature.bands), values, side="right")
            for number, name in enumerate(_names_of_bands(feature)):
                yield f"{feature.called} {name}", (band == number) & ~is_missing
        elif feature.shown_as is ShownAs.LEVEL:
            for level, value in feature.values.items():
                yield f"{feature.called} {level}", values == value
            yield f"{feature.called} other", ~np.isin(values, list(feature.values.values())) & ~is_missing
        else:
            continue
        if feature.may_be_missing:
            yield f"{feature.called} missing", is_missing


def compare_slices(
    x: NDArray[np.float32],
    labels: NDArray[np.integer],
    champion: NDArray[np.float32],
    candidate: NDArray[np.float32],
    rng: np.random.Generator,
) -> tuple[SliceReport, ...]:
    """Compare the models on each slice of N labelled applications that has any row."""
    return tuple(
        _report(name, labels[rows], champion[rows], candidate[rows], rng) for name, rows in slices(x) if rows.any()
    )


def _report(
    name: str,
    labels: NDArray[np.integer],
    champion: NDArray[np.float32],
    candidate: NDArray[np.float32],
    rng: np.random.Generator,
) -> SliceReport:
    positives = int(labels.sum())
    if min(positives, labels.size - positives) < MINIMUM_OF_EACH_LABEL:
        return SliceReport(name, labels.size, positives, None, None, None)
    comparison = compare(labels, champion, candidate, review_capacity=1.0, rng=rng, resamples=RESAMPLES)
    figure = comparison.average_precision
    return SliceReport(name, labels.size, positives, figure.champion, figure.candidate, figure.difference)


def _names_of_bands(feature: Feature) -> Iterator[str]:
    shown = [show_number(feature, border) for border in feature.bands]
    yield f"under {shown[0]}"
    for low, high in pairwise(shown):
        yield f"{low} to under {high}"
    yield f"{shown[-1]} and over"
