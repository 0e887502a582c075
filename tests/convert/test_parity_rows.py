"""The adversarial rows are where they have to be."""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations

import numpy as np
import pytest
from msgspec import structs

from convert import parity_rows
from convert.booster_forest import read_forest
from convert.parity_rows import EXTREMES, extreme_rows, made_rows, missing_rows, threshold_rows
from convert.source import open_source
from fraud.feature_file import Feature
from fraud.features import FEATURES
from fraud.forest import Tree
from tests.convert.small_models import Matrix, applications, fit

REAL = applications(200, seed=3, missing=0.3)


def path(tree: Tree, row: Matrix) -> list[int]:
    node, passed = 0, []
    while tree.left[node] >= 0:
        passed.append(node)
        value = row[tree.feature[node]]
        below = tree.missing_left[node] if np.isnan(value) else value < tree.threshold[node]
        node = tree.left[node] if below else tree.right[node]
    return passed


def test_three_rows_sit_around_every_threshold_and_reach_its_split() -> None:
    forest = read_forest(open_source(fit(max_depth=6, n_estimators=4)))
    rows = threshold_rows(forest, REAL)
    start = 0
    for tree in forest.trees:
        splits = tree.splits
        below, exact, above = rows[start : start + 3 * splits.size].reshape(3, splits.size, 10)
        start += 3 * splits.size
        for place, node in enumerate(splits):
            feature, threshold = tree.feature[node], tree.threshold[node]
            assert exact[place, feature] == threshold
            assert below[place, feature] == np.nextafter(threshold, np.float32(-np.inf))
            assert above[place, feature] == np.nextafter(threshold, np.float32(np.inf))
            assert node in path(tree, exact[place])
            assert node in path(tree, below[place])
    assert start == len(rows)


def test_threshold_rows_are_real_rows_where_the_path_does_not_look() -> None:
    forest = read_forest(open_source(fit(max_depth=1, n_estimators=1)))
    rows = threshold_rows(forest, REAL)
    others = np.delete(np.arange(10), forest.trees[1].feature[0])
    for row in rows:
        assert any(np.array_equal(row[others], real[others], equal_nan=True) for real in REAL)


def test_every_feature_is_missing_in_some_row() -> None:
    rows = missing_rows(applications(50, missing=0))
    for feature in range(10):
        alone = np.isnan(rows[:, feature]) & (np.isnan(rows).sum(axis=1) == 1)
        assert alone.any()
    assert np.isnan(rows).all(axis=1).any()


def missing_together(rows: Matrix) -> set[tuple[int, ...]]:
    return {tuple(np.flatnonzero(row).tolist()) for row in np.isnan(rows)}


@pytest.mark.parametrize("columns", [(1, 4), (0, 2, 9)])
def test_every_set_of_features_that_may_be_missing_is_missing_together(
    monkeypatch: pytest.MonkeyPatch, columns: tuple[int, ...]
) -> None:
    monkeypatch.setattr(parity_rows, "FEATURES", may_be_missing(columns))
    sets = {subset for size in range(len(columns) + 1) for subset in combinations(columns, size)}
    assert missing_together(missing_rows(applications(50, missing=0))) >= sets


def test_of_too_many_sets_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity_rows, "FEATURES", may_be_missing(range(9)))
    monkeypatch.setattr(parity_rows, "MAX_PATTERNS", 20)
    found = missing_together(missing_rows(applications(50, missing=0)))
    several = {subset for subset in found if 1 < len(subset) < 10}
    assert 1 < len(several) <= 20
    assert all(9 not in subset for subset in several)


def may_be_missing(columns: Collection[int]) -> list[Feature]:
    return [structs.replace(FEATURES[0], may_be_missing=column in columns) for column in range(10)]


def test_every_feature_has_every_extreme_value() -> None:
    bits = extreme_rows(REAL).view(np.uint32)
    for value in EXTREMES.view(np.uint32):
        assert (bits == value).any(axis=0).all()
        assert (bits == value).all(axis=1).any()


def test_made_rows_have_values_that_occur_in_combinations_that_are_new() -> None:
    real = np.arange(30, dtype=np.float32).reshape(3, 10)
    rows = made_rows(real, 497, seed=1)
    assert rows.shape == (497, 10)
    assert rows.dtype == np.float32
    assert all(set(made) == set(values) for made, values in zip(rows.T, real.T, strict=True))
    assert len(np.unique(rows, axis=0)) > 400
    assert not np.array_equal(rows, made_rows(real, 497, seed=2))
