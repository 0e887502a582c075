"""The search for a recipe: Optuna's sampler and pruner over time-ordered folds, the simplest of the equally good.

One validation part of 20,000 rows can't tell recipes apart, and a stopping rule that follows its average precision from
tree to tree stops where it is lucky. So a recipe is judged by the mean over several folds, each fitted on all that was
known before it; every fold grows the same number of trees, and their number is read off the mean curve. Recipes within
one standard error of the best, by the paired differences of the folds, count as equally good, and of those the simplest
is taken (Breiman et al. 1984, "Classification and Regression Trees", section 3.4.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import optuna
from numpy.typing import NDArray

from train.fold_fits import CurveOf, Fits, curves_here, fitting, tree_counts
from train.recipe import Recipe, checked_excluded, checked_monotone
from train.split import Fold

TRIALS: Final = 16
FIRST_TRIALS: Final = 4
"""Tried on all folds before any is pruned."""
PRUNED_AFTER: Final = 2
"""Folds, the newest, after which a trial that lags behind is given up."""

SHRINKAGE_SUM: Final = 14.0
"""Most trees times learning rate."""
MAX_DEPTHS: Final = (3, 4, 5)
LEARNING_RATES: Final = (0.05, 0.1)
SAMPLE_SHARES: Final = (0.8, 1.0)
MIN_CHILD_WEIGHTS: Final = (1.0, 20.0, 50.0)
HALF_LIVES_DAYS: Final = (0.0, 365.0, 180.0)
"""Of an application's weight; 0: all weigh the same."""


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
    parallel: int = 1,
    curve: CurveOf | None = None,
) -> tuple[Trial, ...]:
    """Try recipes, `threads` folds at a time; the result does not depend on that number, nor on where folds are fitted.

    Args:
        folds: oldest first.
        seed: of the sampler and of the trees.
        threads: folds that are fitted side by side; trees on so few rows gain little from several threads each.
        on_trial: gets the number of finished trials and of all trials.
        monotone: direction by name of the features in which the probability may only go one way.
        excluded: features on which no tree may split.
        trials: how many recipes.
        parallel: recipes that are asked for at a time once the sampler learns from the earlier ones, so that more
            folds can be fitted side by side. The result depends on it.
        curve: fits a recipe on the fold of a number; None: in this process.
    """
    left_out = checked_excluded(excluded)
    directions = {name: way for name, way in checked_monotone(monotone or {}).items() if name not in left_out}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # The first recipes are drawn at random, whatever comes of the others: they can be asked for all at once.
    drawn = max(1, trials // 2)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=drawn),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS),
    )
    known: dict[bytes, Trial] = {}
    done = 0
    with fitting(len(folds), PRUNED_AFTER, threads, curve or curves_here(folds, seed)) as fitter:
        for count in [drawn, *_batches(trials - drawn, parallel)]:
            asked = [study.ask() for _ in range(count)]
            recipes = [_suggest(one, directions, left_out) for one in asked]
            fits = fitter.begin([recipe for recipe in recipes if recipe.to_json() not in known])
            for one, recipe in zip(asked, recipes, strict=True):
                # The sampler may ask for the same again; what is known need not be fitted.
                key = recipe.to_json()
                trial = known.get(key) or _judge(one, fits[key])
                known[key] = trial
                state = optuna.trial.TrialState.PRUNED if trial.pruned else optuna.trial.TrialState.COMPLETE
                study.tell(one, None if trial.pruned else trial.average_precision, state)
                done += 1
                on_trial(done, trials)
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


def _batches(trials: int, size: int) -> list[int]:
    """Sizes of the batches of this number of trials; the last one may be smaller."""
    return [min(size, trials - begin) for begin in range(0, trials, size)]


def _judge(asked: optuna.Trial, fits: Fits) -> Trial:
    """The recipe by the newest folds, and by the others unless it lags behind; with as many trees as it needs."""
    newest = fits.newest_curves()
    asked.report(float(np.mean(newest, axis=0).max()), PRUNED_AFTER)
    pruned = len(fits.fitter.folds) > PRUNED_AFTER and bool(asked.should_prune())  # numpy's, at times
    if pruned:
        fits.give_up()
    curves = np.stack([*([] if pruned else fits.older_curves()), *newest])
    step = _fewest_steps(curves)
    trees = tree_counts(fits.recipe)[step]
    return Trial(msgspec.structs.replace(fits.recipe, trees=trees), tuple(curves[:, step].tolist()), pruned)


def _fewest_steps(curves: NDArray[np.float64]) -> int:
    """First column of [folds, STEPS] whose mean is as good as the best one's."""
    highest = curves[:, int(curves.mean(axis=0).argmax())]
    return next(step for step in range(curves.shape[1]) if _within_one_error(tuple(highest.tolist()), curves[:, step]))


def _within_one_error(highest: Sequence[float], other: NDArray[np.float64]) -> bool:
    """Whether the other figures of the same folds lie, in the mean, within one standard error of the highest."""
    losses = np.asarray(highest) - other
    error = losses.std(ddof=1) / np.sqrt(losses.size) if losses.size > 1 else 0.0
    return bool(losses.mean() <= error)
