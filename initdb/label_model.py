"""Who divorces: an additive logit of the features' bins that reproduces every positive rate of the profile.

The effects are found by iterative proportional fitting on a seeded sample of applicants: each bin's effect moves by the
difference between the logit of the rate that it should have and of the mean probability that it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from scipy.special import expit, logit

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from initdb.blanks import BureauBlanks
from initdb.columns import BUREAU, EDUCATION, EMPLOYED
from initdb.profile import FloatArray, Profile
from initdb.public_table import NOT_EMPLOYED_DAYS

FITTING_SWEEPS: Final = 20

STEEPENING_SCALE: Final = 1.2
"""The logit grows with the hyperbolic sine of the effects' sum over this: risks that meet more than add up.

The profile has no joint rates, but it knows what boosted trees reach on half of the 40,945 complete rows: ROC AUC
0.649 and average precision 0.133. A plain sum reaches less precision and more AUC, with every positive rate the same.
"""


@dataclass(frozen=True, slots=True)
class FeatureEffect:
    """One feature's share of the logit: bin i holds the values from `edges[i-1]` up to, not including, `edges[i]`."""

    column: int
    edges: FloatArray
    effects: FloatArray

    def of(self, values: FloatArray) -> FloatArray:
        """Logits, [rows], of applicants [rows, 10]."""
        return self.effects[np.searchsorted(self.edges, values[:, self.column], side="right")]


@dataclass(frozen=True, slots=True)
class LabelModel:
    """Probability of a divorce from the base rate's logit and the features' effects."""

    base: float
    features: tuple[FeatureEffect, ...]

    def probabilities(self, values: FloatArray) -> FloatArray:
        """Of a divorce, [rows], for applicants [rows, 10] without blanks."""
        return _probability(self.base, np.sum([feature.of(values) for feature in self.features], axis=0))

    def labels(self, values: FloatArray, rng: np.random.Generator) -> FloatArray:
        """0 or 1, [rows]."""
        return (rng.random(len(values)) < self.probabilities(values)).astype(float)

    @classmethod
    def fit(cls, profile: Profile, values: FloatArray) -> Self:
        """Fit the effects on a sample of applicants [rows, 10]."""
        targets = [_target_rates(profile, column) for column in range(FEATURE_COUNT)]
        bins = [np.searchsorted(edges, values[:, column], side="right") for column, (edges, _) in enumerate(targets)]
        counts = [np.bincount(of_rows, minlength=len(rates)) for of_rows, (_, rates) in zip(bins, targets, strict=True)]
        effects = [np.zeros(len(rates)) for _, rates in targets]
        base = float(logit(profile.positive_rate))
        total = np.zeros(len(values))
        for _ in range(FITTING_SWEEPS):
            for column, (_, rates) in enumerate(targets):
                held = np.bincount(bins[column], _probability(base, total), minlength=len(rates)) / np.maximum(
                    counts[column], 1
                )
                step = np.where(counts[column] > 0, logit(rates) - logit(np.clip(held, 1e-6, 1 - 1e-6)), 0.0)
                effects[column] += step
                total += step[bins[column]]
        # Four decimals: see `Copula`.
        features = [
            FeatureEffect(column, targets[column][0], np.round(effects[column], 4)) for column in range(len(effects))
        ]
        return cls(base, tuple(features))


def _probability(base: float, effects: FloatArray) -> FloatArray:
    return np.asarray(expit(base + STEEPENING_SCALE * np.sinh(effects / STEEPENING_SCALE)))


def without_sampling_noise(rates: FloatArray, rows: int) -> FloatArray:
    """Rates drawn towards their mean by the part of their spread that chance explains.

    A rate counted in a tenth of 47,325 rows is off by 0.004; without correction, that noise in nine features would
    make divorces easier to predict than they are. Empirical Bayes (Efron & Morris 1975): the factor is
    1 - variance by chance / variance observed.
    """
    mean = float(rates.mean())
    chance = mean * (1.0 - mean) * len(rates) / rows
    factor = max(0.0, 1.0 - chance / float(rates.var(ddof=1)))
    return np.asarray(mean + factor * (rates - mean))


def _target_rates(profile: Profile, column: int) -> tuple[FloatArray, FloatArray]:
    """Inner edges of the feature's bins and the positive rate of each."""
    if column == EDUCATION:
        days = np.array([level.days for level in profile.education], dtype=float)
        # A level none of whose few rows is positive counts as half a positive: a rate of 0 has no logit.
        return days[1:], np.array(
            [max(level.positive_rate, 0.5 / (level.share * profile.rows)) for level in profile.education]
        )
    bins = profile.columns[FEATURE_NAMES[column]].positive_rates
    edges = np.array([each.lower for each in bins[1:]])
    rates = without_sampling_noise(np.array([each.share for each in bins]), profile.rows)
    if column == EMPLOYED:
        return np.append(edges, float(NOT_EMPLOYED_DAYS)), np.append(rates, profile.not_employed.positive_rate)
    if column == BUREAU:
        rates = BureauBlanks.from_profile(profile).rates_with_blanks(rates)
    return edges, rates
