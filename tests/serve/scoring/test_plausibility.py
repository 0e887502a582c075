"""Nonsense is found, and what is only rare is not."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES, FEATURES, column_of
from serve.scoring.plausibility import COUNTED_LATER_MAX_ROWS, ImplausibleValues, implausible, warnings_of

ROW = np.array(list(EXAMPLE_INSTANCE.values()), np.float32)


def matrix(rows: int, **changes: float) -> np.ndarray:
    made = np.tile(ROW, (rows, 1))
    for name, value in changes.items():
        made[-1, column_of(name)] = value
    return made


@pytest.mark.parametrize("rows", [1, 2, 63, 64, 65, 200])
@pytest.mark.parametrize(
    ("name", "value"),
    [("Age_Days", 95), ("Age_Days", 60_000), ("Credit_Amount", 180e6), ("Education_Days", 4000), ("Phone_Change", 9e9)],
)
def test_nonsense_is_found_where_it_is(rows: int, name: str, value: float) -> None:
    found = implausible(matrix(rows, **{name: value}))
    assert np.argwhere(found).tolist() == [[rows - 1, column_of(name)]]
    told = warnings_of(matrix(rows, **{name: value}), np.arange(rows) * 2)
    assert [(one.instance, one.field) for one in told] == [(2 * rows - 2, name)]


@pytest.mark.parametrize("rows", [1, 64, 100])
@pytest.mark.parametrize(
    ("name", "value"),
    [("Employed_Days", 365243), ("Credit_Bureau", np.nan), ("Credit_Amount", 90_000), ("Client_Income", 0)],
    ids=["a value with a meaning", "missing", "above the ceiling", "no income"],
)
def test_a_rare_value_is_no_warning(rows: int, name: str, value: float) -> None:
    assert not implausible(matrix(rows, **{name: value})).any()


def test_a_typical_value_is_plausible() -> None:
    for column, feature in enumerate(FEATURES):
        for value in (*feature.typical, feature.example, *feature.values.values()):
            if not (feature.is_enumerated and value not in feature.values.values()):
                row = ROW.copy()
                row[column] = value
                assert not implausible(row[np.newaxis]).any(), (feature.name, value)


@pytest.mark.parametrize("rows", [1, COUNTED_LATER_MAX_ROWS, COUNTED_LATER_MAX_ROWS + 1])
def test_counts_are_by_feature_and_each_value_counts_once(rows: int) -> None:
    counts = ImplausibleValues()
    for _ in range(3):
        counts.note(matrix(rows, Age_Days=95))
    expected = [3 * (name == "Age_Days") for name in FEATURE_NAMES]
    assert list(counts.take()) == expected
    assert list(counts.take()) == [0] * len(FEATURE_NAMES)


@pytest.mark.parametrize("rows", [257, 320, 300 * 64, 300 * 64 + 1])
def test_counts_are_those_of_each_value_whatever_the_rows(rows: int) -> None:
    """Also where every value of a column is implausible, of more blocks than a byte can count."""
    large = np.tile(ROW, (rows, 1))
    large[:, FEATURE_NAMES.index("Age_Days")] = 95
    large[::3, FEATURE_NAMES.index("Education_Days")] = 1
    counts = ImplausibleValues()
    counts.note(large)
    assert list(counts.take()) == implausible(large).sum(axis=0).tolist()
