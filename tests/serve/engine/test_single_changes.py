"""The smallest change of one feature that takes an application below a threshold is found, and no smaller one would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fraud.feature_file import Feature, FeatureType, read_features
from fraud.features import FEATURES, column_of
from serve.engine import EngineOptions, ModelFile, load
from serve.engine.contributions import load_contributions
from serve.engine.single_changes import SHOWN_WHOLE, SingleChange, single_changes
from tests.convert.small_models import Matrix, applications, convert_small, fit

Score = Callable[[Matrix], Matrix]

CONVERTED = convert_small(fit(n_estimators=25, max_depth=4))
FILE = ModelFile.of(Path("model.onnx"), CONVERTED.model)
THRESHOLDS = load_contributions(CONVERTED.contributions or b"", FILE).thresholds
BY_ONNX_RUNTIME = load(FILE, EngineOptions()).score
INCOME, JOB, BUREAU = (column_of(name) for name in ("Client_Income", "Employed_Days", "Credit_Bureau"))
SEVEN = read_features(Path(__file__).parents[2] / "seven_features.toml")


def changes_of(row: np.ndarray, below: float) -> tuple[SingleChange, ...]:
    return single_changes(row, below, FEATURES, THRESHOLDS, BY_ONNX_RUNTIME)


def with_value(row: np.ndarray, column: int, values: np.ndarray) -> Matrix:
    rows = np.repeat(row[np.newaxis], len(values), axis=0)
    rows[:, column] = values
    return rows


def amounts_nearer(feature: Feature, own: float, distance: float) -> np.ndarray:
    """What lies nearer than a change: every whole amount, or many of others, and both sides of each threshold."""
    low, high = max(feature.minimum, feature.plausible_range[0]), feature.plausible_range[1]
    if feature.is_enumerated:
        tried = np.array(list(feature.values.values()))
    elif feature.integral or feature.shown_as in SHOWN_WHOLE:
        tried = np.arange(np.ceil(own - distance), np.floor(own + distance) + 1)
    else:
        tried = own + np.linspace(-1, 1, 2_001) * distance
    tried = np.unique(tried.astype(np.float32)).astype(np.float64)
    named = list(feature.values.values())
    is_amount = feature.is_enumerated | ~np.isin(tried, named)
    return tried[(np.abs(tried - own) < distance) & (tried >= low) & (tried <= high) & is_amount]


@pytest.mark.parametrize("missing", [0.0, 0.3], ids=["all given", "some missing"])
def test_a_change_does_it_by_onnx_runtime_and_no_smaller_one_would(missing: float) -> None:
    found = 0
    for row in applications(60, seed=6, missing=missing):
        below = float(BY_ONNX_RUNTIME(row[np.newaxis])[0]) * 0.95
        for change in changes_of(row, below):
            found += 1
            feature, own = FEATURES[change.column], float(row[change.column])
            assert feature.disputable
            assert change.value >= feature.minimum
            assert change.value.is_integer() or not (feature.integral or feature.shown_as in SHOWN_WHOLE)
            scored = BY_ONNX_RUNTIME(with_value(row, change.column, np.array([change.value])))
            assert float(scored[0]) == change.probability < below
            if np.isnan(own) or own in feature.values.values() or change.value in feature.values.values():
                continue
            nearer = amounts_nearer(feature, own, abs(change.value - own))
            scored = BY_ONNX_RUNTIME(with_value(row, change.column, nearer))
            assert not np.any(scored < below), (feature.name, own, change.value)
    assert found > 20


def test_a_feature_without_a_change_has_no_plausible_value_that_does_it() -> None:
    row = applications(1, seed=3, missing=0.0)[0]
    below = float(BY_ONNX_RUNTIME(row[np.newaxis])[0]) * 0.8
    with_a_change = {change.column for change in changes_of(row, below)}
    for column, feature in enumerate(FEATURES):
        if feature.disputable and column not in with_a_change:
            low, high = max(feature.minimum, feature.plausible_range[0]), feature.plausible_range[1]
            values = np.append(np.arange(np.ceil(low), high, max(1, (high - low) // 5_000)), [*feature.values.values()])
            assert not np.any(BY_ONNX_RUNTIME(with_value(row, column, values)) < below), feature.name


def test_only_what_may_be_disputed_is_changed_and_only_to_what_is_plausible() -> None:
    for row in applications(40, seed=6, missing=0.1):
        for change in changes_of(row, 1.0):
            feature = FEATURES[change.column]
            low, high = feature.plausible_range
            assert feature.disputable
            assert low <= change.value <= high or change.value in feature.values.values()


def test_a_threshold_that_nothing_reaches_has_no_change() -> None:
    assert changes_of(applications(1)[0], 0.0) == ()


def by_step(column: int, border: float, *, named: float | None = None) -> Score:
    """A model that suspects whoever has less than so much, or is missing it; or has all but one value."""

    def score(rows: Matrix) -> Matrix:
        values = rows[:, column]
        passes = values >= border if named is None else values == named
        # More of it lowers the score further, so that the first amount that does it moves the score least.
        return np.where(passes, 0.4 - 1e-7 * np.nan_to_num(values), 0.9).astype(np.float32)

    return score


def only(column: int, border: float, features: tuple[Feature, ...] = FEATURES) -> list[np.ndarray]:
    empty = np.empty(0, np.float32)
    return [np.array([border], np.float32) if place == column else empty for place in range(len(features))]


NOT_EMPLOYED = 365_243.0


@pytest.mark.parametrize(
    ("column", "own", "border", "named", "expected"),
    [
        pytest.param(INCOME, 13_500.25, 15_019.5, None, 15_020, id="whole EUR"),
        pytest.param(JOB, 100, 730, None, 730, id="on the threshold"),
        pytest.param(JOB, NOT_EMPLOYED, 730, None, None, id="no amount passes already"),
        pytest.param(JOB, 100, NOT_EMPLOYED, NOT_EMPLOYED, NOT_EMPLOYED, id="a name where no amount does it"),
        pytest.param(BUREAU, np.nan, 2, None, 2, id="missing"),
        pytest.param(JOB, 100, 80_000, None, NOT_EMPLOYED, id="no job of 219 years"),
    ],
)
def test_the_value_that_is_told(
    column: int, own: float, border: float, named: float | None, expected: float | None
) -> None:
    row = np.ones(len(FEATURES), np.float32)
    row[column] = own
    score = by_step(column, border, named=named)
    found = single_changes(row, 0.5, FEATURES, only(column, border), score)
    told = {change.column: change.value for change in found}
    assert told.get(column) == expected or expected is None


def test_the_least_change_of_an_unused_feature_is_told() -> None:
    row = np.ones(len(FEATURES), np.float32)
    row[JOB] = NOT_EMPLOYED

    def score(rows: Matrix) -> Matrix:
        return np.where((rows[:, JOB] >= 730) & (rows[:, JOB] < 50_000), 0.4, 0.9).astype(np.float32)

    (change,) = single_changes(row, 0.5, FEATURES, only(JOB, 730), score)
    assert (FEATURES[change.column].name, change.value) == ("Employed_Days", 730)


def test_a_code_has_no_distance_and_the_least_change_of_the_score_is_told() -> None:
    place = [feature.type for feature in SEVEN].index(FeatureType.CODE)
    assert SEVEN[place].disputable

    def score(rows: Matrix) -> Matrix:
        return np.choose(rows[:, place].astype(int), [0.1, 0.9, 0.2, 0.3]).astype(np.float32)

    row = np.ones(len(SEVEN), np.float32)
    (change,) = single_changes(row, 0.5, SEVEN, only(place, 1, SEVEN), score)
    assert (change.column, change.value) == (place, 3)


def test_without_anything_to_dispute_nothing_is_scored() -> None:
    def refuse(rows: Matrix) -> Matrix:
        raise AssertionError(rows)

    assert single_changes(np.ones(1, np.float32), 0.5, (FEATURES[column_of("Age_Days")],), only(0, 1), refuse) == ()
