"""Figures of each group: a small one says so."""

from __future__ import annotations

import numpy as np

from bench.gate.quality.slices import compare_slices
from fraud.features import FEATURE_NAMES
from tests.bench.gate.quality.scored_rows import applications, probabilities

AGE = FEATURE_NAMES.index("Age_Days")


def test_a_slice_with_too_few_rows_has_no_figures() -> None:
    data = applications()
    data.x[:, AGE] = 12_000
    data.x[:20, AGE] = 9_000
    scores = probabilities(data, 1.0, 1)
    reports = {part.name: part for part in compare_slices(data.x, data.y, scores, scores, np.random.default_rng(1))}
    assert reports["age under 27 years"].rows == 20
    assert reports["age under 27 years"].difference is None
    assert reports["age 27 years to under 35 years"].difference is not None
    assert "age 35 years to under 45 years" not in reports, "a slice without any row is not shown"
