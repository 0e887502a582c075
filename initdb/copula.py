"""The Gaussian copula: normal scores whose correlation produces the profile's rank correlations.

The profile is measured on finished columns, where ties, missing values and the block of applicants without a job weaken
a correlation. So the scores' own correlation is calibrated by fixed-point iteration on a seeded sample: measure the
columns as the profile did, move each entry by what is missing, repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from initdb.columns import AGE, AMOUNT, ANNUITY, BUREAU, EMPLOYED, Columns
from initdb.employment import EmploymentTable
from initdb.profile import FloatArray, Profile

CALIBRATION_ROWS: Final = 120_000
CALIBRATION_ROUNDS: Final = 9
CALIBRATION_SEED: Final = 1973
EMPLOYMENT_ROWS: Final = 600_000
"""Only 0.3% of the young have no job: the final thresholds need more rows than a correlation does."""

EMPLOYMENT_SEED: Final = 1974
SMALLEST_EIGENVALUE: Final = 0.01
"""Floor of the correlation's eigenvalues: below it the Cholesky factor is at the mercy of rounding."""

ANNUITY_GAIN: Final = 1.8
"""The annuity's score carries only what the amount leaves open, sqrt(1 - 0.83^2) = 0.55 of it: it moves by 1 / 0.55."""


def rank_correlation(values: FloatArray) -> FloatArray:
    """Pearson correlation [columns, columns] of the normal scores of average ranks; NaN counts as the median."""
    filled = np.where(np.isnan(values), np.nanmedian(values, axis=0), values)
    scores = ndtri((rankdata(filled, axis=0) - 0.5) / len(filled))
    return np.asarray(np.corrcoef(scores, rowvar=False))


def nearest_correlation(matrix: FloatArray) -> FloatArray:
    """The matrix with its eigenvalues raised to a floor and its diagonal put back to 1."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    if eigenvalues[0] >= SMALLEST_EIGENVALUE:
        return matrix
    raised = (vectors * np.maximum(eigenvalues, SMALLEST_EIGENVALUE)) @ vectors.T
    scale = np.sqrt(np.diag(raised))
    return np.asarray(raised / np.outer(scale, scale))


@dataclass(frozen=True, slots=True)
class Copula:
    """The lower triangular factor [10, 10] of the scores' correlation, and the employment table that belongs to it."""

    factor: FloatArray
    employment: EmploymentTable

    def scores(self, normals: FloatArray) -> FloatArray:
        """Correlated standard normal scores from independent ones, [rows, 10]."""
        return _correlated(self.factor, normals)

    @classmethod
    def calibrate(cls, profile: Profile, columns: Columns) -> Self:
        """Find the scores' correlation; takes a few seconds."""
        normals = np.random.default_rng(CALIBRATION_SEED).standard_normal((CALIBRATION_ROWS, FEATURE_COUNT))
        latent = profile.correlation.copy()
        latent[AMOUNT, ANNUITY] = latent[ANNUITY, AMOUNT] = 0.0
        gain = np.ones_like(latent)
        gain[ANNUITY, :] = gain[:, ANNUITY] = ANNUITY_GAIN
        for _ in range(CALIBRATION_ROUNDS):
            copula = cls._with_correlation(latent, normals, profile, columns)
            missing = gain * (profile.correlation - copula._measured(normals, profile, columns))
            missing[AMOUNT, ANNUITY] = missing[ANNUITY, AMOUNT] = 0.0
            latent = np.clip(latent + missing, -0.99, 0.99)
            np.fill_diagonal(latent, 1.0)
            latent = nearest_correlation(latent)
        final = np.random.default_rng(EMPLOYMENT_SEED).standard_normal((EMPLOYMENT_ROWS, FEATURE_COUNT))
        return cls._with_correlation(latent, final, profile, columns)

    @classmethod
    def _with_correlation(cls, latent: FloatArray, normals: FloatArray, profile: Profile, columns: Columns) -> Self:
        # Four decimals: a last bit that differs between two machines' LAPACK must not reach the data.
        factor = np.round(np.linalg.cholesky(nearest_correlation(latent)), 4)
        scores = _correlated(factor, normals)
        employment = EmploymentTable.fit(
            profile.not_employed.share_by_age, columns.ages(scores[:, AGE]), scores[:, EMPLOYED]
        )
        return cls(factor, employment)

    def _measured(self, normals: FloatArray, profile: Profile, columns: Columns) -> FloatArray:
        rng = np.random.default_rng(CALIBRATION_SEED + 1)
        values = columns.applicants(self.scores(normals), self.employment, rng)
        values[rng.random(len(values)) < profile.columns[FEATURE_NAMES[BUREAU]].missing_share, BUREAU] = np.nan
        return rank_correlation(values)


def _correlated(factor: FloatArray, normals: FloatArray) -> FloatArray:
    """`normals @ factor.T`, summed column by column and not by BLAS.

    One machine's kernel would round differently from another's, and the same seed must give the same bytes.
    """
    scores = np.zeros_like(normals, order="F")
    for row in range(FEATURE_COUNT):
        for column in range(row + 1):
            scores[:, row] += factor[row, column] * normals[:, column]
    return scores
