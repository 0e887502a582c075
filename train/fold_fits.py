"""Recipes fitted on folds, side by side: by threads of this machine, each of which may wait for another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank
from train.array_file import in_slices
from train.recipe import Recipe
from train.split import Fold

LEAST_SHRINKAGE: Final = 4.0
"""Fewest trees times learning rate. Before that margins are on their way from the base rate yet: less than 2% of it are
left then, since each tree goes the share of the learning rate. Calibration would have to stretch them, and what it
learns of one fit would not hold for the next."""
STEPS: Final = 11
"""Numbers of trees that are compared."""

Curve = NDArray[np.float64]
"""Average precision of a fold's block after each number of trees [STEPS]."""
CurveOf = Callable[[Recipe, int], Curve]
"""Fits a recipe on the fold of a number."""


@contextmanager
def fitting(folds: int, newest: int, threads: int, curve: CurveOf) -> Iterator[Fitter]:
    """Fit on this number of folds for the block; fits that have not begun at its end never begin.

    Args:
        folds: how many.
        newest: how many of them, the newest, decide whether the others are needed.
        threads: fits that run side by side.
        curve: fits a recipe on a fold.
    """
    pool = ThreadPoolExecutor(threads, "fold")
    try:
        yield Fitter(pool, curve, range(folds), newest, is_eager=threads > newest)
    finally:
        # The end of the block may disconnect from a cluster; a thread that waits for the cluster would then never end.
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Fitter:
    """Fits recipes on folds, side by side."""

    pool: ThreadPoolExecutor
    curve: CurveOf
    folds: range
    """Numbers of the folds, the oldest first."""
    newest: int
    """Folds, the newest, after which it is decided whether the others are needed."""
    is_eager: bool
    """Whether the others are begun before that, as soon as there is nothing else to do."""

    def begin(self, recipes: Sequence[Recipe]) -> dict[bytes, Fits]:
        """Begin to fit each different recipe, by its JSON: all on the newest folds first."""
        fits = {recipe.to_json(): Fits(self, recipe) for recipe in recipes}
        for one in fits.values():
            one.newest.extend(self.submit(one.recipe, self.folds[-self.newest :]))
        for one in fits.values() if self.is_eager else ():
            one.older.extend(self.submit(one.recipe, self.folds[: -self.newest]))
        return fits

    def submit(self, recipe: Recipe, numbers: range) -> list[Future[Curve]]:
        """Fit the recipe on these folds as soon as there is a thread."""
        return [self.pool.submit(self.curve, recipe, number) for number in numbers]


@dataclass(frozen=True, slots=True)
class Fits:
    """A recipe on its way."""

    fitter: Fitter
    recipe: Recipe
    newest: list[Future[Curve]] = field(default_factory=list)
    older: list[Future[Curve]] = field(default_factory=list)

    def newest_curves(self) -> list[Curve]:
        """Of the folds after which it may be pruned."""
        return [fit.result() for fit in self.newest]

    def older_curves(self) -> list[Curve]:
        """Of the other folds."""
        begun = self.older or self.fitter.submit(self.recipe, self.fitter.folds[: -self.fitter.newest])
        return [fit.result() for fit in begun]

    def give_up(self) -> None:
        """Don't fit what has not begun."""
        for fit in self.older:
            fit.cancel()


def curves_here(folds: Sequence[Fold], seed: int) -> CurveOf:
    """Fits recipes in this process."""
    return lambda recipe, number: fold_curve(recipe, folds[number], seed)


def fold_curve(recipe: Recipe, fold: Fold, seed: int) -> Curve:
    """Grow the recipe's trees on the fold's past; average precision of its block after each number of them."""
    booster = recipe.grow(fold.past, seed, threads=1)
    margins = np.zeros(fold.block.y.size, np.float64)
    curve, begin = [], 0
    for count in tree_counts(recipe):
        # Each call adds the base score again, which moves all rows alike and no order.
        margins += in_slices(
            fold.block.x, partial(booster.inplace_predict, iteration_range=(begin, count), predict_type="margin")
        )
        curve.append(average_precision(rank(fold.block.y, margins.astype(np.float32)), fold.block.weights))
        begin = count
    return np.array(curve)


def tree_counts(recipe: Recipe) -> list[int]:
    """The numbers of trees that are compared, of which the recipe has the most [STEPS]."""
    counts = np.linspace(min(LEAST_SHRINKAGE / recipe.learning_rate, recipe.trees), recipe.trees, STEPS)
    return [round(count) for count in counts]
