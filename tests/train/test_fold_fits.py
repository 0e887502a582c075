"""Fits side by side: what decides comes first, what is not needed does not begin, and nothing is left running."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.live_stack import wait_until
from train.fold_fits import STEPS, Curve, Fits, fitting
from train.recipe import Recipe

FOLDS, NEWEST = 4, 2
RECIPES = [Recipe(depth, 10, 0.3, 1.0, 1.0, None) for depth in (2, 3)]


class Curves:
    """Notes which fits begin, in order, and which have ended."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.ended = 0
        self.may_end = threading.Event()
        self.may_end.set()

    def __call__(self, recipe: Recipe, number: int) -> Curve:
        self.begun.append((recipe.max_depth, number))
        assert self.may_end.wait(60)
        self.ended += 1
        return np.full(STEPS, float(number))


def _of(fits: dict[bytes, Fits], recipe: Recipe) -> Fits:
    return fits[recipe.to_json()]


@pytest.mark.parametrize("threads", [1, 3])
def test_newest_folds_of_all_recipes_come_first(threads: int) -> None:
    curves = Curves()
    with fitting(FOLDS, NEWEST, threads, curves) as fitter:
        fits = fitter.begin([*RECIPES, RECIPES[0]])
        for recipe in RECIPES:
            assert [curve[0] for curve in _of(fits, recipe).newest_curves()] == [2, 3]
            assert [curve[0] for curve in _of(fits, recipe).older_curves()] == [0, 1]
    assert sorted(curves.begun[:4]) == [(2, 2), (2, 3), (3, 2), (3, 3)]
    assert len(curves.begun) == 8


def test_older_folds_wait_for_the_decision_where_threads_are_few() -> None:
    curves = Curves()
    with fitting(FOLDS, NEWEST, NEWEST, curves) as fitter:
        fits = _of(fitter.begin(RECIPES[:1]), RECIPES[0])
        fits.newest_curves()
        fits.give_up()
    assert sorted(curves.begun) == [(2, 2), (2, 3)]


def test_what_is_given_up_does_not_begin() -> None:
    """The fold that no thread has taken is left out; fits that are asked for later come behind it in the queue."""
    curves = Curves()
    curves.may_end.clear()
    with fitting(FOLDS, NEWEST, NEWEST + 1, curves) as fitter:
        given_up = _of(fitter.begin(RECIPES[:1]), RECIPES[0])
        wait_until(lambda: len(curves.begun) == NEWEST + 1, 30, "all threads fit")
        given_up.give_up()
        curves.may_end.set()
        later = _of(fitter.begin(RECIPES[1:]), RECIPES[1])
        assert [len(later.newest_curves()), len(later.older_curves())] == [2, 2]
    assert [number for depth, number in curves.begun if depth == RECIPES[0].max_depth] == [2, 3, 0]


def test_what_runs_at_the_end_is_waited_for_and_the_rest_does_not_begin() -> None:
    curves = Curves()
    curves.may_end.clear()
    with fitting(FOLDS, NEWEST, NEWEST + 1, curves) as fitter:
        fitter.begin(RECIPES[:1])
        wait_until(lambda: len(curves.begun) == NEWEST + 1, 30, "all threads fit")
        threading.Timer(0.2, curves.may_end.set).start()
    assert curves.ended == len(curves.begun) == NEWEST + 1
