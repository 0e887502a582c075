"""Whom a model suspects, in sentences made from figures and by the worst group."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.features import FEATURE_NAMES
from fraud.group_report import group_report, shown_worst
from fraud.statistics.review import REVIEW_CAPACITY
from tests.bench.gate.quality.scored_rows import applications

AGE = FEATURE_NAMES.index("Age_Days")
DATA = applications(rows=4_000)
OLDEST_YOUNG = 30 * 365.25


def suspecting(years: float, others: int = 0) -> np.ndarray:
    """Probabilities of a model that has reviewed only the young, but for so many others."""
    noise = np.random.default_rng(2).random(DATA.y.size)
    probabilities = np.where(DATA.x[:, AGE] < years * 365.25, 0.5 + noise / 2, noise / 2)
    probabilities[np.flatnonzero(DATA.x[:, AGE] > 40 * 365.25)[:others]] = 1.0
    return np.asarray(probabilities, np.float32)


@pytest.mark.parametrize(
    ("others", "told"),
    [
        pytest.param(0, "All of the 200 reviewed applicants have age under 30 years; of all 4,000", id="all"),
        pytest.param(6, "194 (97.0%) of the 200 reviewed applicants have age under 30 years; of all 4,000", id="most"),
    ],
)
def test_a_common_feature_of_the_reviewed_is_a_sentence(others: int, told: str) -> None:
    report = group_report(DATA.x, DATA.y, suspecting(30, others), {}, REVIEW_CAPACITY)
    (finding,) = report.findings
    assert finding.startswith(told)
    share = (DATA.x[:, AGE] < OLDEST_YOUNG).mean()
    assert f"{share:.1%} have" in finding


def test_a_model_that_suspects_nobody_in_particular_has_no_finding() -> None:
    by_chance = np.random.default_rng(3).random(DATA.y.size).astype(np.float32)
    assert group_report(DATA.x, DATA.y, by_chance, {}, REVIEW_CAPACITY).findings == ()


def test_the_worst_group_is_no_small_one() -> None:
    x = DATA.x.copy()
    x[:, AGE] = 12_000
    x[:20, AGE] = 9_000
    probabilities = np.where(x[:, AGE] == 9_000, 0.9, np.random.default_rng(3).random(DATA.y.size) / 2)
    report = group_report(x, DATA.y, probabilities.astype(np.float32), {}, REVIEW_CAPACITY)
    young = next(group for group in report.groups if group.name == "age under 27 years")
    assert young.is_small
    assert young.selection_rate is not None
    assert young.selection_rate.figure.estimate == 1
    worst = report.worst("selection_rate")
    assert worst is not None
    assert "under 27" not in worst[0]
    assert worst[0] in shown_worst(worst)
