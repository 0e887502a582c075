"""The temporal split: a partition in time, no shared day, shares near a tenth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.dataset import Dataset
from train.errors import LabelError, TooFewDaysError
from train.split import borders, split_by_day

rows_per_day = st.lists(st.integers(1, 60), min_size=3, max_size=80)


def dates_of(counts: list[int]) -> np.ndarray:
    days = np.datetime64("2024-02-27") + np.arange(len(counts)).astype("timedelta64[D]")
    return np.repeat(days, counts)


@given(rows_per_day)
@settings(max_examples=300, deadline=None)
def test_borders_lie_between_days_and_leave_no_part_empty(counts: list[int]) -> None:
    dates = dates_of(counts)
    validation, test = borders(dates)
    assert 0 < validation < test < dates.size
    assert dates[validation - 1] < dates[validation]
    assert dates[test - 1] < dates[test]


@given(st.lists(st.integers(1, 60), min_size=30, max_size=80))
@settings(max_examples=300, deadline=None)
def test_shares_are_a_tenth_to_within_half_a_day_a_border(counts: list[int]) -> None:
    dates = dates_of(counts)
    validation, test = borders(dates)
    days_of_a_tenth = max(counts) < dates.size / 10
    if days_of_a_tenth:
        assert abs(dates.size - test - dates.size / 10) <= max(counts) / 2
        assert abs(test - validation - dates.size / 10) <= max(counts)


@given(rows_per_day, st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_the_parts_are_the_data_set_in_order(counts: list[int], seed: int) -> None:
    dates = dates_of(counts)
    rng = np.random.default_rng(seed)
    dataset = Dataset(rng.random((dates.size, 10), np.float32), rng.integers(0, 2, dates.size, np.int8), dates)
    try:
        split = split_by_day(dataset)
    except LabelError:
        validation, test = borders(dates)
        parts = np.split(dataset.y, [validation, test])
        assert min(len(np.unique(part)) for part in parts) == 1
        return
    parts = list(split.parts().values())
    assert np.array_equal(np.concatenate([part.x for part in parts]), dataset.x)
    assert np.array_equal(np.concatenate([part.y for part in parts]), dataset.y)
    assert np.array_equal(np.concatenate([part.dates for part in parts]), dataset.dates)
    assert split.first_day <= split.training.dates[-1].item() < split.validation_start
    assert split.validation.dates[0].item() == split.validation_start
    assert split.validation.dates[-1].item() < split.test_start == split.test.dates[0].item() <= split.last_day


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param([1] * 10, (8, 9), id="ten equal days"),
        pytest.param([1, 1, 1], (1, 2), id="as few as can be"),
        pytest.param([1, 1, 98], (1, 2), id="a last day that outweighs all"),
        pytest.param([98, 1, 1], (98, 99), id="a first day that outweighs all"),
        pytest.param([75, 10, 5, 10], (75, 90), id="two borders at the same distance: the older"),
    ],
)
def test_borders_by_hand(counts: list[int], expected: tuple[int, int]) -> None:
    assert borders(dates_of(counts)) == expected


def test_too_few_days() -> None:
    with pytest.raises(TooFewDaysError, match="2 day"):
        borders(dates_of([100, 100]))


def test_a_part_of_one_class_is_named() -> None:
    dates = dates_of([8, 1, 1])
    dataset = Dataset(np.zeros((10, 10), np.float32), np.array([0, 1] * 4 + [0, 1], np.int8), dates)
    with pytest.raises(LabelError, match="the validation part"):
        split_by_day(dataset)
