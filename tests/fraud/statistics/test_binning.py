"""Bins: the same bin of a value in numpy, in PostgreSQL and in our count; what has a bin of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import cursor as Cursor

from fraud.statistics.binning import BinKind, Bins, choose_bins
from initdb.public_table import EDUCATION_DAYS, NOT_EMPLOYED_DAYS

LARGEST = float(np.finfo(np.float32).max)
EDGES = [0.0, -0.0, 1e-45, -1e-45, 1.0, 365243.0, 16777216.0, LARGEST, -LARGEST, float("inf"), float("-inf")]

finite = st.floats(width=32, allow_nan=False, allow_infinity=False).filter(lambda value: abs(value) < LARGEST)
any_value = st.one_of(st.sampled_from([*EDGES, float("nan")]), st.floats(width=32))
references = st.lists(st.one_of(finite, st.sampled_from([0.0, -0.0, 1.0, 365243.0])), min_size=1, max_size=60)


def probes(bins: Bins, others: list[float]) -> np.ndarray:
    """The thresholds, one float either side, and others."""
    t = bins.thresholds
    with np.errstate(over="ignore"):
        beside = [np.nextafter(t, np.float32(-np.inf)), np.nextafter(t, np.float32(np.inf))]
    return np.concatenate([t, *beside, np.array(others, np.float32)])


@given(references, st.lists(any_value, max_size=40))
@settings(max_examples=300, deadline=None)
def test_counts_equal_numpy_searchsorted(reference: list[float], others: list[float]) -> None:
    bins = choose_bins(reference)
    values = probes(bins, others)
    missing = np.isnan(values)
    places = np.searchsorted(bins.thresholds, values[~missing], side="right")
    expected = np.bincount(places, minlength=bins.thresholds.size + 2)
    expected[-1] = missing.sum()
    assert np.array_equal(bins.count(values), expected)


@pytest.fixture(scope="module")
def cursor(postgres: str) -> Iterator[Cursor]:
    connection = psycopg2.connect(postgres)
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@given(reference=references, others=st.lists(any_value, max_size=20))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_equal_postgresql_width_bucket(cursor: Cursor, reference: list[float], others: list[float]) -> None:
    bins = choose_bins(reference)
    values = probes(bins, others)
    cursor.execute(
        """
        SELECT CASE WHEN value = 'NaN' THEN %(missing)s ELSE width_bucket(value, %(thresholds)s::real[]) END
        FROM unnest(%(values)s::real[]) AS value
        """,
        {
            "values": [float(value) for value in values],
            "thresholds": bins.to_plain()["thresholds"],
            "missing": bins.thresholds.size + 1,
        },
    )
    places = [place for (place,) in cursor.fetchall()]
    assert np.array_equal(bins.count(values), np.bincount(places, minlength=bins.thresholds.size + 2))


@given(references)
@settings(max_examples=200, deadline=None)
def test_no_reference_value_is_out_of_range_unseen_or_missing(reference: list[float]) -> None:
    bins = choose_bins(reference)
    counts = dict.fromkeys(BinKind, 0)
    for kind, count in zip(bins.kinds, bins.count(reference), strict=True):
        counts[kind] += int(count)
        assert count > 0 or kind not in {BinKind.ORDINARY, BinKind.POINT}
    assert counts[BinKind.ORDINARY] + counts[BinKind.POINT] == len(reference)


@given(references)
@settings(max_examples=200, deadline=None)
def test_json_gives_the_same_bits_back(reference: list[float]) -> None:
    bins = choose_bins(reference)
    again = Bins.from_plain(json.loads(json.dumps(bins.to_plain(), allow_nan=False)))
    assert again.thresholds.tobytes() == bins.thresholds.tobytes()
    assert again.kinds == bins.kinds


def test_deciles_of_a_continuous_variable() -> None:
    bins = choose_bins(np.random.default_rng(1).normal(size=50_000))
    assert bins.kinds == (BinKind.BELOW, *[BinKind.ORDINARY] * 10, BinKind.ABOVE, BinKind.MISSING)
    counts = bins.count(np.random.default_rng(1).normal(size=50_000))
    assert counts[1:-2].tolist() == [5_000] * 10


def test_each_level_of_education_is_a_point_and_nothing_lies_between() -> None:
    levels = sorted(EDUCATION_DAYS.values())
    bins = choose_bins(np.repeat(levels, [2_000, 70_000, 3_000, 25_000, 40]))
    assert bins.kinds[1:-2] == (BinKind.POINT, *[BinKind.UNSEEN, BinKind.POINT] * 4)
    assert bins.labels[:4] == ("below 3285", "3285", "3285 to 4380 (never seen)", "4380")
    assert bins.labels[-2:] == ("above 6570", "missing")
    assert bins.count([4380, 4381, 6571, 100])[[0, 2, 3, 4, -2]].tolist() == [1, 0, 1, 1, 1]


def test_not_employed_is_a_point_behind_a_gap() -> None:
    days = np.random.default_rng(2).integers(1, 17_000, 9_000)
    bins = choose_bins([*days, *[NOT_EMPLOYED_DAYS] * 1_000])
    assert bins.kinds[1:-2] == (*[BinKind.ORDINARY] * 9, BinKind.UNSEEN, BinKind.POINT)
    assert bins.labels[-3:] == ("365243", "above 365243", "missing")
    assert bins.count([20_000])[-4] == 1


def test_nothing_lies_between_neighbouring_points_even_where_the_gap_is_small() -> None:
    bins = choose_bins([*[0] * 500, *[5] * 500, *range(10, 1_010)])
    assert bins.kinds[1:4] == (BinKind.POINT, BinKind.UNSEEN, BinKind.POINT)
    # Beside the other values a gap of five is nothing.
    assert bins.kinds.count(BinKind.UNSEEN) == 1


def test_heaped_values_have_their_bins_and_no_gap_beside_them() -> None:
    rng = np.random.default_rng(3)
    bins = choose_bins(np.concatenate([rng.uniform(6_000, 45_000, 8_000), np.full(2_000, 13_500.0)]))
    assert bins.kinds.count(BinKind.POINT) == 1
    assert BinKind.UNSEEN not in bins.kinds
    assert bins.labels[bins.kinds.index(BinKind.POINT)] == "13500"


def test_a_constant_has_one_bin() -> None:
    bins = choose_bins([7.0, 7.0, float("nan")])
    assert bins.labels == ("below 7", "7", "above 7", "missing")
    assert bins.count([6.9, 7.0, 7.1, float("nan")]).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        pytest.param([], "at least one", id="nothing"),
        pytest.param([float("nan")], "at least one", id="only missing values"),
        pytest.param([1.0, float("inf")], "finite", id="infinite"),
        pytest.param([LARGEST], "largest", id="no float above the maximum"),
    ],
)
def test_refuses_a_reference(reference: list[float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        choose_bins(reference)


GOOD: dict[str, list[Any]] = {"thresholds": [1.0, 2.0], "kinds": ["below", "ordinary", "above", "missing"]}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"thresholds": [2.0, 1.0]}, id="falling"),
        pytest.param({"thresholds": [1.0, 1.0]}, id="twice the same"),
        pytest.param({"thresholds": [1.0, 2.1]}, id="no float32"),
        pytest.param({"thresholds": [1.0, float("nan")]}, id="NaN"),
        pytest.param({"thresholds": "ab"}, id="text"),
        pytest.param({"thresholds": []}, id="none"),
        pytest.param({"kinds": GOOD["kinds"][:-1]}, id="a kind too few"),
        pytest.param({"kinds": ["missing", *GOOD["kinds"][1:]]}, id="another first kind"),
        pytest.param({"kinds": ["below", "odd", "above", "missing"]}, id="unknown kind"),
        pytest.param({"kinds": None}, id="no kinds"),
    ],
)
def test_refuses_what_are_no_bins(change: dict[str, Any]) -> None:
    Bins.from_plain(GOOD)
    with pytest.raises(ValueError, match=r"thresholds|kinds|BinKind|float"):
        Bins.from_plain(GOOD | change)
