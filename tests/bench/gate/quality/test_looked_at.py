"""Labels of the reviewed and of a control sample: with weights the better model wins, without them the worse.

Whom the earlier rule suspects are the young, and among them a fresh phone number says the opposite of what it says
among all others. A model of one-split trees can learn one of the two: unweighted it learns what holds for the few
suspected.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.gate.quality.comparison import compare
from bench.gate.quality.holdout import unseen_rows
from bench.gate.quality.rule import Rule, judge
from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from fraud.registry import ModelVersion
from fraud.statistics.average_precision import average_precision
from fraud.statistics.design_weights import design_weights
from fraud.statistics.ranking import rank
from fraud.verdict import Verdict
from train.dataset import Dataset
from train.fitting import probabilities
from train.recipe import Recipe

APPLICANTS = 100_000
REVIEWED = 0.05
CONTROL_SHARE = 0.01
BEFORE = dt.date(2025, 12, 1)
STUMPS = Recipe(max_depth=1, trees=60, learning_rate=0.2, sample_share=1.0, min_child_weight=1.0, half_life_days=None)
AGE, PHONE = FEATURE_NAMES.index("Age_Days"), FEATURE_NAMES.index("Phone_Change")


def everybody(seed: int, rows: int = APPLICANTS) -> Dataset:
    """Applicants with their true outcomes, which only a simulation knows of everybody."""
    rng = np.random.default_rng(seed)
    x = np.zeros((rows, FEATURE_COUNT), np.float32)
    x[:, AGE], x[:, PHONE] = rng.random(rows), rng.random(rows)
    young = x[:, AGE] < REVIEWED
    margin = np.where(young, 1.0 - 3.0 * x[:, PHONE], -5.0 + 4.0 * x[:, PHONE])
    y = (rng.random(rows) < 1 / (1 + np.exp(-margin))).astype(np.int8)
    return Dataset(x, y, np.repeat(np.datetime64("2026-01-01"), rows))


def looked_at(all_: Dataset, seed: int) -> Dataset:
    """Those whose outcome the agency knows: the reviewed, and a control sample of the others."""
    probability = np.where(all_.x[:, AGE] < REVIEWED, 1.0, CONTROL_SHARE)
    known = np.random.default_rng(seed).random(all_.y.size) < probability
    return Dataset(all_.x[known], all_.y[known], all_.dates[known], weights=design_weights(probability[known]))


def unweighted(dataset: Dataset) -> Dataset:
    return replace(dataset, weights=None)


def fitted(known: Dataset, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return probabilities(STUMPS.fit(known, 1, 1), x)


def verdict(rows: Dataset, champion: NDArray[np.float32], candidate: NDArray[np.float32]) -> Verdict:
    found = compare(
        rows.y,
        champion,
        candidate,
        review_capacity=REVIEWED,
        rng=np.random.default_rng(1),
        resamples=200,
        weights=rows.weights,
    )
    return judge(Rule.SUPERIOR, 0.01, 0.0, found.average_precision).verdict


def test_weights_pick_the_model_that_is_better_on_everybody_and_their_lack_the_other() -> None:
    known, truth, rows = looked_at(everybody(1), 2), everybody(3), looked_at(everybody(4), 5)
    precisions = [average_precision(rank(truth.y, fitted(data, truth.x))) for data in (unweighted(known), known)]
    assert precisions[1] > 1.15 * precisions[0]

    of_unweighted, of_weighted = (fitted(data, rows.x) for data in (unweighted(known), known))
    assert verdict(rows, of_unweighted, of_weighted) is Verdict.PASS
    assert verdict(rows, of_weighted, of_unweighted) is Verdict.FAIL
    assert verdict(unweighted(rows), of_unweighted, of_weighted) is Verdict.FAIL
    assert verdict(unweighted(rows), of_weighted, of_unweighted) is Verdict.PASS, "the loser would be promoted"


def test_holdout_counts_what_its_rows_tell() -> None:
    rows = looked_at(everybody(4), 5)
    version = ModelVersion("m", 1, "0" * 64, BEFORE, BEFORE, "run", {})
    holdout, unseen = unseen_rows(rows, dt.date(2026, 2, 1), [version])
    assert unseen.weights is not None
    assert holdout.effective is not None
    positives = unseen.weights[unseen.y == 1]
    assert holdout.effective[0] == pytest.approx(positives.sum() ** 2 / (positives**2).sum())
    assert holdout.effective[0] < holdout.positives / 5
    told = holdout.too_few(int(holdout.effective[0]) + 1)
    assert told is not None
    assert "control sample" in told
    assert holdout.too_few(int(holdout.effective[0])) is None
