"""What a trained model remembers of its applicants: the newest fifth, and predictions by trees that did not know it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from fraud.features import FEATURE_NAMES
from fraud.reference_profile import PREDICTION, ReferenceProfile
from tests.train.quick_search import shorten_search
from train.dataset import Dataset
from train.fitting import probabilities
from train.reference import reference_profile, whole_counts
from train.training import Training, train_model

CUTOFF = dt.date(2024, 3, 21)


@pytest.fixture(scope="module")
def training(dataset: Dataset) -> Training:
    with pytest.MonkeyPatch.context() as patch:
        shorten_search(patch)
        return train_model(dataset, CUTOFF, 1, 2, lambda _done, _all: None)


@pytest.fixture(scope="module")
def profile(training: Training) -> ReferenceProfile:
    return reference_profile(
        training.cross_fitted.older,
        training.cross_fitted.recent,
        training.cross_fitted.probabilities,
        classifier=training.shipped.classifier,
        cutoff=CUTOFF,
        model_sha256="ab" * 32,
    )


def test_a_profile_is_complete_and_says_what_it_counted(profile: ReferenceProfile, training: Training) -> None:
    assert ReferenceProfile.from_json(profile.to_json()) == profile
    assert (profile.rows, profile.training_rows) == (
        training.cross_fitted.recent.y.size,
        training.cross_fitted.older.y.size,
    )
    assert profile.positives == training.cross_fitted.recent.y.sum()
    dates = training.cross_fitted.recent.dates
    assert (profile.first_day, profile.last_day) == (dates[0].item(), dates[-1].item())
    assert sum(one.importance or 0 for one in profile.variables) == pytest.approx(1)


@pytest.mark.parametrize("name", FEATURE_NAMES)
def test_features_are_counted_in_both_parts(profile: ReferenceProfile, dataset: Dataset, name: str) -> None:
    variable, column = profile.variable(name), dataset.x[:, FEATURE_NAMES.index(name)]
    places = np.searchsorted(np.array(variable.thresholds, np.float32), column, side="right")
    counts = [np.bincount(part, minlength=len(variable.kinds)) for part in np.split(places, [profile.training_rows])]
    assert variable.training_counts == counts[0].tolist()
    assert variable.counts == counts[1].tolist()


def test_predictions_are_not_those_of_trees_that_know_the_rows(profile: ReferenceProfile, training: Training) -> None:
    predicted, recent = training.cross_fitted.probabilities, training.cross_fitted.recent
    assert not np.array_equal(predicted, probabilities(training.shipped.pipeline, recent.x))
    variable = profile.variable(PREDICTION)
    assert variable.training_counts is None
    assert variable.counts == variable.bins().count(predicted).tolist()
    assert profile.positives_by_probability == variable.bins().count(predicted[recent.y == 1]).tolist()


def test_weighted_rows_are_counted_as_whom_they_stand_for(training: Training) -> None:
    older, recent = training.cross_fitted.older, training.cross_fitted.recent
    young = recent.x[:, FEATURE_NAMES.index("Age_Days")] < 9_000
    weights = np.where(young, 1.0, 20.0)
    found = reference_profile(
        older,
        replace(recent, weights=weights),
        training.cross_fitted.probabilities,
        classifier=training.shipped.classifier,
        cutoff=CUTOFF,
        model_sha256="ab" * 32,
    )
    assert ReferenceProfile.from_json(found.to_json()) == found
    assert found.rows == round(weights.sum() ** 2 / (weights**2).sum())
    assert found.positives / found.rows == pytest.approx(np.average(recent.y, weights=weights), abs=0.001)
    assert (found.training_rows, found.training_positives) == (older.y.size, older.y.sum())
    age = found.variable("Age_Days")
    below = sum(
        count for count, end in zip(age.counts[1:], [*age.thresholds[1:], np.inf], strict=False) if end <= 9_000
    )
    assert below / found.rows < 0.1 < young.mean()
    bins = age.bins()
    held = bins.count(recent.x[:, FEATURE_NAMES.index("Age_Days")]) > 0
    assert (np.array(age.counts) > 0).tolist() == held.tolist(), "what was seen is not strange"


@pytest.mark.parametrize(
    ("weights", "total", "expected"),
    [
        ([1, 1, 1], 3, [1, 1, 1]),
        ([100, 1, 0], 10, [9, 1, 0]),
        ([2, 1], 4, [2, 2]),
        ([5, 5, 5], 2, [1, 1, 0]),
        ([0, 0], 0, [0, 0]),
    ],
    ids=["as they are", "one at least", "largest remainder", "fewer than bins", "nothing"],
)
def test_whole_counts_add_up(weights: list[float], total: int, expected: list[int]) -> None:
    assert whole_counts(np.array(weights, np.float64), total).tolist() == expected
