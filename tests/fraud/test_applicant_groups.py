"""Groups that the declaration makes: each applicant is in one of each feature's, and attributes join them."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.applicant_groups import applicant_groups, attribute_groups, declared_groups
from fraud.features import FEATURE_NAMES
from initdb.public_table import EDUCATION_DAYS
from tests.bench.gate.quality.scored_rows import applications

AGE, JOB, SCHOOLING = (FEATURE_NAMES.index(name) for name in ("Age_Days", "Employed_Days", "Education_Days"))


def test_each_application_is_in_one_group_of_each_feature() -> None:
    x = applications().x
    x[:3_000, SCHOOLING] = np.resize(list(EDUCATION_DAYS.values()), 3_000)
    x[:500, JOB] = 365_243
    groups = list(declared_groups(x))
    for attribute in ("age", "time in the job", "education"):
        own = [group.rows for group in groups if group.attribute == attribute]
        assert (np.sum(own, axis=0) == 1).all()
        assert len(own) > 1
    jobs = [(group.name, int(group.rows.sum())) for group in groups if group.attribute == "time in the job"]
    assert jobs == [("not employed", 500), ("employed", 5_500)]


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
    assert [group.name for group in declared_groups(x) if group.rows[0] and group.attribute == "age"] == [band]


def test_attributes_group_those_whose_value_is_known() -> None:
    found = list(attribute_groups({"region": np.array(["north", None, "south", "north"], object)}))
    assert [(group.name, group.rows.tolist()) for group in found] == [
        ("region north", [True, False, False, True]),
        ("region south", [False, False, True, False]),
    ]


def test_crossings_join_features_and_attributes() -> None:
    data = applications()
    region = np.array(["north", "south"], object)[np.arange(data.y.size) % 2]
    names = {group.name for group in applicant_groups(data.x, data.y, {"region": region})}
    assert {"region north", "age under 27 years", "age under 27 years, region north"} <= names
