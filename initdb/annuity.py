"""The yearly repayment, from the amount of the loan and the ratio of the two.

The ratio is what lenders set (from 8 to 38, exactly 20 for revolving loans), so annuity = amount / ratio. The profile
knows the three distributions but not how amount and ratio go together. The joint table taken here is the one nearest to
independence under which all three hold, found by iterative proportional fitting (Deming & Stephan 1940): the weights of
cells, amount class x ratio piece, are scaled in turn to each of the three. The three spreads also fix the covariance of
amount and annuity, so that their rank correlation comes out right without being asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from initdb.marginals import QuantileFunction, with_atoms
from initdb.profile import FloatArray, Profile

MONEY_STEP: Final = 0.45
"""EUR; the public table's amounts are multiples of it, and nearly all incomes of a thousand times that."""

REVOLVING_RATIO: Final = 20.0
FITTING_ROWS: Final = 400_000
FITTING_SWEEPS: Final = 150
FITTING_SEED: Final = 1940
LARGEST_CORRECTION: Final = 4.0
"""Bound on one sweep's factor, so that a nearly empty piece doesn't swing."""

IntArray = npt.NDArray[np.int64]


def in_money_steps(amount: FloatArray) -> FloatArray:
    """Round to the multiples of 0.45 EUR, as the two-decimal numbers that a CSV shows."""
    return np.round(np.rint(amount / MONEY_STEP) * MONEY_STEP, 2)


def amount_atoms(profile: Profile) -> dict[float, float]:
    """The commonest loan amounts, with those that the annuities' atoms imply (an annuity of 1012.50 is 20,250 / 20)."""
    column = profile.columns["Credit_Amount"]
    implied = {
        REVOLVING_RATIO * annuity: share
        for annuity, share in profile.columns["Loan_Annuity"].commonest.items()
        if REVOLVING_RATIO * annuity in column.quantiles
    }
    return implied | column.commonest


def _ratio_knots(profile: Profile) -> tuple[FloatArray, FloatArray]:
    at = profile.levels[profile.ratio_quantiles == REVOLVING_RATIO]
    # The atom ends somewhere within the levels' next steps: half of each is the least wrong.
    step = float(at[1] - at[0])
    share = float(at[-1] - at[0]) + step
    levels = np.concatenate(([0.0], profile.levels[1:-1], [1.0]))
    return with_atoms(levels, profile.ratio_quantiles, {REVOLVING_RATIO: share})


@dataclass(frozen=True, slots=True)
class RatioTable:
    """For each class of amounts the quantile function of the ratio: `levels[class]` over the common `ratios`."""

    class_edges: FloatArray
    levels: FloatArray
    ratios: FloatArray

    def annuity(self, amount: FloatArray, level: FloatArray) -> FloatArray:
        """EUR a year; a higher level (0 to 1) among loans of one class means a higher annuity."""
        group = amount_class(amount, self.class_edges)
        # All classes' functions laid end to end, so that one interpolation serves every row.
        start = np.arange(len(self.levels))[:, None]
        ratio = np.interp(group + (1.0 - level), (self.levels + start).ravel(), np.tile(self.ratios, len(self.levels)))
        return np.round(amount / ratio, 2)

    @classmethod
    def fit(cls, profile: Profile, amounts: QuantileFunction) -> Self:
        """Fit the joint table on a seeded sample of independent amounts and ratios."""
        rng = np.random.default_rng(FITTING_SEED)
        knot_levels, knot_ratios = _ratio_knots(profile)
        amount = in_money_steps(amounts(rng.random(FITTING_ROWS)))
        ratio_level = rng.random(FITTING_ROWS)
        annuity = np.round(amount / np.interp(ratio_level, knot_levels, knot_ratios), 2)
        edges = class_edges(amounts)
        piece = np.minimum(np.searchsorted(knot_levels, ratio_level, side="right") - 1, len(knot_levels) - 2)
        shares = _fit_cells(amount_class(amount, edges), piece, _annuity_piece(profile, annuity), len(knot_levels) - 1)
        cumulated = np.cumsum(shares, axis=1)
        levels = np.concatenate((np.zeros((len(shares), 1)), cumulated / cumulated[:, -1:]), axis=1)
        return cls(edges, np.round(levels, 6), knot_ratios)


def class_edges(amounts: QuantileFunction) -> FloatArray:
    """Where classes of amounts begin: every knot, and just after those that are an atom of their own."""
    values, counts = np.unique(amounts.values, return_counts=True)
    return np.unique(np.concatenate((values, values[counts > 1] + MONEY_STEP / 2)))[1:]


def amount_class(amount: FloatArray, edges: FloatArray) -> IntArray:
    """Index of each amount's class."""
    return np.searchsorted(edges, amount + MONEY_STEP / 4, side="right").astype(np.int64)


def _annuity_piece(profile: Profile, annuity: FloatArray) -> tuple[IntArray, FloatArray]:
    """The profile's annuity pieces: each row's piece, and the share of the rows that each piece should hold."""
    column = profile.columns["Loan_Annuity"]
    implied = {
        value: share for value, share in column.commonest.items() if REVOLVING_RATIO * value in amount_atoms(profile)
    }
    function = QuantileFunction.of_column(profile, column, implied)
    edges = class_edges(function)
    fine = in_money_steps(function((np.arange(FITTING_ROWS) + 0.5) / FITTING_ROWS))
    target = np.bincount(amount_class(fine, edges), minlength=len(edges) + 1) / FITTING_ROWS
    return amount_class(annuity, edges), target


def _fit_cells(group: IntArray, piece: IntArray, annuity: tuple[IntArray, FloatArray], pieces: int) -> FloatArray:
    """Shares [class, ratio piece] of the rows, fitted to amounts, ratios and annuities."""
    annuity_piece, annuity_target = annuity
    groups = int(group.max()) + 1
    cell = group * pieces + piece
    counts = np.bincount(cell, minlength=groups * pieces).astype(float)
    group_target = counts.reshape(groups, pieces).sum(axis=1)
    piece_target = counts.reshape(groups, pieces).sum(axis=0)
    weight = np.ones(groups * pieces)
    for _ in range(FITTING_SWEEPS):
        row_weight = weight[cell]
        held = np.bincount(annuity_piece, row_weight, minlength=len(annuity_target)) / len(cell)
        factor = _correction(annuity_target, held)
        weight *= np.bincount(cell, factor[annuity_piece], minlength=len(weight)) / np.maximum(counts, 1.0)
        table = (weight * counts).reshape(groups, pieces)
        table *= _correction(piece_target, table.sum(axis=0))
        table *= _correction(group_target, table.sum(axis=1))[:, None]
        weight = table.ravel() / np.maximum(counts, 1.0)
    return np.asarray((weight * counts).reshape(groups, pieces))


def _correction(target: FloatArray, held: FloatArray) -> FloatArray:
    factor = np.divide(target, held, out=np.ones_like(target), where=held > 0)
    return np.clip(factor, 1.0 / LARGEST_CORRECTION, LARGEST_CORRECTION)
