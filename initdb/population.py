"""The generator's population, fitted to the profile: whom it draws and who of them divorces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from fraud.features import FEATURE_COUNT
from initdb.columns import Columns
from initdb.copula import Copula
from initdb.label_model import LabelModel
from initdb.profile import FloatArray, Profile

LABEL_FITTING_ROWS: Final = 200_000
LABEL_FITTING_SEED: Final = 1977


@dataclass(frozen=True, slots=True)
class Population:
    """Everything that is fitted to the profile; the same for every seed."""

    profile: Profile
    columns: Columns
    copula: Copula
    labels: LabelModel

    @classmethod
    def fit(cls, profile: Profile) -> Self:
        """Fit all parts; takes a few seconds."""
        columns = Columns.from_profile(profile)
        copula = Copula.calibrate(profile, columns)
        rng = np.random.default_rng(LABEL_FITTING_SEED)
        normals = rng.standard_normal((LABEL_FITTING_ROWS, FEATURE_COUNT))
        sample = columns.applicants(copula.scores(normals), copula.employment, rng)
        return cls(profile, columns, copula, LabelModel.fit(profile, sample))

    def draw(self, rows: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Applicants [rows, 10] in feature order and their labels [rows], before anything is blanked."""
        scores = self.copula.scores(rng.standard_normal((rows, FEATURE_COUNT)))
        values = self.columns.applicants(scores, self.copula.employment, rng)
        return values, self.labels.labels(values, rng)
