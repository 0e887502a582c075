"""The temporal split and the folds: partitions in time, no shared day, both labels wherever something is fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.dataset import Dataset
from train.errors import LabelError, TooFewDaysError
from train.split import FOLDS, folds, recent_start, split_by_day


def dataset_of(counts: list[int], labels: np.ndarray | None = None) -> Dataset:
    days = np.datetime64("2024-02-27") + np.arange(len(counts)).astype("timedelta64[D]")
    dates = np.repeat(days, counts)
    rows = np.arange(dates.size)
    x = np.repeat(rows[:, np.newaxis], 10, axis=1).astype(np.float32)
    return Dataset(x, (rows % 2 if labels is None else labels).astype(np.int8), dates)


# At least two rows a day, so that each day has both labels.
rows_per_day = st.lists(st.integers(2, 60), min_size=3, max_size=80)


@given(rows_per_day)
@settings(max_examples=200, deadline=None)
def test_parts_are_the_data_set_in_order_and_share_no_day(counts: list[int]) -> None:
    dataset = dataset_of(counts)
    split = split_by_day(dataset)
    assert np.array_equal(np.concatenate([part.x for part in split.parts().values()]), dataset.x)
    assert split.first_day <= split.known.dates[-1].item() < split.test_start == split.test.dates[0].item()
    assert split.last_day == dataset.dates[-1].item()
    assert len(np.unique(split.known.dates)) >= 2, "the folds need a border as well"


@given(st.lists(st.integers(2, 60), min_size=30, max_size=80))
@settings(max_examples=200, deadline=None)
def test_test_part_is_a_tenth_to_within_half_a_day(counts: list[int]) -> None:
    dataset = dataset_of(counts)
    assert abs(split_by_day(dataset).test.y.size - dataset.y.size / 10) <= max(counts) / 2


@given(rows_per_day)
@settings(max_examples=200, deadline=None)
def test_folds_are_neighbouring_blocks_of_the_newest_fifth(counts: list[int]) -> None:
    dataset = dataset_of(counts)
    found = folds(dataset)
    assert 1 <= len(found) <= FOLDS
    assert found[0].past.y.size == recent_start(dataset)
    for fold in found:
        assert fold.past.dates[-1] < fold.block.dates[0], "a fold never learns from a day of its block"
    rows = np.concatenate([fold.block.x[:, 0] for fold in found])
    assert np.array_equal(rows, dataset.x[found[0].past.y.size :, 0])


def test_folds_have_four_blocks_where_days_allow_it() -> None:
    assert [fold.block.y.size for fold in folds(dataset_of([10] * 40))] == [20, 20, 20, 20]


def test_block_of_one_label_joins_the_next() -> None:
    labels = np.arange(400) % 2
    labels[320:340] = 0
    sizes = [fold.block.y.size for fold in folds(dataset_of([10] * 40, labels))]
    assert sizes == [20, 20, 20], "the first border has one label on one side and is dropped"


@pytest.mark.parametrize("counts", [[100], [100, 100]], ids=["one day", "two days"])
def test_too_few_days_are_refused(counts: list[int]) -> None:
    with pytest.raises(TooFewDaysError, match=f"{len(counts)} day"):
        split_by_day(dataset_of(counts))


def test_part_of_one_label_is_named() -> None:
    with pytest.raises(LabelError, match="the part test"):
        split_by_day(dataset_of([8, 1, 1]))


def test_folds_of_one_label_are_refused() -> None:
    labels = np.zeros(100, np.int8)
    labels[0] = 1
    with pytest.raises(LabelError, match="one label only"):
        folds(dataset_of([10] * 10, labels))
