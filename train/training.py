"""Trains the two models of a version: a recipe is searched for and judged, then fitted on everything known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.group_report import GroupReport
from train.cluster import Cluster
from train.dataset import Dataset
from train.evaluate import Evaluation, evaluate
from train.fitting import CrossFitted, FittedModel, cross_fit, fit_everything, probabilities
from train.growing import grow
from train.price_list import Price, examined, price_list
from train.recipe import Recipe
from train.search import TRIALS, Trial, best, search
from train.split import Split, folds, split_by_day


@dataclass(frozen=True, slots=True)
class Training:
    """Both models with all that is known about them."""

    split: Split
    trials: tuple[Trial, ...]
    """Of the search; none where the recipe was given."""
    recipe: Recipe
    twin: FittedModel
    """The judged twin: the recipe fitted on all that is older than the test part."""
    shipped: FittedModel
    """The model that serves: the recipe fitted on everything, the test part included."""
    twin_on_test: Evaluation
    twin_test_probabilities: NDArray[np.float32]
    """Of the test part [N]."""
    twin_groups: GroupReport
    """Whom the twin suspects in the test part."""
    prices: tuple[Price, ...]
    """What the recipe's twin would be with, or without, each protected feature; first as it is."""
    cross_fitted: CrossFitted
    """What the shipped model would say of the newest fifth if it did not know it."""
    shipped_cross_fitted: Evaluation
    """Of that."""
    cutoff: dt.date
    """Applications from this day on were unknown."""
    seed: int
    parallel_trials: int = 1
    """Recipes that the search asked for at a time."""
    nodes: int = 1
    """That grew the trees of a model together."""


def train_model(
    dataset: Dataset,
    cutoff: dt.date,
    seed: int,
    threads: int,
    on_trial: Callable[[int, int], None],
    *,
    monotone: Mapping[str, int] | None = None,
    excluded: Iterable[str] = (),
    parallel_trials: int = 1,
    cluster: Cluster | None = None,
) -> Training:
    """Search before the test part, judge on it, fit on all; repeatable, whatever the number of threads.

    Args:
        dataset: the applications before `cutoff`.
        cutoff: applications from this day on are unknown.
        seed: of everything drawn at random.
        threads: to fit with.
        on_trial: gets the number of finished recipes of the search and of all.
        monotone: direction by name of the features in which the probability may only go one way.
        excluded: features on which no tree may split.
        parallel_trials: recipes that the search asks for at a time.
        cluster: where the search fits, and trees are grown if it has nodes for that; None: here.

    Raises:
        DatasetError: the applications can't be split.
        RecipeError: there is no such feature.
        ClusterError: the cluster lost too much of what ran on it.
    """
    split = split_by_day(dataset)
    parts = folds(split.known)
    trials = search(
        *(parts, seed, threads if cluster is None else cluster.cores, on_trial),
        monotone=monotone,
        excluded=excluded,
        trials=TRIALS,
        parallel=parallel_trials,
        curve=None if cluster is None else cluster.curves(split.known, parts, seed),
    )
    return train_recipe(
        *(best(trials).recipe, dataset, cutoff),
        seed=seed,
        threads=threads,
        trials=trials,
        parallel_trials=parallel_trials,
        cluster=cluster,
    )


def train_recipe(
    recipe: Recipe,
    dataset: Dataset,
    cutoff: dt.date,
    *,
    seed: int,
    threads: int,
    trials: tuple[Trial, ...] = (),
    parallel_trials: int = 1,
    cluster: Cluster | None = None,
) -> Training:
    """Both models of a recipe that is known.

    Raises:
        DatasetError: the applications can't be split.
    """
    split = split_by_day(dataset)
    grown_by = grow if cluster is None else cluster.grow
    twin = fit_everything(recipe, split.known, seed, threads, grown_by)
    shipped = fit_everything(recipe, dataset, seed, threads, grown_by)
    cross_fitted = cross_fit(recipe, dataset, shipped.scaling, seed, threads, grown_by=grown_by)
    on_test = probabilities(twin.pipeline, split.test.x)
    return Training(
        split=split,
        trials=trials,
        recipe=recipe,
        twin=twin,
        shipped=shipped,
        twin_on_test=evaluate(split.test.y, on_test, seed, weights=split.test.weights),
        twin_test_probabilities=on_test,
        twin_groups=examined(split.test, on_test),
        prices=price_list(recipe, split, on_test, seed, threads, grown_by=grown_by),
        cross_fitted=cross_fitted,
        shipped_cross_fitted=evaluate(
            cross_fitted.recent.y, cross_fitted.probabilities, seed, weights=cross_fitted.recent.weights
        ),
        cutoff=cutoff,
        seed=seed,
        parallel_trials=parallel_trials,
        nodes=1 if cluster is None else cluster.nodes or 1,
    )
