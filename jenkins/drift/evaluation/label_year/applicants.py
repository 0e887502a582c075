"""Applicants of a month, what becomes of them, and how many months later it is known."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT

FIRST_DAY: Final = dt.date(2025, 1, 1)
DAYS_A_MONTH: Final = 30
LEAST_DELAY: Final = 3
MOST_DELAY: Final = 9
"""Months after the application."""


@dataclass(frozen=True, slots=True, eq=False)
class Applicants:
    """N who applied in one month, in the order in which they came."""

    month: int
    """0 is the first of the desk; before it outcomes are known of everybody."""
    x: NDArray[np.float32]
    """Features [N, F], of no unit."""
    divorced: NDArray[np.int8]
    """[N]"""
    days: NDArray[np.datetime64]
    known_in: NDArray[np.int64]
    """Month in which the outcome is known, where anybody asks for it [N]."""

    @property
    def names(self) -> list[str]:
        """Ids of the applications."""
        return [f"{self.month}-{row}" for row in range(self.divorced.size)]


def applicants(month: int, number: int, rng: np.random.Generator) -> Applicants:
    """Draw a month: some 9% divorce, more of them each month, among a sixth of the applicants that begins harmless.

    That sixth is what a model learns of only by a sample drawn without it.
    """
    x = rng.normal(size=(number, FEATURE_COUNT)).astype(np.float32)
    changing = np.where(x[:, 9] > 1, 0.18 * max(month, 0) - 0.5, 0.0)
    log_odds = -2.9 + 0.8 * x[:, 0] - 0.6 * x[:, 3] + 0.4 * x[:, 0] * x[:, 3] + changing
    divorced = (rng.random(number) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    offsets = month * DAYS_A_MONTH + np.sort(rng.integers(0, DAYS_A_MONTH, number))
    days = np.datetime64(FIRST_DAY) + offsets.astype("timedelta64[D]")
    return Applicants(month, x, divorced, days, month + rng.integers(LEAST_DELAY, MOST_DELAY + 1, number))
