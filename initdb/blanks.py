"""What spoils the public table: blanks, and a few symbols where numbers should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from initdb.profile import FloatArray, Profile

STRAY_TOKENS: Final = ("$", "#", "x", "&", "@", "##", "#VALUE!")

BUREAU_COLUMN: Final = "Credit_Bureau"


@dataclass(frozen=True, slots=True)
class BureauBlanks:
    """Blanks of `Credit_Bureau`, which are commoner among the positive.

    Rows with that number are positive in 7.57% of cases, all rows in 7.985%: whom the bureau doesn't know is a higher
    risk. Blanks are independent of the other columns.
    """

    share_of_negatives: float
    share_of_positives: float

    @classmethod
    def from_profile(cls, profile: Profile) -> Self:
        """By Bayes' rule from the share of blanks and the positive rates of all rows and of those without a blank."""
        given = 1.0 - profile.official.blank_share[BUREAU_COLUMN]
        rate, given_rate = profile.positive_rate, profile.complete_positive_rate
        return cls(1.0 - given * (1.0 - given_rate) / (1.0 - rate), 1.0 - given * given_rate / rate)

    def shares(self, labels: FloatArray) -> FloatArray:
        """Probability of a blank, [rows]."""
        return np.where(labels > 0, self.share_of_positives, self.share_of_negatives)

    def rates_with_blanks(self, rates: FloatArray) -> FloatArray:
        """Positive rates among all rows from those among the rows that keep their number."""
        odds = rates / (1.0 - rates) * (1.0 - self.share_of_negatives) / (1.0 - self.share_of_positives)
        return np.asarray(odds / (1.0 + odds))
