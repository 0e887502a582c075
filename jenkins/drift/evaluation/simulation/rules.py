"""The monitor's rule, and two that it is measured beside: each says whether a window raises an alarm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from fraud.features import FEATURE_COUNT
from fraud.verdict import Verdict
from jenkins.drift.evaluation.simulation.world import Applications, World
from jenkins.drift.policy import DriftPolicy

Rule = Callable[[Applications], bool]

ORIGINAL_PSI: Final = 0.25
LEAST_SHARE: Final = 1e-4
"""Stands for an empty bin in the original's PSI."""
EVIDENTLY_THRESHOLD: Final = 0.1
EVIDENTLY_FEW_VALUES: Final = 5
"""A variable with at most this number of distinct values is compared by Jensen-Shannon distance (base e)."""


def our_rule(world: World, policy: DriftPolicy | None = None) -> Rule:
    """Drift or a data-quality fault."""
    chosen = policy or DriftPolicy()
    return lambda window: world.check(window, chosen) is not Verdict.PASS


def original_psi_rule(world: World) -> Rule:
    """PSI of any feature over 0.25, on the reference's deciles; values beyond their ends are in no bin and dropped.

    A feature without any value left has no PSI there, which counted as 0.
    """
    edges = [np.unique(np.quantile(column, np.linspace(0, 1, 11))) for column in world.reference.features.T]
    before = [np.histogram(column, ends)[0] for column, ends in zip(world.reference.features.T, edges, strict=True)]

    def rule(window: Applications) -> bool:
        now = (np.histogram(column, ends)[0] for column, ends in zip(window.features.T, edges, strict=True))
        return any(_dropping_psi(p, q) > ORIGINAL_PSI for p, q in zip(before, now, strict=True))

    return rule


def _dropping_psi(reference: NDArray[np.intp], current: NDArray[np.intp]) -> float:
    if current.sum() == 0:
        return 0.0
    p, q = (np.maximum(counts / counts.sum(), LEAST_SHARE) for counts in (reference, current))
    return float(((q - p) * np.log(q / p)).sum())


def evidently_rule(world: World) -> Rule:
    """Evidently's default for more than 1,000 rows, any feature: a distance of 0.1."""
    distances = evidently_distances(world)
    return lambda window: max(distances(window)) >= EVIDENTLY_THRESHOLD


def evidently_distances(world: World) -> Callable[[Applications], list[float]]:
    """Of each feature: the Wasserstein distance over the reference's standard deviation, missing values dropped."""
    judges = [_evidently_column(world.reference.features[:, feature]) for feature in range(FEATURE_COUNT)]

    def distances(window: Applications) -> list[float]:
        return [judge(column[~np.isnan(column)]) for judge, column in zip(judges, window.features.T, strict=True)]

    return distances


def _evidently_column(reference: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], float]:
    values, counts = np.unique(reference, return_counts=True)
    if values.size <= EVIDENTLY_FEW_VALUES:

        def distance(column: NDArray[np.float32]) -> float:
            found = np.array([np.count_nonzero(column == value) for value in values])
            other = column.size - found.sum()
            return float(jensenshannon([*counts, 0], [*found, other]))

        return distance
    ordered, spread = np.sort(reference).astype(np.float64), float(reference.std(dtype=np.float64))

    def moved(column: NDArray[np.float32]) -> float:
        # The distance of two samples is that of their quantile functions; the reference's is taken at the current's
        # steps, which for a hundred times as many rows differs in the third digit.
        levels = (np.arange(column.size) + 0.5) / max(column.size, 1)
        places = (levels * ordered.size).astype(np.intp)
        return float(np.abs(np.sort(column) - ordered[places]).mean() / spread) if column.size else 0.0

    return moved
