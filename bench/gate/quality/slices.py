"""Groups of applicants in which a candidate must not be much worse, however good it is on the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.gate.quality.comparison import compare
from fraud.applicant_groups import declared_groups
from fraud.statistics.design_weights import DesignWeights, weights_of
from fraud.statistics.group_fairness import is_small
from fraud.statistics.interval import Interval

RESAMPLES: Final = 1000
"""For 95% intervals; the slices together are each row three times."""


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


def compare_slices(
    x: NDArray[np.float32],
    labels: NDArray[np.integer],
    champion: NDArray[np.float32],
    candidate: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    weights: DesignWeights = None,
) -> tuple[SliceReport, ...]:
    """Compare the models on each slice of N labelled applications that has any row."""
    return tuple(
        _report(
            group.name,
            labels[group.rows],
            champion[group.rows],
            candidate[group.rows],
            rng,
            weights=weights_of(weights, group.rows),
        )
        for group in declared_groups(x)
        if group.rows.any()
    )


def _report(
    name: str,
    labels: NDArray[np.integer],
    champion: NDArray[np.float32],
    candidate: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    weights: DesignWeights,
) -> SliceReport:
    positives = int(labels.sum())
    if is_small(labels, weights):
        return SliceReport(name, labels.size, positives, None, None, None)
    comparison = compare(
        labels, champion, candidate, review_capacity=1.0, rng=rng, resamples=RESAMPLES, weights=weights
    )
    figure = comparison.average_precision
    return SliceReport(name, labels.size, positives, figure.champion, figure.candidate, figure.difference)
