"""The reference with its bins, windows that a check may draw from, and the check itself.

Rows are put into bins once; a simulated check then draws rows of bin numbers, which is far cheaper than values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_NAMES
from fraud.reference_profile import PREDICTION
from fraud.statistics.binning import Bins, choose_bins
from fraud.verdict import Verdict, worst
from jenkins.drift.counts import LabelCounts, VariableCounts
from jenkins.drift.judgement import judge
from jenkins.drift.policy import DriftPolicy

Matrix = NDArray[np.float32]
Labels = NDArray[np.int8]
Codes = NDArray[np.uint8]
Score = Callable[[Matrix], NDArray[np.float32]]
"""A model: features [N, 10] -> probabilities [N]."""


@dataclass(frozen=True, slots=True, eq=False)
class Applications:
    """Rows with their values, labels, and the bin of each variable [N, 11], the probability last."""

    features: Matrix
    labels: Labels
    codes: Codes

    def __len__(self) -> int:
        return self.labels.size

    def rows(self, chosen: NDArray[np.integer] | NDArray[np.bool_]) -> Applications:
        """Some of them."""
        return Applications(self.features[chosen], self.labels[chosen], self.codes[chosen])

    @classmethod
    def together(cls, parts: Iterable[Applications]) -> Self:
        """One after the other."""
        features, labels, codes = zip(*((part.features, part.labels, part.codes) for part in parts), strict=True)
        return cls(np.concatenate(features), np.concatenate(labels), np.concatenate(codes))


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What the monitor knows, and the model whose answers it watches."""

    score: Score
    bins: tuple[Bins, ...]
    """Of the ten features and of the probability."""
    counts: tuple[NDArray[np.int64], ...]
    """Of the reference."""
    reference: Applications
    fresh: Applications
    """Others of the same population, which bins were not chosen on."""

    @classmethod
    def of(cls, features: Matrix, labels: Labels, score: Score, *, fresh: tuple[Matrix, Labels]) -> Self:
        """Choose bins on reference applications [N, 10] with labels [N]; `fresh` are others with theirs."""
        columns = [*features.T, score(features)]
        bins = tuple(choose_bins(column) for column in columns)
        counts = tuple(one.count(column) for one, column in zip(bins, columns, strict=True))
        reference, others = (_in_bins(bins, score, *applications) for applications in ((features, labels), fresh))
        return cls(score, bins, counts, reference, others)

    def scored(self, features: Matrix, labels: Labels) -> Applications:
        """Other applications, in the reference's bins."""
        return _in_bins(self.bins, self.score, features, labels)

    def with_feature(self, feature: int, values: Matrix | np.float32) -> Applications:
        """The reference with one feature replaced by what a broken feed makes of it.

        The model's answers stay: what is asked is whether the fault itself shows.
        """
        features, codes = self.reference.features.copy(), self.reference.codes.copy()
        features[:, feature] = values
        codes[:, feature] = _code(self.bins[feature], features[:, feature])
        return Applications(features, self.reference.labels, codes)

    def check(self, window: Applications, policy: DriftPolicy) -> Verdict:
        """The monitor's verdict on a window, labels included."""
        variables = [
            VariableCounts(name, bins, counts, np.bincount(column, minlength=counts.size))
            for name, bins, counts, column in zip(
                (*FEATURE_NAMES, PREDICTION), self.bins, self.counts, window.codes.T, strict=True
            )
        ]
        known = self.reference.labels
        labels = LabelCounts(known.size, int(known.sum()), len(window), int(window.labels.sum()))
        found, rate = judge(variables, labels, policy)
        return worst([*(one.verdict for one in found), *([] if rate is None else [rate.verdict])])


def _in_bins(bins: Sequence[Bins], score: Score, features: Matrix, labels: Labels) -> Applications:
    columns = [*features.T, score(features)]
    codes = np.column_stack([_code(one, column) for one, column in zip(bins, columns, strict=True)])
    return Applications(features, labels, codes)


def _code(bins: Bins, column: Matrix) -> Codes:
    places = np.searchsorted(bins.thresholds, column, side="right")
    return np.where(np.isnan(column), bins.thresholds.size + 1, places).astype(np.uint8)
