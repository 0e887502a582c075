"""The applicants: from normal scores to the ten raw columns, so that each has the profile's distribution.

Column j of the scores decides column j of the applicants, with two exceptions: the annuity's score is what is left
when the loan's amount is known (`annuity.py`), and the highest employment scores of each age are the applicants without
a job (`employment.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from scipy.special import ndtr

from fraud.features import FEATURE_NAMES
from initdb.annuity import RatioTable, amount_atoms, in_money_steps
from initdb.employment import EmploymentTable
from initdb.marginals import QuantileFunction
from initdb.profile import FloatArray, Profile

INCOME_STEP: Final = 450.0
"""EUR; nearly all incomes are multiples of it."""

INCOME, AMOUNT, ANNUITY, AGE, EMPLOYED, REGISTRATION, IDENTITY, PHONE, BUREAU, EDUCATION = range(len(FEATURE_NAMES))


@dataclass(frozen=True, slots=True)
class Columns:
    """The quantile functions, by index of the feature; education's levels as cumulated shares."""

    functions: dict[int, QuantileFunction]
    ratios: RatioTable
    education_shares: FloatArray
    education_days: FloatArray
    commonest_incomes: FloatArray
    income_snapped_share: float

    @classmethod
    def from_profile(cls, profile: Profile) -> Self:
        """Build them all; the joint table of amount and annuity takes half a second."""
        functions = {}
        for index in (INCOME, AMOUNT, AGE, EMPLOYED, REGISTRATION, IDENTITY, PHONE, BUREAU):
            column = profile.columns[FEATURE_NAMES[index]]
            atoms = amount_atoms(profile) if index == AMOUNT else column.commonest
            functions[index] = QuantileFunction.of_column(profile, column, atoms)
        shares = np.cumsum([level.share for level in profile.education])
        incomes = profile.columns[FEATURE_NAMES[INCOME]].commonest
        atoms_share = sum(incomes.values())
        return cls(
            functions=functions,
            ratios=RatioTable.fit(profile, functions[AMOUNT]),
            education_shares=shares / shares[-1],
            education_days=np.array([level.days for level in profile.education], dtype=float),
            commonest_incomes=np.array(list(incomes)),
            # The atoms are multiples as they are; the others must make up the rest of the share.
            income_snapped_share=(profile.income_multiple_share - atoms_share) / (1.0 - atoms_share),
        )

    def applicants(self, scores: FloatArray, employment: EmploymentTable, rng: np.random.Generator) -> FloatArray:
        """Ten columns in feature order, [rows, 10], from standard normal scores [rows, 10]."""
        level = ndtr(scores)
        values = np.empty_like(scores)
        values[:, INCOME] = self._incomes(level[:, INCOME], rng)
        values[:, AMOUNT] = in_money_steps(self.functions[AMOUNT](level[:, AMOUNT]))
        values[:, ANNUITY] = self.ratios.annuity(values[:, AMOUNT], level[:, ANNUITY])
        values[:, AGE] = self.ages(scores[:, AGE])
        for index in (REGISTRATION, IDENTITY, PHONE, BUREAU):
            values[:, index] = np.rint(self.functions[index](level[:, index]))
        values[:, EMPLOYED] = employment.days(values[:, AGE], scores[:, EMPLOYED], self.functions[EMPLOYED])
        kind = np.searchsorted(self.education_shares[:-1], level[:, EDUCATION], side="right")
        values[:, EDUCATION] = self.education_days[kind]
        return values

    def ages(self, scores: FloatArray) -> FloatArray:
        """Days."""
        return np.rint(self.functions[AGE](ndtr(scores)))

    def _incomes(self, level: FloatArray, rng: np.random.Generator) -> FloatArray:
        income = self.functions[INCOME](level)
        snapped = np.rint(income / INCOME_STEP) * INCOME_STEP
        # The commonest incomes have their share already: their neighbours go one step further on their own side.
        beside = np.isin(snapped, self.commonest_incomes) & (income != snapped)
        snapped[beside] += np.sign(income - snapped)[beside] * INCOME_STEP
        return np.where(rng.random(len(level)) < self.income_snapped_share, snapped, in_money_steps(income))
