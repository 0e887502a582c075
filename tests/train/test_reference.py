"""What a trained model remembers of its applicants: the newest fifth, and predictions that it was not trained on."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from fraud.features import FEATURE_NAMES
from fraud.reference_profile import PREDICTION, ReferenceProfile
from train.dataset import Dataset
from train.grid import Candidate
from train.reference import reference_profile
from train.training import Training, probabilities, train_model


@pytest.fixture(scope="module")
def training(dataset: Dataset) -> Training:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.training.candidates", lambda _labels: [Candidate(3, 0.3, 0.8, 1.0, 1.0)])
        return train_model(dataset, dt.date(2024, 3, 21), 1, 2, lambda _done, _all: None)


@pytest.fixture(scope="module")
def profile(training: Training) -> ReferenceProfile:
    return reference_profile(training.split, training.pipeline, training.cutoff, "ab" * 32)


def test_it_is_whole_and_says_what_it_counted(profile: ReferenceProfile, training: Training) -> None:
    assert ReferenceProfile.from_json(profile.to_json()) == profile
    recent = training.split.validation.y.size + training.split.test.y.size
    assert (profile.rows, profile.training_rows) == (recent, training.split.training.y.size)
    assert profile.positives == training.split.validation.y.sum() + training.split.test.y.sum()
    assert (profile.first_day, profile.last_day) == (training.split.validation_start, training.split.last_day)
    assert sum(one.importance or 0 for one in profile.variables) == pytest.approx(1)


@pytest.mark.parametrize("name", FEATURE_NAMES)
def test_features_are_counted_in_both_parts(profile: ReferenceProfile, dataset: Dataset, name: str) -> None:
    variable, column = profile.variable(name), dataset.x[:, FEATURE_NAMES.index(name)]
    places = np.searchsorted(np.float32(variable.thresholds), column, side="right")
    counts = [np.bincount(part, minlength=len(variable.kinds)) for part in np.split(places, [profile.training_rows])]
    assert variable.training_counts == counts[0].tolist()
    assert variable.counts == counts[1].tolist()


def test_predictions_are_those_of_rows_that_were_not_trained_on(
    profile: ReferenceProfile, training: Training, dataset: Dataset
) -> None:
    recent = dataset.part(slice(profile.training_rows, None))
    predicted = probabilities(training.pipeline, recent.x)
    variable = profile.variable(PREDICTION)
    assert variable.training_counts is None
    assert variable.counts == variable.bins().count(predicted).tolist()
    assert profile.positives_by_probability == variable.bins().count(predicted[recent.y == 1]).tolist()
