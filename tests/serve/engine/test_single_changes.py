"""The smallest change of one feature that takes an application below a threshold is found, and no smaller one would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from fraud.features import FEATURES, column_of
from serve.engine import EngineOptions, ModelFile, load
from serve.engine.contributions import load_contributions
from serve.engine.single_changes import single_changes
from tests.convert.small_models import Matrix, applications, convert_small, fit

Score = Callable[[Matrix], Matrix]

CONVERTED = convert_small(fit(n_estimators=25, max_depth=4, missing_share=0.0))
FILE = ModelFile.of(Path("model.onnx"), CONVERTED.model)
THRESHOLDS = load_contributions(CONVERTED.contributions or b"", FILE).thresholds
ROWS = applications(40, seed=6, missing=0.0)


@pytest.fixture(scope="module")
def score() -> Iterator[Score]:
    with closing(load(FILE, EngineOptions())) as engine:
        yield engine.score


def test_a_change_is_confirmed_and_no_smaller_one_does_it(score: Score) -> None:
    found = 0
    for row in ROWS:
        probability = float(score(row[np.newaxis])[0])
        for change in single_changes(row, probability * 0.95, THRESHOLDS, score):
            found += 1
            feature, own = FEATURES[change.column], float(row[change.column])
            assert feature.disputable
            assert change.value >= feature.minimum
            assert change.value.is_integer() or not feature.integral
            changed = row.copy()
            changed[change.column] = change.value
            assert float(score(changed[np.newaxis])[0]) == change.probability < probability * 0.95
            if feature.is_enumerated:
                assert change.value in feature.values.values()
                continue
            # Both ways, all that is nearer.
            nearer = own + np.linspace(-1, 1, 2_001) * abs(change.value - own)
            nearer = np.unique((np.rint(nearer) if feature.integral else nearer).astype(np.float32))
            nearer = nearer[
                (np.abs(nearer.astype(np.float64) - own) < abs(change.value - own)) & (nearer >= feature.minimum)
            ]
            rows = np.repeat(row[np.newaxis], len(nearer), axis=0)
            rows[:, change.column] = nearer
            assert not np.any(score(rows) < probability * 0.95), (feature.name, own, change.value)
    assert found > 20


def test_only_what_may_be_disputed_is_changed(score: Score) -> None:
    changes = [change for row in ROWS for change in single_changes(row, 1.0, THRESHOLDS, score)]
    assert {change.column for change in changes} <= {
        column for column, feature in enumerate(FEATURES) if feature.disputable
    }
    assert {column_of("Age_Days")}.isdisjoint(change.column for change in changes)


def test_a_threshold_that_nothing_reaches_has_no_change(score: Score) -> None:
    assert single_changes(ROWS[0], 0.0, THRESHOLDS, score) == ()


def test_a_missing_value_is_not_changed(score: Score) -> None:
    row = ROWS[0].copy()
    row[column_of("Client_Income")] = np.nan
    changes = single_changes(row, 1.0, THRESHOLDS, score)
    assert changes
    assert column_of("Client_Income") not in {change.column for change in changes}


def test_without_anything_to_dispute_nothing_is_scored() -> None:
    def refuse(rows: Matrix) -> Matrix:
        raise AssertionError(rows)

    assert single_changes(np.full(10, np.nan, dtype=np.float32), 0.5, THRESHOLDS, refuse) == ()
