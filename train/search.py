"""The search for a recipe: Optuna's sampler and pruner over time-ordered folds, the simplest of the equally good.

One validation part of 20,000 rows can't tell recipes apart, and a stopping rule that follows its average precision from
tree to tree stops where it is lucky. So a recipe is judged by the mean over several folds, each fitted on all that was
known before it; every fold grows the same number of trees, and their number is read off the mean curve. Recipes within
one standard error of the best, by the paired differences of the folds, count as equally good, and of those the simplest
is taken (Breiman et al. 1984, "Classification and Regression Trees", section 3.4.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec
import numpy as np
import optuna
from numpy.typing import NDArray

from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank
from train.array_file import in_slices
from train.recipe import Recipe, checked_excluded, checked_monotone
from train.split import Fold

TRIALS: Final = 16
FIRST_TRIALS: Final = 4
"""Tried on all folds before any is pruned."""
PRUNED_AFTER: Final = 2
"""Folds, the newest, after which a trial that lags behind is given up."""

SHRINKAGE_SUM: Final = 14.0
"""Most trees times learning rate."""
LEAST_SHRINKAGE: Final = 4.0
"""Fewest trees times learning rate. Before that margins are on their way from the base rate yet: less than 2% of it are
left then, since each tree goes the share of the learning rate. Calibration would have to stretch them, and what it
learns of one fit would not hold for the next."""
STEPS: Final = 11
"""Numbers of trees that are compared."""

MAX_DEPTHS: Final = (3, 4, 5)
LEARNING_RATES: Final = (0.05, 0.1)
SAMPLE_SHARES: Final = (0.8, 1.0)
MIN_CHILD_WEIGHTS: Final = (1.0, 20.0, 50.0)
HALF_LIVES_DAYS: Final = (0.0, 365.0, 180.0)
"""Of an application's weight; 0: all weigh the same."""

Curve = NDArray[np.float64]
"""Average precision of a fold's block after each number of trees [STEPS]."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A recipe and what it reached on the folds, oldest first; a pruned one knows the newest folds only."""

    recipe: Recipe
    average_precisions: tuple[float, ...]
    pruned: bool

    @property
    def average_precision(self) -> float:
        """Mean over the folds."""
        return float(np.mean(self.average_precisions))


def search(
    folds: Sequence[Fold],
    seed: int,
    threads: int,
    on_trial: Callable[[int, int], None],
    *,
    monotone: Mapping[str, int] | None = None,
    excluded: Iterable[str] = (),
    trials: int,
) -> tuple[Trial, ...]:
    """Try recipes, `threads` folds at a time; the result does not depend on that number.

    Args:
        folds: oldest first.
        seed: of the sampler and of the trees.
        threads: folds that are fitted side by side; trees on so few rows gain little from several threads each.
        on_trial: gets the number of finished trials and of all trials.
        monotone: direction by name of the features in which the probability may only go one way.
        excluded: features on which no tree may split.
        trials: how many recipes.
    """
    left_out = checked_excluded(excluded)
    directions = {name: way for name, way in checked_monotone(monotone or {}).items() if name not in left_out}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(1, trials // 2)),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS),
    )
    known: dict[bytes, Trial] = {}
    with ThreadPoolExecutor(threads, "fold") as pool:
        for number in range(trials):
            asked = study.ask()
            recipe = _suggest(asked, directions, left_out)
            # The sampler may ask for the same again; what is known need not be fitted.
            key = recipe.to_json()
            trial = known.get(key) or _try_out(asked, recipe, folds, seed, pool)
            known[key] = trial
            state = optuna.trial.TrialState.PRUNED if trial.pruned else optuna.trial.TrialState.COMPLETE
            study.tell(asked, None if trial.pruned else trial.average_precision, state)
            on_trial(number + 1, trials)
    return tuple(known.values())


def best(trials: Sequence[Trial]) -> Trial:
    """The simplest of those that are as good as the one of highest average precision, by one standard error."""
    whole = [trial for trial in trials if not trial.pruned]
    highest = max(whole, key=lambda trial: trial.average_precision)
    equal = [
        trial for trial in whole if _within_one_error(highest.average_precisions, np.array(trial.average_precisions))
    ]
    return min(equal, key=lambda trial: (trial.recipe.leaves, -trial.average_precision))


def _suggest(trial: optuna.Trial, monotone: dict[str, int], excluded: tuple[str, ...]) -> Recipe:
    learning_rate = trial.suggest_categorical("learning_rate", LEARNING_RATES)
    return Recipe(
        max_depth=trial.suggest_categorical("max_depth", MAX_DEPTHS),
        trees=_most_trees(learning_rate),
        learning_rate=learning_rate,
        sample_share=trial.suggest_categorical("sample_share", SAMPLE_SHARES),
        min_child_weight=trial.suggest_categorical("min_child_weight", MIN_CHILD_WEIGHTS),
        half_life_days=trial.suggest_categorical("half_life_days", HALF_LIVES_DAYS) or None,
        monotone=monotone,
        excluded=excluded,
    )


def _most_trees(learning_rate: float) -> int:
    return round(SHRINKAGE_SUM / learning_rate)


def _try_out(asked: optuna.Trial, recipe: Recipe, folds: Sequence[Fold], seed: int, pool: ThreadPoolExecutor) -> Trial:
    """The recipe on the newest folds, and on the others unless it lags behind; with as many trees as it needs."""

    def curve(fold: Fold) -> Curve:
        return fold_curve(recipe, fold, seed)

    newest = list(pool.map(curve, folds[-PRUNED_AFTER:]))
    asked.report(float(np.mean(newest, axis=0).max()), PRUNED_AFTER)
    pruned = len(folds) > PRUNED_AFTER and bool(asked.should_prune())  # numpy's, at times
    older = [] if pruned else list(pool.map(curve, folds[:-PRUNED_AFTER]))
    curves = np.stack([*older, *newest])
    step = _fewest_steps(curves)
    trees = tree_counts(recipe)[step]
    return Trial(msgspec.structs.replace(recipe, trees=trees), tuple(curves[:, step].tolist()), pruned)


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


def _fewest_steps(curves: NDArray[np.float64]) -> int:
    """First column of [folds, STEPS] whose mean is as good as the best one's."""
    highest = curves[:, int(curves.mean(axis=0).argmax())]
    return next(step for step in range(curves.shape[1]) if _within_one_error(tuple(highest.tolist()), curves[:, step]))


def _within_one_error(highest: Sequence[float], other: NDArray[np.float64]) -> bool:
    """Whether the other figures of the same folds lie, in the mean, within one standard error of the highest."""
    losses = np.asarray(highest) - other
    error = losses.std(ddof=1) / np.sqrt(losses.size) if losses.size > 1 else 0.0
    return bool(losses.mean() <= error)
