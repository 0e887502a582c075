"""Groups of applicants in which a candidate must not be much worse, however good it is on the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.gate.quality.comparison import compare
from fraud.features import EDUCATION_DAYS, FEATURE_NAMES
from fraud.statistics.interval import Interval

DAYS_A_YEAR: Final = 365
AGE_BORDERS_YEARS: Final = (27, 35, 45)
"""The first one is where the new wave of applicants ends."""

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
    """Names and rows [N] of the age bands and of the levels of education of applications [N, 10].

    Every application is in one band and in one level; "other" holds lengths of schooling that no level has.
    """
    age, schooling = (x[:, FEATURE_NAMES.index(name)] for name in ("Age_Days", "Education_Days"))
    band = np.searchsorted(np.array(AGE_BORDERS_YEARS) * DAYS_A_YEAR, age, side="right")
    for number, name in enumerate(_age_names()):
        yield name, band == number
    for level, days in EDUCATION_DAYS.items():
        yield f"education {level}", schooling == days
    yield "education other", ~np.isin(schooling, list(EDUCATION_DAYS.values()))


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


def _age_names() -> Iterator[str]:
    yield f"age under {AGE_BORDERS_YEARS[0]}"
    for low, high in pairwise(AGE_BORDERS_YEARS):
        yield f"age {low} to {high - 1}"
    yield f"age {AGE_BORDERS_YEARS[-1]} and over"
