"""Age bands and levels of education: each application in one of either, and a small slice says so."""

from __future__ import annotations

import numpy as np
import pytest

from bench.gate.quality.slices import compare_slices, slices
from fraud.features import FEATURE_NAMES
from initdb.public_table import EDUCATION_DAYS
from tests.bench.gate.quality.scored_rows import applications, probabilities

AGE, SCHOOLING = FEATURE_NAMES.index("Age_Days"), FEATURE_NAMES.index("Education_Days")


def test_each_application_is_in_one_band_and_one_level() -> None:
    x = applications().x
    x[:3_000, SCHOOLING] = np.resize(list(EDUCATION_DAYS.values()), 3_000)
    bands = {name: rows for name, rows in slices(x) if name.startswith("age")}
    levels = {name: rows for name, rows in slices(x) if name.startswith("education")}
    assert (np.sum(list(bands.values()), axis=0) == 1).all()
    assert (np.sum(list(levels.values()), axis=0) == 1).all()
    assert all(rows.any() for rows in (*bands.values(), *levels.values()))


@pytest.mark.parametrize(
    ("age_days", "band"),
    [
        pytest.param(9_854, "age under 27 years", id="the last day of the new wave"),
        pytest.param(9_855, "age 27 years to under 35 years", id="the first day after it"),
        pytest.param(45 * 365 - 1, "age 35 years to under 45 years", id="a day before 45"),
        pytest.param(45 * 365, "age 45 years and over", id="45"),
    ],
)
def test_borders(age_days: int, band: str) -> None:
    x = applications(rows=50).x[:1]
    x[0, AGE] = age_days
    assert [name for name, rows in slices(x) if rows[0] and name.startswith("age")] == [band]


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
