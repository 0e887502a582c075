"""Tables of contributions hold what XGBoost computes, whatever the shape of the trees and however they are cut."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from convert.contributions import filling
from convert.contributions.filling import NoTablesError
from convert.contributions.shapley import pattern_effects
from convert.preconditions import trees
from convert.source import open_source
from serve.engine.contributions import Contributions
from tests.convert.contributions.explained import by_xgboost, contributions_of, tables_of, with_covers
from tests.convert.small_models import applications, divorces, edited, fit, plain, single_leaf, trees_of
from tests.serve.engine.random_forests import Shape, fuzz_rows, random_model
from train.calibration import Scaling, _scale

ROWS = applications(1_000, seed=3, missing=0.2)


def assert_explained(model: XGBClassifier, rows: np.ndarray, contributions: Contributions) -> None:
    expected, base = by_xgboost(model, rows)
    bound = 1e-6 * max(1.0, float(np.abs(expected).max()))
    effects = contributions.effects(rows)
    np.testing.assert_allclose(effects, expected, rtol=0, atol=bound)
    assert contributions.base == pytest.approx(base, abs=bound)
    margins = open_source(model).margin(rows)
    np.testing.assert_allclose(
        contributions.base + effects.sum(axis=1, dtype=np.float64), margins, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("depth", range(1, 9))
def test_effects_are_those_of_xgboost_at_every_depth(depth: int) -> None:
    model = fit(n_estimators=12, max_depth=depth, min_child_weight=0.1, missing_share=0.15)
    assert_explained(model, ROWS, contributions_of(model))


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(Shape(trees=20, depth=4), id="full"),
        pytest.param(Shape(trees=20, depth=6, stop=0.3), id="ragged"),
        pytest.param(Shape(trees=10, depth=4, thresholds=2), id="the same threshold again on a path"),
        pytest.param(Shape(trees=10, depth=8, stop=0.5), id="deep on one side"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_effects_are_right_for_trees_that_no_training_makes(shape: Shape, seed: int) -> None:
    model, cuts = random_model(shape, seed)
    model = with_covers(model, seed)
    rows = fuzz_rows(cuts, 1_500, seed)
    # XGBoost's matrices for contributions take no infinities.
    assert_explained(model, rows[~np.isinf(rows).any(axis=1)], contributions_of(model))


@pytest.mark.parametrize("most_cells", [1 << 17, 500, 40, 1])
def test_effects_do_not_depend_on_how_trees_are_cut(monkeypatch: pytest.MonkeyPatch, most_cells: int) -> None:
    model = fit(n_estimators=10, max_depth=5, missing_share=0.15)
    whole = tables_of(model)
    monkeypatch.setattr(filling, "MOST_CELLS", (most_cells,))
    cut = tables_of(model)
    leaves = sum(child < 0 for tree in trees(open_source(model)) for child in tree["left_children"])
    assert 10 <= cut.count <= leaves
    assert (cut.count == leaves) is (most_cells == 1)
    assert cut.base == whole.base
    np.testing.assert_allclose(Contributions(cut).effects(ROWS), Contributions(whole).effects(ROWS), rtol=0, atol=3e-7)


def test_calibration_is_in_the_effects_and_in_the_base() -> None:
    model = fit(n_estimators=15)
    plain_base, plain_effects = contributions_of(model).base, contributions_of(model).effects(ROWS)
    _scale(model, Scaling(slope=0.7, intercept=0.4))
    scaled = contributions_of(model)
    np.testing.assert_allclose(scaled.effects(ROWS), 0.7 * plain_effects, rtol=0, atol=1e-6)
    assert scaled.base == pytest.approx(0.7 * plain_base + 0.4, abs=1e-5)
    assert_explained(model, ROWS, scaled)


def test_effects_of_a_model_behind_a_scaler_are_of_the_unscaled_rows() -> None:
    rows = applications(1_000)
    model = make_pipeline(StandardScaler(), XGBClassifier(n_estimators=8, max_depth=4)).fit(rows, divorces(rows))
    assert_explained(model, ROWS, contributions_of(model))


def leave_single_leaves(learner: dict[str, Any]) -> None:
    for tree in trees_of(learner):
        single_leaf(tree, 0.25)


def test_a_tree_of_one_leaf_is_in_the_base_alone() -> None:
    model = edited(plain(), lambda learner: single_leaf(trees_of(learner)[1], 0.25))
    assert_explained(model, ROWS, contributions_of(model))
    bare = edited(plain(), leave_single_leaves)
    assert contributions_of(bare).effects(ROWS).tolist() == np.zeros((1_000, 10)).tolist()


def test_a_booster_without_covers_has_no_tables() -> None:
    def forget(learner: dict[str, Any]) -> None:
        trees_of(learner)[0]["sum_hessian"][2] = 0.0

    with pytest.raises(NoTablesError, match="cover"):
        tables_of(edited(plain(), forget))


def test_tables_beyond_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "PREFERRED_BYTES", 10)
    monkeypatch.setattr(filling, "MOST_BYTES", 100)
    with pytest.raises(NoTablesError, match="more than"):
        tables_of(plain())


def test_no_rows_have_no_effects() -> None:
    assert contributions_of(plain()).effects(ROWS[:0]).shape == (0, 10)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_the_quadrature_is_the_sum_over_all_orders_of_features(count: int) -> None:
    generator = np.random.default_rng(count)
    shares, value = generator.random(count), 1.7
    effects = pattern_effects(value, shares)
    for pattern in generator.integers(1 << count, size=3).tolist():
        met = np.array([pattern >> bit & 1 for bit in range(count)])
        for feature in range(count):
            others = [other for other in range(count) if other != feature]
            expected = 0.0
            for size in range(count):
                weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
                for known in itertools.combinations(others, size):
                    worth = math.prod(float(met[one]) if one in known else shares[one] for one in others)
                    expected += weight * worth * (met[feature] - shares[feature]) * value
            assert effects[pattern, feature] == pytest.approx(expected, rel=1e-12, abs=1e-14)
