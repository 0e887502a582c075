"""The replayed months, and the applications that belong to each."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np

from tests.train.conftest import synthetic_dataset
from train.dataset import Dataset
from train.replay.evaluation import month_of
from train.replay.months import next_month, replayed_months


def test_a_year_from_may_2025() -> None:
    months = replayed_months()
    assert len(months) == 12
    assert (months[0], months[-1]) == (dt.date(2025, 5, 1), dt.date(2026, 4, 1))
    assert all(next_month(first) == second for first, second in itertools.pairwise(months))


def test_fewer_months_are_the_first_ones() -> None:
    assert replayed_months(2) == (dt.date(2025, 5, 1), dt.date(2025, 6, 1))


def test_after_december_and_short_months() -> None:
    assert next_month(dt.date(2025, 12, 1)) == dt.date(2026, 1, 1)
    assert next_month(dt.date(2026, 2, 1)) == dt.date(2026, 3, 1)


def test_a_month_has_its_first_and_its_last_day_and_no_other() -> None:
    dataset: Dataset = synthetic_dataset(2_000, 80, seed=3)  # from 2024-01-01 on
    february = month_of(dataset, dt.date(2024, 2, 1))
    assert (february.dates[0], february.dates[-1]) == (np.datetime64("2024-02-01"), np.datetime64("2024-02-29"))
    in_february = dataset.dates.astype("datetime64[M]") == np.datetime64("2024-02")
    assert february.y.size == int(in_february.sum())


def test_a_month_without_applications_is_empty() -> None:
    assert month_of(synthetic_dataset(2_000, 80, seed=3), dt.date(2025, 2, 1)).y.size == 0
