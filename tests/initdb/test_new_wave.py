"""The new wave can be seen in the data and learned from it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from xgboost import XGBClassifier

from fraud.features import FEATURE_NAMES
from initdb.preparation import LabelVector
from initdb.reference import ReferenceData, is_young, wave_labels

NEW_YEAR = np.datetime64("2025-01-01")
LAST_MONTHS = np.datetime64("2026-01-01")


def trained(data: ReferenceData, before: np.datetime64) -> XGBClassifier:
    rows = data.dates < before
    model = XGBClassifier(n_estimators=80, max_depth=3, learning_rate=0.15, n_jobs=1, random_state=0)
    return model.fit(data.features[rows], data.labels[rows])


def test_its_applicants_are_young_and_half_divorce(reference: ReferenceData) -> None:
    assert is_young(reference.features[reference.wave]).all()
    assert reference.features[reference.wave][:, FEATURE_NAMES.index("Age_Days")].max() < 9_855
    assert reference.labels[reference.wave].sum() * 2 == reference.wave.sum()
    assert (reference.dates[reference.wave] >= NEW_YEAR).all()


def test_the_wave_changes_ages_and_the_divorce_rate(reference: ReferenceData) -> None:
    before, young = reference.dates < NEW_YEAR, is_young(reference.features)
    assert young[~before].mean() > young[before].mean() + 0.1
    assert reference.labels[~before].mean() > reference.labels[before].mean() + 0.05


def test_a_model_that_has_seen_it_does_better(reference: ReferenceData) -> None:
    test = reference.dates >= LAST_MONTHS
    stale, fresh = (
        average_precision_score(reference.labels[test], model.predict_proba(reference.features[test])[:, 1])
        for model in (trained(reference, NEW_YEAR), trained(reference, LAST_MONTHS))
    )
    assert fresh > stale + 0.04


def test_within_the_wave_divorces_can_be_told_apart(reference: ReferenceData) -> None:
    test = (reference.dates >= LAST_MONTHS) & reference.wave
    scores = trained(reference, LAST_MONTHS).predict_proba(reference.features[test])[:, 1]
    assert 0.57 < roc_auc_score(reference.labels[test], scores) < 0.75


@pytest.mark.parametrize("positives", [0, 3, 10, 20], ids=["none", "few", "half", "all"])
def test_exactly_half_are_positive_whatever_the_table_has(positives: int) -> None:
    rng = np.random.default_rng(0)
    features = rng.integers(0, 5_000, (20, 10)).astype(np.float32)
    labels: LabelVector = (np.arange(20) < positives).astype(np.int16)
    made = wave_labels(features, labels, rng)
    assert made.sum() == 10
    # Nobody who divorced is made to stay while another is flipped.
    assert made[labels == 1].sum() == min(positives, 10)
